package almanac

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

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
		months := rapid.Bool().Draw(t, "months")
		p := f.NewPlan(w, months)
		if !months && len(p.Months) > 0 {
			t.Errorf("%+v, want no months", p)
		}
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
