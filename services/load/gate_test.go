package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// three are rounds in which ours does two, three and eight for every ten of limit.
var three = []round{
	{"ours": {Rate: 200, CPU: 20, Errors: 0}, "limit": {Rate: 1000, CPU: 10}},
	{"ours": {Rate: 30, CPU: 60, Errors: 1}, "limit": {Rate: 100, CPU: 20}},
	{"ours": {Rate: 8, CPU: 9, Errors: 0}, "limit": {Rate: 10, CPU: 9}},
}

func TestAGateLooksAtTheMedianOfTheRatiosOfEachRound(t *testing.T) {
	for _, c := range []struct {
		name  string
		gate  gate
		ratio float64
		want  string
	}{
		{"at the bound", gate{ours: "ours", limit: "limit", of: rate, bound: 0.3}, 0.3, "ok"},
		{"below the bound", gate{ours: "ours", limit: "limit", of: rate, bound: 0.31}, 0.3, "MISSED"},
		{"at most the bound", gate{ours: "ours", limit: "limit", of: serverCPU, bound: 2, most: true}, 2, "ok"},
		{"above the bound", gate{ours: "ours", limit: "limit", of: serverCPU, bound: 1.9, most: true}, 2, "MISSED"},
		{"without a limit", gate{ours: "ours", of: rate, bound: 30}, 30, "ok"},
		{"the worst round", gate{ours: "ours", of: failures, most: true, worst: true}, 1, "MISSED"},
		{"nothing wanted", gate{ours: "ours", of: rate}, 30, ""},
		{"no figures", gate{ours: "other", of: rate, bound: 1}, 0, "no figures"},
		{"no figures of the limit", gate{ours: "ours", limit: "other", of: rate, bound: 1}, 0, "no figures"},
	} {
		v := judge([]gate{c.gate}, three)[0]
		if v.Ratio != c.ratio || v.Verdict != c.want {
			t.Errorf("%s: ratio %v, %q; want %v, %q", c.name, v.Ratio, v.Verdict, c.ratio, c.want)
		}
	}
}

func TestRatesAreComparedByProcessorTimeAsWell(t *testing.T) {
	rounds := []round{{"ours": {Rate: 1, CPU: 90, Caller: 10}, "limit": {Rate: 1, CPU: 10, Caller: 15}}}
	g := gate{ours: "ours", limit: "limit", unit: perSecond, of: rate}
	if v := judge([]gate{g}, rounds)[0]; v.CPU != 0.25 {
		t.Errorf("the limit takes %v of our processor time, want 0.25", v.CPU)
	}
}

func TestOnlyAnEnforcedGateFailsTheRun(t *testing.T) {
	for _, c := range []struct {
		name string
		gate gate
		want bool
	}{
		{"met", gate{ours: "ours", of: rate, bound: 30}, false},
		{"missed", gate{ours: "ours", of: rate, bound: 31}, true},
		{"without figures", gate{ours: "other", of: rate, bound: 1}, true},
		{"for information", gate{ours: "ours", of: rate, bound: 31, open: true}, false},
		{"without a bound", gate{ours: "ours", of: rate}, false},
	} {
		if got := missed(judge([]gate{c.gate}, three)); got != c.want {
			t.Errorf("a gate %s fails the run: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestGatesArePickedByTheirIDs(t *testing.T) {
	some, err := pick(allGates(), []string{"G4", "G22"})
	if err != nil || len(some) != 2 || some[0].id != "G4" || some[1].id != "G22" {
		t.Errorf("pick(G4, G22) = %v, %v", some, err)
	}
	for _, g := range allGates() {
		some, err := pick(allGates(), nil)
		if picked := slices.ContainsFunc(some, func(p gate) bool { return p.id == g.id }); err != nil || picked == g.long {
			t.Errorf("pick() has %s, which is long: %v, %v: %v", g.id, g.long, err, picked)
		}
	}
	if long, err := pick(allGates(), []string{"G17m"}); err != nil || len(long) != 1 {
		t.Errorf("pick(G17m) = %v, %v", long, err)
	}
	if _, err := pick(allGates(), []string{"G4", "G99"}); err == nil {
		t.Error("a gate that is not there is picked")
	}
}

func TestEveryGateOfTheSliceIsEnforced(t *testing.T) {
	var ids []string
	for _, g := range allGates() {
		if !g.open {
			ids = append(ids, g.id)
		}
	}
	if want := []string{"G3", "G4", "G6", "G10", "G16", "G19", "G21", "G21", "G22", "G25", "G3s", "G6s", "G8", "G17", "G18c", "G18", "G20s", "G23s", "G26"}; !slices.Equal(ids, want) {
		t.Errorf("enforced are %v, want %v", ids, want)
	}
}

func TestAPathRunsOnceARoundRightAfterItsLimit(t *testing.T) {
	gates := []gate{{ours: "a", limit: "x"}, {ours: "b", limit: "x"}, {ours: "c"}}
	if got, want := paths(gates), []string{"x", "a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("paths are %v, want %v", got, want)
	}
}

func TestTheMedianOfAnEvenNumberIsBetweenTheTwoInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{9, 1, 2, 4}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestTheReportNamesPathsAndVerdicts(t *testing.T) {
	var b bytes.Buffer
	gates := []gate{{id: "G0", what: "ours / limit", ours: "ours", limit: "limit", unit: "/s", of: rate, bound: 0.5}}
	if err := write(&b, three, judge(gates, three)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for _, want := range [][]string{{"limit", "100"}, {"ours", "30"}, {"G0", "30 /s", "100 /s", "0.3", ">= 0.5", "MISSED"}} {
		if !slices.ContainsFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, want[0]) && !slices.ContainsFunc(want, func(s string) bool { return !strings.Contains(line, s) })
		}) {
			t.Errorf("no line has %v:\n%s", want, b.String())
		}
	}
}
