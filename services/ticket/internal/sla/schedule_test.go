package sla

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// nineToFive is Monday to Friday, 09:00 to 17:00.
func nineToFive(zone string) Calendar {
	c := Calendar{Zone: zone}
	for weekday := time.Monday; weekday <= time.Friday; weekday++ {
		c.Week[weekday] = []Span{{9 * time.Hour, 17 * time.Hour}}
	}
	return c
}

// daily has the same spans every day.
func daily(zone string, spans ...Span) Calendar {
	c := Calendar{Zone: zone}
	for weekday := range c.Week {
		c.Week[weekday] = spans
	}
	return c
}

func compile(t *testing.T, c Calendar) *Schedule {
	t.Helper()
	s, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	u, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// local is the instant of a wall-clock time that the zone shows once.
func local(t *testing.T, zone, s string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	u, err := time.ParseInLocation("2006-01-02 15:04:05.999999999", s, loc)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func parseDate(t *testing.T, s string) Date {
	t.Helper()
	u, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return Date{u.Year(), u.Month(), u.Day()}
}

// shared opens a file of the sample data, which is no part of the repository, or
// skips the test.
func shared(t *testing.T, path ...string) *os.File {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "..", "..", "shared", "data")
	f, err := os.Open(filepath.Join(append([]string{dir}, path...)...))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("SKIPPED: no sample data at %s; it is not published with this repository", dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A vector is a question about a schedule with the answer that others published.
type vector struct {
	ID       string
	Schedule struct {
		TZ                string
		Week              map[string][][2]string
		Overrides, Breaks map[string][][2]string
		Holidays          []string
	}
	Op, Start, End string
	Seconds        int64
	Days           int
	Expect         any
}

func (v *vector) calendar(t *testing.T) Calendar {
	t.Helper()
	clock := func(s string) time.Duration {
		d, err := time.ParseDuration(strings.Replace(s, ":", "h", 1) + "m")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	spans := func(pairs [][2]string) []Span {
		var all []Span
		for _, p := range pairs {
			all = append(all, Span{clock(p[0]), clock(p[1])})
		}
		return all
	}
	c := Calendar{Zone: v.Schedule.TZ, Days: map[Date][]Span{}, Breaks: map[Date][]Span{}}
	for i, name := range []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} {
		c.Week[i] = spans(v.Schedule.Week[name])
	}
	for date, pairs := range v.Schedule.Overrides {
		c.Days[parseDate(t, date)] = spans(pairs)
	}
	for date, pairs := range v.Schedule.Breaks {
		c.Breaks[parseDate(t, date)] = spans(pairs)
	}
	for _, date := range v.Schedule.Holidays {
		c.Days[parseDate(t, date)] = nil
	}
	return c
}

// answer asks s what v asks.
func (v *vector) answer(t *testing.T, s *Schedule) any {
	t.Helper()
	found := func(u time.Time, ok bool) time.Time {
		if !ok {
			t.Fatalf("%s: no answer", v.ID)
		}
		return u
	}
	if !strings.Contains(v.Start, "T") {
		return v.days(t, s)
	}
	start := instant(t, v.Start)
	switch v.Op {
	case "open":
		return s.Open(start)
	case "add":
		return found(s.Add(start, time.Duration(v.Seconds)*time.Second))
	case "add_next_open_if_at_end":
		return found(s.Next(found(s.Add(start, time.Duration(v.Seconds)*time.Second))))
	case "next_open":
		return found(s.Next(start))
	case "prev_open":
		return found(s.Prev(start))
	case "closing", "next_start":
		for open, closed := range s.Intervals(start.Add(-366*day), start.Add(366*day)) {
			if v.Op == "closing" && closed.After(start) {
				return closed
			}
			if v.Op == "next_start" && open.After(start) {
				return open
			}
		}
	case "between":
		end := instant(t, v.End)
		return (s.Between(start, end) - s.Between(end, start)).Seconds()
	}
	t.Fatalf("%s: no answer to %s", v.ID, v.Op)
	return nil
}

// days answers the questions about whole days: a working day has open time.
func (v *vector) days(t *testing.T, s *Schedule) any {
	t.Helper()
	working := func(d time.Time) bool { return s.Between(d, d.AddDate(0, 0, 1)) > 0 }
	zone, start := v.Schedule.TZ, v.Start+" 00:00:00"
	at := local(t, zone, start)
	switch v.Op {
	case "working_day":
		return working(at)
	case "add_days":
		step := 1
		if v.Days < 0 {
			step = -1
		}
		for !working(at) { // the days count from a working one
			at = at.AddDate(0, 0, step)
		}
		for left := v.Days * step; left > 0; {
			if at = at.AddDate(0, 0, step); working(at) {
				left--
			}
		}
		return at.Format(time.DateOnly)
	case "days_between":
		end, sign, n := local(t, zone, v.End+" 00:00:00"), 1.0, 0.0
		if end.Before(at) {
			at, end, sign = end, at, -1
		}
		for at.Before(end) {
			if at = at.AddDate(0, 0, 1); working(at) {
				n++
			}
		}
		return sign * n
	}
	t.Fatalf("%s: no answer to %s", v.ID, v.Op)
	return nil
}

func TestPublishedVectors(t *testing.T) {
	var vectors []vector
	if err := json.NewDecoder(shared(t, "business_hours", "vectors.json")).Decode(&vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 73 {
		t.Fatalf("%d vectors, want 73", len(vectors))
	}
	for _, v := range vectors {
		got, want := v.answer(t, compile(t, v.calendar(t))), v.Expect
		if at, ok := got.(time.Time); ok {
			if !at.Equal(instant(t, want.(string))) {
				t.Errorf("%s: %s %s = %v, want %v", v.ID, v.Op, v.Start, at, want)
			}
			continue
		}
		if got != want {
			t.Errorf("%s: %s %s = %v, want %v", v.ID, v.Op, v.Start, got, want)
		}
	}
}

// The holidays of five countries, as published in UTC with the zone of each, close
// the days that they name and no others.
func TestHolidaysCloseTheirDays(t *testing.T) {
	rows, err := csv.NewReader(shared(t, "holidays", "holidays.csv")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	zones := map[string]string{
		"US": "America/New_York", "BR": "America/Sao_Paulo", "GB": "Europe/London",
		"IN": "Asia/Kolkata", "DE": "Europe/Berlin",
	}
	closed := map[string]map[Date][]Span{}
	for _, row := range rows[1:] {
		if row[4] != "public" {
			continue
		}
		if closed[row[0]] == nil {
			closed[row[0]] = map[Date][]Span{}
		}
		closed[row[0]][parseDate(t, row[1])] = nil
	}
	if len(closed) != len(zones) {
		t.Fatalf("holidays of %d countries, want %d", len(closed), len(zones))
	}
	for country, zone := range zones {
		c := nineToFive(zone)
		c.Days = closed[country]
		s := compile(t, c)
		var sum time.Duration
		from := local(t, zone, "2024-01-01 00:00:00")
		for at := from; at.Year() < 2026; at = at.AddDate(0, 0, 1) {
			want := 8 * time.Hour
			if _, holiday := closed[country][Date{at.Year(), at.Month(), at.Day()}]; holiday || at.Weekday()%6 == 0 {
				want = 0
			}
			if got := s.Between(at, at.AddDate(0, 0, 1)); got != want {
				t.Errorf("%s: open for %v on %s, want %v", country, got, at.Format(time.DateOnly), want)
			}
			sum += want
			if got := s.Between(from, at.AddDate(0, 0, 1)); got != sum {
				t.Fatalf("%s: open for %v until %s, want %v", country, got, at.Format(time.DateOnly), sum)
			}
		}
	}
}

func TestAddFindsTheEndOfAPeriod(t *testing.T) {
	const h, m = time.Hour, time.Minute
	closure := nineToFive("Europe/Berlin")
	closure.Days = map[Date][]Span{}
	for i := range 40 {
		d := time.Date(2026, 3, 7+i, 0, 0, 0, 0, time.UTC)
		closure.Days[Date{d.Year(), d.Month(), d.Day()}] = nil
	}
	sabbatical := nineToFive("Europe/Berlin")
	sabbatical.Days = map[Date][]Span{}
	for i := range 53 * 7 {
		d := time.Date(2026, 3, 7+i, 0, 0, 0, 0, time.UTC)
		sabbatical.Days[Date{d.Year(), d.Month(), d.Day()}] = nil
	}
	overnight := daily("Europe/Berlin", Span{22 * h, 30 * h})
	weekdays := nineToFive("Europe/Berlin")
	odd := daily("Europe/Berlin", Span{8*h + 59*m + 30*time.Second, 12*h + 15*time.Second})
	havana := daily("America/Havana", Span{0, 24 * h})
	for _, tt := range []struct {
		name, zone string
		calendar   Calendar
		from       string
		d          time.Duration
		want       string
	}{
		{"half an hour before the weekend", "Europe/Berlin", weekdays, "2026-03-06 16:30:00", h, "2026-03-09 09:30:00"},
		{"eight hours from Friday at four", "Europe/Berlin", weekdays, "2026-03-06 16:00:00", 8 * h, "2026-03-09 16:00:00"},
		{"two hours from Friday at four", "Europe/Berlin", weekdays, "2026-03-06 16:00:00", 2 * h, "2026-03-09 10:00:00"},
		{"seconds are not cut off", "Europe/Berlin", weekdays, "2026-03-05 16:59:30", 60 * m, "2026-03-06 09:59:30"},
		{"nor nanoseconds", "Europe/Berlin", weekdays, "2026-03-05 16:59:59.999999999", 2, "2026-03-06 09:00:00.000000001"},
		{"the end of a day is that evening", "Europe/Berlin", weekdays, "2026-03-05 09:00:00", 8 * h, "2026-03-05 17:00:00"},
		{"from outside", "Europe/Berlin", weekdays, "2026-03-07 12:00:00", h, "2026-03-09 10:00:00"},
		{"backwards", "Europe/Berlin", weekdays, "2026-03-09 09:30:00", -h, "2026-03-06 16:30:00"},
		{"backwards to an opening", "Europe/Berlin", weekdays, "2026-03-09 10:00:00", -h, "2026-03-09 09:00:00"},
		{"overnight", "Europe/Berlin", overnight, "2026-03-06 23:00:00", 8 * h, "2026-03-07 23:00:00"},
		{"overnight, to the end of the shift", "Europe/Berlin", overnight, "2026-03-06 22:00:00", 8 * h, "2026-03-07 06:00:00"},
		{"overnight, when an hour is skipped", "Europe/Berlin", overnight, "2026-03-28 22:00:00", 7 * h, "2026-03-29 06:00:00"},
		{"overnight, when an hour is repeated", "Europe/Berlin", overnight, "2026-10-24 22:00:00", 9 * h, "2026-10-25 06:00:00"},
		{"odd seconds", "Europe/Berlin", odd, "2026-03-06 12:00:00", 16 * time.Second, "2026-03-07 08:59:31"},
		{"a closure of forty days", "Europe/Berlin", closure, "2026-03-06 16:00:00", 2 * h, "2026-04-16 10:00:00"},
		{"a closure of fifty-three weeks", "Europe/Berlin", sabbatical, "2026-03-06 16:00:00", 2 * h, "2027-03-15 10:00:00"},
		{"a day without midnight", "America/Havana", havana, "2026-03-07 23:00:00", 2 * h, "2026-03-08 02:00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := compile(t, tt.calendar).Add(local(t, tt.zone, tt.from), tt.d)
			if want := local(t, tt.zone, tt.want); !ok || !got.Equal(want) {
				t.Errorf("Add = %v, %t, want %v", got, ok, want)
			}
		})
	}
}

func TestAScheduleThatNeverOpensAgainIsSaidSo(t *testing.T) {
	c := Calendar{Zone: "UTC"}
	c.Week[time.Monday] = []Span{{0, time.Second}}
	s, at := compile(t, c), instant(t, "2026-03-06T00:00:00Z")
	if got, ok := s.Add(at, 1043*time.Second); !ok {
		t.Errorf("Add of 1043 Mondays = %v, want it found", got)
	}
	if got, ok := s.Add(at, 1100*time.Second); ok {
		t.Errorf("Add of 1100 Mondays = %v, want more than twenty years", got)
	}
	if got, ok := s.Add(at, -1100*time.Second); ok {
		t.Errorf("Add of -1100 Mondays = %v, want more than twenty years", got)
	}
	for _, far := range []time.Time{{}, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} {
		if got, ok := s.Next(far); ok {
			t.Errorf("Next(%v) = %v, want none", far, got)
		}
		if got, ok := s.Prev(far); ok {
			t.Errorf("Prev(%v) = %v, want none", far, got)
		}
		if s.Open(far) || s.Between(far, far) != 0 {
			t.Errorf("open at %v", far)
		}
	}
	if got := s.Between(at, at.Add(-week)); got != 0 {
		t.Errorf("Between backwards = %v, want 0", got)
	}
}

const week = 7 * day

func TestAnInstantIsCountedToTheNanosecond(t *testing.T) {
	s := compile(t, nineToFive("UTC"))
	for _, tt := range []struct {
		at     string
		open   bool
		around time.Duration // what is open a nanosecond before and after
	}{
		{"2026-03-09T08:59:59.999999999Z", false, 0},
		{"2026-03-09T09:00:00Z", true, 1},
		{"2026-03-09T09:00:00.000000001Z", true, 2},
		{"2026-03-09T16:59:59.999999999Z", true, 2},
		{"2026-03-09T17:00:00Z", false, 1},
		{"2026-03-09T17:00:00.000000001Z", false, 0},
	} {
		at := instant(t, tt.at)
		if got := s.Open(at); got != tt.open {
			t.Errorf("Open(%s) = %t, want %t", tt.at, got, tt.open)
		}
		if got := s.Between(at.Add(-1), at.Add(1)); got != tt.around {
			t.Errorf("around %s %v is open, want %v", tt.at, got, tt.around)
		}
	}
}

func TestAlways(t *testing.T) {
	s, at := Always(), instant(t, "2026-03-06T16:30:00.5Z")
	if got, ok := s.Add(at, 100*time.Hour); !ok || !got.Equal(at.Add(100*time.Hour)) {
		t.Errorf("Add = %v, %t, want 100 h later", got, ok)
	}
	if got := s.Between(at, at.AddDate(1, 0, 0)); got != 365*day {
		t.Errorf("Between = %v, want a year", got)
	}
	n := 0
	for open, closed := range s.Intervals(at, at.AddDate(1, 0, 0)) {
		n++
		if n > 1 || !open.Equal(at) || !closed.Equal(at.AddDate(1, 0, 0)) {
			t.Errorf("interval %d = [%v, %v), want one year in one", n, open, closed)
		}
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	const h = time.Hour
	with := func(change func(*Calendar)) Calendar {
		c := nineToFive("UTC")
		change(&c)
		return c
	}
	dated := func(d Date, spans ...Span) Calendar {
		return with(func(c *Calendar) { c.Days = map[Date][]Span{d: spans} })
	}
	christmas := Date{2026, time.December, 25}
	for _, tt := range []struct {
		name     string
		calendar Calendar
		want     string // the field; empty for a good calendar
	}{
		{"an old name of a zone", nineToFive("Europe/Kiev"), ""},
		{"a zone by its rule", nineToFive("EST5EDT"), ""},
		{"no zone", nineToFive(""), "zone"},
		{"the host's zone", nineToFive("Local"), "zone"},
		{"the host's zone by its file", nineToFive("localtime"), "zone"},
		{"a zone with leap seconds", nineToFive("right/UTC"), "zone"},
		{"a path", nineToFive("../UTC"), "zone"},
		{"an absolute path", nineToFive("/etc/localtime"), "zone"},
		{"a folder", nineToFive("Europe"), "zone"},
		{"a city we do not know", nineToFive("Europe/Atlantis"), "zone"},
		{"a whole week", daily("UTC", Span{0, day}), ""},
		{"a shift overnight", daily("UTC", Span{22 * h, 30 * h}), ""},
		{"a week that is never open", Calendar{Zone: "UTC"}, "week"},
		{"an overlap", daily("UTC", Span{9 * h, 12 * h}, Span{11 * h, 13 * h}), "week[0][1]"},
		{"an overlap overnight", daily("UTC", Span{5 * h, 9 * h}, Span{22 * h, 30 * h}), "week[1][0]"},
		{"an overlap from Saturday to Sunday", with(func(c *Calendar) {
			c.Week[time.Saturday] = []Span{{22 * h, 34 * h}}
			c.Week[time.Sunday] = []Span{{9 * h, 11 * h}}
		}), "week[0][0]"},
		{"an end before the start", daily("UTC", Span{22 * h, 6 * h}), "week[0][0]"},
		{"an empty span", daily("UTC", Span{9 * h, 9 * h}), "week[0][0]"},
		{"a start before midnight", daily("UTC", Span{-h, 6 * h}), "week[0][0]"},
		{"a start after midnight", daily("UTC", Span{24 * h, 30 * h}), "week[0][0]"},
		{"an end after two days", with(func(c *Calendar) { c.Week[0] = []Span{{9 * h, 48*h + 1}} }), "week[0][0]"},
		{"a holiday", dated(christmas), ""},
		{"30 February", dated(Date{2026, time.February, 30}), "days[2026-02-30]"},
		{"the thirteenth month", dated(Date{2026, 13, 1}), "days[2026-13-01]"},
		{"a date before the calendar", dated(Date{1949, 1, 1}), "days[1949-01-01]"},
		{"a bad span on a date", dated(christmas, Span{9 * h, 12 * h}, Span{h, h}), "days[2026-12-25][1]"},
		{"an overlap on a date", dated(christmas, Span{9 * h, 12 * h}, Span{h, 10 * h}), "days[2026-12-25][1]"},
		{"a bad break", with(func(c *Calendar) { c.Breaks = map[Date][]Span{christmas: {{h, 0}}} }), "breaks[2026-12-25][0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Compile(tt.calendar)
			invalid, _ := errors.AsType[*Invalid](err)
			if (invalid == nil) != (tt.want == "") || invalid != nil && invalid.Field != tt.want {
				t.Errorf("Compile = %v, want %q refused", err, tt.want)
			}
		})
	}
}

// A closed date ends no shift that began the day before, and has none that ends
// on the day after.
func TestDatesReplaceWhatStartsOnThem(t *testing.T) {
	const h = time.Hour
	c := daily("UTC", Span{22 * h, 30 * h})
	c.Days = map[Date][]Span{
		{2026, time.March, 10}: nil,
		{2026, time.March, 12}: {{4 * h, 8 * h}}, // meets the shift of the eleventh
	}
	c.Breaks = map[Date][]Span{{2026, time.March, 14}: {{23 * h, 25 * h}}}
	var got []string
	var sum time.Duration
	s, from := compile(t, c), instant(t, "2026-03-09T12:00:00Z")
	for open, closed := range s.Intervals(from, instant(t, "2026-03-15T12:00:00Z")) {
		sum += closed.Sub(open)
		if between := s.Between(from, closed); between != sum {
			t.Errorf("open for %v until %v, want %v", between, closed, sum)
		}
		got = append(got, open.Format("02 15:04")+" - "+closed.Format("02 15:04"))
	}
	want := []string{
		"09 22:00 - 10 06:00", "11 22:00 - 12 08:00", "13 22:00 - 14 06:00",
		"14 22:00 - 14 23:00", "15 01:00 - 15 06:00",
	}
	if !slices.Equal(got, want) {
		t.Errorf("open %q, want %q", got, want)
	}
	if got := s.Between(from, from.AddDate(0, 1, 0)); got != sum+25*8*time.Hour {
		t.Errorf("open for %v in a month, want %v", got, sum+25*8*time.Hour)
	}
}
