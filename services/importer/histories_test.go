package importer

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
)

// service returns what the ticket service measures, by "group metric", the keys of a
// group joined by commas.
func service(t *testing.T, conn grpc.ClientConnInterface, by ...string) map[string]*typev1.Estimate {
	t.Helper()
	return serviceIn(t, conn, nil, by...)
}

func serviceIn(t *testing.T, conn grpc.ClientConnInterface, in *typev1.Window, by ...string) map[string]*typev1.Estimate {
	t.Helper()
	res, err := ticketv1.NewServiceMetricsServiceClient(conn).QueryServiceMetrics(patient(t), &ticketv1.QueryServiceMetricsRequest{
		Parent: "brands/b", Window: in, GroupBy: by,
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*typev1.Estimate{}
	add := func(group string, list []*typev1.Measure) {
		for _, m := range list {
			all[group+" "+strings.TrimPrefix(m.GetMetric().String(), "METRIC_")] = m.GetEstimate()
		}
	}
	add("", res.GetMeasures())
	for _, g := range res.GetGroups() {
		var keys []string
		for _, k := range g.GetKeys() {
			keys = append(keys, k.GetValue())
		}
		add(strings.Join(keys, ","), g.GetMeasures())
	}
	return all
}

// wantValue compares a number that rests on n tickets.
func wantValue(t *testing.T, all map[string]*typev1.Estimate, key string, n int64, value float64) {
	t.Helper()
	e := all[key]
	if e.GetN() != n || e.Value == nil || math.Abs(e.GetValue()-value) > 1e-9*max(1, math.Abs(value)) {
		t.Errorf("%s = %v of %d, want %v of %d", key, e.GetValue(), e.GetN(), value, n)
	}
}

// wantTickets compares how many tickets each group has.
func wantTickets[N int | int64](t *testing.T, all map[string]*typev1.Estimate, want map[string]N) {
	t.Helper()
	if len(want) == 0 {
		t.Error("expected.json lacks a breakdown")
	}
	for group, n := range want {
		wantValue(t, all, group+" TICKET_COUNT", int64(n), float64(n))
	}
}

// wantReopened compares how many tickets were reopened, of those that were ever
// resolved and, as the sets count them, of all.
func wantReopened(t *testing.T, all map[string]*typev1.Estimate, resolved, reopened int64, rate float64) {
	t.Helper()
	wantValue(t, all, " REOPEN_RATE", resolved, float64(reopened)/float64(resolved))
	wantValue(t, all, " REOPENED_SHARE", int64(all[" TICKET_COUNT"].GetValue()), rate)
}

// A spread is how a set gives durations, in hours.
type spread struct {
	N                      int64
	Median, Mean, P90, P95 float64
}

// wantSpread compares times, in seconds, with those that a set gives in hours; what it
// does not give is 0.
func wantSpread(t *testing.T, all map[string]*typev1.Estimate, metric string, want spread) {
	t.Helper()
	for suffix, hours := range map[string]float64{"P50": want.Median, "MEAN": want.Mean, "P90": want.P90, "P95": want.P95} {
		if hours != 0 {
			wantValue(t, all, metric+suffix, want.N, 3600*hours)
		}
	}
}

// wantOddities compares how often each oddity was met.
func wantOddities(t *testing.T, r *Report, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, o := range r.Oddities {
		got[o.Text] = o.Count
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("oddities = %v, want %v", got, want)
	}
}

// wantThereAlready imports a set again: nothing is new, nothing changes.
func wantThereAlready(t *testing.T, conn grpc.ClientConnInterface, set string, n int) {
	t.Helper()
	before := everything(t, conn)
	again := load(t, conn, set)
	wantCounts(t, again, map[string][4]int{"brands": {0, 1}, "histories": {0, n}})
	if after := everything(t, conn); after != before {
		t.Errorf("the second import changed something: %s, before %s", after, before)
	}
}

// incidents is what expected.json says about that set.
type incidents struct {
	Incidents  int                   `json:"incidents"`
	MadeSLA    int                   `json:"made_sla_final"`
	SLARate    float64               `json:"made_sla_rate"`
	Reopened   int64                 `json:"reopened"`
	ReopenRate float64               `json:"reopen_rate"`
	Reopens    int                   `json:"reopen_total"`
	Reassigned int                   `json:"reassigned"`
	Handoffs   float64               `json:"reassignment_mean"`
	Straight   float64               `json:"first_group_resolution_rate_no_reassign_no_reopen"`
	Knowledge  float64               `json:"knowledge_used_rate"`
	Contact    map[string]int        `json:"contact_type"`
	Priority   map[string]int        `json:"priority"`
	Impact     map[string]int        `json:"impact"`
	Urgency    map[string]int        `json:"urgency"`
	Awaited    int                   `json:"incidents_ever_awaiting_user_info"`
	ByPriority map[string][2]float64 `json:"sla_by_priority"`
	ByReassign map[string][2]float64 `json:"sla_by_reassignments"`
	Unresolved int                   `json:"no_resolved_at"`
	Resolved   spread                `json:"opened_to_resolved_h"`
	ResolvedBy map[string]float64    `json:"opened_to_resolved_h_median_by_sla"`
	Closed     spread                `json:"opened_to_closed_h"`
	ClosedBy   map[string]float64    `json:"opened_to_closed_h_median_by_sla"`
	ByMonth    map[string]int        `json:"opened_by_month"`
	Groups     int                   `json:"assignment_groups"`
}

func TestIncidentsGiveWhatTheSetSays(t *testing.T) {
	var want incidents
	expected(t, "incidents", &want)
	conn := start(t)
	report := load(t, conn, "incidents")
	wantCounts(t, report, map[string][4]int{"brands": {1}, "histories": {want.Incidents}})
	wantOddities(t, report, map[string]int{
		oddities[ticketv1.ImportTicketResult_ODDITY_CLOSED_UNRESOLVED]: want.Unresolved, "the resolution has no time": want.Unresolved,
		oddities[ticketv1.ImportTicketResult_ODDITY_BEFORE_OPENING]: 1, "a line is older than the incident": 1,
		"a line without its group": 303, "the caller is not known": 1, "it was opened in another way than it ended with": 1,
		"reassigned to the group that had it": 7,
	})
	n := int64(want.Incidents)
	all := service(t, conn)
	wantReopened(t, all, want.Resolved.N, want.Reopened, want.ReopenRate)
	wantValue(t, all, " REOPEN_MEAN", n, float64(want.Reopens)/float64(n))
	wantValue(t, all, " HANDOFF_SHARE", n, float64(want.Reassigned)/float64(n))
	wantValue(t, all, " HANDOFF_MEAN", n, want.Handoffs)
	wantValue(t, all, " BACKLOG", 0, 0) // those that were never resolved are closed
	wantValue(t, all, " FIRST_GROUP_RESOLUTION", n, want.Straight)
	wantSpread(t, all, " RESOLUTION_TIME_", want.Resolved)
	wantSpread(t, all, " CLOSE_TIME_", want.Closed)

	wantIncidentGroups(t, conn, want)
	wantThereAlready(t, conn, "incidents", want.Incidents)
}

// wantIncidentGroups compares the incidents by what they have in common.
func wantIncidentGroups(t *testing.T, conn grpc.ClientConnInterface, want incidents) {
	t.Helper()
	n := float64(want.Incidents)
	all := service(t, conn, "attributes.made_sla")
	wantTickets(t, all, map[string]int{"true": want.MadeSLA, "false": want.Incidents - want.MadeSLA})
	wantValue(t, all, "true TICKET_COUNT", int64(want.MadeSLA), want.SLARate*n)
	for sla := range want.ClosedBy {
		wantValue(t, all, sla+" CLOSE_TIME_P50", int64(all[sla+" TICKET_COUNT"].GetValue()), 3600*want.ClosedBy[sla])
		resolved := all[sla+" RESOLUTION_TIME_P50"].GetN()
		wantValue(t, all, sla+" RESOLUTION_TIME_P50", resolved, 3600*want.ResolvedBy[sla])
	}
	wantTickets(t, service(t, conn, "attributes.knowledge"), map[string]int{"true": int(math.Round(want.Knowledge * n))})
	wantTickets(t, service(t, conn, "attributes.contact_type"), want.Contact)
	c := want.Contact
	wantTickets(t, service(t, conn, "channel"), map[string]int{
		"CHANNEL_PHONE": c["Phone"] + c["IVR"], "CHANNEL_WEB": c["Self service"], "CHANNEL_EMAIL": c["Email"], "CHANNEL_IN_PERSON": c["Direct opening"],
	})
	wantTickets(t, service(t, conn, "attributes.impact"), want.Impact)
	wantTickets(t, service(t, conn, "attributes.urgency"), want.Urgency)
	wantTickets(t, service(t, conn, "attributes.awaited_user"), map[string]int{"yes": want.Awaited})
	wantIncidentPriorities(t, conn, want)
	for month, opened := range want.ByMonth {
		first, err := time.Parse("2006-01", month)
		if err != nil {
			t.Fatal(err)
		}
		wantTickets(t, serviceIn(t, conn, measure.Window(first, first.AddDate(0, 1, 0))), map[string]int{"": opened})
	}
	teams := 0
	for key := range service(t, conn, "team") {
		if strings.HasPrefix(key, "brands/b/teams/group-") && strings.HasSuffix(key, " TICKET_COUNT") {
			teams++
		}
	}
	if teams != want.Groups {
		t.Errorf("%d teams had a ticket in the end, want %d", teams, want.Groups)
	}
}

func wantIncidentPriorities(t *testing.T, conn grpc.ClientConnInterface, want incidents) {
	t.Helper()
	p := want.Priority
	wantTickets(t, service(t, conn, "priority"), map[string]int{
		"PRIORITY_URGENT": p["1 - Critical"], "PRIORITY_HIGH": p["2 - High"], "PRIORITY_NORMAL": p["3 - Moderate"], "PRIORITY_LOW": p["4 - Low"],
	})
	urgency := map[string]string{"1 - Critical": "PRIORITY_URGENT", "2 - High": "PRIORITY_HIGH", "3 - Moderate": "PRIORITY_NORMAL", "4 - Low": "PRIORITY_LOW"}
	all := service(t, conn, "priority", "attributes.made_sla")
	for group, w := range want.ByPriority {
		wantShare(t, all, urgency[group]+",", "true", "false", w[0], w[1])
	}
	all = service(t, conn, "attributes.reassignments", "attributes.made_sla")
	for group, w := range want.ByReassign {
		wantShare(t, all, group+",", "true", "false", w[0], w[1])
	}
}

// wantShare compares the share that one value has among the tickets of a group with
// that value and another.
func wantShare(t *testing.T, all map[string]*typev1.Estimate, group, value, other string, n, share float64) {
	t.Helper()
	of := func(value string) float64 { return all[group+value+" TICKET_COUNT"].GetValue() }
	if got := of(value) + of(other); got != n || math.Abs(of(value)/got-share) > 1e-9 {
		t.Errorf("%s%s = %v of %v, want %v of %v", group, value, of(value)/got, got, share, n)
	}
}

func TestAnItalianHelpDeskGivesWhatTheSetSays(t *testing.T) {
	var want struct {
		Cases    int     `json:"cases"`
		Median   float64 `json:"cycle_days_median"`
		Mean     float64 `json:"cycle_days_mean"`
		P90      float64 `json:"cycle_days_p90"`
		Taken    int     `json:"cases_taken_in_charge_more_than_once"`
		Reopened int64   `json:"cases_resolved_more_than_once_(reopened)"`
		Waited   int     `json:"cases_with_wait"`
		Closed   int     `json:"cases_ending_closed"`
	}
	expected(t, "helpdesk_italy", &want)
	conn := start(t)
	report := load(t, conn, "helpdesk")
	wantCounts(t, report, map[string][4]int{"brands": {1}, "histories": {want.Cases}})
	wantOddities(t, report, map[string]int{
		"closed twice": 2, oddities[ticketv1.ImportTicketResult_ODDITY_AFTER_CLOSING]: 2, "never closed": want.Cases - want.Closed,
		"never resolved": 2, "resolved twice in one second": 9,
		"it begins with something else than being inserted or assigned": 12,
	})
	all := service(t, conn)
	wantReopened(t, all, int64(want.Cases-2), want.Reopened, float64(want.Reopened)/float64(want.Cases))
	wantTickets(t, service(t, conn, "attributes.waited"), map[string]int{"yes": want.Waited})
	taken := 0.0
	for key, e := range service(t, conn, "attributes.taken_in_charge") {
		if times, ok := strings.CutSuffix(key, " TICKET_COUNT"); ok && times > "1" {
			taken += e.GetValue()
		}
	}
	if taken != float64(want.Taken) {
		t.Errorf("%v tickets were taken in charge more than once, want %d", taken, want.Taken)
	}
	// The set's cycle runs from the first line of a case to the last. The service
	// closes 596 of 600 at a line that says so, 2 of them at the first of two such lines.
	cycles, closings := helpDeskDays(t)
	wantClose(t, "median cycle", quantile(cycles, .5), want.Median)
	wantClose(t, "mean cycle", mean(cycles), want.Mean)
	wantClose(t, "90th percentile of cycles", quantile(cycles, .9), want.P90)
	wantSpread(t, all, " CLOSE_TIME_", spread{int64(want.Closed), 24 * quantile(closings, .5), 24 * mean(closings), 24 * quantile(closings, .9), 0})
	wantThereAlready(t, conn, "helpdesk", want.Cases)
}

// helpDeskDays reads the set by itself: how many days each case took, and how many
// until each of those that were closed was closed first.
func helpDeskDays(t *testing.T) (cycles, closings []float64) {
	t.Helper()
	var ids []string
	cases := map[string][][]string{}
	for _, line := range lines(t, filepath.Join(shared(t), "helpdesk", "helpdesk_events.csv")) {
		if cases[line[0]] == nil {
			ids = append(ids, line[0])
		}
		cases[line[0]] = append(cases[line[0]], line)
	}
	days := func(from, to []string) float64 {
		var at [2]time.Time
		for i, text := range []string{from[3], to[3]} {
			var err error
			if at[i], err = time.Parse("2006/01/02 15:04:05", text); err != nil {
				t.Fatal(err)
			}
		}
		return at[1].Sub(at[0]).Hours() / 24
	}
	for _, id := range ids {
		all := cases[id]
		cycles = append(cycles, days(all[0], all[len(all)-1]))
		for _, line := range all {
			if line[1] == "Closed" {
				closings = append(closings, days(all[0], line))
				break
			}
		}
	}
	return cycles, closings
}

func TestABankServiceDeskGivesWhatTheSetSays(t *testing.T) {
	var want struct {
		Incidents  int                                 `json:"incidents"`
		Category   map[string]int                      `json:"category"`
		Priority   map[string]int                      `json:"priority"`
		Impact     map[string]int                      `json:"impact"`
		Urgency    map[string]int                      `json:"urgency"`
		Reopened   int64                               `json:"reopened"`
		ReopenRate float64                             `json:"reopen_rate"`
		Reassigned float64                             `json:"reassigned_share"`
		Handoffs   float64                             `json:"reassignment_mean"`
		Resolved   spread                              `json:"open_to_resolved_h"`
		Closed     spread                              `json:"open_to_close_h"`
		Handled    struct{ Median, Mean, Sum float64 } `json:"handle_time_h"`
		ByPriority map[string][2]float64               `json:"open_to_resolved_median_h_by_priority"`
		Codes      map[string]int                      `json:"closure_code"`
		Updated    int                                 `json:"incidents_with_update_from_customer"`
	}
	expected(t, "servicedesk_bank", &want)
	conn := start(t)
	report := load(t, conn, "servicedesk_bank")
	wantCounts(t, report, map[string][4]int{"brands": {1}, "histories": {want.Incidents}})
	wantOddities(t, report, map[string]int{
		oddities[ticketv1.ImportTicketResult_ODDITY_CLOSED_UNRESOLVED]: 27, "the resolution has no time": 27,
		oddities[ticketv1.ImportTicketResult_ODDITY_BEFORE_OPENING]: 4, "an activity is older than the incident": 4,
		"an activity is younger than the closing": 573, "reopened without an activity that says so": 2, "no closure code": want.Codes[""],
		"the count of reassignments is not that of the activities": 17,
	})
	n := int64(want.Incidents)
	all := service(t, conn)
	wantReopened(t, all, want.Resolved.N+1, want.Reopened, want.ReopenRate) // one was reopened and its resolution has no time
	wantSpread(t, all, " RESOLUTION_TIME_", want.Resolved)
	wantSpread(t, all, " CLOSE_TIME_", want.Closed)
	// A handoff goes from one team to another. The set counts also those within a team.
	wantValue(t, all, " HANDOFF_SHARE", n, 215.0/600)
	wantTickets(t, service(t, conn, "attributes.reassigned"), map[string]int{"yes": int(math.Round(want.Reassigned * float64(n)))})
	reassignments, hours := values(t, service(t, conn, "attributes.reassignments")), values(t, service(t, conn, "attributes.handle_time_hours"))
	wantClose(t, "mean reassignments", mean(reassignments), want.Handoffs)
	wantClose(t, "median hours of work", quantile(hours, .5), want.Handled.Median)
	wantClose(t, "mean hours of work", mean(hours), want.Handled.Mean)
	wantTickets(t, service(t, conn, "attributes.category"), want.Category)
	wantTickets(t, service(t, conn, "attributes.impact"), want.Impact)
	wantTickets(t, service(t, conn, "attributes.urgency"), want.Urgency)
	wantTickets(t, service(t, conn, "attributes.closure_code"), want.Codes)
	wantTickets(t, service(t, conn, "attributes.customer_update"), map[string]int{"yes": want.Updated})
	all = service(t, conn, "priority")
	priority := map[string]string{"2": "PRIORITY_URGENT", "3": "PRIORITY_HIGH", "4": "PRIORITY_NORMAL", "5": "PRIORITY_LOW"}
	for number, name := range priority {
		wantTickets(t, all, map[string]int{name: want.Priority[number]})
		wantValue(t, all, name+" RESOLUTION_TIME_P50", int64(want.ByPriority[number][0]), 3600*want.ByPriority[number][1])
	}
	wantThereAlready(t, conn, "servicedesk_bank", want.Incidents)
}

func TestCityRequestsGiveWhatTheSetSays(t *testing.T) {
	var want struct {
		Requests int                `json:"requests"`
		Status   map[string]int     `json:"status"`
		Channel  map[string]int     `json:"channel"`
		Agency   map[string]int     `json:"agency"`
		Closed   int64              `json:"closed_with_date"`
		Hours    spread             `json:"hours_to_close"`
		Share    map[string]float64 `json:"closed_share_by_channel"`
	}
	expected(t, "nyc311", &want)
	conn := start(t)
	report := load(t, conn, "nyc311")
	wantCounts(t, report, map[string][4]int{"brands": {1}, "histories": {want.Requests}})
	wantOddities(t, report, map[string]int{
		"closed, and nobody says when": want.Status["Closed"] - int(want.Closed), "closed in the moment it was opened": 6,
		"the last action is older than the request": 370, "the way it came is not known": want.Channel["UNKNOWN"],
	})
	want.Hours.N = want.Closed
	all := service(t, conn)
	wantSpread(t, all, " CLOSE_TIME_", want.Hours)
	wantSpread(t, all, " RESOLUTION_TIME_", want.Hours)
	wantTickets(t, service(t, conn, "attributes.status"), want.Status)
	wantTickets(t, service(t, conn, "attributes.agency"), want.Agency)
	wantTickets(t, service(t, conn, "attributes.channel"), want.Channel)
	all = service(t, conn, "channel")
	for word, name := range map[string]string{"ONLINE": "CHANNEL_WEB", "PHONE": "CHANNEL_PHONE", "MOBILE": "CHANNEL_MOBILE_APP", "UNKNOWN": "CHANNEL_IN_PERSON"} {
		wantValue(t, all, name+" RESOLUTION_RATE", int64(want.Channel[word]), want.Share[word])
	}
	wantThereAlready(t, conn, "nyc311", want.Requests)
}

// values returns the numbers that an attribute holds, each as often as there are tickets.
func values(t *testing.T, groups map[string]*typev1.Estimate) (all []float64) {
	t.Helper()
	for key, e := range groups {
		text, ok := strings.CutSuffix(key, " TICKET_COUNT")
		if !ok || text == "" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		for range int(e.GetValue()) {
			all = append(all, v)
		}
	}
	return all
}

// lines reads the lines of a file after its header.
func lines(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all[1:]
}

// quantile interpolates between neighbors, as expected.json does.
func quantile(of []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	at := q * float64(len(sorted)-1)
	below := int(at)
	return sorted[below] + (at-float64(below))*(sorted[min(below+1, len(sorted)-1)]-sorted[below])
}

func mean(of []float64) float64 {
	sum := 0.0
	for _, v := range of {
		sum += v
	}
	return sum / float64(len(of))
}

func wantClose(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
