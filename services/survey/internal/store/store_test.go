package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// migrated has the schema.
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
			{"a response comes back as it went in", testResponse},
			{"the lowest rating is no absence", testLowest},
			{"an invitation is answered once", testAnsweredOnce},
			{"pages join up", testPages},
			{"the span is that of the data", testSpan},
			{"a tally counts what is in range", testTally},
			{"a tally is broken down", testGroups},
			{"a tally counts choices", testChoices},
			{"who comes late with a roll-up writes nothing", testRolling},
			{"marks that are done with go by their key, and no others", testUnmarking},
			{"a tally knows where a response has no place", testUnplaced},
			{"unknown names are not found", testNotFound},
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

func TestReplicasOpenTogether(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := Open(context.Background(), db); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestWhatWasStoredBeforeIsKept(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		first, err := migrations.ReadFile("migrations/0001_survey.sql")
		if err != nil {
			t.Fatal(err)
		}
		db := open(t)
		if err := sqldb.Migrate(t.Context(), db, "survey", fstest.MapFS{"0001_survey.sql": {Data: first}}); err != nil {
			t.Fatal(err)
		}
		want := whole()
		write(t, &Store{db: db}, func(tx *sqldb.Tx) error {
			at := sqldb.Micros(want.SubmitTime)
			tx.Defer(`
				INSERT INTO response (brand, id, survey, subject, customer, invitation, submit_time, create_time, ticket, interaction, touchpoint,
				  agent, team, partner, channel, stage, phase, attributes, rated)
				VALUES ($1, 'r', 's', 1, 'customers/ann', 'i', $2, $3, 'tickets/1', 'tickets/1/interactions/2', 'customers/ann/touchpoints/3',
				  'agents/a', 'teams/t', 'partners/p', 1, 2, 3, $4, 1)`,
				want.Brand, at, sqldb.Micros(want.CreateTime), `{"a":"b","tenure":"31-60 \"<é>\""}`)
			for i, a := range want.Answers {
				tx.Defer(`
					INSERT INTO answer (brand, submit_time, response, position, survey, subject, question, kind, rating, words,
					  touchpoint, definition, channel, stage, phase, partner, team, agent)
					VALUES ($1, $2, 'r', $3, 's', 1, $4, $5, $6, $7, $8, '', 1, 2, 3, 'partners/p', 'teams/t', 'agents/a')`,
					want.Brand, at, i, a.Question, a.Kind, a.rating(), null(a.Words), a.Touchpoint)
			}
			return nil
		})
		s, err := Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Response(t.Context(), "acme", "r")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "response", got, want)
		var keys [][]string
		for _, by := range []rollup.Dim{
			rollup.Channel, rollup.Stage, rollup.Phase, rollup.Survey, rollup.Partner, rollup.Team, rollup.Agent, rollup.Question, rollup.Definition,
		} {
			for _, r := range tallied(t, s, all(), Dimension{Of: by}) {
				if rated(r) {
					keys = append(keys, r.Keys)
				}
			}
		}
		equal(t, "keys", fmt.Sprint(keys), "[[1] [2] [3] [s] [partners/p] [teams/t] [agents/a] [easy] []]")
	})
}

// write runs f in a transaction that must succeed.
func write(t *testing.T, s *Store, f func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := s.db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, s *Store, all ...Response) {
	t.Helper()
	write(t, s, func(tx *sqldb.Tx) error {
		for _, r := range all {
			if err := s.AddResponse(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %+v, want %+v", what, got, want)
	}
}

// response returns a response with two answers, changed by the functions.
func response(id string, at time.Time, changes ...func(*Response)) Response {
	r := Response{
		Brand: "acme", ID: id, Survey: "s", Subject: 1, SubmitTime: at, CreateTime: noon,
		Answers: []Answer{{Question: "easy", Kind: 6, Rating: 3}, {Question: "why", Kind: 7, Words: "hm"}},
		State:   ResponseComplete, SurveyRevision: 1, Version: 1,
	}
	for _, change := range changes {
		change(&r)
	}
	return r
}

// whole returns a response that has everything a response can have.
func whole() Response {
	return response("r", noon.Add(time.Microsecond), func(r *Response) {
		r.Customer, r.Invitation = "customers/ann", "i"
		r.Attribution = Attribution{
			Ticket: "tickets/1", Interaction: "tickets/1/interactions/2", Touchpoint: "customers/ann/touchpoints/3",
			Agent: "agents/a", Team: "teams/t", Partner: "partners/p", Channel: 1, Stage: 2, Phase: 3,
		}
		r.Attributes = map[string]string{"tenure": `31-60 "<é>"`, "a": "b"}
		r.Answers[0].Touchpoint = "customers/ann/touchpoints/4"
	})
}

// filled returns a response that has what only few have, and answers in every form.
func filled() Response {
	r := whole()
	r.Answers = append(r.Answers, Answer{Question: "which", Kind: 9, Choices: []string{"a", "b"}},
		Answer{Question: "met", Kind: 10, Rating: 1, Definition: "touchpointDefinitions/call"})
	r.State, r.SurveyRevision, r.Language, r.Duration, r.Version = ResponseSuperseded, 7, "de-CH", 90*time.Second+time.Microsecond, 9
	r.Supersedes, r.SupersededBy, r.ImportDigest = "before", "after", "0f"
	return r
}

func testResponse(t *testing.T, s *Store) {
	for id, want := range map[string]Response{"r": whole(), "f": filled()} {
		want.ID = id
		add(t, s, want)
		got, err := s.Response(t.Context(), "acme", id)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "response", got, want)
	}
}

func testLowest(t *testing.T, s *Store) {
	want := response("r", noon, func(r *Response) { r.Answers = []Answer{{Question: "nps", Kind: 1, Rating: 0}} })
	add(t, s, want)
	got, err := s.Response(t.Context(), "acme", "r")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "response", got, want)
	equal(t, "zeros", count(tallied(t, s, all()), is(rollup.RatingCode(1, 0))), int64(1))
}

func testAnsweredOnce(t *testing.T, s *Store) {
	const rivals = 16
	var wg sync.WaitGroup
	errs := make([]error, rivals)
	for i := range rivals {
		wg.Go(func() {
			r := response(fmt.Sprint(i), noon, func(r *Response) { r.Invitation = "i" })
			errs[i] = s.db.Write(context.Background(), func(tx *sqldb.Tx) error { return s.AddResponse(tx, r) })
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !sqldb.Unique(err):
			t.Errorf("%v, want a unique error", err)
		}
	}
	if won != 1 {
		t.Errorf("%d responses answered the invitation, want 1", won)
	}
	got, err := s.Responses(t.Context(), Filter{Brand: "acme", Limit: 100})
	if err != nil || len(got) != 1 {
		t.Errorf("%d responses, %v, want 1", len(got), err)
	}
}

func testPages(t *testing.T, s *Store) {
	for i := range 7 { // pairs share a submit time
		add(t, s, response(string(rune('a'+i)), noon.Add(time.Duration(i/2)*time.Minute), func(r *Response) {
			if i%2 == 0 {
				r.Customer = "customers/ann"
			}
			if i < 3 {
				r.Survey = "s2"
			}
		}))
	}
	add(t, s, response("z", noon, func(r *Response) { r.Brand = "other" }))
	for _, tt := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "gfedcba"},
		{Filter{Customer: "customers/ann"}, "geca"},
		{Filter{Survey: "s2"}, "cba"},
		{Filter{Customer: "customers/ann", Survey: "s2"}, "ca"},
		{Filter{Survey: "s3"}, ""},
	} {
		f := tt.filter
		f.Brand, f.Limit = "acme", 2
		got := ""
		for range 5 {
			rows, err := s.Responses(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				got += r.ID
				if len(r.Answers) != 2 {
					t.Errorf("%s has %d answers, want 2", r.ID, len(r.Answers))
				}
			}
			if len(rows) == 0 {
				break
			}
			last := rows[len(rows)-1]
			f.After = Cursor{sqldb.Micros(last.SubmitTime), last.ID}
		}
		equal(t, fmt.Sprintf("pages of %+v", tt.filter), got, tt.want)
	}
}

func testNotFound(t *testing.T, s *Store) {
	add(t, s, response("r", noon))
	invite(t, s, invitation("i"))
	for _, brand := range []string{"aaa", "other"} {
		if _, err := s.Response(t.Context(), brand, "r"); !errors.Is(err, ErrNotFound) {
			t.Errorf("another brand's response: %v, want ErrNotFound", err)
		}
		if used, err := s.HasResponse(t.Context(), brand, "r"); used || err != nil {
			t.Errorf("another brand's id is in use: %t, %v", used, err)
		}
		if _, err := s.Invitation(t.Context(), brand, "s", "i"); !errors.Is(err, ErrNotFound) {
			t.Errorf("another brand's invitation: %v, want ErrNotFound", err)
		}
	}
	if _, err := s.Invitation(t.Context(), "acme", "s2", "i"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another survey's invitation: %v, want ErrNotFound", err)
	}
}
