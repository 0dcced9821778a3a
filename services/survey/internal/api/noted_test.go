package api

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// seen returns the customers of the brand that the store knows, and the stages it saw them
// in, in their order.
func (e engine) seen(t *testing.T) string {
	t.Helper()
	var customers, stages string
	for query, into := range map[string]*string{
		`SELECT customer FROM contact WHERE brand = 'acme' ORDER BY customer`:                              &customers,
		`SELECT customer || ' ' || stage FROM reached_stage WHERE brand = 'acme' ORDER BY customer, stage`: &stages,
	} {
		rows, err := e.DB.Read().QueryContext(sqldb.ForAll(t.Context()), query)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var one string
			if err := rows.Scan(&one); err != nil {
				t.Fatal(err)
			}
			*into += one + ";"
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	return customers + " " + stages
}

// TestWhatWasNotedIsNotedAgain where the transaction of the first note failed, or an erasure
// took it from the store.
func TestWhatWasNotedIsNotedAgain(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(t *testing.T) *sqldb.DB) {
		e := newEngine(t, open(t))
		var err error
		if e.Tombstones, err = privacy.OpenTombstones(t.Context(), e.DB); err != nil {
			t.Fatal(err)
		}
		event := touched(func(*eventv1.TouchpointRef) {}, "bob", "ann", "bob")
		apply := func(event *eventv1.Event, after error) {
			t.Helper()
			err := e.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
				if err := e.Apply(tx, event); err != nil {
					return err
				}
				return after
			})
			if !errors.Is(err, after) {
				t.Fatal(err)
			}
		}
		expect := func(when, want string) {
			t.Helper()
			if got := e.seen(t); got != want {
				t.Errorf("%s the store knows %q, want %q", when, got, want)
			}
		}
		apply(event, errors.New("no"))
		expect("after a transaction that failed", " ")
		const both = "customers/ann;customers/bob; customers/ann 3;customers/bob 3;"
		for range 2 {
			apply(event, nil)
			expect("after an event", both)
		}
		apply(touched(func(p *eventv1.TouchpointRef) { p.Stage = typev1.Stage_STAGE_ADVOCACY }, "ann"), nil)
		expect("after another stage", "customers/ann;customers/bob; customers/ann 3;customers/ann 5;customers/bob 3;")

		const ann = "brands/acme/customers/ann"
		if _, err := e.Privacy().EraseCustomer(t.Context(), &typev1.EraseCustomerRequest{
			Parent: "brands/acme", Subjects: []*typev1.ErasureSubject{{Customer: ann, Pseudonym: "brands/acme/customers/erased-0123456789abcdef0123"}},
		}); err != nil {
			t.Fatal(err)
		}
		apply(event, nil)
		expect("after an erasure", "customers/bob; customers/bob 3;")
		apply(&eventv1.Event{Brand: "brands/acme", Key: ann, Payload: &eventv1.Event_ConsentChanged{ConsentChanged: &eventv1.ConsentChanged{
			Customer: ann, Purpose: "marketing", Granted: true, ChangeTime: timestamppb.New(time.Now().Add(time.Second)),
		}}}, nil)
		apply(event, nil)
		expect("after a consent", both)
	})
}

func TestNotesAreBounded(t *testing.T) {
	var n notes
	seen := func(i int) []store.Reached {
		return []store.Reached{{Customer: fmt.Sprint("customers/", i), Stage: 1}}
	}
	for i := range 3 * maxNotes {
		if len(n.missing(0, "acme", seen(i))) != 1 {
			t.Fatalf("note %d is known", i)
		}
		n.add(0, 0, "acme", seen(i))
		if all := len(n.late) + len(n.before); all > 2*maxNotes {
			t.Fatalf("%d notes are kept", all)
		}
	}
	if last := seen(3*maxNotes - 1); len(n.missing(0, "acme", last)) != 0 {
		t.Error("the last note is unknown")
	} else if len(n.missing(0, "other", last)) != 1 {
		t.Error("a note of one brand counts for another")
	}
	n.add(0, 1, "acme", seen(-1)) // while somebody was erased
	if len(n.missing(1, "acme", seen(-1))) != 1 {
		t.Error("a note from before an erasure is known")
	}
}
