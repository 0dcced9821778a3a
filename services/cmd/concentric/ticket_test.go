package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// serving runs the suite for one test and returns its address. The brand acme is there.
func serving(t *testing.T) string {
	t.Helper()
	addr := upFor(t)
	conn, err := rpc.Dial(addr, rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := gatewayv1.NewAdminServiceClient(conn).CreateBrand(t.Context(), &gatewayv1.CreateBrandRequest{
		BrandId: "acme", Brand: &gatewayv1.Brand{DisplayName: "Acme"},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := ticketv1.NewSlaServiceClient(conn).CreateSlaPolicy(t.Context(), &ticketv1.CreateSlaPolicyRequest{
		Parent: "brands/acme", SlaPolicyId: "fast", SlaPolicy: &ticketv1.SlaPolicy{
			DisplayName: "Fast", Targets: []*ticketv1.SlaPolicy_Target{{
				Metric: ticketv1.SlaMetric_SLA_METRIC_RESOLUTION, Priority: ticketv1.Ticket_PRIORITY_NORMAL, Duration: durationpb.New(4 * time.Hour),
			}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	directory := ticketv1.NewDirectoryServiceClient(conn)
	if _, err := directory.CreateTeam(t.Context(), &ticketv1.CreateTeamRequest{
		Parent: "brands/acme", TeamId: "night", Team: &ticketv1.Team{DisplayName: "Night"},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := directory.CreateAgent(t.Context(), &ticketv1.CreateAgentRequest{
		Parent: "brands/acme", AgentId: "bo", Agent: &ticketv1.Agent{DisplayName: "Bo"},
	}); err != nil {
		t.Fatal(err)
	}
	return addr
}

// says runs a verb of the ticket command and returns what it prints.
func says(t *testing.T, addr string, args ...string) (string, error) {
	t.Helper()
	return prints(t, append([]string{"ticket", args[0], "--addr", addr, "--brand", "acme"}, args[1:]...)...)
}

// prints runs a command and returns what it prints.
func prints(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = out
	failure := run(t.Context(), args)
	os.Stdout = stdout
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), failure
}

func TestTheVerbsOfATicketFollowEachOther(t *testing.T) {
	addr := serving(t)
	for _, tt := range []struct {
		args, want string
	}{
		{"create|Where is my parcel?|--customer|ann|--channel|email|--id|t1|--issue|delivery|--attribute|tenure=new|--at|2026-01-02T10:00:00Z", "t1 new normal email 2026-01-02 10:00:00 - Where is my parcel?"},
		{"create|The same|--customer|ann|--id|t2|--at|2026-01-02T10:00:00Z", "t2 new normal phone"},
		{"reply|t1|Where\n is it?|--inbound|--at|2026-01-02T10:01:00Z", "2026-01-02 10:01:00 customer inbound message Where is it?"},
		{"reply|t1|We look.|--agent|bo|--kind|call|--channel|phone|--at|2026-01-02T10:30:00Z", "2026-01-02 10:30:00 bo outbound call We look."},
		{"note|t1|Ask the carrier|--agent|bo|--at|2026-01-02T10:31:00Z", "2026-01-02 10:31:00 bo internal note Ask the carrier"},
		{"assign|t1|--team|night|--reason|late|--at|2026-01-02T10:35:00Z", "t1 open normal email 2026-01-02 10:00:00 night"},
		{"escalate|t1|--priority|high|--at|2026-01-02T10:36:00Z", "t1 open high"},
		{"pend|t1|--at|2026-01-02T10:40:00Z", "t1 pending high"},
		{"resume|t1|--at|2026-01-02T10:50:00Z", "t1 open high"},
		{"hold|t1|--at|2026-01-02T10:51:00Z", "t1 on-hold high"},
		{"resume|t1|--at|2026-01-02T10:52:00Z", "t1 open high"},
		{"merge|t1|t2", "t1 open high"},
		{"resolve|t1|--outcome|partial|--at|2026-01-02T11:00:00Z", "t1 resolved high"},
		{"reopen|t1|--at|2026-01-02T11:30:00Z", "t1 open high"},
		{"resolve|t1|--at|2026-01-02T12:00:00Z", "t1 resolved high"},
		{"close|t1|--at|2026-01-02T12:30:00Z", "t1 closed high"},
	} {
		got, err := says(t, addr, strings.Split(tt.args, "|")...)
		if err != nil || !strings.HasPrefix(spaced(got), tt.want) {
			t.Errorf("ticket %s = %q, %v, want %q", tt.args, spaced(got), err, tt.want)
		}
	}
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"show|t1", []string{
			"Where is my parcel?", "state closed", "outcome solved", "channel email", "issue delivery", "customer ann", "team night",
			"opened 2026-01-02 10:00:00", "answered 2026-01-02 10:30:00", "resolved 2026-01-02 12:00:00", "closed 2026-01-02 12:30:00",
			"2026-01-02 10:01:00 customer inbound message Where is it?", "bo internal note",
		}},
		{"show|brands/acme/tickets/t2|-o|json", []string{`"mergedInto": "brands/acme/tickets/t1"`}},
		{"list", []string{"t1 closed", "t2 merged"}},
		{"list|--limit|1|--order|name", []string{"t1 closed", "… and more"}},
		{"list|--state|merged|--customer|ann", []string{"t2 merged"}},
		{"list|--filter|attributes.tenure = \"new\"|-o|json", []string{`"tickets": [`, `"tenure": "new"`}},
	} {
		got, err := says(t, addr, strings.Split(tt.args, "|")...)
		for _, want := range tt.want {
			if err != nil || !strings.Contains(spaced(got), spaced(want)) {
				t.Errorf("ticket %s = %s, %v, want %q in it", tt.args, got, err, want)
			}
		}
	}
	if got, err := says(t, addr, "list", "--state", "merged"); err != nil || strings.Contains(got, "t1") {
		t.Errorf("merged tickets = %s, %v, want t2 alone", got, err)
	}
}

// spaced is text with single spaces.
func spaced(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestAClockIsShownSegmentBySegment(t *testing.T) {
	addr := serving(t)
	for _, args := range [][]string{
		{"create", "Broken", "--customer", "ann", "--id", "t1", "--at", "2026-01-02T10:00:00Z"},
		{"assign", "t1", "--agent", "bo", "--at", "2026-01-02T11:00:00Z"},
		{"pend", "t1", "--at", "2026-01-02T12:00:00Z"},
		{"resume", "t1", "--at", "2026-01-02T13:00:00Z"},
	} {
		if _, err := says(t, addr, args...); err != nil {
			t.Fatal(err)
		}
	}
	got, err := says(t, addr, "clock", "t1", "--as-of", "2026-01-02T13:30:00Z")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"resolution active 2h30m0s of 4h0m0s, due 2026-01-02 15:00:00",
		"2026-01-02 10:00:00 2026-01-02 12:00:00 2h0m0s running",
		"2026-01-02 12:00:00 2026-01-02 13:00:00 1h0m0s paused pending",
		"2026-01-02 13:00:00 2026-01-02 13:30:00 30m0s running",
	} {
		if !strings.Contains(spaced(got), want) {
			t.Errorf("clock = %s, want %q in it", got, want)
		}
	}
	if got, err := says(t, addr, "show", "t1"); err != nil || !strings.Contains(spaced(got), "resolution breached") {
		t.Errorf("show = %s, %v, want the clock in it", got, err)
	}
}

func TestWhatCannotBeDoneIsExplained(t *testing.T) {
	addr := serving(t)
	if _, err := says(t, addr, "create", "Broken", "--customer", "ann", "--id", "t1"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{
		{"pend|t1", "it may only go to STATE_OPEN, STATE_RESOLVED, STATE_MERGED"},
		{"show|t2", "NotFound"},
		{"close|t1|--at|yesterday", `--at "yesterday": want YYYY-MM-DD or a time`},
		{"clock|t1|--as-of|now", `--as-of "now": want YYYY-MM-DD`},
		{"create|Broken|--customer|ann|--channel|fax", `--channel "fax": want one of chat, email, event, in-person`},
		{"create|Broken|--customer|Ann A.", "ticket.customer: "},
		{"list|--filter|colour = 1", "filter"},
		{"list|--state|gone", `--state "gone": want one of closed, merged, new`},
		{"resolve|t1|--outcome|well", `--outcome "well": want one of`},
		{"assign|t1", "one of agent, team and partner must be given"},
		{"assign|t1|--agent|bo|--etag|old", "Aborted"},
		{"merge|t1", "expected \"<sources> ...\""},
	} {
		if got, err := says(t, addr, strings.Split(tt.args, "|")...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ticket %s = %s, %v, want an error with %q", tt.args, got, err, tt.want)
		}
	}
	if _, err := says(t, "127.0.0.1:1", "show", "t1"); err == nil || !strings.Contains(err.Error(), "start the suite with `concentric up`") {
		t.Errorf("without a suite: %v, want how to start one", err)
	}
}

func TestAWatchShowsWhatIsThereAndWhatChanges(t *testing.T) {
	addr := serving(t)
	if _, err := says(t, addr, "create", "Broken", "--customer", "ann", "--id", "t1"); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"ticket", "watch", "--addr", addr, "--brand", "acme"})
		w.Close()
	}()
	seen := ""
	until := func(want string) {
		buf := make([]byte, 4096)
		for !strings.Contains(spaced(seen), want) {
			n, err := r.Read(buf)
			if err != nil {
				t.Fatalf("the watch showed %q and ended (%v), want %q", seen, err, want)
			}
			seen += string(buf[:n])
		}
	}
	until("snapshot t1 new")
	until("changes follow")
	conn, err := rpc.Dial(addr, rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := ticketv1.NewTicketServiceClient(conn).AssignTicket(t.Context(), &ticketv1.AssignTicketRequest{
		Name: "brands/acme/tickets/t1", Agent: "brands/acme/agents/bo",
	}); err != nil {
		t.Fatal(err)
	}
	until("changed t1 open normal phone")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("a watch that was stopped = %v, want no error", err)
	}
}
