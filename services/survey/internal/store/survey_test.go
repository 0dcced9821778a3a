package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

func TestSurveys(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, *Store)
		}{
			{"a survey comes back as it went in", testSurvey},
			{"a survey's id is used once in a brand", testSurveyTwice},
			{"a survey that earlier versions stored is read", testSurveyBefore},
			{"a survey is remembered for a second, and no longer once it has changed here", testSurveyFresh},
			{"what was read before a change is not remembered", testSurveyStale},
			{"a revision comes back with what does not belong to it as it is now", testRevision},
			{"the revisions of a survey made again are its own", testMadeAgain},
			{"a rule comes back as it went in", testRule},
			{"only active rules are remembered", testRules},
			{"a survey in use is known", testSurveyInUse},
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

func record(id string) table.Record {
	return table.Record{Brand: "acme", ID: id, CreateTime: noon.Add(time.Microsecond), UpdateTime: noon.Add(time.Hour), Version: 1}
}

func survey() Survey {
	low, high := int32(1), int32(4)
	words := map[string]string{"de": "Wie <war> es?"}
	return Survey{
		Record: record("s"), DisplayName: "Après l'appel", Subject: 1, Scope: 1, SamplingRate: .1, QuietPeriod: 36 * time.Hour,
		Questions: []Question{
			{
				ID: "easy", Kind: 6, Text: "Was it <easy>?", Required: true, Definition: "touchpointDefinitions/call", Translations: words,
				Branches: []Branch{{Min: &low, Max: &high, Question: "which"}, {}},
			},
			{ID: "which", Kind: 8, Text: "Which?", Choices: []Choice{{ID: "a", Text: "A", Translations: words}, {ID: "b", Text: "B"}}},
			{ID: "met", Kind: 10, Text: "As expected?", Branches: []Branch{{Choices: []string{"a"}, Expectation: 3}}},
		},
		Channels: []int32{1, 3}, State: 2, Revision: 1, Audience: 3, Anonymous: true, ExpireAfter: time.Hour, CloseTime: noon.Add(time.Minute),
		Language: "fr", Introduction: Wording{Text: "Bonjour", Translations: words}, Thanks: Wording{Translations: words}, ConsentRequired: true,
	}
}

// plain is a survey with nothing that it need not have.
func plain(id string) Survey {
	return Survey{Record: record(id), DisplayName: "x", Subject: 1, Scope: 1, Questions: []Question{{ID: "nps", Kind: 1, Text: "?"}}, SamplingRate: 1, State: 2, Revision: 1, Audience: 1, Language: "en"}
}

// put writes surveys as the API does.
func put(t *testing.T, s *Store, all ...Survey) {
	t.Helper()
	write(t, s, func(tx *sqldb.Tx) error {
		for _, v := range all {
			if _, err := Surveys.Add(tx, v); err != nil {
				return err
			}
			AddRevision(tx, v)
		}
		s.ForgetSurveys(tx)
		return nil
	})
}

// change writes v in its next version.
func change(t *testing.T, s *Store, v Survey) {
	t.Helper()
	write(t, s, func(tx *sqldb.Tx) error {
		_, err := Surveys.Update(tx, v)
		s.ForgetSurveys(tx)
		return err
	})
}

func read1(t *testing.T, s *Store, id string) Survey {
	t.Helper()
	v, err := s.Survey(t.Context(), "acme", id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func testSurvey(t *testing.T, s *Store) {
	put(t, s, survey(), plain("p"))
	for range 2 { // from the database, then from memory
		got := read1(t, s, "p")
		equal(t, "channels for all", len(got.Channels), 0)
		got.Channels = nil
		equal(t, "survey", got, plain("p"))
		equal(t, "survey", read1(t, s, "s"), survey())
		write(t, s, func(tx *sqldb.Tx) error {
			got, err := s.SurveyIn(tx, "acme", "s")
			equal(t, "survey in a transaction", got, survey())
			return err
		})
	}
	for _, key := range [][2]string{{"other", "s"}, {"acme", "x"}} {
		if _, err := s.Survey(t.Context(), key[0], key[1]); !errors.Is(err, ErrNotFound) {
			t.Errorf("survey %v: %v, want ErrNotFound", key, err)
		}
	}
}

func testSurveyTwice(t *testing.T, s *Store) {
	put(t, s, survey())
	again := func(v Survey) error {
		return s.db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := Surveys.Add(tx, v); return err })
	}
	if err := again(survey()); !errors.Is(err, table.ErrExists) {
		t.Errorf("the same id again: %v, want ErrExists", err)
	}
	v := survey()
	v.Brand = "other"
	if err := again(v); err != nil {
		t.Errorf("the same id in another brand: %v", err)
	}
}

// testSurveyBefore stores what the version before this one would.
func testSurveyBefore(t *testing.T, s *Store) {
	write(t, s, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`
			INSERT INTO survey (brand, id, display_name, subject, scope, questions, sampling_rate, quiet_period, channels, state, create_time, version)
			VALUES ('acme', 'p', 'x', 1, 1, '[{"id":"nps","kind":1,"text":"?"}]', 1, 0, '[]', 2, 1, 1)`)
		return err
	})
	got := read1(t, s, "p")
	if got.Revision != 1 || got.Audience != 1 || got.Language != "en" || got.ExpireAfter != 14*24*time.Hour || !got.TakesAnswers(noon) || len(got.Channels) != 0 {
		t.Errorf("survey = %+v, want the defaults", got)
	}
	again, err := s.SurveyRevision(t.Context(), "acme", "p", 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "its only revision", again, got)
}

func testSurveyFresh(t *testing.T, s *Store) {
	other := &Store{db: s.db} // another process
	put(t, s, plain("p"))
	v := read1(t, other, "p")
	for name := range 20 { // each change is seen at once
		v = read1(t, s, "p")
		v.DisplayName = fmt.Sprint(name)
		change(t, s, v)
		equal(t, "display name after the change", read1(t, s, "p").DisplayName, v.DisplayName)
	}
	until := time.Now().Add(10 * fresh)
	for read1(t, other, "p").DisplayName != v.DisplayName {
		if time.Now().After(until) {
			t.Fatal("another process never saw the change")
		}
	}
	now, err := other.SurveyNow(t.Context(), "acme", "p")
	if err != nil || now.Version != 21 {
		t.Errorf("the survey now = %+v, %v, want version 21", now, err)
	}
}

// testSurveyStale has readers and a writer race: after a change nobody may read, or
// have remembered, what was before.
func testSurveyStale(t *testing.T, s *Store) {
	put(t, s, plain("p"))
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Survey(t.Context(), "acme", "p"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		v := read1(t, s, "p")
		v.QuietPeriod += time.Hour
		change(t, s, v)
		equal(t, "quiet period", read1(t, s, "p").QuietPeriod, v.QuietPeriod)
	}
	stop()
	wg.Wait()
}

func testRevision(t *testing.T, s *Store) {
	first := survey()
	put(t, s, first)
	other := &Store{db: s.db} // another process
	equal(t, "survey there", read1(t, other, "s"), first)
	second := first
	second.Revision, second.Questions, second.Language = 2, plain("").Questions, "de"
	second.Introduction, second.Thanks, second.DisplayName = Wording{}, Wording{Text: "Danke"}, "Nach dem Anruf"
	write(t, s, func(tx *sqldb.Tx) error {
		AddRevision(tx, first) // once more is nothing
		AddRevision(tx, second)
		return nil
	})
	change(t, s, second)
	if got, err := other.SurveyRevision(t.Context(), "acme", "s", 2); err != nil || got.Language != "de" {
		t.Errorf("the new revision where the old one may be remembered = %+v, %v", got, err)
	}
	second.Version = 2
	old := second
	old.Revision, old.Questions, old.Language, old.Introduction, old.Thanks = 1, first.Questions, first.Language, first.Introduction, first.Thanks
	for range 2 { // from the database, then from memory
		for number, want := range []Survey{1: old, 2: second} {
			if number == 0 {
				continue
			}
			got, err := s.SurveyRevision(t.Context(), "acme", "s", int64(number))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "revision", got, want)
			write(t, s, func(tx *sqldb.Tx) error {
				got, err := s.SurveyRevisionIn(tx, "acme", "s", int64(number))
				equal(t, "revision in a transaction", got, want)
				return err
			})
		}
	}
	for _, number := range []int64{0, 3, -1} {
		if _, err := s.SurveyRevision(t.Context(), "acme", "s", number); !errors.Is(err, ErrNotFound) {
			t.Errorf("revision %d: %v, want ErrNotFound", number, err)
		}
	}
	before, err := s.RevisionsBefore(t.Context(), second, 3, 9)
	equal(t, "revisions", before, []Survey{second, old})
	if err != nil {
		t.Fatal(err)
	}
}

func testMadeAgain(t *testing.T, s *Store) {
	for i := range 2 {
		first := plain("p")
		first.CreateTime, first.Questions[0].Text = noon.Add(time.Duration(i)*time.Hour), fmt.Sprint("first of ", i)
		put(t, s, first)
		second := first
		second.Revision = 2
		change(t, s, second)
		got, err := s.SurveyRevision(t.Context(), "acme", "p", 1)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "what was asked first", got.Questions[0].Text, first.Questions[0].Text)
		write(t, s, func(tx *sqldb.Tx) error {
			DeleteRevisions(tx, "acme", "p")
			Surveys.Delete(tx, "acme", "p")
			s.ForgetSurveys(tx)
			return nil
		})
	}
}

func rule(id string) TriggerRule {
	return TriggerRule{
		Record: record(id), DisplayName: "x", Survey: "s", Kind: OnTouchpoint, Delay: time.Minute,
		Trigger: Trigger{
			Kinds: []int32{1}, Handlings: []int32{2}, Once: 2, Outcomes: []int32{3}, Stages: []int32{4}, Definitions: []string{"touchpointDefinitions/d"},
			Channels: []int32{5}, Start: noon.Add(time.Microsecond), Every: time.Hour, Channel: 6,
		},
		Conditions: &Conditions{
			Channels: []int32{1}, Stages: []int32{2}, Phases: []int32{3}, Partners: []string{"partners/p"}, Teams: []string{"teams/t"}, Agents: []string{"agents/a"},
		},
	}
}

func addRules(t *testing.T, s *Store, all ...TriggerRule) {
	t.Helper()
	write(t, s, func(tx *sqldb.Tx) error {
		for _, r := range all {
			if _, err := TriggerRules.Add(tx, r); err != nil {
				return err
			}
		}
		s.ForgetRules(tx)
		return nil
	})
}

func testRule(t *testing.T, s *Store) {
	bare := TriggerRule{Record: record("bare"), DisplayName: "x", Survey: "s", Kind: OnResolution, Inactive: true, Conditions: &Conditions{}}
	none := TriggerRule{Record: record("none"), DisplayName: "x", Survey: "s", Kind: OnResolution}
	addRules(t, s, rule("whole"), bare, none)
	for _, want := range []TriggerRule{rule("whole"), bare, none} {
		write(t, s, func(tx *sqldb.Tx) error {
			got, err := TriggerRules.Get(tx, "acme", want.ID)
			equal(t, "rule", got, want)
			return err
		})
	}
}

func testRules(t *testing.T, s *Store) {
	ids := func(all []TriggerRule, err error) (ids string) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			ids += r.ID
		}
		return ids
	}
	in := func() (all string) {
		write(t, s, func(tx *sqldb.Tx) error { all = ids(s.RulesIn(tx, "acme")); return nil })
		return all
	}
	equal(t, "no rules", in(), "")
	a, b, off, foreign := rule("a"), rule("b"), rule("c"), rule("d")
	b.Kind, off.Kind, off.Inactive, foreign.Kind, foreign.Brand = OnSchedule, OnSchedule, true, OnSchedule, "other"
	addRules(t, s, b, a, off, foreign)
	for range 2 {
		equal(t, "rules", in(), "ab")
	}
	equal(t, "schedules", ids(s.Schedules(t.Context())), "bd")
	write(t, s, func(tx *sqldb.Tx) error { TriggerRules.Delete(tx, "acme", "a"); s.ForgetRules(tx); return nil })
	equal(t, "rules after one was deleted", in(), "b")
}

func testSurveyInUse(t *testing.T, s *Store) {
	used := func(want bool) {
		t.Helper()
		write(t, s, func(tx *sqldb.Tx) error {
			got, err := SurveyInUse(tx, "acme", "s")
			equal(t, "in use", got, want)
			return err
		})
	}
	used(false)
	other, foreign := rule("other"), rule("foreign")
	other.Survey, foreign.Brand = "s2", "other"
	addRules(t, s, other, foreign)
	used(false)
	addRules(t, s, rule("r"))
	used(true)
	write(t, s, func(tx *sqldb.Tx) error { TriggerRules.Delete(tx, "acme", "r"); return nil })
	used(false)
	for _, statement := range []string{
		`INSERT INTO invitation (brand, survey, id, subject, customer, interaction, occasion, channel, decision, decide_time, quiet_until)
		 VALUES ('acme', 's', 'i', 1, 'customers/ann', '', '', 1, 2, 0, 0)`,
		`INSERT INTO response (brand, id, survey, subject, submit_time, create_time, ticket, interaction, touchpoint,
		   agent, team, partner, channel, stage, phase, attributes, rated)
		 VALUES ('acme', 'r', 's', 1, 0, 0, '', '', '', '', '', '', 1, 1, 1, '{}', 0)`,
	} {
		write(t, s, func(tx *sqldb.Tx) error { _, err := tx.Exec(statement); return err })
		used(true)
		write(t, s, func(tx *sqldb.Tx) error {
			tx.Defer(`DELETE FROM invitation`)
			tx.Defer(`DELETE FROM response`)
			return nil
		})
		used(false)
	}
}

func TestAnswersAreTakenUpToTheInstantOfTheClose(t *testing.T) {
	v := Survey{State: surveyActive}
	closed := v
	closed.CloseTime = noon
	paused := v
	paused.State++
	for _, tt := range []struct {
		name string
		v    Survey
		at   time.Time
		want bool
	}{
		{"never closed", v, noon, true},
		{"just before the close", closed, noon.Add(-time.Microsecond), true},
		{"at the close", closed, noon, false},
		{"paused", paused, noon, false},
	} {
		if got := tt.v.TakesAnswers(tt.at); got != tt.want {
			t.Errorf("%s: takes answers %t, want %t", tt.name, got, tt.want)
		}
	}
}
