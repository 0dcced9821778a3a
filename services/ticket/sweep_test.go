package ticket_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// await runs services on one database, as replicas do, until done.
func await(t *testing.T, replicas []client, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for _, c := range replicas {
		wg.Go(func() { c.service.Work(ctx) })
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("it does not happen")
		case <-tick.C:
		}
	}
}

func TestTimeClosesAndPurgesTickets(t *testing.T) {
	migrated.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
		db := openDB(t)
		replicas := []client{serve(t, db, inProcess), serve(t, db, inProcess)}
		c := replicas[0]
		create := func(id string) string {
			return must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.TicketId = id })).GetName()
		}
		for i := range 250 { // more than a batch
			must(c.ResolveTicket)(t, resolve(create(fmt.Sprint("old", i)), solved, 0))
		}
		set(t, c, `UPDATE ticket SET update_time = 0`)
		untouched := []string{create("open"), create("told")}
		must(c.ResolveTicket)(t, resolve(untouched[1], solved, 0)) // years ago, but written just now
		fresh := create("fresh")
		must(c.ResolveTicket)(t, &ticketv1.ResolveTicketRequest{Name: fresh, Outcome: solved})
		set(t, c, `UPDATE ticket SET update_time = 0 WHERE id IN ('open', 'fresh')`)
		before := len(c.events(t))
		gone := create("gone")
		must(c.CreateInteraction)(t, say(gone, outbound, 0))
		must(c.DeleteTicket)(t, &ticketv1.DeleteTicketRequest{Name: gone})
		set(t, c, `UPDATE ticket SET delete_time = $1 WHERE id = 'gone'`, time.Now().Add(-31*24*time.Hour).UnixMicro())
		kept := create("kept")
		must(c.DeleteTicket)(t, &ticketv1.DeleteTicketRequest{Name: kept})
		count := func(query string) (n int) {
			if err := db.Read().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		await(t, replicas, func() bool {
			return count(`SELECT COUNT(*) FROM ticket WHERE state = 6`) == 250 && count(`SELECT COUNT(*) FROM ticket WHERE id = 'gone'`) == 0
		})
		old := c.get(t, acme+"/tickets/old7")
		if !old.GetCloseTime().AsTime().Equal(noon.Add(72 * time.Hour)) {
			t.Errorf("closed ticket = %v, want it closed 72 hours after its resolution", old)
		}
		log := must(c.ListTicketEvents)(t, &ticketv1.ListTicketEventsRequest{Parent: old.GetName()}).GetEvents()
		if last := log[len(log)-1]; len(log) != 3 || last.GetKind() != ticketv1.TicketEvent_KIND_CLOSED || !last.GetEventTime().AsTime().Equal(noon.Add(72*time.Hour)) {
			t.Errorf("log = %v, want the closing 72 hours after the resolution", log)
		}
		for _, n := range append(untouched, fresh, kept) {
			if tk := c.get(t, n); tk.GetState() == ticketv1.Ticket_STATE_CLOSED {
				t.Errorf("ticket = %v, want it as it was", tk)
			}
		}
		if n := len(c.events(t)) - before; n != 250+5 {
			t.Errorf("%d events, want one for each that was closed and those of the others", n)
		}
		_, err := c.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: gone})
		refused(t, err, codes.NotFound)
		if n := count(`SELECT (SELECT COUNT(*) FROM interaction) + (SELECT COUNT(*) FROM ticket_event WHERE ticket = 'gone')`); n != 0 {
			t.Errorf("%d rows of the purged ticket are left", n)
		}
	})
}

// TestTicketsThatCannotBeClosedKeepNoOtherOpen damages the policy of more tickets than
// are closed at a time.
func TestTicketsThatCannotBeClosedKeepNoOtherOpen(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		must(c.CreateSlaPolicy)(t, policy("bad", "", target(resolution, time.Hour)))
		resolved := func(id, policy string, after time.Duration) string {
			tk := must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.TicketId, r.Ticket.SlaPolicy = id, policy })).GetName()
			must(c.ResolveTicket)(t, resolve(tk, solved, after))
			return tk
		}
		var stuck []string
		for i := range 101 {
			stuck = append(stuck, resolved(fmt.Sprint("bad", i), acme+"/slaPolicies/bad", 0))
		}
		must(c.DeleteSlaPolicy)(t, &ticketv1.DeleteSlaPolicyRequest{Name: acme + "/slaPolicies/bad"})
		first, last := resolved("first", "", -time.Hour), resolved("last", "", time.Hour)
		set(t, c.client, `UPDATE sla_policy_revision SET targets = '{'`)
		set(t, c.client, `UPDATE ticket SET update_time = 0`)
		newCounter(t, c.db).run(t) // which has not read the policies yet
		closed := func(tk string) bool { return c.get(t, tk).GetState() == ticketv1.Ticket_STATE_CLOSED }
		until(t, "the closing of the others", func() bool { return closed(first) && closed(last) })
		for _, tk := range stuck {
			if closed(tk) {
				t.Errorf("%s is closed", tk)
			}
		}
	})
}

func TestTheClosingOfAnImportedTicketIsToldOnceItHasMovedHere(t *testing.T) {
	migrated.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
		db := openDB(t)
		c, d := serve(t, db, inProcess), newDesk(t, db, rpc.Config{})
		if resp, err := d.take(t, foreignRow("there", did(ended, 1)), foreignRow("here")); err != nil || resp.GetImportedCount() != 2 {
			t.Fatalf("import = %v, %v, want two tickets", resp, err)
		}
		here := acme + "/tickets/here"
		must(c.ResolveTicket)(t, resolve(here, solved, time.Hour))
		set(t, c, `UPDATE ticket SET create_time = create_time - 7200000000, update_time = update_time - 7200000000`)
		await(t, []client{c}, func() bool {
			return c.get(t, here).GetState() == ticketv1.Ticket_STATE_CLOSED && c.get(t, acme+"/tickets/there").GetState() == ticketv1.Ticket_STATE_CLOSED
		})
		var told []string
		for _, e := range c.events(t) {
			if changed := e.GetTicketStateChanged(); changed != nil {
				told = append(told, changed.GetTicket().GetTicket())
			}
		}
		if !slices.Equal(told, []string{here}) {
			t.Errorf("told of the closing of %q, want %q", told, here)
		}
	})
}
