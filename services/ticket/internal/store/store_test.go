package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

var noon = time.Date(2013, 1, 7, 12, 0, 0, 123_000, time.UTC)

// migrated has the schema of the store.
var migrated = sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
	_, err := Open(ctx, db)
	return err
})

// TestStore holds SQLite and PostgreSQL to the same promises.
func TestStore(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, *Store)
		}{
			{"a ticket comes back as it went in", testTicket},
			{"an interaction comes back as it went in", testInteraction},
			{"a taken id is refused and changes nothing", testTaken},
			{"brands do not see each other", testBrands},
			{"pages of tickets join up", testTickets},
			{"pages of interactions join up", testInteractions},
			{"of two writers who read the same, one wins", testStale},
			{"an edit changes what a caller may change", testEdit},
			{"the log is in order of time, whole and in pages", testLog},
			{"the backlog follows resolutions and reopenings", testBacklog},
			{"the span ends with the last event", testSpan},
			{"marks that are done with go by their key, and no others", testUnmarking},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s, err := Open(t.Context(), open(t))
				if err != nil {
					t.Fatal(err)
				}
				tt.test(t, s)
			})
		}
	})
}

// ticket returns a ticket that was opened d after noon.
func ticket(id string, d time.Duration) Ticket {
	return Ticket{
		Brand: "acme", ID: id, Customer: "ann", Subject: "refund", Priority: 2, Stage: 4, Phase: 4, Channel: 1, Handling: 1, Origin: 1,
		OpenTime: noon.Add(d), Status: lifecycle.Status{State: lifecycle.New},
		CreateTime: noon.Add(d), UpdateTime: noon.Add(d), Version: 1,
	}
}

func write(t *testing.T, s *Store, f func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := s.db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func addTickets(t *testing.T, s *Store, all ...Ticket) {
	t.Helper()
	write(t, s, func(tx *sqldb.Tx) error {
		for _, one := range all {
			if err := AddTicket(tx, one, true); err != nil {
				return err
			}
		}
		return nil
	})
}

// move gives a ticket a new status at a time.
func move(t *testing.T, s *Store, id string, status lifecycle.Status, at time.Time) {
	t.Helper()
	write(t, s, func(tx *sqldb.Tx) error {
		old, err := ReadTicket(tx, "acme", id)
		if err != nil {
			return err
		}
		next := old
		next.Status, next.Version, next.UpdateTime = status, old.Version+1, noon
		ok, err := Move(tx, old, next, at)
		if err == nil && !ok {
			err = errors.New("nothing was written")
		}
		return err
	})
}

// full returns a ticket with every field set.
func full(id string) Ticket {
	return Ticket{
		Brand: "acme", ID: id, Customer: "ann", Subject: "Où est ma commande ? 🧨 <b> \\", Priority: 4, IssueKind: 10, Stage: 1, Phase: 2,
		Channel: 15, Handling: 3, Origin: 2, Partner: "mihir", Team: "night", Agent: "bo", OpenTime: time.UnixMicro(0).UTC(),
		Status: lifecycle.Status{
			State: lifecycle.Closed, FirstResponse: noon.Add(-time.Hour), ResolveTime: noon, Outcome: 2, ReopenCount: 3,
			Confirmed: true, CloseTime: noon.Add(time.Hour),
		},
		Attributes: map[string]string{"tenure": "31-60", "a": "<é>\u2028"}, CreateTime: noon, UpdateTime: noon.Add(time.Microsecond), Version: 1,
		IssueType: "late", Problem: "p", CauseTouchpoint: "t", Campaign: "spring", ExternalID: "zendesk:1", FollowUpOf: "f", MergedInto: "m",
		Avoidable: true, Grievance: true, RedressSteps: []RedressStep{{Title: "call", Due: 1, Done: 2, Agent: "bo"}, {Title: "write"}},
		Policy: Policy{ID: "gold", Revision: 3, Given: true}, EscalationLevel: 4, HandoffCount: 5, DeleteTime: noon.Add(2 * time.Hour),
		Counts: lifecycle.Counts{
			Interactions: 9, Contacts: 8, InboundAfter: 7, Responder: "bo", OtherResponder: true, CostMicros: 1 << 40, Costed: 6,
		},
		ImportDigest: "ab",
	}
}

func testTicket(t *testing.T, s *Store) {
	for _, want := range []Ticket{full("a"), ticket("b", 0)} {
		addTickets(t, s, want)
		got, err := s.Ticket(t.Context(), want.Brand, want.ID)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Ticket = %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := s.Ticket(t.Context(), "acme", "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Ticket error = %v, want ErrNotFound", err)
	}
}

// interaction returns one that began d after noon.
func interaction(id string, d time.Duration) Interaction {
	return Interaction{
		Brand: "acme", Ticket: "a", ID: id, Channel: 1, EndTime: noon.Add(d), CreateTime: noon,
		Act: lifecycle.Interaction{Kind: lifecycle.Call, Direction: lifecycle.Inbound, Actor: lifecycle.Customer, Start: noon.Add(d)},
	}
}

func testInteraction(t *testing.T, s *Store) {
	cost := int64(7)
	full := Interaction{
		Brand: "acme", Ticket: "a", ID: "x", Agent: "bo", Team: "night", Partner: "mihir", Channel: 3, EndTime: noon.Add(time.Hour),
		Act:  lifecycle.Interaction{Kind: lifecycle.Visit, Direction: lifecycle.Outbound, Actor: lifecycle.Bot, Start: noon},
		Text: strings.Repeat("ü", 1<<15), Expectation: 3, Attributes: map[string]string{"k": "v"}, CreateTime: noon,
		CostMicros: &cost, RedactTime: noon, From: lifecycle.New, To: lifecycle.Open, Number: 5,
	}
	for _, want := range []Interaction{full, interaction("y", 0)} {
		write(t, s, func(tx *sqldb.Tx) error { return AddInteraction(tx, want, true) })
		got, err := s.Interaction(t.Context(), want.Brand, want.Ticket, want.ID)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Interaction = %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := s.Interaction(t.Context(), "acme", "b", "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Interaction of another ticket = %v, want ErrNotFound", err)
	}
}

func testTaken(t *testing.T, s *Store) {
	addTickets(t, s, ticket("a", 0))
	write(t, s, func(tx *sqldb.Tx) error { return AddInteraction(tx, interaction("x", 0), false) })
	second := ticket("a", time.Hour)
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error { return AddTicket(tx, second, false) })
	if !errors.Is(err, table.ErrExists) {
		t.Errorf("AddTicket = %v, want ErrExists", err)
	}
	err = s.db.Write(t.Context(), func(tx *sqldb.Tx) error { return AddInteraction(tx, interaction("x", time.Hour), false) })
	if !errors.Is(err, table.ErrExists) {
		t.Errorf("AddInteraction = %v, want ErrExists", err)
	}
	if got, err := s.Ticket(t.Context(), "acme", "a"); err != nil || !got.OpenTime.Equal(noon) {
		t.Errorf("Ticket = %+v, %v, want the first", got, err)
	}
}

// testBrands keeps the same ids in two brands and works on one of them.
func testBrands(t *testing.T, s *Store) {
	foreign, said := ticket("a", time.Hour), interaction("x", time.Hour)
	foreign.Brand, said.Brand = "other", "other"
	foreign.Status.FirstResponse, foreign.Status.ResolveTime = noon.Add(9*time.Hour), noon.Add(20*time.Hour)
	addTickets(t, s, foreign, ticket("a", 0), ticket("b", 0))
	write(t, s, func(tx *sqldb.Tx) error {
		if err := AddInteraction(tx, interaction("x", 0), true); err != nil {
			return err
		}
		return AddInteraction(tx, said, true)
	})
	move(t, s, "a", lifecycle.Status{State: lifecycle.Open}, noon)
	move(t, s, "a", lifecycle.Status{State: lifecycle.Resolved, Outcome: 1, ResolveTime: noon}, noon)
	if got, err := s.Ticket(t.Context(), "other", "a"); err != nil || !reflect.DeepEqual(got, foreign) {
		t.Errorf("the other brand's ticket = %+v, %v, want it untouched", got, err)
	}
	if got, err := s.Interaction(t.Context(), "other", "a", "x"); err != nil || !reflect.DeepEqual(got, said) {
		t.Errorf("the other brand's interaction = %+v, %v, want %+v", got, err, said)
	}
	if got, err := s.Interactions(t.Context(), InteractionFilter{Brand: "other", Ticket: "a", Limit: 9}); err != nil || len(got) != 1 {
		t.Errorf("the other brand's interactions = %+v, %v, want one", got, err)
	}
	if got, err := s.Tickets(t.Context(), TicketFilter{Brand: "other", Customer: "ann", By: "id", Limit: 9}); err != nil || len(got) != 1 {
		t.Errorf("the other brand's tickets = %+v, %v, want one", got, err)
	}
	if _, err := s.Ticket(t.Context(), "other", "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a ticket of another brand = %v, want ErrNotFound", err)
	}
	for brand, want := range map[string][2]time.Duration{"other": {1, 20}, "acme": {0, 0}} {
		first, last, err := s.Span(t.Context(), brand, "")
		if err != nil || !first.Equal(noon.Add(want[0]*time.Hour)) || !last.Equal(noon.Add(want[1]*time.Hour)) {
			t.Errorf("span of %s = %v, %v, %v", brand, first, last, err)
		}
	}
	n := 0
	err := observe(t, s, ObservationFilter{Brand: "other", Opened: hours(0, 2), OpenAt: rollup.None}, func(*rollup.Ticket, []string) error { n++; return nil })
	if err != nil || n != 1 {
		t.Errorf("Observe saw %d tickets, %v, want 1", n, err)
	}
}

func testTickets(t *testing.T, s *Store) {
	for i := range 20 { // in fours that share an open time
		one := ticket(fmt.Sprintf("%02d", i), time.Duration(i/4)*time.Minute)
		one.Status.State = lifecycle.State(1 + i%5)
		if i%2 == 1 {
			one.Customer = "bob"
		}
		addTickets(t, s, one)
	}
	for _, tt := range []struct {
		name   string
		filter TicketFilter
		want   string
	}{
		{"all", TicketFilter{}, "19 18 17 16 15 14 13 12 11 10 09 08 07 06 05 04 03 02 01 00"},
		{"of a customer", TicketFilter{Customer: "bob"}, "19 17 15 13 11 09 07 05 03 01"},
		{"in states", TicketFilter{States: []int32{2, 3}}, "17 16 12 11 07 06 02 01"},
		{"of a customer in a state", TicketFilter{Customer: "ann", States: []int32{5}}, "14 04"},
	} {
		for _, size := range []int{1, 3, 50} {
			f := tt.filter
			f.Brand, f.Limit, f.By = "acme", size, "open_time DESC, id DESC"
			var ids []string
			for range 25 { // more than there are pages
				rows, err := s.Tickets(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range rows {
					ids = append(ids, r.ID)
					f.Where = []filter.Clause{{Text: "(open_time, id) < (?, ?)", Args: []any{sqldb.Micros(r.OpenTime), r.ID}}}
				}
			}
			if got := strings.Join(ids, " "); got != tt.want {
				t.Errorf("%s in pages of %d = %s, want %s", tt.name, size, got, tt.want)
			}
		}
	}
}

func testInteractions(t *testing.T, s *Store) {
	write(t, s, func(tx *sqldb.Tx) error {
		for i := range 9 { // the last first, in threes that share a start time
			if err := AddInteraction(tx, interaction(fmt.Sprint(i), -time.Duration(i/3)*time.Minute), false); err != nil {
				return err
			}
		}
		return nil
	})
	for _, size := range []int{1, 2, 50} {
		f := InteractionFilter{Brand: "acme", Ticket: "a", Limit: size}
		ids := ""
		for range 10 {
			rows, err := s.Interactions(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				ids += r.ID
				f.After = Cursor{sqldb.Micros(r.Act.Start), r.ID}
			}
		}
		if ids != "678345012" {
			t.Errorf("pages of %d joined = %s, want 678345012", size, ids)
		}
	}
}

func testStale(t *testing.T, s *Store) {
	old := ticket("a", 0)
	addTickets(t, s, old)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
				next := old
				next.Status.State, next.Version = lifecycle.Open, 2
				ok, err := Move(tx, old, next, noon)
				if err == nil && ok {
					won.Add(1)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers won, want 1", won.Load())
	}
}

// testEdit changes everything of a ticket; the edit leaves what only moves change.
func testEdit(t *testing.T, s *Store) {
	old, edited := ticket("a", 0), full("a")
	addTickets(t, s, old)
	edited.Version = 2
	edit := func(before Ticket) (ok bool) {
		write(t, s, func(tx *sqldb.Tx) (err error) {
			ok, err = Edit(tx, before, edited)
			return err
		})
		return ok
	}
	if !edit(old) || edit(old) {
		t.Error("of two edits of one version one is to win")
	}
	want := edited
	want.OpenTime, want.Status, want.CreateTime = old.OpenTime, old.Status, old.CreateTime
	want.Partner, want.Team, want.Agent, want.Customer = "", "", "", old.Customer
	want.Problem, want.MergedInto, want.Counts, want.ImportDigest = "", "", old.Counts, ""
	want.EscalationLevel, want.HandoffCount, want.DeleteTime = 0, 0, time.Time{}
	if got, err := s.Ticket(t.Context(), "acme", "a"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Ticket = %+v, %v, want %+v", got, err, want)
	}
}

// testLog walks over a log in pages of every size.
func testLog(t *testing.T, s *Store) {
	one := ticket("a", 0)
	addTickets(t, s, one)
	write(t, s, func(tx *sqldb.Tx) error {
		for n, at := range []time.Duration{-time.Hour, 0, time.Hour, time.Hour} {
			e := Event{Brand: "acme", Ticket: "a", Number: int64(2 * (n + 1)), Kind: Pended, Time: noon.Add(at), RecordTime: noon}
			AddEvent(tx, e)
			e.Brand = "other"
			AddEvent(tx, e)
			i := interaction(fmt.Sprint("said", n), at)
			i.Number = int64(2*(n+1) + 1)
			if err := AddInteraction(tx, i, true); err != nil {
				return err
			}
		}
		return nil
	})
	write(t, s, func(tx *sqldb.Tx) error { // the log needs none of the words
		_, err := tx.Exec(`UPDATE interaction SET attributes = '?'`)
		return err
	})
	for size := 1; size < 11; size++ {
		var got []string
		after := LogCursor{}
		for range 11 {
			page, err := s.Log(t.Context(), one, after, size)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				got = append(got, fmt.Sprint(e.Number, e.Interaction))
				after = e.Cursor()
			}
		}
		if joined, want := strings.Join(got, " "), "2 3said0 0 4 5said1 6 7said2 8 9said3"; joined != want {
			t.Errorf("pages of %d = %s, want %s", size, joined, want)
		}
	}
	h, err := s.History(t.Context(), "acme", "a")
	if err != nil || len(h.Events) != 4 || len(h.Interactions) != 4 || !reflect.DeepEqual(h.Ticket, one) {
		t.Errorf("History = %+v, %v, want the ticket, 4 events and 4 interactions", h, err)
	}
	if _, err := s.History(t.Context(), "acme", "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("history of no ticket = %v, want ErrNotFound", err)
	}
}

// testBacklog resolves a ticket at 1 h, reopens it at 3 h and resolves it at 5 h.
func testBacklog(t *testing.T, s *Store) {
	addTickets(t, s, ticket("a", 0), ticket("b", 2*time.Hour))
	resolved := func(h time.Duration, reopened int32) lifecycle.Status {
		return lifecycle.Status{State: lifecycle.Resolved, Outcome: 1, ResolveTime: noon.Add(h * time.Hour), ReopenCount: reopened}
	}
	move(t, s, "a", resolved(1, 0), noon.Add(time.Hour))
	move(t, s, "a", lifecycle.Status{State: lifecycle.Open, ReopenCount: 1}, noon.Add(3*time.Hour))
	move(t, s, "a", resolved(5, 1), noon.Add(5*time.Hour))
	write(t, s, func(tx *sqldb.Tx) error { // a ticket of the same id elsewhere
		_, err := tx.Exec(`INSERT INTO reopening (brand, ticket, number, resolve_time, reopen_time) VALUES ('other', 'a', 1, $1, $2)`,
			sqldb.Micros(noon), sqldb.Micros(noon.Add(99*time.Hour)))
		return err
	})
	for _, tt := range []struct {
		start, end time.Duration
		want       string // the tickets opened in the window, and those open at its end
	}{
		{-1, 0, ""},
		{0, 1, "in open"},
		{0, 2, "in"},
		{1, 2, ""},
		{1, 3, "in open"}, // b; a is still resolved at the first instant after
		{1, 4, "in open open"},
		{3, 5, "open open"},
		{3, 6, "open"},
	} {
		window, seen := hours(tt.start, tt.end), []string(nil)
		f := ObservationFilter{Brand: "acme", Opened: window, OpenAt: rollup.None, Columns: []string{"customer", "subject"}}
		err := observe(t, s, f, func(_ *rollup.Ticket, values []string) error {
			if !slices.Equal(values, []string{"ann", "refund"}) {
				t.Errorf("values = %q, want ann and refund", values)
			}
			seen = append(seen, "in")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f.Opened.From, f.OpenAt, f.Backlog = 0, window.To, true
		err = observe(t, s, f, func(o *rollup.Ticket, _ []string) error {
			if o.OpenAt(window.To) {
				seen = append(seen, "open")
			}
			return nil
		})
		slices.Sort(seen)
		if got := strings.Join(seen, " "); err != nil || got != tt.want {
			t.Errorf("from %d h to %d h = %q, %v, want %q", tt.start, tt.end, got, err, tt.want)
		}
	}
	stop := errors.New("stop")
	all := ObservationFilter{Brand: "acme", Opened: hours(0, 1), OpenAt: rollup.None}
	if err := observe(t, s, all, func(*rollup.Ticket, []string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Observe = %v, want the visitor's error", err)
	}
}

// hours is from one hour after noon to another.
func hours(from, to time.Duration) almanac.Range {
	return almanac.Range{From: sqldb.Micros(noon.Add(from * time.Hour)), To: sqldb.Micros(noon.Add(to * time.Hour))}
}

func observe(t *testing.T, s *Store, f ObservationFilter, visit func(*rollup.Ticket, []string) error) error {
	t.Helper()
	f.Now = noon
	return s.Snapshot(t.Context(), func(snap *Snapshot) error { return snap.Observe(f, visit) })
}

func testSpan(t *testing.T, s *Store) {
	if _, _, err := s.Span(t.Context(), "acme", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("Span without tickets = %v, want ErrNotFound", err)
	}
	addTickets(t, s, ticket("a", 0), ticket("b", time.Hour))
	for _, tt := range []struct {
		status lifecycle.Status
		want   time.Duration
	}{
		{lifecycle.Status{State: lifecycle.New}, 1},
		{lifecycle.Status{State: lifecycle.Open, FirstResponse: noon.Add(2 * time.Hour)}, 2},
		{lifecycle.Status{State: lifecycle.Resolved, FirstResponse: noon.Add(-time.Hour), ResolveTime: noon.Add(3 * time.Hour)}, 3},
	} {
		move(t, s, "a", tt.status, noon)
		first, last, err := s.Span(t.Context(), "acme", "")
		if want := noon.Add(tt.want * time.Hour); err != nil || !first.Equal(noon) || !last.Equal(want) {
			t.Errorf("Span = %v, %v, %v, want %v to %v", first, last, err, noon, want)
		}
	}
}
