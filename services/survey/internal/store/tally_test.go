package store

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// all is every time of the brand.
func all() Range { return Range{Brand: "acme", Start: time.Unix(0, 0), End: noon.AddDate(9, 0, 0)} }

// count adds up the rows that match.
func count(rows []Tally, match func(Tally) bool) (n int64) {
	for _, r := range rows {
		if match(r) {
			n += r.N
		}
	}
	return n
}

// tallied returns all counts of a tally.
func tallied(t *testing.T, s *Store, in Range, dims ...Dimension) (rows []Tally) {
	t.Helper()
	err := s.Tally(t.Context(), in, dims, func(one Tally) error {
		rows = append(rows, one)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func testSpan(t *testing.T, s *Store) {
	if _, err := s.Span(t.Context(), "acme", true); !errors.Is(err, ErrNotFound) {
		t.Errorf("span without data: %v, want ErrNotFound", err)
	}
	invite(t, s, invitation("a"))
	if _, err := s.Span(t.Context(), "acme", false); !errors.Is(err, ErrNotFound) {
		t.Errorf("span of responses without any: %v, want ErrNotFound", err)
	}
	got, err := s.Span(t.Context(), "acme", true)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "span of invitations", got, Span{noon, noon})
	first, last := noon.Add(-time.Hour), noon.Add(-time.Minute)
	add(t, s, response("a", last), response("b", first), response("c", noon.Add(time.Hour), func(r *Response) { r.Brand = "other" }))
	for invited, want := range map[bool]Span{false: {first, last}, true: {first, noon}} {
		got, err := s.Span(t.Context(), "acme", invited)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "span", got, want)
	}
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
	b, c, never := invitation("b"), invitation("c"), invitation("never")
	b.Channel, c.Survey, c.Subject, never.Decision = 2, "s2", 2, 2
	invite(t, s, invitation("a"), b, c, never)
}

func testTally(t *testing.T, s *Store) {
	seed(t, s)
	on := func(change func(*Range)) Range {
		r := Range{Brand: "acme", Start: noon, End: noon.Add(time.Hour)}
		change(&r)
		return r
	}
	for _, tt := range []struct {
		name                        string
		in                          Range
		ratings, responses, invited int64
	}{
		{name: "the hour", in: on(func(*Range) {}), ratings: 4, responses: 4, invited: 3},
		{name: "one microsecond", in: on(func(r *Range) { r.End = noon.Add(time.Microsecond) }), ratings: 4, responses: 4, invited: 3},
		{name: "just before", in: on(func(r *Range) { r.Start, r.End = noon.Add(-time.Hour), noon })},
		{name: "all times", in: all(), ratings: 5, responses: 5, invited: 3},
		{name: "one subject", in: on(func(r *Range) { r.Subjects = []int32{2} }), ratings: 1, responses: 1, invited: 1},
		{name: "one survey", in: on(func(r *Range) { r.Surveys = []string{"s2", "s3"} }), ratings: 1, responses: 1, invited: 1},
		{name: "one channel", in: on(func(r *Range) { r.Channels = []int32{1, 9} }), ratings: 3, responses: 2, invited: 2},
		{name: "one stage", in: on(func(r *Range) { r.Stages = []int32{4} }), ratings: 1, responses: 1},
	} {
		rows := tallied(t, s, tt.in)
		for of, want := range map[Of]int64{OfRatings: tt.ratings, OfResponses: tt.responses, OfInvited: tt.invited} {
			if got := count(rows, func(r Tally) bool { return r.Of == of }); got != want {
				t.Errorf("%s: %d of kind %d, want %d", tt.name, got, of, want)
			}
		}
	}
	rows := tallied(t, s, all())
	equal(t, "answered", count(rows, func(r Tally) bool { return r.Of == OfInvited && r.Rating == 1 }), int64(1))
	equal(t, "of words only", count(rows, func(r Tally) bool { return r.Of == OfWords }), int64(1))
	testGroups(t, s)
	calls, enough := 0, errors.New("enough")
	err := s.Tally(t.Context(), all(), nil, func(Tally) error {
		calls++
		return enough
	})
	if err != enough || calls != 1 {
		t.Errorf("tally = %v after %d counts, want to stop at the first error", err, calls)
	}
}

// testGroups breaks down what seed added, the late response included.
func testGroups(t *testing.T, s *Store) {
	t.Helper()
	for _, tt := range []struct {
		dims []Dimension
		of   Of
		want map[string]int64
	}{
		{[]Dimension{{Column: ByChannel}}, OfResponses, map[string]int64{"1": 2, "2": 1, "0": 2}},
		{[]Dimension{{Column: ByChannel}}, OfInvited, map[string]int64{"1": 2, "2": 1}},
		{[]Dimension{{Column: BySurvey}, {Column: ByChannel}}, OfInvited, map[string]int64{"s/1": 1, "s/2": 1, "s2/1": 1}},
		{[]Dimension{{Column: ByChannel}, {Column: ByPartner}}, OfInvited, map[string]int64{"": 3}},
		{[]Dimension{{Column: ByPartner}}, OfRatings, map[string]int64{"partners/p": 1, "": 4}},
		{[]Dimension{{Attribute: "tenure"}, {Column: ByStage}}, OfResponses, map[string]int64{"new/4": 1, "/0": 4}},
		{[]Dimension{{Attribute: "tenure"}}, OfRatings, map[string]int64{"new": 1, "": 4}},
		{[]Dimension{{Column: ByQuestion}}, OfRatings, map[string]int64{"easy": 4, "calm": 1}},
		{[]Dimension{{Column: ByQuestion}}, OfGroups, map[string]int64{"easy": 4, "calm": 1, "why": 5}},
		{[]Dimension{{Column: ByDefinition}}, OfGroups, map[string]int64{"touchpointDefinitions/call": 2, "": 5}},
		{[]Dimension{{Column: ByDefinition}, {Attribute: "tenure"}}, OfRatings, map[string]int64{"touchpointDefinitions/call/new": 1, "touchpointDefinitions/call/": 2, "/": 2}},
		{[]Dimension{{Column: ByDefinition}}, OfResponses, map[string]int64{"": 5}},
	} {
		rows := tallied(t, s, all(), tt.dims...)
		got := map[string]int64{}
		for _, r := range rows {
			if r.Of == tt.of {
				got[strings.Join(r.Keys, "/")] += r.N
			}
		}
		equal(t, "breakdown", got, tt.want)
	}
}

func testUnplaced(t *testing.T, s *Store) {
	seed(t, s)
	in := all()
	in.Channels, in.Stages = []int32{1}, []int32{4}
	rows := tallied(t, s, in, Dimension{Column: ByStage})
	got := map[Of]int64{}
	for _, r := range rows {
		got[r.Of] += r.N
	}
	equal(t, "counts", got, map[Of]int64{OfRatings: 1, OfResponses: 1, OfNoChannel: 2, OfNoStage: 1})
}
