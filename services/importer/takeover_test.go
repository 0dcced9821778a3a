package importer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// steps is a mapping that makes a history of each group of lines, and asks how it was.
const steps = `version: 1
name: steps
time: {layout: "2006-01-02 15:04"}
files:
  log: {path: log.csv, group: id}
surveys:
  how:
    display_name: How was it?
    subject: SERVICE
    scope: INTERACTION
    questions: [{question_id: stars, kind: STAR5}]
rows:
  - history: case
    id: {column: id}
    ticket: {customer: {column: who}, subject: {column: id}, channel: WEB, open_time: {column: at}}
    events:
      - each: rows
        when: {cel: row.step != "open"}
        kind: {column: step, map: {end: RESOLVED, shut: CLOSED}}
        event_time: {column: at}
        outcome: {cel: 'row.step == "end" ? "SOLVED" : ""'}
    oddities:
      it ends as it begins: {cel: first.at == last.at}
  - response: rating
    id: {column: id}
    survey: how
    customer: {column: who}
    attribution: {ticket: {ref: case}}
    answers: [{question_id: stars, rating: {column: stars}}]
`

// torn are logs of which some cannot be taken over, each for another reason.
func torn() map[string]string {
	return map[string]string{"log.csv": "id,who,step,at,stars\n" +
		"1,ann,open,2024-01-01 10:00,5\n" + // 2
		"2,bob,open,2024-01-01 10:00,4\n" +
		"1,ann,end,2024-01-01 11:00,\n" + // 4: groups need not stand together
		"3,cid,open,2024-01-01 10:00,3\n" +
		"3,cid,slept,2024-01-01 11:00,\n" + // 6: no such step
		"4,dan,open,2024-01-01 10:00,2\n" +
		"4,dan,shut,2023-12-31 10:00,\n" + // 8: closed before it was opened
		"5,eve,open,2024-01-01 10:00\n" + // 9: a cell is missing
		"2,bob,shut,2024-01-01 10:00,\n" + // 10: at the same time as opened, and never resolved
		"6,,open,2024-01-01 10:00,1\n" + // 11: nobody
		"7,fay,open,2024-01-01 10:00,5\n" +
		"7,fay,shut,2024-01-01 11:00,\n"}
}

// wantTorn is the report of an import of torn.
func wantTorn(t *testing.T, r *Report) {
	t.Helper()
	want := []string{
		`log.csv:5: events[0].kind: there is no translation for "slept" (log.csv:6)`,
		`log.csv:7: events[0].event_time: must not close the ticket before it was opened`,
		`log.csv:9: 4 cells under a header of 5`,
		`log.csv:11: ticket.customer: empty`,
	}
	var got []string
	for _, f := range r.Refusals {
		got = append(got, f.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("refused:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	wantCounts(t, r, map[string][4]int{
		"rows": {0, 0, 1, 0}, "brands": {1}, "surveys": {1}, "histories": {3, 0, 3, 0}, "responses": {3, 0, 0, 3},
	})
	wantOddities(t, r, map[string]int{oddities[ticketv1.ImportTicketResult_ODDITY_CLOSED_UNRESOLVED]: 2, "it ends as it begins": 1})
	var b strings.Builder
	r.Write(&b)
	for _, want := range []string{"Odd, and imported as it is:\n", "  2 histories: closed without ever being resolved (log.csv:3, log.csv:12)\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, b.String())
		}
	}
}

func TestHistoriesAreTakenOverOrRefusedWithTheirLine(t *testing.T) {
	t.Parallel()
	for name, conn := range map[string]func(*testing.T) grpc.ClientConnInterface{"in the process": start, "over the wire": wire} {
		t.Run(name, func(t *testing.T) {
			to := conn(t)
			opt := folder(t, steps, torn())
			wantTorn(t, mustRun(t, to, opt))
			for _, c := range mustRun(t, to, opt).Counts {
				if c.Sent != 0 {
					t.Errorf("the second import sent %d %s", c.Sent, c.Resource)
				}
			}
		})
	}
}

func TestValidateOnlyTakesNoHistoryOver(t *testing.T) {
	t.Parallel()
	conn := start(t)
	opt := folder(t, steps, torn())
	opt.ValidateOnly = true
	wantTorn(t, mustRun(t, conn, opt))
	_, err := ticketv1.NewTicketServiceClient(conn).GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: "brands/b/tickets/1"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("ticket: %v, want NOT_FOUND", err)
	}
}

func TestAnotherHistoryOfTheSameNameIsRefused(t *testing.T) {
	t.Parallel()
	conn := start(t)
	mustRun(t, conn, folder(t, steps, torn()))
	files := torn()
	files["log.csv"] = strings.Replace(files["log.csv"], "1,ann,end,2024-01-01 11:00", "1,ann,end,2024-01-01 12:00", 1)
	r := mustRun(t, conn, folder(t, steps, files))
	if got := r.Refusals[0].String(); got != "log.csv:2: it is there with another content: brands/b/tickets/1" {
		t.Errorf("refused: %s", got)
	}
	if c := r.of("histories"); c.Sent != 0 || c.Repeated != 2 || c.Refused != 4 {
		t.Errorf("histories = %+v, want 2 there already and 4 refused", c)
	}
}

func TestAHistoryComesAfterWhatItNames(t *testing.T) {
	t.Parallel()
	caused := strings.Replace(strings.Replace(steps, "  - history:", `  - touchpoint: cause
    id: {template: "{id}-cause"}
    customer: {column: who}
    definition: {column: stars, map: {"5": support-interaction, "4": support-interaction}}
    event_time: {column: at}
  - history:`, 1), "open_time: {column: at}}", "open_time: {column: at}, cause_touchpoint: {ref: cause}}", 1)
	conn := start(t)
	r := mustRun(t, conn, folder(t, caused, torn()))
	if c := r.of("histories"); c.Sent != 3 || c.Skipped != 2 {
		t.Errorf("histories = %+v, want 3 sent and 2 skipped with their cause", c)
	}
	tk, err := ticketv1.NewTicketServiceClient(conn).GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: "brands/b/tickets/1"})
	if err != nil || tk.GetCauseTouchpoint() != "brands/b/customers/ann/touchpoints/1-cause" {
		t.Errorf("cause = %q, %v, want the touchpoint of the row", tk.GetCauseTouchpoint(), err)
	}
}

// A torrent is a way to the services on which some streams break before their answer
// comes home.
type torrent struct {
	grpc.ClientConnInterface
	code  codes.Code
	times *atomic.Int64
}

func (c torrent) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if err != nil || c.times.Add(-1) < 0 {
		return stream, err
	}
	return breaking{stream, c.code}, nil
}

// A breaking stream loses the answer, not what it asked for.
type breaking struct {
	grpc.ClientStream
	code codes.Code
}

func (b breaking) RecvMsg(m any) error {
	if err := b.ClientStream.RecvMsg(m); err != nil {
		return err
	}
	return status.Error(b.code, "injected")
}

func TestABrokenStreamIsSentAgain(t *testing.T) {
	t.Parallel()
	conn := start(t)
	var lost atomic.Int64
	lost.Store(2)
	c := mustRun(t, torrent{conn, codes.Unavailable, &lost}, folder(t, steps, torn())).of("histories")
	if c.Sent+c.Repeated != 3 || c.Refused != 3 || lost.Load() >= 0 {
		t.Errorf("histories = %+v, want 3 there and 3 refused", c)
	}
}

func TestAStreamThatIsNotAllowedStopsTheImport(t *testing.T) {
	t.Parallel()
	conn := start(t)
	var lost atomic.Int64
	lost.Store(1)
	opt := folder(t, steps, torn())
	_, err := Run(t.Context(), torrent{conn, codes.PermissionDenied, &lost}, opt)
	if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "log.csv:2: stopped at the stream of 4 histories that begins here") {
		t.Errorf("error = %v, want PERMISSION_DENIED with the line", err)
	}
	if r := mustRun(t, conn, opt); r.of("histories").Sent+r.of("histories").Repeated != 3 {
		t.Errorf("histories after going on = %+v, want 3 there", r.of("histories"))
	}
}

func TestHistoriesGoOnWhereTheyStopped(t *testing.T) {
	t.Parallel()
	conn := start(t)
	var b strings.Builder
	b.WriteString("id,who,step,at,stars\n")
	for i := range 3 * chunkRows {
		fmt.Fprintf(&b, "c%d,p%d,open,2024-01-01 10:00,\nc%d,p%d,end,2024-01-02 10:00,\n", i, i%7, i, i%7)
	}
	opt := folder(t, steps, map[string]string{"log.csv": b.String()})
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Run(ctx, cancelling{conn, cancel, new(atomic.Int64)}, opt); err == nil {
		t.Fatal("an import that was cancelled came to its end")
	}
	r := mustRun(t, conn, opt)
	if r.Resumed != chunkRows {
		t.Errorf("went on after %d groups, want %d", r.Resumed, chunkRows)
	}
	if c := r.of("histories"); c.Sent+c.Repeated != 3*chunkRows {
		t.Errorf("histories = %+v, want %d", c, 3*chunkRows)
	}
}

// A cancelling way to the services cancels with the second block of the second chunk.
type cancelling struct {
	grpc.ClientConnInterface
	cancel  context.CancelFunc
	streams *atomic.Int64
}

func (c cancelling) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if c.streams.Add(1) == chunkRows/blockSize+2 {
		c.cancel()
	}
	return c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
}
