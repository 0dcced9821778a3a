package rollup

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawRecord draws an observation of one day.
func drawRecord(of Source) func(*rapid.T) *Record {
	return func(t *rapid.T) *Record {
		r := &Record{At: 1_700_006_400_000_000 + rapid.Int64Range(0, 86_400_000_000-1).Draw(t, "at")}
		for d := range Dim(firstText) {
			r.Numbers[d] = rapid.Int32Range(0, 2).Draw(t, "number")
		}
		text := rapid.SampledFrom([]string{"", "a", "b-2"})
		for _, d := range recordDims {
			if d.IsText() {
				r.SetText(d, text.Draw(t, "text"))
			}
		}
		if of == Invitations {
			r.Parts = []Part{{Code: drawDecision(t).Code()}}
			return r
		}
		for range rapid.IntRange(1, 4).Draw(t, "answers") {
			p := Part{Question: text.Draw(t, "question"), Definition: text.Draw(t, "definition")}
			switch kind := rapid.Int32Range(1, 10).Draw(t, "kind"); kind {
			case 7:
				p.Code = AnswerCode(kind)
			case 8, 9:
				p.Code = AnswerCode(kind)
				p.Choices = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), 1, 3, rapid.ID).Draw(t, "choices")
			default:
				p.Code = RatingCode(kind, rapid.Int32Range(0, 10).Draw(t, "rating"))
			}
			r.Parts = append(r.Parts, p)
		}
		return r
	}
}

func drawDecision(t *rapid.T) Decision {
	return Decision{
		Number: rapid.Int32Range(1, 7).Draw(t, "decision"), Depth: Depth(rapid.Int32Range(0, 4).Draw(t, "depth")),
		Reported: rapid.Bool().Draw(t, "reported"),
	}
}

func TestAPageGivesItsObservationsBack(t *testing.T) {
	for _, of := range Sources {
		rapid.Check(t, func(t *rapid.T) {
			all := rapid.SliceOfN(rapid.Custom(drawRecord(of)), 0, 8).Draw(t, "records")
			page := Pack(all)
			slices.SortStableFunc(all, func(a, b *Record) int { return int(a.At - b.At) })
			i := 0
			err := Unpack(page, func(got *Record) {
				if fmt.Sprint(got) != fmt.Sprint(all[i]) {
					t.Errorf("got %+v, want %+v", got, all[i])
				}
				i++
			})
			if err != nil || i != len(all) || (len(page) == 0) != (len(all) == 0) {
				t.Errorf("%d of %d observations in %d bytes: %v", i, len(all), len(page), err)
			}
		})
	}
}

func TestBytesThatWereNotWrittenAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(drawRecord(Answers)), 1, 4).Draw(t, "records")
		page := Pack(all)
		cut := rapid.IntRange(1, len(page)-1).Draw(t, "cut")
		n := 0
		if err := Unpack(page[:cut], func(*Record) { n++ }); err == nil && n >= len(all) {
			t.Errorf("%d of %d bytes gave %d observations", cut, len(page), n)
		}
		m := NewMonth(Answers)
		for _, r := range all {
			m.Add(r)
		}
		row := m.Encode()[0]
		if err := EachCell(nil, row[:len(row)-1], func(*Keys, []Count) {}); err == nil {
			t.Error("a cell that was cut was read")
		}
	})
}

// TestAMonthCountsWhatItsObservationsDo compares every family with a plain count.
func TestAMonthCountsWhatItsObservationsDo(t *testing.T) {
	for _, of := range Sources {
		rapid.Check(t, func(t *rapid.T) {
			all := rapid.SliceOfN(rapid.Custom(drawRecord(of)), 0, 12).Draw(t, "records")
			m := NewMonth(of)
			for _, r := range all {
				m.Add(r)
			}
			for i, row := range m.Encode() {
				family := Families(of)[i]
				want, got := plainly(all, family), map[string]int64{}
				err := EachCell(family, row, func(k *Keys, counts []Count) {
					for _, c := range counts {
						got[fmt.Sprint(k, c.Code)] += c.N
					}
				})
				if err != nil || !maps.Equal(got, want) {
					t.Errorf("family %v: %v, %v, want %v", family, err, got, want)
				}
			}
		})
	}
}

// plainly counts by a set of dimensions the slow way.
func plainly(all []*Record, set []Dim) map[string]int64 {
	counts := map[string]int64{}
	for _, r := range all {
		seen, rated := map[Keys]bool{}, false
		for _, p := range r.Parts {
			k := r.Keys
			k.SetText(Question, p.Question)
			k.SetText(Definition, p.Definition)
			kind, plain := p.Code.Plain()
			rated = rated || !plain
			if slices.Contains(set, Choice) {
				if plain && kind != 7 {
					k = k.Only(set)
					counts[fmt.Sprint(&k, p.Code)]++
					for _, c := range p.Choices {
						k.SetText(Choice, c)
						counts[fmt.Sprint(&k, Taken)]++
					}
				}
				continue
			}
			k = k.Only(set)
			counts[fmt.Sprint(&k, p.Code)]++
			seen[k] = true
		}
		if _, invitation := r.Parts[0].Code.Decision(); invitation {
			continue
		}
		for k := range seen {
			counts[fmt.Sprint(&k, Responses)]++
			if !rated && !slices.ContainsFunc(set, Dim.OfAnswers) {
				counts[fmt.Sprint(&k, Unrated)]++
			}
		}
	}
	return counts
}

func TestEveryDimensionHasItsFamilyAloneAndWithSurveyOrPopulation(t *testing.T) {
	for _, of := range Sources {
		for _, d := range []Dim{Channel, Stage, Phase, Survey, Partner, Team, Agent, Language} {
			for _, with := range [][]Dim{nil, {Survey}, {Channel}, {Stage}, {Channel, Stage}} {
				set := append(slices.Clone(with), d)
				if i, ok := FamilyOf(of, set); !ok || len(Families(of)[i]) > 3 {
					t.Errorf("source %d: no family knows %v", of, set)
				}
			}
		}
	}
	if i, ok := FamilyOf(Answers, []Dim{Survey, Question, Choice}); !ok || !slices.Contains(Families(Answers)[i], Choice) {
		t.Error("no family knows choices")
	}
	if i, _ := FamilyOf(Answers, []Dim{Survey, Question}); slices.Contains(Families(Answers)[i], Choice) {
		t.Error("questions are read from a family that counts choices only")
	}
	if _, ok := FamilyOf(Invitations, []Dim{Question}); ok {
		t.Error("invitations have questions")
	}
}

func TestCodesSayWhatTheyStandFor(t *testing.T) {
	seen := map[Code]bool{Responses: true, Unrated: true, Taken: true}
	once := func(c Code) {
		if seen[c] {
			t.Errorf("code %d stands for two things", c)
		}
		seen[c] = true
	}
	for kind := int32(1); kind <= 10; kind++ {
		for rating := range int32(11) {
			c := RatingCode(kind, rating)
			once(c)
			if k, r, ok := c.Rating(); k != kind || r != rating || !ok {
				t.Errorf("code of kind %d, rating %d is %d, %d, %t", kind, rating, k, r, ok)
			}
		}
		once(AnswerCode(kind))
		if k, ok := AnswerCode(kind).Plain(); k != kind || !ok {
			t.Errorf("code of kind %d is %d, %t", kind, k, ok)
		}
	}
	for decision := int32(1); decision <= 7; decision++ {
		for depth := Invited; depth <= Completed; depth++ {
			for _, reported := range []bool{false, true} {
				want := Decision{decision, depth, reported}
				once(want.Code())
				if got, ok := want.Code().Decision(); got != want || !ok {
					t.Errorf("code of %+v is of %+v, %t", want, got, ok)
				}
			}
		}
	}
}
