package sla

import (
	"archive/zip"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// calendars are those that every zone is tried with.
func calendars(zone string) []Calendar {
	const h, m, s = time.Hour, time.Minute, time.Second
	sundays := Calendar{Zone: zone}
	sundays.Week[time.Sunday] = []Span{{h + 15*m, 2*h + 45*m}}
	return []Calendar{
		nineToFive(zone),
		daily(zone, Span{8 * h, 12 * h}, Span{13 * h, 17*h + 30*m}),
		daily(zone, Span{22 * h, 30 * h}),
		daily(zone, Span{0, 24 * h}),
		daily(zone, Span{8*h + 59*m + 30*s, 12*h + 15*s}),
		sundays,
	}
}

// A reading is what a clock and a calendar on the wall show at an instant.
type reading struct {
	clock            time.Duration
	weekday          time.Weekday
	today, yesterday Date
}

func readClock(at int64, zone *time.Location) reading {
	t := time.Unix(at, 0).In(zone)
	hour, minute, second := t.Clock()
	y, m, d := t.Date()
	r := reading{weekday: t.Weekday(), today: Date{y, m, d}}
	r.clock = time.Duration(hour*3600+minute*60+second) * time.Second
	y, m, d = time.Date(y, m, d-1, 0, 0, 0, 0, time.UTC).Date()
	r.yesterday = Date{y, m, d}
	return r
}

// open reports whether c is open at a reading. It knows nothing of zones.
func (c *Calendar) open(r *reading) bool {
	today, ok := c.Days[r.today]
	if !ok {
		today = c.Week[r.weekday]
	}
	yesterday, ok := c.Days[r.yesterday]
	if !ok {
		yesterday = c.Week[(r.weekday+6)%7]
	}
	return (cover(today, r.clock) || cover(yesterday, r.clock+day)) &&
		!cover(c.Breaks[r.today], r.clock) && !cover(c.Breaks[r.yesterday], r.clock+day)
}

func cover(spans []Span, at time.Duration) bool {
	for i := range spans {
		if spans[i].Start <= at && at < spans[i].End {
			return true
		}
	}
	return false
}

// A window is a stretch of time in which a clock has been read every minute.
type window struct {
	zone     *time.Location
	from, to int64 // Unix seconds
	readings []reading
}

func look(zone *time.Location, from, to int64) *window {
	w := &window{zone: zone, from: from, to: to}
	for at := from; at <= to; at += 60 {
		w.readings = append(w.readings, readClock(at, zone))
	}
	return w
}

// An oracle knows to the second when a calendar is open in a window.
type oracle struct {
	from, to int64
	open     [][2]int64 // from, up to
}

// observe steps through a window by the minute and, where something changes, by
// the second. It takes the clock on the wall from the time package alone.
func (w *window) observe(c *Calendar) *oracle {
	o := &oracle{from: w.from, to: w.to}
	was := c.open(&w.readings[0])
	if was {
		o.open = append(o.open, [2]int64{w.from, w.to})
	}
	for i := range w.readings[1:] {
		now := c.open(&w.readings[i+1])
		if now == was {
			continue
		}
		at := w.from + int64(i)*60
		for r := readClock(at, w.zone); c.open(&r) == was; r = readClock(at, w.zone) {
			at++
		}
		if now {
			o.open = append(o.open, [2]int64{at, w.to})
		} else {
			o.open[len(o.open)-1][1] = at
		}
		was = now
	}
	return o
}

func (o *oracle) at(t int64) bool {
	return slices.ContainsFunc(o.open, func(s [2]int64) bool { return s[0] <= t && t < s[1] })
}

func (o *oracle) between(a, b int64) time.Duration {
	var sum int64
	for _, s := range o.open {
		sum += max(min(b, s[1])-max(a, s[0]), 0)
	}
	return time.Duration(sum) * time.Second
}

// add returns the first second by which d is open since at, or the last from which
// -d is open until at; false if o has not seen it.
func (o *oracle) add(at int64, d time.Duration) (int64, bool) {
	left := int64(d / time.Second)
	for _, s := range o.open {
		if length := s[1] - max(s[0], at); length > 0 && left > 0 {
			if left <= length {
				return max(s[0], at) + left, true
			}
			left -= length
		}
	}
	for _, s := range slices.Backward(o.open) {
		if length := min(s[1], at) - s[0]; length > 0 && left < 0 {
			if -left <= length {
				return min(s[1], at) + left, true
			}
			left += length
		}
	}
	return 0, false
}

// compare asks s and o the same questions.
func (o *oracle) compare(t *testing.T, s *Schedule, rng *rand.Rand, n int) {
	t.Helper()
	width := o.to - o.from
	for range n {
		a, b := o.from+rng.Int64N(width), o.from+rng.Int64N(width)
		a, b = min(a, b), max(a, b)
		if got, want := s.Between(time.Unix(a, 0), time.Unix(b, 0)), o.between(a, b); got != want {
			t.Fatalf("Between(%v, %v) = %v, want %v", time.Unix(a, 0).UTC(), time.Unix(b, 0).UTC(), got, want)
		}
		if got, want := s.Open(time.Unix(a, 0)), o.at(a); got != want {
			t.Fatalf("Open(%v) = %t, want %t", time.Unix(a, 0).UTC(), got, want)
		}
		for start, d := range map[int64]time.Duration{a: o.between(a, b), b: -o.between(a, b)} {
			want, ok := o.add(start, d)
			if d == 0 || !ok {
				continue
			}
			if got, ok := s.Add(time.Unix(start, 0), d); !ok || got.Unix() != want || got.Nanosecond() != 0 {
				t.Fatalf("Add(%v, %v) = %v, %t, want %v", time.Unix(start, 0).UTC(), d, got.UTC(), ok, time.Unix(want, 0).UTC())
			}
		}
	}
	from, to := time.Unix(o.from, 0), time.Unix(o.from+width, 0)
	var sum time.Duration
	last := from.Add(-1)
	for open, closed := range s.Intervals(from, to) {
		if !open.After(last) || !closed.After(open) || o.between(open.Unix(), closed.Unix()) != closed.Sub(open) {
			t.Fatalf("open from %v to %v after %v, want open time apart and in order", open.UTC(), closed.UTC(), last.UTC())
		}
		sum, last = sum+closed.Sub(open), closed
	}
	if want := o.between(from.Unix(), to.Unix()); sum != want {
		t.Fatalf("open for %v from %v to %v, want %v", sum, from.UTC(), to.UTC(), want)
	}
}

// zoneNames lists the zones of the IANA database that comes with Go.
func zoneNames(t *testing.T) []string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var names []string
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	if len(names) < 400 {
		t.Fatalf("%d zones, want those of the IANA database", len(names))
	}
	return names
}

// transitions returns the seconds from one year to another at which a zone moves
// its clocks, found by looking at them, and a text that only a zone with the same
// clocks has.
func transitions(zone *time.Location, from, to int) (at []int64, clocks string) {
	offset := func(at int64) int {
		_, seconds := time.Unix(at, 0).In(zone).Zone()
		return seconds
	}
	const step = 6 * 3600
	start := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	clocks = fmt.Sprint(offset(start))
	for lo := start; lo < time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC).Unix(); lo += step {
		if offset(lo) == offset(lo+step) {
			continue
		}
		a, b := lo, lo+step
		for b-a > 1 {
			if m := (a + b) / 2; offset(m) == offset(lo) {
				a = m
			} else {
				b = m
			}
		}
		at = append(at, b)
		clocks += fmt.Sprintf(" %d:%d", b, offset(b))
	}
	return at, clocks
}

// TestEveryZone compares schedules with clocks on the wall, to the second, around
// every transition of every zone from 2024 to 2030, for six calendars. With
// CONCENTRIC_SOAK set it takes the years from 1975 to 2040 and more questions.
func TestEveryZone(t *testing.T) {
	from, to, questions := 2024, 2031, 6
	switch {
	case os.Getenv("CONCENTRIC_SOAK") != "":
		from, to, questions = 1975, 2041, 40
	case testing.Short():
		to, questions = 2026, 3
	}
	seen := map[string]bool{}
	windows, changes := 0, 0
	for _, name := range zoneNames(t) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		at, clocks := transitions(zone, from, to)
		if seen[clocks] {
			continue
		}
		seen[clocks] = true
		if len(at) == 0 {
			at = []int64{time.Date(from, 6, 1, 0, 0, 0, 0, time.UTC).Unix()}
		}
		rng, all := rand.New(rand.NewPCG(1, 2)), calendars(name)
		var schedules []*Schedule
		for _, c := range all {
			schedules = append(schedules, compile(t, c))
		}
		for _, transition := range at {
			w := look(zone, transition-36*3600, transition+36*3600)
			for i, s := range schedules {
				o := w.observe(&all[i])
				t.Run(fmt.Sprintf("%s %d %d", name, transition, i), func(t *testing.T) { o.compare(t, s, rng, questions) })
				windows, changes = windows+1, changes+len(o.open)
			}
		}
	}
	t.Logf("%d sorts of zone, %d windows, %d openings", len(seen), windows, changes)
	if changes < windows {
		t.Errorf("%d openings in %d windows, want the calendars to change", changes, windows)
	}
}

// TestTransitionsThatBroughtOthersDown has those that are rare: no midnight, half an
// hour, a day that never was or was twice, seconds.
func TestTransitionsThatBroughtOthersDown(t *testing.T) {
	for _, tt := range []struct{ zone, at string }{
		{"America/Havana", "2026-03-08T05:00:00Z"},
		{"America/Santiago", "2026-09-06T04:00:00Z"},
		{"America/Sao_Paulo", "2018-11-04T03:00:00Z"},
		{"America/Sao_Paulo", "2018-02-18T02:00:00Z"},
		{"Asia/Beirut", "2026-03-28T22:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-04T15:00:00Z"},
		{"Australia/Lord_Howe", "2026-10-03T15:30:00Z"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z"},
		{"Pacific/Kwajalein", "1993-08-21T12:00:00Z"},
		{"Asia/Kathmandu", "1985-12-31T18:30:00Z"},
		{"Africa/Monrovia", "1972-01-07T00:44:30Z"},
		{"Africa/Casablanca", "2026-02-15T02:00:00Z"},
		{"Antarctica/Troll", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "2096-03-25T01:00:00Z"}, // by rule, not by table
		{"Australia/Sydney", "2060-10-02T16:00:00Z"},
		{"Europe/Dublin", "2026-10-25T01:00:00Z"},
	} {
		t.Run(tt.zone, func(t *testing.T) {
			zone, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			at := instant(t, tt.at)
			_, before := at.Add(-1).In(zone).Zone()
			if _, after := at.In(zone).Zone(); before == after {
				t.Fatalf("%s has no transition at %s", tt.zone, tt.at)
			}
			date := func(days int) Date {
				y, m, d := at.In(zone).AddDate(0, 0, days).Date()
				return Date{y, m, d}
			}
			for i, c := range calendars(tt.zone) {
				for range 2 { // first as it is, then with dates of its own
					o := look(zone, at.Unix()-60*3600, at.Unix()+60*3600).observe(&c)
					o.compare(t, compile(t, c), rand.New(rand.NewPCG(1, uint64(i))), 50)
					c.Days = map[Date][]Span{
						date(-1): {{23 * time.Hour, 26*time.Hour + 30*time.Minute}},
						date(1):  nil,
						date(2):  {{0, 24 * time.Hour}},
					}
					c.Breaks = map[Date][]Span{date(0): {{time.Hour + 30*time.Minute, 3 * time.Hour}, {20 * time.Hour, 25 * time.Hour}}}
				}
			}
		})
	}
}

func BenchmarkSchedule(b *testing.B) {
	c := nineToFive("Europe/Berlin")
	c.Days = map[Date][]Span{}
	for year := 2020; year < 2030; year++ {
		for month := time.January; month <= time.December; month++ {
			c.Days[Date{year, month, 15}] = nil
		}
	}
	s, err := Compile(c)
	if err != nil {
		b.Fatal(err)
	}
	from := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	to := from.AddDate(1, 0, 0)
	b.Run("Between over a year", func(b *testing.B) {
		for b.Loop() {
			s.Between(from, to)
		}
	})
	b.Run("Add 8 h", func(b *testing.B) {
		for b.Loop() {
			s.Add(from, 8*time.Hour)
		}
	})
	b.Run("Intervals over a week", func(b *testing.B) {
		for b.Loop() {
			for open := range s.Intervals(from, from.Add(7*day)) {
				_ = open
			}
		}
	})
	b.Run("Compile", func(b *testing.B) {
		for b.Loop() {
			if _, err := Compile(c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
