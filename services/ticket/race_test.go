package ticket_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestATicketThatLosesItsIDLeavesNothingBehind lets somebody else take the id of a
// ticket of a batch after the batch has found it free, which only lanes of PostgreSQL
// can.
func TestATicketThatLosesItsIDLeavesNothingBehind(t *testing.T) {
	c := newCounter(t, sqldbtest.Open(t, migrated.Postgres(t)))
	must(c.CreateSlaPolicy)(t, policy("p", "", target(resolution, time.Hour)))
	taken, release, other := make(chan bool), make(chan bool), make(chan error, 1)
	go func() {
		other <- c.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`INSERT INTO ticket (brand, id, customer, subject, state, priority, issue_kind, stage, phase, channel, handling, origin,
				partner, team, agent, open_time, outcome, reopen_count, attributes, create_time, update_time, version)
				VALUES ('acme', 'mine', 'bob', 'first', 1, 2, 0, 4, 4, 1, 1, 1, '', '', '', 0, 0, 0, '{}', 0, 0, 1)`)
			close(taken)
			<-release
			return err
		})
	}()
	<-taken
	answer := make(chan *ticketv1.BatchCreateTicketsResponse, 1)
	go func() {
		resp, err := c.BatchCreateTickets(t.Context(), &ticketv1.BatchCreateTicketsRequest{
			Parent: acme, PartialSuccess: true, Requests: []*ticketv1.CreateTicketRequest{open(func(r *ticketv1.CreateTicketRequest) { r.TicketId = "mine" })},
		})
		if err != nil {
			t.Error(err)
		}
		answer <- resp
	}()
	count := func(query string) (n int) {
		if err := c.db.Read().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	until(t, "the batch waits for the other", func() bool {
		return count(`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	})
	close(release)
	if err := <-other; err != nil {
		t.Fatal(err)
	}
	if r := (<-answer).GetResults(); len(r) != 1 || codes.Code(r[0].GetError().GetCode()) != codes.AlreadyExists {
		t.Errorf("results = %v, want ALREADY_EXISTS", r)
	}
	for _, table := range []string{"ticket_event", "sla_instance", "sla_timer"} {
		if n := count(`SELECT COUNT(*) FROM ` + table); n != 0 {
			t.Errorf("%d rows of %s, want none of a ticket that was refused", n, table)
		}
	}
}
