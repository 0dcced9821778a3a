package store

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

// all is every answer of the brand, asked every invitation.
func all() Selection {
	return Selection{Brand: "acme", Of: rollup.Answers, Window: almanac.Range{To: math.MaxInt64}}
}

func asked() Selection {
	in := all()
	in.Of = rollup.Invitations
	return in
}

// count adds up the rows that match.
func count(rows []Tally, match func(Tally) bool) (n int64) {
	for _, r := range rows {
		if match(r) {
			n += r.N
		}
	}
	return n
}

func rated(r Tally) bool {
	_, _, ok := r.Code.Rating()
	return ok
}

func is(c rollup.Code) func(Tally) bool { return func(r Tally) bool { return r.Code == c } }

// tallied returns all counts of a tally.
func tallied(t *testing.T, s *Store, in Selection, groups ...Dimension) (rows []Tally) {
	t.Helper()
	return broken(t, s, in, Breakdown{Groups: groups})
}

func broken(t *testing.T, s *Store, in Selection, by Breakdown) (rows []Tally) {
	t.Helper()
	err := s.Snapshot(t.Context(), func(snap *Snapshot) error {
		return snap.Tally(in, by, func(one *Tally) error {
			rows = append(rows, *one)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func testSpan(t *testing.T, s *Store) {
	first, last := noon.Add(-time.Hour), noon.Add(-time.Minute)
	check := func(of rollup.Source, want Span) {
		t.Helper()
		got, err := s.Span(t.Context(), "acme", of)
		if none := want == (Span{}); errors.Is(err, ErrNotFound) != none || err != nil && !none {
			t.Fatalf("span of %d: %v, want %v", of, err, want)
		}
		equal(t, "span", got, want)
	}
	check(rollup.Answers, Span{})
	check(rollup.Invitations, Span{})
	invite(t, s, invitation("a"))
	check(rollup.Answers, Span{})
	check(rollup.Invitations, Span{noon, noon})
	add(t, s, response("a", last), response("b", first), response("c", noon.Add(time.Hour), func(r *Response) { r.Brand = "other" }))
	check(rollup.Answers, Span{first, last})
}

// seed adds four responses, three invitations and what does not count.
func seed(t *testing.T, s *Store) {
	t.Helper()
	add(
		t, s,
		response("phone", noon, func(r *Response) {
			r.Channel, r.Stage, r.Partner, r.Invitation = 1, 4, "partners/p", "a"
			r.Attributes = map[string]string{"tenure": "new"}
			r.Answers[0].Definition = "touchpointDefinitions/call"
		}),
		response("both", noon, func(r *Response) {
			r.Channel = 1
			r.Answers = append(r.Answers, Answer{Question: "calm", Kind: 6, Rating: 7, Definition: "touchpointDefinitions/call"})
			r.Answers[0].Definition = "touchpointDefinitions/call"
		}),
		response("mail", noon, func(r *Response) { r.Channel, r.Survey, r.Subject = 2, "s2", 2 }),
		response("words", noon, func(r *Response) { r.Answers = r.Answers[1:] }),
		response("late", noon.Add(time.Hour)),
		response("other", noon, func(r *Response) { r.Brand = "other" }),
	)
	write(t, s, func(tx *sqldb.Tx) error {
		tx.Defer(`UPDATE response SET state = 2`)
		tx.Defer(`UPDATE response SET language = 'de' WHERE id = 'phone'`)
		tx.Defer(`UPDATE answer SET language = 'de' WHERE response = 'phone'`)
		return nil
	})
	a, b, c, never := invitation("a"), invitation("b"), invitation("c"), invitation("never")
	a.State, a.CompleteTime = invitationCompleted, noon
	b.Channel, c.Survey, c.Subject, never.Decision, never.State = 2, "s2", 2, 2, 0
	invite(t, s, a, b, c, never)
}

func testTally(t *testing.T, s *Store) {
	seed(t, s)
	hour := almanac.Range{From: sqldb.Micros(noon), To: sqldb.Micros(noon.Add(time.Hour))}
	on := func(change func(*Selection)) func(*Selection) {
		return func(in *Selection) {
			in.Window = hour
			change(in)
		}
	}
	for _, tt := range []struct {
		name                          string
		in                            func(*Selection)
		ratings, responses, decisions int64
	}{
		{"the hour", on(func(*Selection) {}), 4, 4, 4},
		{"one microsecond", on(func(in *Selection) { in.Window.To = hour.From + 1 }), 4, 4, 4},
		{"just before", on(func(in *Selection) { in.Window = almanac.Range{From: hour.From - 5, To: hour.From} }), 0, 0, 0},
		{"all times", func(*Selection) {}, 5, 5, 4},
		{"one subject", on(func(in *Selection) { in.Subjects = []int32{2} }), 1, 1, 1},
		{"one survey", on(func(in *Selection) { in.Surveys = []string{"s2", "s3"} }), 1, 1, 1},
		{"one channel", on(func(in *Selection) { in.Channels = []int32{1, 9} }), 3, 2, 3},
		{"one stage", on(func(in *Selection) { in.Stages = []int32{4} }), 1, 1, 0},
	} {
		of, decisions := all(), asked()
		tt.in(&of)
		tt.in(&decisions)
		rows := tallied(t, s, of)
		equal(t, tt.name+": ratings", count(rows, rated), tt.ratings)
		equal(t, tt.name+": responses", count(rows, is(rollup.Responses)), tt.responses)
		equal(t, tt.name+": decisions", count(tallied(t, s, decisions), func(Tally) bool { return true }), tt.decisions)
	}
	equal(t, "answered", count(tallied(t, s, asked()), is(rollup.Decision{Number: 1, Depth: rollup.Completed}.Code())), int64(1))
	equal(t, "not asked", count(tallied(t, s, asked()), is(rollup.Decision{Number: 2}.Code())), int64(1))
	equal(t, "of words only", count(tallied(t, s, all()), is(rollup.Unrated)), int64(1))
	filtered := all()
	filtered.Where = filter.Clause{Text: "r.language = ?", Args: []any{"de"}}
	equal(t, "in German", count(tallied(t, s, filtered), rated), int64(1))
	write(t, s, func(tx *sqldb.Tx) error {
		tx.Defer(`UPDATE answer SET counted = 0 WHERE response IN ('both', 'words')`)
		tx.Defer(`UPDATE response SET state = 3 WHERE id IN ('both', 'words')`)
		return nil
	})
	rows := tallied(t, s, all(), Dimension{Of: rollup.Question})
	equal(t, "that count", [3]int64{count(rows, rated), count(rows, is(rollup.Unrated)), count(rows, func(r Tally) bool { return r.Whole && r.Code == rollup.Responses })}, [3]int64{3, 0, 3})
	stops(t, s)
}

func stops(t *testing.T, s *Store) {
	t.Helper()
	calls, enough := 0, errors.New("enough")
	err := s.Snapshot(t.Context(), func(snap *Snapshot) error {
		return snap.Tally(all(), Breakdown{}, func(*Tally) error {
			calls++
			return enough
		})
	})
	if err != enough || calls != 1 {
		t.Errorf("tally = %v after %d counts, want to stop at the first error", err, calls)
	}
}

// testGroups breaks down what seed added, the late response included.
func testGroups(t *testing.T, s *Store) {
	seed(t, s)
	by := func(of rollup.Dim) Dimension { return Dimension{Of: of} }
	responses := is(rollup.Responses)
	for _, tt := range []struct {
		in    Selection
		dims  []Dimension
		count func(Tally) bool
		want  map[string]int64
	}{
		{all(), []Dimension{by(rollup.Channel)}, responses, map[string]int64{"1": 2, "2": 1, "0": 2}},
		{asked(), []Dimension{by(rollup.Channel)}, func(Tally) bool { return true }, map[string]int64{"1": 3, "2": 1}},
		{asked(), []Dimension{by(rollup.Survey), by(rollup.Channel)}, is(rollup.Decision{Number: 1}.Code()), map[string]int64{"s/2": 1, "s2/1": 1}},
		{asked(), []Dimension{by(rollup.Question)}, func(Tally) bool { return true }, map[string]int64{}},
		{all(), []Dimension{by(rollup.Partner)}, rated, map[string]int64{"partners/p": 1, "": 4}},
		{all(), []Dimension{by(rollup.Language)}, rated, map[string]int64{"de": 1, "": 4}},
		{all(), []Dimension{{Attribute: "tenure"}, by(rollup.Stage)}, responses, map[string]int64{"new/4": 1, "/0": 4}},
		{all(), []Dimension{{Attribute: "tenure"}}, rated, map[string]int64{"new": 1, "": 4}},
		{all(), []Dimension{by(rollup.Question)}, rated, map[string]int64{"easy": 4, "calm": 1}},
		{all(), []Dimension{by(rollup.Question)}, responses, map[string]int64{"easy": 4, "calm": 1, "why": 5}},
		{all(), []Dimension{by(rollup.Definition)}, responses, map[string]int64{"touchpointDefinitions/call": 2, "": 5}},
		{all(), []Dimension{by(rollup.Definition), {Attribute: "tenure"}}, rated, map[string]int64{"touchpointDefinitions/call/new": 1, "touchpointDefinitions/call/": 2, "/": 2}},
	} {
		got := map[string]int64{}
		for _, r := range tallied(t, s, tt.in, tt.dims...) {
			if r.Group && tt.count(r) {
				got[strings.Join(r.Keys, "/")] += r.N
			}
		}
		equal(t, "breakdown", got, tt.want)
	}
	got := map[string]int64{}
	for _, r := range broken(t, s, all(), Breakdown{Groups: []Dimension{by(rollup.Stage)}, Strata: []rollup.Dim{rollup.Channel, rollup.Partner}}) {
		if r.Whole && r.Code == rollup.Responses {
			got[strings.Join(append(r.Strata, r.Keys...), "/")] += r.N
		}
	}
	equal(t, "strata", got, map[string]int64{"1/partners/p/4": 1, "1//0": 1, "2//0": 1, "0//0": 2})
}

func testChoices(t *testing.T, s *Store) {
	chose := func(id string, channel int32, ids ...string) Response {
		return response(id, noon, func(r *Response) {
			r.Channel = channel
			r.Answers = []Answer{{Question: "why", Kind: 9, Choices: ids}, {Question: "how", Kind: 10, Rating: 3}}
		})
	}
	add(t, s, chose("a", 1, "price"), chose("b", 1, "price", "speed"), chose("c", 2, "speed"))
	got, whole := map[string]int64{}, map[rollup.Code]int64{}
	for _, r := range broken(t, s, all(), Breakdown{Groups: []Dimension{{Of: rollup.Channel}}, Choice: true}) {
		if r.Group {
			got[strings.Join([]string{r.Keys[0], r.Survey, r.Question, r.Choice}, "/")] += r.N
		}
		if r.Whole {
			whole[r.Code] += r.N
		}
	}
	equal(t, "choices", got, map[string]int64{
		"1/s/why/": 2, "1/s/why/price": 2, "1/s/why/speed": 1, "2/s/why/": 1, "2/s/why/speed": 1,
	})
	equal(t, "whole", whole, map[rollup.Code]int64{rollup.Responses: 3, rollup.RatingCode(10, 3): 3, rollup.AnswerCode(9): 3})
}

func testUnplaced(t *testing.T, s *Store) {
	seed(t, s)
	in := all()
	in.Channels, in.Stages = []int32{1}, []int32{4}
	got := map[rollup.Code]int64{}
	for _, r := range tallied(t, s, in, Dimension{Of: rollup.Stage}) {
		got[r.Code] += r.N
	}
	equal(t, "counts", got, map[rollup.Code]int64{
		rollup.RatingCode(6, 3): 1, rollup.AnswerCode(7): 1, rollup.Responses: 1, NoChannel: 2, NoStage: 1,
	})
}
