package ticket_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/ticket"
)

// A tower is the service as those see it who watch.
type tower struct {
	desk
	ticketv1.SlaServiceClient
	service *ticket.Service
	server  *rpc.Server
}

// eachTower runs f on both databases, over a socket. A caller with the credential
// acme/mihir is bound to that partner.
func eachTower(t *testing.T, f func(t *testing.T, w tower)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) { f(t, newTower(t, openDB(t))) })
}

func newTower(t testing.TB, db *sqldb.DB) tower {
	t.Helper()
	s, err := ticket.New(context.Background(), db, ticket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer(rpc.Config{Auth: func(_ context.Context, credential string) (rpc.Caller, error) {
		c := rpc.Caller{Scopes: []string{"*"}}
		if brand, partner, ok := strings.Cut(strings.TrimPrefix(credential, "Bearer "), "/"); ok {
			c.Brand, c.Partner = brand, partner
		}
		return c, nil
	}})
	s.Register(srv)
	conn := overSocket(t, srv)
	return tower{
		desk{
			ticketv1.NewTicketServiceClient(conn), ticketv1.NewInteractionServiceClient(conn), ticketv1.NewDirectoryServiceClient(conn),
			ticketv1.NewCatalogServiceClient(conn), ticketv1.NewSelfServiceServiceClient(conn), db,
		},
		ticketv1.NewSlaServiceClient(conn), s, srv,
	}
}

func asMihir(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer acme/mihir")
}

// A viewer follows a watch.
type viewer struct {
	stream grpc.ServerStreamingClient[ticketv1.WatchTicketsResponse]
	stop   context.CancelFunc
	sees   map[string]*ticketv1.Ticket // by name
	gone   map[string]int              // how often it was told so
	token  string
}

// watch opens a watch.
func (w tower) watch(t testing.TB, ctx context.Context, req *ticketv1.WatchTicketsRequest) *viewer {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	req.Parent = acme
	stream, err := w.WatchTickets(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	return &viewer{stream: stream, stop: cancel, sees: map[string]*ticketv1.Ticket{}, gone: map[string]int{}, token: req.GetResumeToken()}
}

// next takes in one message.
func (v *viewer) next() (ticketv1.WatchTicketsResponse_Change, error) {
	m, err := v.stream.Recv()
	if err != nil {
		return 0, err
	}
	switch n := m.GetTicket().GetName(); m.GetChange() {
	case ticketv1.WatchTicketsResponse_CHANGE_SNAPSHOT:
		v.sees[n] = m.GetTicket()
		if m.GetResumeToken() != "" {
			return 0, errors.New("there is a token within the snapshot")
		}
		return m.GetChange(), nil
	case ticketv1.WatchTicketsResponse_CHANGE_CHANGED:
		v.sees[n] = m.GetTicket()
	case ticketv1.WatchTicketsResponse_CHANGE_GONE:
		delete(v.sees, n)
		v.gone[n]++
		if !proto.Equal(m.GetTicket(), &ticketv1.Ticket{Name: n}) {
			return 0, fmt.Errorf("gone = %v, want the name only", m.GetTicket())
		}
	}
	v.token = m.GetResumeToken()
	if v.token == "" {
		return 0, fmt.Errorf("%v brings no token", m.GetChange())
	}
	return m.GetChange(), nil
}

// until follows the watch until ok holds.
func (v *viewer) until(t testing.TB, what string, ok func(ticketv1.WatchTicketsResponse_Change) bool) {
	t.Helper()
	for {
		change, err := v.next()
		if err != nil {
			t.Fatalf("waiting for %s: %v", what, err)
		}
		if ok(change) {
			return
		}
	}
}

// complete follows the watch until the snapshot is complete.
func (v *viewer) complete(t testing.TB) *viewer {
	t.Helper()
	v.until(t, "the snapshot", func(c ticketv1.WatchTicketsResponse_Change) bool {
		return c == ticketv1.WatchTicketsResponse_CHANGE_SNAPSHOT_COMPLETE
	})
	return v
}

// has follows the watch until the viewer sees a ticket, or no longer.
func (v *viewer) has(t testing.TB, name string, want bool) {
	t.Helper()
	v.until(t, fmt.Sprintf("%s seen: %v", name, want), func(ticketv1.WatchTicketsResponse_Change) bool { return (v.sees[name] != nil) == want })
}

// TestWatchersSeeEveryTicketAsItIs has eight writers who do anything to tickets while
// watchers come, are cut off and resume. What each has been sent last is how the
// tickets are.
func TestWatchersSeeEveryTicketAsItIs(t *testing.T) {
	eachTower(t, func(t *testing.T, w tower) {
		const filter = `priority = HIGH AND state != RESOLVED`
		for i := range 3 {
			w.opened(t, fmt.Sprint("before", i))
		}
		var writers, watchers sync.WaitGroup
		written := make(chan struct{})
		for i := range 8 {
			writers.Go(func() { w.scribble(t, uint64(i), 25) })
		}
		viewers := make([]*viewer, 6)
		for i := range viewers {
			watchers.Go(func() {
				text := []string{"", filter}[i%2]
				v := w.watch(t, context.Background(), &ticketv1.WatchTicketsRequest{Filter: text}).complete(t)
				for more := i >= 2; more; {
					for range rand.N(20) {
						if _, err := v.next(); err != nil {
							t.Error(err)
							return
						}
						select {
						case <-written:
							more = false
						default:
							continue
						}
						break
					}
					v.stop()
					again := w.watch(t, context.Background(), &ticketv1.WatchTicketsRequest{Filter: text, ResumeToken: v.token})
					again.sees = v.sees
					v = again
				}
				viewers[i] = v
			})
		}
		writers.Wait()
		last := must(w.UpdateTicket)(t, &ticketv1.UpdateTicketRequest{
			Ticket: &ticketv1.Ticket{Name: w.opened(t, "last"), Priority: ticketv1.Ticket_PRIORITY_HIGH},
		})
		close(written)
		watchers.Wait()
		for i, v := range viewers {
			if v == nil {
				continue // it has said why
			}
			want := map[string]*ticketv1.Ticket{}
			walked := &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 200, Filter: []string{"", filter}[i%2]}
			for more := true; more; more = walked.GetPageToken() != "" {
				page := must(w.ListTickets)(t, walked)
				for _, tk := range page.GetTickets() {
					want[tk.GetName()] = tk
				}
				walked.PageToken = page.GetNextPageToken()
			}
			if v.sees[last.GetName()].GetEtag() != last.GetEtag() {
				v.until(t, "the last change", func(ticketv1.WatchTicketsResponse_Change) bool { return same(v.sees, want) })
			} else if !same(v.sees, want) {
				v.until(t, "the rest", func(ticketv1.WatchTicketsResponse_Change) bool { return same(v.sees, want) })
			}
		}
	})
}

func same(got, want map[string]*ticketv1.Ticket) bool {
	if len(got) != len(want) {
		return false
	}
	for n, tk := range want {
		if !proto.Equal(got[n], tk) {
			return false
		}
	}
	return true
}

// scribble does n things to tickets; what is not allowed changes nothing.
func (w tower) scribble(t *testing.T, seed uint64, n int) {
	r := rand.New(rand.NewPCG(seed, 1))
	var mine []string
	for i := range n {
		if len(mine) < 2 || r.IntN(4) == 0 {
			mine = append(mine, w.opened(t, fmt.Sprintf("t%d-%d", seed, i)))
		}
		tk := mine[r.IntN(len(mine))]
		var err error
		switch r.IntN(8) {
		case 0:
			_, err = w.CreateInteraction(t.Context(), say(tk, outbound, time.Hour))
		case 1:
			_, err = w.ResolveTicket(t.Context(), resolve(tk, solved, time.Hour))
		case 2, 3:
			_, err = w.UpdateTicket(t.Context(), &ticketv1.UpdateTicketRequest{
				Ticket: &ticketv1.Ticket{Name: tk, Priority: ticketv1.Ticket_Priority(1 + r.IntN(4))},
			})
		case 4:
			_, err = w.DeleteTicket(t.Context(), &ticketv1.DeleteTicketRequest{Name: tk})
		case 5:
			_, err = w.UndeleteTicket(t.Context(), &ticketv1.UndeleteTicketRequest{Name: tk})
		case 6:
			_, err = w.PendTicket(t.Context(), &ticketv1.PendTicketRequest{Name: tk})
		case 7:
			_, err = w.MergeTickets(t.Context(), &ticketv1.MergeTicketsRequest{Name: tk, Sources: []string{mine[r.IntN(len(mine))]}})
		}
		if code := status.Code(err); code == codes.Internal || code == codes.Unimplemented {
			t.Error(err)
		}
	}
}

func TestATicketThatLeavesAFilterIsGoneOnce(t *testing.T) {
	eachTower(t, func(t *testing.T, w tower) {
		a, b, other := w.opened(t, "a"), w.opened(t, "b"), w.opened(t, "other")
		prioritize := func(ticket string, p ticketv1.Ticket_Priority) {
			must(w.UpdateTicket)(t, &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: ticket, Priority: p}})
		}
		prioritize(a, ticketv1.Ticket_PRIORITY_HIGH)
		v := w.watch(t, t.Context(), &ticketv1.WatchTicketsRequest{Filter: "priority = HIGH"}).complete(t)
		if len(v.sees) != 1 || v.sees[a] == nil {
			t.Fatalf("the snapshot is %v, want a", v.sees)
		}
		prioritize(a, ticketv1.Ticket_PRIORITY_LOW)
		v.has(t, a, false)
		prioritize(a, ticketv1.Ticket_PRIORITY_URGENT)     // does not matter to the watcher
		prioritize(other, ticketv1.Ticket_PRIORITY_URGENT) // neither
		prioritize(b, ticketv1.Ticket_PRIORITY_HIGH)
		v.has(t, b, true)
		must(w.DeleteTicket)(t, &ticketv1.DeleteTicketRequest{Name: b})
		v.has(t, b, false)
		must(w.UndeleteTicket)(t, &ticketv1.UndeleteTicketRequest{Name: b})
		v.has(t, b, true)
		if v.gone[a] != 1 || v.gone[b] != 1 || v.gone[other] != 0 {
			t.Errorf("gone = %v, want a and b once", v.gone)
		}
		v.stop()
		prioritize(b, ticketv1.Ticket_PRIORITY_LOW)
		again := w.watch(t, t.Context(), &ticketv1.WatchTicketsRequest{Filter: "priority = HIGH", ResumeToken: v.token})
		again.until(t, "the loss of b", func(ticketv1.WatchTicketsResponse_Change) bool { return again.gone[b] > 0 })
	})
}

func TestAPartnerWatchesItsTickets(t *testing.T) {
	eachTower(t, func(t *testing.T, w tower) {
		w.staff(t)
		theirs := must(func(_ context.Context, req *ticketv1.CreateTicketRequest, opts ...grpc.CallOption) (*ticketv1.Ticket, error) {
			return w.CreateTicket(asMihir(t.Context()), req, opts...)
		})(t, open())
		ours := w.opened(t, "ours")
		v := w.watch(t, asMihir(t.Context()), &ticketv1.WatchTicketsRequest{}).complete(t)
		if len(v.sees) != 1 || v.sees[theirs.GetName()] == nil {
			t.Fatalf("the snapshot is %v, want the partner's ticket", v.sees)
		}
		resumed := w.watch(t, asMihir(t.Context()), &ticketv1.WatchTicketsRequest{ResumeToken: v.token})
		must(w.CreateInteraction)(t, say(ours, outbound, time.Hour))
		w.opened(t, "ours2")
		must(w.CreateInteraction)(t, say(theirs.GetName(), outbound, time.Hour))
		for _, v := range []*viewer{v, resumed} {
			v.until(t, "the interaction", func(ticketv1.WatchTicketsResponse_Change) bool {
				return v.sees[theirs.GetName()].GetContactCount() == 1
			})
		}
		must(w.DeleteTicket)(t, &ticketv1.DeleteTicketRequest{Name: theirs.GetName()})
		for _, v := range []*viewer{v, resumed} {
			v.until(t, "the deletion", func(ticketv1.WatchTicketsResponse_Change) bool { return v.gone[theirs.GetName()] == 1 })
			if len(v.gone) != 1 || v.sees[ours] != nil {
				t.Errorf("the partner hears of tickets of others: gone %v, sees %v", v.gone, v.sees)
			}
		}
	})
}

func TestTokensThatDoNotContinueAreRefused(t *testing.T) {
	w := newTower(t, sqldbtest.Open(t, migrated.SQLite(t)))
	v := w.watch(t, t.Context(), &ticketv1.WatchTicketsRequest{}).complete(t)
	begin := &ticketv1.WatchTicketsRequest{Parent: acme}
	tokens, err := watch.NewTokens(begin)
	if err != nil {
		t.Fatal(err)
	}
	const old = "01kd000000" + "0000000000000000" // of December 2025
	for _, tt := range []struct {
		what   string
		req    *ticketv1.WatchTicketsRequest
		code   codes.Code
		reason string
	}{
		{"another filter's", &ticketv1.WatchTicketsRequest{Filter: "state = OPEN", ResumeToken: v.token}, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"junk", &ticketv1.WatchTicketsRequest{ResumeToken: "junk"}, codes.InvalidArgument, "INVALID_ARGUMENT"},
		{"an old one", &ticketv1.WatchTicketsRequest{ResumeToken: tokens.Encode(old)}, codes.OutOfRange, "TOKEN_TOO_OLD"},
		{"a filter that is none", &ticketv1.WatchTicketsRequest{Filter: "state = "}, codes.InvalidArgument, "INVALID_ARGUMENT"},
	} {
		_, err := w.watch(t, t.Context(), tt.req).next()
		fault(t, tt.what, err, tt.code, tt.reason)
	}
}

func TestWatchesEndWithTheServer(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Run("", func(t *testing.T) {
		w := newTower(t, sqldbtest.Open(t, migrated.SQLite(t)))
		v := w.watch(t, t.Context(), &ticketv1.WatchTicketsRequest{}).complete(t)
		clocks, err := w.WatchSlaEvents(t.Context(), &ticketv1.WatchSlaEventsRequest{Parent: acme})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := clocks.Recv(); err != nil { // the first heartbeat
			t.Fatal(err)
		}
		w.server.GracefulStop(t.Context())
		_, err = v.next()
		fault(t, "the watch of tickets", err, codes.Unavailable, "SHUTTING_DOWN")
		_, err = clocks.Recv()
		fault(t, "the watch of clocks", err, codes.Unavailable, "SHUTTING_DOWN")
	})
	goleak.VerifyNone(t, leaks)
}

func TestClocksAreWatchedAsTheyRun(t *testing.T) {
	eachTower(t, func(t *testing.T, w tower) {
		c := counter{client: client{service: w.service}}
		c.run(t)
		must(w.CreateSlaPolicy)(t, policy("p", "", target(resolution, time.Hour)))
		w.staff(t)
		watching := func(ctx context.Context, req *ticketv1.WatchSlaEventsRequest) (next func() *ticketv1.WatchSlaEventsResponse) {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			t.Cleanup(cancel)
			req.Parent = acme
			stream, err := w.WatchSlaEvents(ctx, req)
			if err != nil {
				t.Fatal(err)
			}
			next = func() *ticketv1.WatchSlaEventsResponse {
				m, err := stream.Recv()
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			if req.GetResumeToken() == "" {
				if m := next(); m.GetEvent() != nil || m.GetResumeToken() == "" {
					t.Fatalf("first = %v, want a heartbeat", m)
				}
			}
			return next
		}
		all := watching(t.Context(), &ticketv1.WatchSlaEventsRequest{})
		met := watching(t.Context(), &ticketv1.WatchSlaEventsRequest{Kinds: []ticketv1.SlaEvent_Kind{ticketv1.SlaEvent_KIND_MET}})
		theirs := watching(asMihir(t.Context()), &ticketv1.WatchSlaEventsRequest{})
		ofMihir := watching(t.Context(), &ticketv1.WatchSlaEventsRequest{Partners: []string{acme + "/partners/mihir"}})

		late := w.opened(t, "late") // at noon of a day long past
		first := all()
		second := all()
		if first.GetEvent().GetKind() == ticketv1.SlaEvent_KIND_BREACHED {
			first, second = second, first
		}
		if e := second.GetEvent(); first.GetEvent().GetKind() != ticketv1.SlaEvent_KIND_WARNING || e.GetKind() != ticketv1.SlaEvent_KIND_BREACHED ||
			e.GetTicket() != late || !proto.Equal(e.GetEventTime(), timestamppb.New(noon.Add(time.Hour))) || e.GetInstance().GetMetric() != resolution {
			t.Errorf("events = %v, %v, want a warning and a breach of %s after an hour", first, second, late)
		}
		now := time.Now()
		soon, err := w.CreateTicket(asMihir(t.Context()), open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = timestamppb.New(now) }))
		if err != nil {
			t.Fatal(err)
		}
		must(w.ResolveTicket)(t, resolve(soon.GetName(), solved, now.Sub(noon)))
		for what, next := range map[string]func() *ticketv1.WatchSlaEventsResponse{"kind": met, "caller": theirs, "partner": ofMihir} {
			if e := next().GetEvent(); e.GetKind() != ticketv1.SlaEvent_KIND_MET || e.GetTicket() != soon.GetName() {
				t.Errorf("by %s: %v, want that the clock of %s was met", what, e, soon.GetName())
			}
		}
		again := watching(t.Context(), &ticketv1.WatchSlaEventsRequest{ResumeToken: second.GetResumeToken()})
		for e := again().GetEvent(); e.GetKind() != ticketv1.SlaEvent_KIND_MET; e = again().GetEvent() {
		}
	})
}

func TestAWatchWithoutNewsHasAHeartbeat(t *testing.T) {
	t.Parallel() // it waits for a quarter of a minute
	w := newTower(t, sqldbtest.Open(t, migrated.SQLite(t)))
	v := w.watch(t, t.Context(), &ticketv1.WatchTicketsRequest{}).complete(t)
	token, began := v.token, time.Now()
	if change, err := v.next(); change != ticketv1.WatchTicketsResponse_CHANGE_HEARTBEAT || v.token == token {
		t.Errorf("next = %v, %v with %q, want a heartbeat with a new token", change, err, v.token)
	}
	if took := time.Since(began); took < 14*time.Second || took > 20*time.Second {
		t.Errorf("it came after %v, want 15 s", took)
	}
}
