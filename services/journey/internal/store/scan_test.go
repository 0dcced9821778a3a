package store

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// lookedUp finds the steps of a plan that look for touchpoints of a customer.
var lookedUp = regexp.MustCompile(`touchpoint_customer\w* on touchpoint\w* e|SEARCH e USING INDEX touchpoint_customer`)

// PostgreSQL knows nothing of a table that was filled a moment ago.
func TestWhoCameBackIsLookedUpCustomerByCustomer(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		batch := many(5_000, 500)
		record(t, s, batch...)
		explain := "EXPLAIN "
		if !s.db.Postgres() {
			explain += "QUERY PLAN "
		}
		rows, err := s.db.Read().QueryContext(t.Context(), explain+returned, "acme", 2500*day, 5000*day)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := table.All(rows, func(scan func(...any) error) (step string, err error) {
			if s.db.Postgres() {
				return step, scan(&step)
			}
			var id, parent, unused int
			return step, scan(&id, &parent, &unused, &step)
		})
		if err != nil {
			t.Fatal(err)
		}
		plan := strings.Join(steps, "\n")
		if strings.Contains(plan, "Join") || strings.Contains(plan, "Nested Loop") || len(lookedUp.FindAllString(plan, -1)) != 3 {
			t.Errorf("want each customer looked up, got\n%s", plan)
		}
	})
}

func TestWhoCameBackIsWhoWasThereBefore(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 15 { // c0 to c4 twice
			record(t, s, touchpoint(i))
		}
		err = s.db.Write(t.Context(), func(tx *sqldb.Tx) error { return s.Link(tx, "acme", "c1", "c9", 1) })
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		err = s.Snapshot(t.Context(), func(snap *Snapshot) error {
			return snap.Returned(t.Context(), "acme", 10*day, 13*day, func(customer string) { got = append(got, customer) })
		})
		if slices.Sort(got); err != nil || fmt.Sprint(got) != "[c0 c1 c2 c9]" {
			t.Errorf("%v came back, %v, want c0, c1, c2 and whom c1 is part of", got, err)
		}
	})
}
