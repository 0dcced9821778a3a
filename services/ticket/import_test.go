package ticket_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// foreignRow is a ticket of ann's of another system, opened at noon.
func foreignRow(id string, events ...*ticketv1.TicketEvent) *ticketv1.ImportTicketsRequest {
	return &ticketv1.ImportTicketsRequest{Parent: acme, TicketId: id, Events: events, Ticket: &ticketv1.Ticket{
		Customer: ann, Subject: "Where is my order?", Channel: typev1.Channel_CHANNEL_EMAIL, OpenTime: at(0),
	}}
}

// did is an event, h hours after noon; a resolution solves.
func did(kind ticketv1.TicketEvent_Kind, h float64) *ticketv1.TicketEvent {
	e := &ticketv1.TicketEvent{Kind: kind, EventTime: at(time.Duration(h * float64(time.Hour)))}
	if kind == ended {
		e.Outcome = solved
	}
	return e
}

// take imports rows.
func (d desk) take(t testing.TB, rows ...*ticketv1.ImportTicketsRequest) (*ticketv1.ImportTicketsResponse, error) {
	t.Helper()
	stream, err := d.ImportTickets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if stream.Send(r) != nil {
			break // CloseAndRecv says why
		}
	}
	return stream.CloseAndRecv()
}

const (
	assigned  = ticketv1.TicketEvent_KIND_ASSIGNED
	pended    = ticketv1.TicketEvent_KIND_PENDED
	resumed   = ticketv1.TicketEvent_KIND_RESUMED
	ended     = ticketv1.TicketEvent_KIND_RESOLVED
	reopened  = ticketv1.TicketEvent_KIND_REOPENED
	closed    = ticketv1.TicketEvent_KIND_CLOSED
	corrected = ticketv1.TicketEvent_KIND_OUTCOME_CORRECTED
)

func TestAnImportedTicketIsWhatItsHistoryMakesOfIt(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		r := foreignRow("old", did(closed, 200), did(ended, 150), did(assigned, 1), did(reopened, 100), did(ended, 6), did(pended, 3), did(assigned, 5))
		r.Events[2].Agent, r.Events[6].Agent = acme+"/agents/bo", acme+"/agents/cy"
		r.Events[4].Outcome, r.Events[1].Outcome = solved, partial
		r.Interactions = []*ticketv1.Interaction{say("", inbound, 4*time.Hour).GetInteraction(), say("", outbound, 2*time.Hour).GetInteraction()}
		resp, err := d.take(t, r)
		if err != nil || resp.GetImportedCount() != 1 || len(resp.GetResults()) != 0 {
			t.Fatalf("import = %v, %v, want one ticket and nothing to say", resp, err)
		}
		tk := d.read(t, acme+"/tickets/old")
		if tk.GetState() != ticketv1.Ticket_STATE_CLOSED || tk.GetReopenCount() != 1 || tk.GetHandoffCount() != 1 || tk.GetOutcome() != partial ||
			tk.GetContactCount() != 2 || tk.GetAgent() != acme+"/agents/cy" || !tk.GetFirstResponseTime().AsTime().Equal(noon.Add(2*time.Hour)) ||
			!tk.GetResolveTime().AsTime().Equal(noon.Add(150*time.Hour)) || !tk.GetCloseTime().AsTime().Equal(noon.Add(200*time.Hour)) {
			t.Errorf("ticket = %v, want what its history makes of it", tk)
		}
		var states []int32
		for _, e := range d.log(t, tk.GetName()) {
			states = append(states, int32(e.GetToState()))
		}
		if want := []int32{1, 2, 2, 3, 2, 2, 5, 2, 5, 6}; !slices.Equal(states, want) {
			t.Errorf("states = %v, want %v", states, want)
		}
		if len(d.told(t)) != 0 {
			t.Error("an import raised events")
		}
		again, err := d.take(t, r)
		if err != nil || again.GetUnchangedCount() != 1 || len(again.GetResults()) != 0 {
			t.Errorf("the same again = %v, %v, want it unchanged", again, err)
		}
		r.Ticket.Subject = "something else"
		other, err := d.take(t, r)
		if err != nil || other.GetRefusedCount() != 1 || codes.Code(other.GetResults()[0].GetError().GetCode()) != codes.AlreadyExists { // T66
			t.Errorf("with another content = %v, %v, want ALREADY_EXISTS", other, err)
		}
	})
}

func TestWhatIsOddIsReportedAndNotMended(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		for i, tt := range []struct {
			name     string
			row      *ticketv1.ImportTicketsRequest
			state    ticketv1.Ticket_State
			resolved float64 // hours; 0 for never
			want     []ticketv1.ImportTicketResult_Oddity
		}{
			{"nothing", foreignRow("", did(ended, 1)), 5, 1, nil},
			{"an entry before the opening", foreignRow("", did(assigned, -1)), 2, 0, []ticketv1.ImportTicketResult_Oddity{1}},
			{"closed without being resolved", foreignRow("", did(closed, 3)), 6, 0, []ticketv1.ImportTicketResult_Oddity{2}},
			{"closed before it was resolved", foreignRow("", did(ended, 4), did(closed, 3)), 6, 4, []ticketv1.ImportTicketResult_Oddity{3}},
			{"a move that was impossible", foreignRow("", did(reopened, 1), did(pended, 2)), 1, 0, []ticketv1.ImportTicketResult_Oddity{4}},
			{"moves after closing", foreignRow("", did(ended, 1), did(closed, 2), did(assigned, 3), did(reopened, 4)), 6, 1, []ticketv1.ImportTicketResult_Oddity{5}},
			{"resolved twice alike", foreignRow("", did(ended, 1), did(ended, 2)), 5, 1, []ticketv1.ImportTicketResult_Oddity{4}},
			{"reopened as it was resolved", foreignRow("", did(reopened, 1), did(ended, 1)), 5, 1, []ticketv1.ImportTicketResult_Oddity{4}},
			{"resumed while open", foreignRow("", did(assigned, 1), did(resumed, 2)), 2, 0, nil},
		} {
			tt.row.TicketId = fmt.Sprint(i)
			resp, err := d.take(t, tt.row)
			if err != nil || resp.GetImportedCount() != 1 {
				t.Errorf("%s = %v, %v, want it imported", tt.name, resp, err)
				continue
			}
			var got []ticketv1.ImportTicketResult_Oddity
			for _, r := range resp.GetResults() {
				got = append(got, r.GetOddities()...)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: oddities %v, want %v", tt.name, got, tt.want)
			}
			tk := d.read(t, acme+"/tickets/"+tt.row.GetTicketId())
			if tk.GetState() != tt.state || (tk.ResolveTime != nil) != (tt.resolved != 0) ||
				tt.resolved != 0 && !tk.GetResolveTime().AsTime().Equal(did(0, tt.resolved).GetEventTime().AsTime()) {
				t.Errorf("%s: ticket = %v, want state %v, resolved after %v hours", tt.name, tk, tt.state, tt.resolved)
			}
			if n := len(d.log(t, tk.GetName())); n != 1+len(tt.row.GetEvents()) {
				t.Errorf("%s: %d entries, want all that was told", tt.name, n)
			}
		}
	})
}

func TestBadRowsAreRefusedOneByOne(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		rows := []*ticketv1.ImportTicketsRequest{foreignRow("a")}
		spoil := func(f func(r *ticketv1.ImportTicketsRequest)) {
			r := foreignRow(fmt.Sprint("bad", len(rows)))
			f(r)
			rows = append(rows, r)
		}
		spoil(func(r *ticketv1.ImportTicketsRequest) { r.Ticket.OpenTime = nil })
		spoil(func(r *ticketv1.ImportTicketsRequest) { r.Ticket.Subject = "" })
		spoil(func(r *ticketv1.ImportTicketsRequest) { r.Events = []*ticketv1.TicketEvent{did(closed, -1)} }) // T65
		spoil(func(r *ticketv1.ImportTicketsRequest) { r.Events = []*ticketv1.TicketEvent{did(1, 1)} })
		spoil(func(r *ticketv1.ImportTicketsRequest) { r.Events = []*ticketv1.TicketEvent{did(ended, 1e6)} })
		spoil(func(r *ticketv1.ImportTicketsRequest) {
			r.Events = []*ticketv1.TicketEvent{did(pended, 1), {Kind: ended, EventTime: at(time.Hour)}}
		})
		spoil(func(r *ticketv1.ImportTicketsRequest) {
			r.Events = []*ticketv1.TicketEvent{did(ended, 1), did(corrected, 2)}
		})
		spoil(func(r *ticketv1.ImportTicketsRequest) {
			r.Interactions = []*ticketv1.Interaction{{Kind: 1, Direction: outbound}}
		})
		spoil(func(r *ticketv1.ImportTicketsRequest) { r.Ticket.IssueType = acme + "/issueTypes/none" })
		spoil(func(r *ticketv1.ImportTicketsRequest) { r.TicketId = "a" })
		rows = append(rows, foreignRow("b"))
		resp, err := d.take(t, rows...)
		if err != nil || resp.GetImportedCount() != 2 || resp.GetRefusedCount() != 9 || resp.GetUnchangedCount() != 1 {
			t.Fatalf("import = %v, %v, want 2 imported, 9 refused and 1 unchanged", resp, err)
		}
		for i, r := range resp.GetResults() {
			want := codes.InvalidArgument
			if i == 8 {
				want = codes.NotFound
			}
			if r.GetIndex() != int64(i+1) || codes.Code(r.GetError().GetCode()) != want {
				t.Errorf("result %d = %v, want %v for row %d", i, r, want, i+1)
			}
		}
		dry := foreignRow("dry", did(closed, 1))
		dry.ValidateOnly = true
		resp, err = d.take(t, dry)
		if err != nil || resp.GetImportedCount() != 1 || len(resp.GetResults()) != 1 {
			t.Errorf("import = %v, %v, want the answer it would have", resp, err)
		}
		_, err = d.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: acme + "/tickets/dry"})
		refused(t, err, codes.NotFound)
		foreign := foreignRow("c")
		foreign.Parent, foreign.Ticket.Customer = "brands/other", "brands/other/customers/ann"
		_, err = d.take(t, foreignRow("d"), foreign)
		refusedField(t, "a stream of two brands", err, codes.InvalidArgument, "parent")
	})
}

func TestAnImportTakesTenThousandRows(t *testing.T) { // T67
	d := newDesk(t, sqldbtest.Open(t, migrated.SQLite(t)), rpc.Config{})
	rows := make([]*ticketv1.ImportTicketsRequest, 10_001)
	for i := range rows {
		rows[i] = foreignRow(fmt.Sprint(i))
	}
	_, err := d.take(t, rows...)
	refusedField(t, "one row too many", err, codes.InvalidArgument, "ticket")
}

func TestTheAnswerToAnImportOfRubbishFits(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		rows := make([]*ticketv1.ImportTicketsRequest, 10_000)
		for i := range rows {
			rows[i] = foreignRow(strings.Repeat("\x00", 2000))
			rows[i].Ticket.Attributes = map[string]string{}
			for n := range 9 {
				rows[i].Ticket.Attributes[fmt.Sprint(strings.Repeat("k", 200), n)] = "\x00"
			}
		}
		resp, err := d.take(t, rows...)
		if err != nil || resp.GetRefusedCount() != 10_000 || len(resp.GetResults()) != 10_000 || proto.Size(resp) > 8<<20 {
			t.Fatalf("import = %d bytes, %v, want 10,000 refusals within 8 MiB", proto.Size(resp), err)
		}
		first, last := resp.GetResults()[0].GetError(), resp.GetResults()[9999].GetError()
		if n := len(violations(status.FromProto(first).Err())); n != 3 {
			t.Errorf("%d fields of the first row, want 3", n)
		}
		if codes.Code(last.GetCode()) != codes.InvalidArgument || last.GetMessage() == "" || len(last.GetDetails()) != 0 {
			t.Errorf("the last refusal = %v, want a code and a message", last)
		}
	})
}

// BenchmarkImportTickets takes over as many tickets and events as the set of incidents
// has.
func BenchmarkImportTickets(b *testing.B) {
	kinds := []ticketv1.TicketEvent_Kind{assigned, pended, resumed, assigned, ended, closed}
	for b.Loop() {
		b.StopTimer()
		d := newDesk(b, sqldbtest.Open(b, migrated.SQLite(b)), rpc.Config{})
		r := rand.New(rand.NewPCG(1, 2))
		rows := make([]*ticketv1.ImportTicketsRequest, 2000)
		for i := range rows {
			rows[i] = foreignRow(fmt.Sprint(i))
		}
		for i := range 11_549 {
			at := rows[i%len(rows)]
			at.Events = append(at.Events, did(kinds[i/len(rows)], float64(i/len(rows))+r.Float64()))
		}
		b.StartTimer()
		if resp, err := d.take(b, rows...); err != nil || resp.GetImportedCount() != 2000 {
			b.Fatal(resp, err)
		}
	}
}
