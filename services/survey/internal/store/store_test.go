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
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// TestStore holds SQLite and PostgreSQL to the same promises.
func TestStore(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, *Store)
		}{
			{"a survey comes back as it went in", testSurvey},
			{"a survey's id is used once in a brand", testSurveyTwice},
			{"an invitation comes back as it went in, with its response", testInvitation},
			{"an occasion is sent once", testSentOnce},
			{"what was sent is known on both sides of its time", testContact},
			{"decisions about one customer wait for each other", testWait},
			{"a response comes back as it went in", testResponse},
			{"the lowest rating is no absence", testLowest},
			{"an invitation is answered once", testAnsweredOnce},
			{"pages join up", testPages},
			{"the span is that of the data", testSpan},
			{"a tally counts what is in range", testTally},
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
		add(t, &Store{db: db}, want)
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
		for _, by := range []string{
			ByChannel, ByStage, ByPhase, BySurvey, ByPartner, ByTeam, ByAgent, ByQuestion, ByDefinition,
		} {
			for _, r := range tallied(t, s, all(), Dimension{Column: by}) {
				if r.Of == OfRatings {
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

func invite(t *testing.T, s *Store, all ...Invitation) {
	t.Helper()
	write(t, s, func(tx *sqldb.Tx) error {
		for _, v := range all {
			s.AddInvitation(tx, v)
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

func survey() Survey {
	return Survey{
		Brand: "acme", ID: "s", DisplayName: "Après l'appel", Subject: 1, Scope: 1, SamplingRate: .1, QuietPeriod: 36 * time.Hour,
		Questions: []Question{
			{ID: "easy", Kind: 6, Text: "Was it <easy>?", Required: true, Definition: "touchpointDefinitions/call"},
			{ID: "why", Kind: 7, Text: "Why?"},
		},
		Channels: []int32{1, 3}, State: 2, CreateTime: noon.Add(time.Microsecond), Version: 1,
	}
}

func testSurvey(t *testing.T, s *Store) {
	open := survey()
	open.ID, open.Channels = "open", []int32{}
	write(t, s, func(tx *sqldb.Tx) error { return errors.Join(s.AddSurvey(tx, survey()), s.AddSurvey(tx, open)) })
	for range 2 { // from the database, then from memory
		for _, want := range []Survey{survey(), open} {
			got, err := s.Survey(t.Context(), want.Brand, want.ID)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "survey", got, want)
		}
	}
	if _, err := s.Survey(t.Context(), "other", "s"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another brand's survey: %v, want ErrNotFound", err)
	}
}

func testSurveyTwice(t *testing.T, s *Store) {
	write(t, s, func(tx *sqldb.Tx) error { return s.AddSurvey(tx, survey()) })
	again := func(v Survey) error {
		return s.db.Write(t.Context(), func(tx *sqldb.Tx) error { return s.AddSurvey(tx, v) })
	}
	if err := again(survey()); !sqldb.Unique(err) {
		t.Errorf("the same id again: %v, want a unique error", err)
	}
	v := survey()
	v.Brand = "other"
	if err := again(v); err != nil {
		t.Errorf("the same id in another brand: %v", err)
	}
}

func invitation(id string) Invitation {
	return Invitation{
		Brand: "acme", Survey: "s", ID: id, Subject: 1, Customer: "customers/ann", Interaction: "tickets/1/interactions/" + id,
		Occasion: "tickets/1/interactions/" + id, Channel: 1, Decision: 1, DecideTime: noon, QuietUntil: noon.Add(time.Hour),
	}
}

func testInvitation(t *testing.T, s *Store) {
	asked, silent := invitation("a"), invitation("b")
	silent.Interaction, silent.Decision, silent.QuietUntil, silent.DuplicateOf = "", 7, time.Time{}, "a"
	invite(t, s, asked, silent)
	add(t, s, response("r", noon, func(r *Response) { r.Invitation = "a" }))
	asked.Response = "r"
	for _, want := range []Invitation{asked, silent} {
		got, err := s.Invitation(t.Context(), "acme", "s", want.ID)
		if err != nil {
			t.Fatal(err)
		}
		want.Occasion, want.Subject = "", 0 // for the rules alone
		equal(t, "invitation", got, want)
	}
}

func testSentOnce(t *testing.T, s *Store) {
	invite(t, s, invitation("a"))
	again, refused := invitation("b"), invitation("c")
	again.Occasion, refused.Occasion, refused.Decision = "tickets/1/interactions/a", "tickets/1/interactions/a", 7
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error { s.AddInvitation(tx, again); return nil })
	if !sqldb.Unique(err) {
		t.Errorf("sent again: %v, want a unique error", err)
	}
	invite(t, s, refused)
}

func testContact(t *testing.T, s *Store) {
	none, other, before := invitation("none"), invitation("other"), invitation("before")
	none.Decision, none.QuietUntil = 2, noon.Add(99*time.Hour)
	other.Brand, other.QuietUntil = "other", noon.Add(99*time.Hour)
	longer, loud := invitation("longer"), invitation("loud")
	longer.Survey, longer.DecideTime, longer.QuietUntil = "s2", noon.Add(-time.Hour), noon.Add(2*time.Hour)
	loud.DecideTime, loud.QuietUntil = noon.Add(20*time.Hour), time.Time{}
	before.DecideTime, before.QuietUntil = time.Unix(0, 0), time.Time{}
	invite(t, s, invitation("a"), none, other, longer, loud, before)
	begin, end, hour, instant := noon.Add(-4*time.Hour), noon.Add(2*time.Hour), time.Hour, time.Microsecond
	for _, tt := range []struct {
		name     string
		occasion string
		at       time.Time
		quiet    time.Duration
		want     Sent
	}{
		{"the same occasion", "tickets/1/interactions/a", noon.Add(9 * hour), 0, Sent{DuplicateOf: "a"}},
		{"the same occasion of another survey", "tickets/1/interactions/longer", noon.Add(9 * hour), 0, Sent{}},
		{"right away, the longer quiet counts", "x", noon, 0, Sent{QuietUntil: end}},
		{"the last quiet instant", "x", end.Add(-instant), 0, Sent{QuietUntil: end}},
		{"the first loud instant", "x", end, 0, Sent{}},
		{"the last loud instant", "x", begin, 0, Sent{}},
		{"the first quiet instant", "x", begin.Add(instant), 0, Sent{QuietUntil: end}},
		{"its own quiet would end with the next", "x", loud.DecideTime.Add(-hour), hour, Sent{}},
		{"its own quiet would cover the next", "x", loud.DecideTime.Add(-hour), hour + instant, Sent{QuietUntil: loud.DecideTime}},
		{"its own quiet would cover the next, which is quiet itself", "x", noon.Add(-9 * hour), 8*hour + instant, Sent{QuietUntil: end}},
		{"together with one that binds nobody", "x", loud.DecideTime, hour, Sent{}},
		{"just after one that binds nobody", "x", loud.DecideTime.Add(instant), hour, Sent{}},
	} {
		write(t, s, func(tx *sqldb.Tx) error {
			v := invitation("new")
			v.Occasion, v.DecideTime = tt.occasion, tt.at
			got, err := s.Contact(tx, v, tt.quiet)
			equal(t, tt.name, got, tt.want)
			return err
		})
	}
}

// testWait holds a decision back until another has been made, or has waited long
// enough to be believed.
func testWait(t *testing.T, s *Store) {
	write(t, s, func(tx *sqldb.Tx) error { // so that the customer is known already
		_, err := s.Contact(tx, invitation("x"), 0)
		return err
	})
	var wg sync.WaitGroup
	begun, passed := make(chan struct{}), make(chan struct{})
	wg.Go(func() {
		err := s.db.Write(context.Background(), func(tx *sqldb.Tx) error {
			if _, err := s.Contact(tx, invitation("a"), 0); err != nil {
				return err
			}
			close(begun)
			select {
			case <-passed:
				t.Error("a second decision did not wait for the first")
			case <-time.After(200 * time.Millisecond):
			}
			s.AddInvitation(tx, invitation("a"))
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	var got Sent
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
		got, err = s.Contact(tx, invitation("a"), 0)
		close(passed)
		return err
	})
	wg.Wait()
	if err != nil || got.DuplicateOf != "a" {
		t.Errorf("what the second knows = %+v, %v, want it asked", got, err)
	}
}

// response returns a response with two answers, changed by the functions.
func response(id string, at time.Time, changes ...func(*Response)) Response {
	r := Response{
		Brand: "acme", ID: id, Survey: "s", Subject: 1, SubmitTime: at, CreateTime: noon,
		Attributes: map[string]string{},
		Answers:    []Answer{{Question: "easy", Kind: 6, Rating: 3}, {Question: "why", Kind: 7, Words: "hm"}},
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

func testResponse(t *testing.T, s *Store) {
	want := whole()
	add(t, s, want, response("x", noon))
	got, err := s.Response(t.Context(), "acme", "r")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "response", got, want)
}

func testLowest(t *testing.T, s *Store) {
	want := response("r", noon, func(r *Response) { r.Answers = []Answer{{Question: "nps", Kind: 1, Rating: 0}} })
	add(t, s, want)
	got, err := s.Response(t.Context(), "acme", "r")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "response", got, want)
	equal(t, "zeros", count(tallied(t, s, all()), func(r Tally) bool { return r.Of == OfRatings && r.Kind == 1 && r.Rating == 0 }), int64(1))
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
