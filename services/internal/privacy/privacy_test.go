package privacy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

const (
	ann       = "brands/acme/customers/ann"
	pseudonym = "erased-0123456789abcdef0123"
)

// each runs a test on both databases, with a service that keeps notes of customers.
func each(t *testing.T, test func(*testing.T, *Server)) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		if err := once.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if err := bus.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		tombstones, err := OpenTombstones(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{
			DB: db, Tombstones: tombstones, Traces: []Trace{Answers(), Events(), Letters()},
			Tables: []Table{
				{Name: "note", Kind: "notes", Rows: `customer = {customer}`, Erase: `customer = {pseudonym}, words = '', more = '{}'`},
				{Name: "visit", Kind: "visits", Rows: `customer = {customer}`, Erase: Delete, Keep: `customer = {pseudonym}`},
			},
			Named: []string{`SELECT 'notes/' || id FROM note WHERE brand = {brand} AND customer = {pseudonym}`},
			Rules: []Rule{
				{
					Of: OfWords, Keys: 1, Find: `SELECT id FROM note WHERE brand = {brand} AND at < {before} AND words <> '' LIMIT {limit}`,
					Apply: []string{`UPDATE note SET words = '' WHERE brand = {brand} AND id = {1}`},
				},
				{
					Of: OfRecords, Keys: 2, Find: `SELECT customer, CAST(at AS TEXT) FROM visit WHERE brand = {brand} AND at < {before} LIMIT {limit}`,
					Apply: []string{`DELETE FROM visit WHERE brand = {brand} AND customer = {1} AND at = CAST({2} AS BIGINT)`},
				},
			},
		}
		write(t, s, `CREATE TABLE note (brand TEXT NOT NULL, id TEXT NOT NULL, customer TEXT NOT NULL, words TEXT NOT NULL, more TEXT NOT NULL, at BIGINT NOT NULL)`)
		write(t, s, `CREATE TABLE visit (brand TEXT NOT NULL, customer TEXT NOT NULL, at BIGINT NOT NULL)`)
		test(t, s)
	})
}

func write(t *testing.T, s *Server, query string, args ...any) {
	t.Helper()
	if err := s.DB.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(query, args...); return err }); err != nil {
		t.Fatal(err)
	}
}

// read returns the first column of rows as text.
func read(t *testing.T, s *Server, query string) string {
	t.Helper()
	rows, err := s.DB.Read().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return strings.Join(all, " ")
}

func (s *Server) note(t *testing.T, id, customer string, at int64) {
	t.Helper()
	write(t, s, `INSERT INTO note (brand, id, customer, words, more, at) VALUES ($1, $2, $3, $4, $5, $6)`, "acme", id, customer, "words of "+customer, `{"a":1}`, at)
	write(t, s, `INSERT INTO visit (brand, customer, at) VALUES ($1, $2, $3)`, "acme", customer, at)
}

func request(anonymize bool) *typev1.EraseCustomerRequest {
	return &typev1.EraseCustomerRequest{
		Parent: "brands/acme", Subjects: []*typev1.ErasureSubject{{Customer: ann, Pseudonym: pseudonym}}, Anonymize: anonymize,
		RequestId: fmt.Sprintf("7c9e6679-7425-40de-944b-e07fc1f90ae%d", map[bool]int{true: 1}[anonymize]),
	}
}

// TestAnErasureDoesWhatItsPlanSays and can be repeated; only the customer's rows change.
func TestAnErasureDoesWhatItsPlanSays(t *testing.T) {
	for _, anonymize := range []bool{false, true} {
		t.Run(fmt.Sprint(anonymize), func(t *testing.T) {
			each(t, func(t *testing.T, s *Server) {
				s.note(t, "1", "ann", 1)
				s.note(t, "2", "ann", 2)
				s.note(t, "3", "anna", 3)
				plan, err := s.PlanErasure(t.Context(), &typev1.PlanErasureRequest{Parent: "brands/acme", Customers: []string{ann}, Anonymize: anonymize})
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					done, err := s.EraseCustomer(t.Context(), request(anonymize))
					if err != nil {
						t.Fatal(err)
					}
					got, want := &typev1.PlanErasureResponse{Counts: done.GetCounts()}, &typev1.PlanErasureResponse{Counts: plan.GetCounts()}
					if len(got.GetCounts()) != 2 || !proto.Equal(got, want) {
						t.Errorf("done is %v, planned was %v", got, want)
					}
				}
				if got, want := read(t, s, `SELECT id || ':' || customer || ':' || words || ':' || more FROM note ORDER BY id`),
					"1:"+pseudonym+"::{} 2:"+pseudonym+"::{} 3:anna:words of anna:{\"a\":1}"; got != want {
					t.Errorf("the notes are %s, want %s", got, want)
				}
				want := "anna"
				if anonymize {
					want += " " + pseudonym + " " + pseudonym
				}
				if got := read(t, s, `SELECT customer FROM visit ORDER BY customer`); got != want {
					t.Errorf("the visits are of %s, want %s", got, want)
				}
			})
		})
	}
}

// TestTracesGo wherever the customer or what is left of the customer is named, and only
// there.
func TestTracesGo(t *testing.T) {
	each(t, func(t *testing.T, s *Server) {
		s.note(t, "1", "ann", 1)
		named := func(names ...string) []byte {
			m := &typev1.PlanErasureResponse{Customers: names}
			raw, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
		for id, bytes := range map[string][]byte{
			"a1": named(ann), "a2": named("brands/acme/customers/anna"), "a3": named("brands/acme/customers/bob", ann+"/touchpoints/1"),
			"a0": append(named(ann), "2\x01x"...), // a field whose tag is a letter of names
			"a4": []byte(`{"of":"brands/acme/notes/1","words":"x"}`), "a5": []byte(`{"of":"brands/acme/notes/11"}`), "a6": named("brands/acme/customers/an"),
		} {
			write(t, s, `INSERT INTO request (brand, request_id, digest, response, create_time) VALUES ($1, $2, $3, $4, $5)`, "acme", id, []byte{1}, bytes, sqldb.Micros(time.Now()))
			write(t, s, `INSERT INTO outbox (id, brand, key, kind, payload, create_time) VALUES ($1, $2, $3, $4, $5, $6)`, id, "acme", "k", "x", bytes, int64(1))
			write(t, s, `INSERT INTO dead_letter (id, brand, key, position, payload, reason, attempts, create_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
				id, "acme", "key of "+id, int64(1), bytes, "", 1, int64(1))
			write(t, s, `INSERT INTO stopped_key (brand, key, arrivals) VALUES ($1, $2, $3)`, "acme", "key of "+id, int64(1))
		}
		done, err := s.EraseCustomer(t.Context(), request(false))
		if err != nil {
			t.Fatal(err)
		}
		if done.GetTraceCount() != 12 || done.GetNextToken() != "" {
			t.Errorf("%d traces are gone, want 12", done.GetTraceCount())
		}
		if got := read(t, s, `SELECT request_id FROM request WHERE length(response) > 0 AND request_id < 'b' AND request_id > '9' ORDER BY request_id`); got != "a2 a5 a6" {
			t.Errorf("the answers %s are left, want a2 a5 a6", got)
		}
		for table, want := range map[string]string{"outbox": "a2 a5 a6", "dead_letter": "a2 a5 a6"} {
			if got := read(t, s, `SELECT id FROM `+table+` ORDER BY id`); got != want {
				t.Errorf("of %s %s is left, want %s", table, got, want)
			}
		}
		if got := read(t, s, `SELECT key FROM stopped_key ORDER BY key`); got != "key of a2 key of a5 key of a6" {
			t.Errorf("the keys %s are stopped", got)
		}
	})
}

// TestTheErasedStayAway until they consent to something at a later time, and each replica
// knows of both.
func TestTheErasedStayAway(t *testing.T) {
	each(t, func(t *testing.T, s *Server) {
		if _, err := s.EraseCustomer(t.Context(), request(false)); err != nil {
			t.Fatal(err)
		}
		other, err := OpenTombstones(t.Context(), s.DB)
		if err != nil {
			t.Fatal(err)
		}
		lift := func(at time.Time) (lifted bool) {
			err := s.DB.Write(t.Context(), func(tx *sqldb.Tx) error { lifted = s.Tombstones.Lift(tx, "acme", "ann", at); return nil })
			if err != nil {
				t.Fatal(err)
			}
			return lifted
		}
		for _, replica := range []*Tombstones{s.Tombstones, other} {
			for id, erased := range map[string]bool{"ann": true, pseudonym: true, "anna": false, "": false} {
				if reason := fault.Reason(replica.Refuse("acme", id)); (reason == ErasedReason) != erased {
					t.Errorf("%q is refused with %q", id, reason)
				}
			}
			if replica.Buried("other", "ann") {
				t.Error("another brand's customer is erased too")
			}
		}
		if lift(time.Now().Add(-time.Hour)) {
			t.Error("what was said before the erasure brings the customer back")
		}
		if !lift(time.Now().Add(time.Minute)) || s.Tombstones.Buried("acme", "ann") {
			t.Error("a later consent does not bring the customer back")
		}
		other.mu.Lock()
		other.read = other.read.Add(-time.Second)
		other.mu.Unlock()
		if err := other.refresh(t.Context()); err != nil || other.Buried("acme", "ann") {
			t.Errorf("another replica does not hear of that: %v", err)
		}
		if (*Tombstones)(nil).Buried("acme", "ann") {
			t.Error("nobody's tombstones know somebody")
		}
	})
}

// TestWhatIsOldGoes as the brand wants it, which the latest word says.
func TestWhatIsOldGoes(t *testing.T) {
	each(t, func(t *testing.T, s *Server) {
		now := time.Now()
		for i := range 3 {
			s.note(t, fmt.Sprint(i), fmt.Sprint("c", i), sqldb.Micros(now.AddDate(0, 0, -10*i)))
		}
		set := func(version int64, records, words *durationpb.Duration) {
			t.Helper()
			_, err := s.SetRetention(t.Context(), &typev1.SetRetentionRequest{Parent: "brands/acme", Version: version, Records: records, FreeText: words})
			if err != nil {
				t.Fatal(err)
			}
			for worked := true; worked; {
				if worked, err = s.retain(t.Context(), now); err != nil {
					t.Fatal(err)
				}
			}
		}
		check := func(words, visits string) {
			t.Helper()
			if got := read(t, s, `SELECT id FROM note WHERE words <> '' ORDER BY id`); got != words {
				t.Errorf("notes with words are %q, want %q", got, words)
			}
			if got := read(t, s, `SELECT customer FROM visit ORDER BY customer`); got != visits {
				t.Errorf("visits are %q, want %q", got, visits)
			}
		}
		set(1, nil, nil)
		check("0 1 2", "c0 c1 c2")
		set(3, nil, durationpb.New(5*24*time.Hour))
		check("0", "c0 c1 c2")
		set(2, durationpb.New(24*time.Hour), nil) // an old word
		check("0", "c0 c1 c2")
		set(4, durationpb.New(15*24*time.Hour), nil)
		check("0", "c0 c1")
	})
}

// TestASweepGoesOnWhereItStopped takes tokens of its own and no others.
func TestASweepGoesOnWhereItStopped(t *testing.T) {
	each(t, func(t *testing.T, s *Server) {
		req := request(false)
		req.Token = "nonsense"
		if _, err := s.EraseCustomer(t.Context(), req); fault.Reason(err) != "INVALID_ARGUMENT" {
			t.Errorf("a token of nobody's is refused with %v", err)
		}
		if _, err := s.EraseCustomer(t.Context(), request(false)); err != nil {
			t.Fatal(err)
		}
		req.Token = "eyJ0IjoxLCJhIjoiIn0" // from the second trace on
		if _, err := s.EraseCustomer(t.Context(), req); err != nil {
			t.Errorf("a call that goes on is refused: %v", err)
		}
		n, next, err := s.sweep(t.Context(), "acme", map[string]bool{ann: true}, req.GetToken())
		if n != 0 || next != "" || err != nil {
			t.Errorf("a sweep ends with %d, %q, %v", n, next, err)
		}
	})
}

// TestANameOfAnyLengthIsFound in messages and in JSON, where the quotation mark before it
// looks like a length.
func TestANameOfAnyLengthIsFound(t *testing.T) {
	for n := 1; n <= 63; n++ {
		customer := "brands/acme/customers/" + strings.Repeat("c", n)
		names := map[string]bool{customer: true}
		long := customer + "/touchpoints/" + strings.Repeat("t", 63)
		for _, of := range []string{customer, long} {
			raw, err := proto.Marshal(&typev1.PlanErasureResponse{Customers: []string{"brands/acme/customers/x", of}})
			if err != nil {
				t.Fatal(err)
			}
			for where, text := range map[string][]byte{"a message": raw, "JSON": []byte(`{"customer":"` + of + `","n":1}`), "words": []byte("of " + of)} {
				if !mentions(text, "acme", names) {
					t.Errorf("%s is not found in %s", of, where)
				}
			}
		}
		if other := customer + "d"; mentions([]byte(`{"customer":"`+other+`"}`), "acme", names) && len(other) <= 34 {
			t.Errorf("%s is taken for %s", other, customer)
		}
	}
}
