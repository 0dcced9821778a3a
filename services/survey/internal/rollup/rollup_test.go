package rollup

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawRecord draws an observation of one day.
func drawRecord(of Source) func(*rapid.T) *Record {
	return func(t *rapid.T) *Record {
		r := &Record{At: 1_700_006_400_000_000 + rapid.Int64Range(0, dayMicros-1).Draw(t, "at")}
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
			r.Parts = []Part{{Code: DecisionCode(rapid.Int32Range(1, 7).Draw(t, "decision"), Depth(rapid.Int32Range(0, 4).Draw(t, "depth")))}}
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
		if _, _, invitation := r.Parts[0].Code.Decision(); invitation {
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
			c := DecisionCode(decision, depth)
			once(c)
			if n, d, ok := c.Decision(); n != decision || d != depth || !ok {
				t.Errorf("code of decision %d, depth %d is %d, %d, %t", decision, depth, n, d, ok)
			}
		}
	}
}

func TestDaysAndMonthsAreThoseOfTheCalendar(t *testing.T) {
	for _, tt := range []struct {
		time       string
		day, month Period
	}{
		{"1970-01-01T00:00:00Z", 0, 0},
		{"1969-12-31T23:59:59.999999Z", -1, -1},
		{"2024-02-29T23:59:59.999999Z", 19782, 649},
		{"2024-03-01T00:00:00Z", 19783, 650},
	} {
		at, err := time.Parse(time.RFC3339Nano, tt.time)
		if err != nil {
			t.Fatal(err)
		}
		day := DayOf(at.UnixMicro())
		if day != tt.day || MonthOf(day) != tt.month || StartOf(day) > at.UnixMicro() || StartOf(day+1) <= at.UnixMicro() {
			t.Errorf("%s is day %d of month %d, want %d of %d", tt.time, day, MonthOf(day), tt.day, tt.month)
		}
		if first := FirstDay(tt.month); MonthOf(first) != tt.month || MonthOf(first-1) != tt.month-1 {
			t.Errorf("month %d begins on day %d", tt.month, first)
		}
	}
}

func TestAStaleDayTakesItsMonthOutOfThePlan(t *testing.T) {
	f := Fresh{Through: 90, Stale: map[Period]bool{40: true}} // in February 1970
	got := f.NewPlan(Range{0, StartOf(95)}, true)
	want := Plan{
		Months: []Range{{0, 1}, {2, 3}}, Days: []Range{{31, 40}, {41, 59}},
		Raw: []Range{{StartOf(40), StartOf(41)}, {StartOf(90), StartOf(95)}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("plan = %+v, want %+v", got, want)
	}
}

func TestAPlanReadsEveryMomentOnceAndNothingThatIsStale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Fresh{Through: rapid.Int64Range(0, 130).Draw(t, "through"), Stale: map[Period]bool{}}
		for _, day := range rapid.SliceOfN(rapid.Int64Range(0, 140), 0, 5).Draw(t, "stale") {
			f.Stale[day] = true
		}
		from := rapid.Int64Range(0, 120*dayMicros).Draw(t, "from")
		w := Range{from, from + rapid.Int64Range(1, 100*dayMicros).Draw(t, "for")}
		p := f.NewPlan(w, rapid.Bool().Draw(t, "months"))
		var spans []Range
		for _, m := range p.Months {
			spans = append(spans, Range{StartOf(FirstDay(m.From)), StartOf(FirstDay(m.To))})
			for day := FirstDay(m.From); day < FirstDay(m.To); day++ {
				if !f.Day(day) {
					t.Errorf("%+v: month of stale day %d", p, day)
				}
			}
		}
		for _, d := range p.Days {
			spans = append(spans, Range{max(StartOf(d.From), w.From), min(StartOf(d.To), w.To)})
			for day := d.From; day < d.To; day++ {
				if !f.Day(day) {
					t.Errorf("%+v: stale day %d", p, day)
				}
			}
		}
		spans = append(spans, p.Raw...)
		slices.SortFunc(spans, func(a, b Range) int { return int(a.From - b.From) })
		at := w.From
		for _, s := range spans {
			if s.From != at || s.To <= s.From {
				t.Fatalf("%+v of %+v: %v after %d", p, w, s, at)
			}
			at = s.To
		}
		if at != w.To {
			t.Errorf("%+v of %+v ends at %d", p, w, at)
		}
	})
}
