package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
)

// side is how wide one of the two circles is printed.
const side = 66

// writeComparison prints both circles side by side, then the groups.
func writeComparison(w io.Writer, brand string, res *gatewayv1.CompareViewsResponse) {
	fmt.Fprintf(w, "brands/%s   %s to %s   scores as of the end   95 %% intervals\n\n",
		brand, day(res.GetWindow().GetStartTime().AsTime()), day(res.GetWindow().GetEndTime().AsTime()))
	pair(w, "CUSTOMER SERVICE  the inner circle", "CUSTOMER EXPERIENCE  the outer circle")
	sides(w, res.GetService().GetMeasures(), res.GetExperience().GetMeasures())
	for _, g := range pairGroups(res.GetService().GetGroups(), res.GetExperience().GetGroups()) {
		fmt.Fprintf(w, "\n── %s\n", g.title)
		sides(w, g.service, g.experience)
	}
	if n := res.GetExperience().GetNesting(); n.GetTouchpoints() > 0 {
		fmt.Fprintf(w, "\nThe inner circle lies in the outer one: %s of %s touchpoints and %s of %s customers are about service.\n",
			count(n.GetServiceTouchpoints()), count(n.GetTouchpoints()), count(n.GetServiceCustomers()), count(n.GetCustomers()))
	}
	writeTargets(w, res.GetTargets())
	writeMissing(w, res.GetParts())
}

// A pairedGroup is one group as both circles measure it.
type pairedGroup struct {
	title               string
	service, experience []*typev1.Measure
}

// pairGroups joins the groups of both circles by their keys, in order.
func pairGroups(service, experience []*typev1.MeasureGroup) []*pairedGroup {
	var all []*pairedGroup
	for len(service) > 0 || len(experience) > 0 {
		g := &pairedGroup{}
		takeService := len(experience) == 0 || len(service) > 0 && measure.Key(service[0].GetKeys()) <= measure.Key(experience[0].GetKeys())
		takeExperience := len(service) == 0 || len(experience) > 0 && measure.Key(experience[0].GetKeys()) <= measure.Key(service[0].GetKeys())
		if takeService {
			g.title, g.service, service = title(service[0].GetKeys()), service[0].GetMeasures(), service[1:]
		}
		if takeExperience {
			g.title, g.experience, experience = title(experience[0].GetKeys()), experience[0].GetMeasures(), experience[1:]
		}
		all = append(all, g)
	}
	return all
}

func title(keys []*typev1.GroupKey) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		value := k.GetValue()
		if value == "" {
			value = "(none)"
		}
		parts[i] = k.GetDimension() + " " + value
	}
	return strings.Join(parts, ", ")
}

func sides(w io.Writer, left, right []*typev1.Measure) {
	for i := range max(len(left), len(right)) {
		var l, r string
		if i < len(left) {
			l = line(left[i])
		}
		if i < len(right) {
			r = line(right[i])
		}
		pair(w, l, r)
	}
}

func pair(w io.Writer, left, right string) {
	fmt.Fprintln(w, strings.TrimRight(pad(left, side)+" │ "+right, " "))
}

// line is one measure: its name, value, interval and n.
func line(m *typev1.Measure) string {
	e := m.GetEstimate()
	name := tidy(m.GetMetric().String(), "METRIC_")
	if m.GetSubject() == typev1.Subject_SUBJECT_PRODUCT {
		name += " (product)"
	}
	value, interval := "–", ""
	unit := e.GetUnit()
	if unit == typev1.Unit_UNIT_COUNT && e.Lower != nil { // a mean of counts
		unit = typev1.Unit_UNIT_POINTS
	}
	if e.Value != nil {
		value = format(e.GetValue(), unit)
	}
	if e.Lower != nil && e.Upper != nil {
		interval = "[" + format(e.GetLower(), unit) + ", " + format(e.GetUpper(), unit) + "]"
	}
	n := ""
	if e.GetUnit() != typev1.Unit_UNIT_COUNT || e.Lower != nil {
		n = "n " + count(e.GetN())
	}
	switch e.GetQuality() {
	case typev1.Quality_QUALITY_SMALL_SAMPLE:
		n += " small"
	case typev1.Quality_QUALITY_SUPPRESSED:
		n += " withheld"
	}
	return pad(name, 26) + " " + padLeft(value, 9) + " " + pad(interval, 18) + " " + n
}

// estimated is an estimate without a name: its value, interval and n.
func estimated(e *typev1.Estimate) string {
	text := "–"
	if e.Value != nil {
		text = format(e.GetValue(), e.GetUnit())
	}
	if e.Lower != nil && e.Upper != nil {
		text += " [" + format(e.GetLower(), e.GetUnit()) + ", " + format(e.GetUpper(), e.GetUnit()) + "]"
	}
	return text + "  n " + count(e.GetN())
}

// format writes a value in its unit.
func format(v float64, unit typev1.Unit) string {
	switch unit {
	case typev1.Unit_UNIT_RATIO:
		return strconv.FormatFloat(100*v, 'f', 1, 64) + "%"
	case typev1.Unit_UNIT_COUNT:
		return count(int64(v))
	case typev1.Unit_UNIT_SECONDS:
		return span(time.Duration(v * float64(time.Second)))
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// span writes a duration in its largest fitting unit.
func span(d time.Duration) string {
	one := func(unit time.Duration, name string) string {
		return strconv.FormatFloat(math.Round(10*float64(d)/float64(unit))/10, 'f', -1, 64) + name
	}
	switch a := d.Abs(); {
	case a >= 48*time.Hour:
		return one(24*time.Hour, "d")
	case a >= 2*time.Hour:
		return one(time.Hour, "h")
	case a >= 2*time.Minute:
		return one(time.Minute, "min")
	}
	return one(time.Second, "s")
}

// count writes n with thousands apart.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// tidy turns an enum's name into words.
func tidy(name, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", " "))
}

func day(t time.Time) string { return t.Format("2006-01-02 15:04") }

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s))) + s
}
