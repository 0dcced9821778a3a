package ticket_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A past is what happened to one ticket, in hours after noon.
type past struct {
	keys                  map[string]string // the dimensions
	origin                typev1.Origin
	opened                int
	responses             []int
	resolutions, reopened []int // in turn
}

// spread draws n pasts. Some answers and resolutions come before their ticket.
func spread(r *rand.Rand, n int) (all []past) {
	for range n {
		p := past{keys: map[string]string{
			"channel": typev1.Channel(1 + r.IntN(3)).String(),
			"stage":   typev1.Stage(3 + r.IntN(3)).String(),
		}, origin: typev1.Origin(1 + r.IntN(3)), opened: r.IntN(600)}
		if r.IntN(3) > 0 {
			p.keys["team"] = fmt.Sprint(acme, "/teams/", r.IntN(2))
		}
		if r.IntN(3) > 0 {
			p.keys["attributes.tenure"] = []string{"0-30", "31-60"}[r.IntN(2)]
		}
		if r.IntN(4) > 0 {
			p.keys["issue_kind"] = ticketv1.Ticket_IssueKind(1 + r.IntN(2)).String()
		}
		for range r.IntN(3) {
			p.responses = append(p.responses, p.opened-5+r.IntN(40))
		}
		at := p.opened - 5
		for range r.IntN(3) {
			at += 1 + r.IntN(60)
			p.resolutions = append(p.resolutions, at)
			if r.IntN(3) > 0 {
				break
			}
			at += 1 + r.IntN(72)
			p.reopened = append(p.reopened, at)
		}
		all = append(all, p)
	}
	return all
}

func hours(h int) time.Time { return noon.Add(time.Duration(h) * time.Hour) }

// live makes p happen.
func (p past) live(t *testing.T, c client) {
	tk := &ticketv1.Ticket{
		Customer: ann, Subject: "?", Origin: p.origin, OpenTime: timestamppb.New(hours(p.opened)), Team: p.keys["team"],
		Channel:   typev1.Channel(typev1.Channel_value[p.keys["channel"]]),
		Stage:     typev1.Stage(typev1.Stage_value[p.keys["stage"]]),
		IssueKind: ticketv1.Ticket_IssueKind(ticketv1.Ticket_IssueKind_value[p.keys["issue_kind"]]),
	}
	if tenure, ok := p.keys["attributes.tenure"]; ok {
		tk.Attributes = map[string]string{"tenure": tenure, "other": "x"}
	}
	name := must(c.CreateTicket)(t, &ticketv1.CreateTicketRequest{Parent: acme, Ticket: tk}).GetName()
	for _, h := range p.responses {
		must(c.CreateInteraction)(t, say(name, outbound, time.Duration(h)*time.Hour))
	}
	for i, h := range p.resolutions {
		must(c.ResolveTicket)(t, resolve(name, solved, time.Duration(h)*time.Hour))
		if i < len(p.reopened) {
			must(c.CreateInteraction)(t, say(name, inbound, time.Duration(p.reopened[i])*time.Hour))
		}
	}
}

// openAt tells whether the ticket is open at hour h, as the first instant after
// a window.
func (p past) openAt(h int) bool {
	open := p.opened < h
	for i, r := range p.resolutions {
		if r < h {
			open = i < len(p.reopened) && p.reopened[i] < h
		}
	}
	return open
}

// A figure is what a measure must say.
type figure struct {
	value    float64
	n        int
	excluded string
}

// recount measures pasts that are in the window or in the backlog of its end.
func recount(all []past, start, end int) map[typev1.Metric]figure {
	var in, open, inboundCount, resolved, settled, reopened, unanswered, early, unresolved, backwards int
	var response, resolution []float64
	for _, p := range all {
		if p.openAt(end) {
			open++
		}
		if p.opened < start || p.opened >= end {
			continue
		}
		in++
		if p.origin == typev1.Origin_ORIGIN_INBOUND {
			inboundCount++
		}
		switch {
		case len(p.responses) == 0:
			unanswered++
		case slices.Min(p.responses) < p.opened:
			early++
		default:
			response = append(response, 3600*float64(slices.Min(p.responses)-p.opened))
		}
		if len(p.resolutions) > 0 {
			settled++
		}
		if len(p.reopened) > 0 {
			reopened++
		}
		switch {
		case len(p.resolutions) == len(p.reopened):
			unresolved++
		case p.resolutions[len(p.resolutions)-1] < p.opened:
			resolved++
			backwards++
		default:
			resolved++
			resolution = append(resolution, 3600*float64(p.resolutions[len(p.resolutions)-1]-p.opened))
		}
	}
	notResponse := reasons("NEGATIVE_DURATION", early, "NOT_ANSWERED", unanswered)
	notResolution := reasons("NEGATIVE_DURATION", backwards, "NOT_RESOLVED", unresolved)
	return map[typev1.Metric]figure{
		typev1.Metric_METRIC_TICKET_COUNT:            {float64(in), in, ""},
		typev1.Metric_METRIC_BACKLOG:                 {float64(open), open, ""},
		typev1.Metric_METRIC_REOPEN_RATE:             {float64(reopened) / float64(settled), settled, reasons("NOT_RESOLVED", in-settled)},
		typev1.Metric_METRIC_RESOLUTION_RATE:         {float64(resolved) / float64(in), in, ""},
		typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P50: {quantile(response, .5), len(response), notResponse},
		typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P90: {quantile(response, .9), len(response), notResponse},
		typev1.Metric_METRIC_RESOLUTION_TIME_P50:     {quantile(resolution, .5), len(resolution), notResolution},
		typev1.Metric_METRIC_RESOLUTION_TIME_P90:     {quantile(resolution, .9), len(resolution), notResolution},
		typev1.Metric_METRIC_REACTIVE_SHARE:          {float64(inboundCount) / float64(in), in, ""},
	}
}

func reasons(pairs ...any) string {
	s := ""
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != 0 {
			s += fmt.Sprint(pairs[i], "=", pairs[i+1], " ")
		}
	}
	return s
}

func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	at := q * float64(len(values)-1)
	i := int(at)
	return values[i] + (at-float64(i))*(values[min(i+1, len(values)-1)]-values[i])
}

// compare checks measures against a recount.
func compare(t *testing.T, what string, got []*typev1.Measure, want map[typev1.Metric]figure) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d measures, want %d", what, len(got), len(want))
	}
	for _, m := range got {
		f, e := want[m.GetMetric()], m.GetEstimate()
		excluded := ""
		for _, x := range m.GetExcluded() {
			excluded += fmt.Sprint(x.GetReason(), "=", x.GetCount(), " ")
		}
		if int(e.GetN()) != f.n || excluded != f.excluded || m.GetSubject() != typev1.Subject_SUBJECT_SERVICE {
			t.Errorf("%s: %v, want n %d, excluded %s", what, m, f.n, f.excluded)
		}
		if shown := e.Value != nil; shown != (f.n >= 5 || e.GetUnit() == typev1.Unit_UNIT_COUNT) {
			t.Errorf("%s: %v, shown %t with n %d", what, m, shown, f.n)
		}
		if e.Value != nil && math.Abs(e.GetValue()-f.value) > 1e-9*math.Max(1, f.value) {
			t.Errorf("%s: %v, want %v", what, m, f.value)
		}
		if e.Lower != nil && (e.GetLower() > e.GetValue() || e.GetUpper() < e.GetValue()) {
			t.Errorf("%s: %v, want the value inside its interval", what, m)
		}
	}
}

// basics are the metrics that recount knows.
var basics = []typev1.Metric{20, 21, 22, 23, 24, 25, 26, 27, 28}

func TestMeasuresEqualARecount(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		c := serve(t, open(t), inProcess)
		r := rand.New(rand.NewPCG(7, 11))
		all := spread(r, 250)
		for _, p := range all {
			p.live(t, c)
		}
		query := must(c.QueryServiceMetrics)
		span := must(c.GetDataSpan)(t, &ticketv1.GetDataSpanRequest{Parent: acme}).GetWindow()
		whole := query(t, &ticketv1.QueryServiceMetricsRequest{Parent: acme, Metrics: basics})
		equal(t, "window", whole.GetBasis().GetWindow(), span)
		compare(t, "everything", whole.GetMeasures(), recount(all, 0, int(span.GetEndTime().AsTime().Sub(noon)/time.Hour)+1))

		for range 40 {
			start := r.IntN(500)
			end := start + 1 + r.IntN(300)
			dims := []string{"channel", "stage", "team", "attributes.tenure", "issue_kind"}
			r.Shuffle(len(dims), func(i, j int) { dims[i], dims[j] = dims[j], dims[i] })
			req := &ticketv1.QueryServiceMetricsRequest{
				Parent: acme, GroupBy: dims[:r.IntN(4)], Population: &typev1.Population{}, Metrics: basics,
				Window: &typev1.Window{StartTime: timestamppb.New(hours(start)), EndTime: timestamppb.New(hours(end))},
			}
			people := all
			if r.IntN(2) > 0 {
				req.Population.Channels = []typev1.Channel{1, 3}
				people = slices.DeleteFunc(slices.Clone(people), func(p past) bool { return p.keys["channel"] == "CHANNEL_EMAIL" })
			}
			if r.IntN(2) > 0 {
				req.Population.Stages = []typev1.Stage{4}
				people = slices.DeleteFunc(slices.Clone(people), func(p past) bool { return p.keys["stage"] != "STAGE_RETENTION" })
			}
			if r.IntN(3) == 0 {
				req.Filter = "channel != CHANNEL_CHAT"
				people = slices.DeleteFunc(slices.Clone(people), func(p past) bool { return p.keys["channel"] == "CHANNEL_CHAT" })
			}
			check(t, query(t, req), req, people, [2]int{start, end})
		}
	})
}

// check compares an answer, group by group, with a recount of people.
func check(t *testing.T, resp *ticketv1.QueryServiceMetricsResponse, req *ticketv1.QueryServiceMetricsRequest, people []past, window [2]int) {
	t.Helper()
	want := recount(people, window[0], window[1])
	compare(t, req.String(), resp.GetMeasures(), want)
	if b := resp.GetBasis(); int(b.GetIncluded()) != want[typev1.Metric_METRIC_TICKET_COUNT].n ||
		!proto.Equal(b.GetAsOfTime(), req.GetWindow().GetEndTime()) || !proto.Equal(b.GetPopulation(), req.GetPopulation()) ||
		!slices.Equal(b.GetSources(), []string{"ticket"}) {
		t.Errorf("basis = %v for %v", b, req)
	}
	groups := map[string][]past{}
	for _, p := range people {
		if len(req.GetGroupBy()) > 0 && (p.opened >= window[0] && p.opened < window[1] || p.openAt(window[1])) {
			var key []string
			for _, d := range req.GetGroupBy() {
				key = append(key, d+"="+p.keys[d])
			}
			groups[strings.Join(key, "\x00")] = append(groups[strings.Join(key, "\x00")], p)
		}
	}
	var keys []string
	for _, g := range resp.GetGroups() {
		var key []string
		for _, k := range g.GetKeys() {
			key = append(key, k.GetDimension()+"="+k.GetValue())
		}
		keys = append(keys, strings.Join(key, "\x00"))
		compare(t, fmt.Sprint(req, key), g.GetMeasures(), recount(groups[keys[len(keys)-1]], window[0], window[1]))
	}
	if sorted := slices.Sorted(maps.Keys(groups)); !slices.Equal(keys, sorted) {
		t.Errorf("groups of %v = %q, want %q", req, keys, sorted)
	}
}

func TestWithoutDataThereIsNoWindow(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		if w := must(c.GetDataSpan)(t, &ticketv1.GetDataSpanRequest{Parent: acme}).GetWindow(); w != nil {
			t.Errorf("span = %v, want none", w)
		}
		resp := must(c.QueryServiceMetrics)(t, &ticketv1.QueryServiceMetricsRequest{Parent: acme, GroupBy: []string{"stage"}})
		if resp.GetBasis().GetWindow() != nil || resp.GetBasis().GetAsOfTime() != nil || len(resp.GetMeasures()) != 49 || len(resp.GetGroups()) != 0 {
			t.Errorf("answer = %v, want all measures without window", resp)
		}
		for _, m := range resp.GetMeasures() {
			if e := m.GetEstimate(); e.GetQuality() != typev1.Quality_QUALITY_NO_DATA || e.Value != nil || e.GetUnit() == 0 {
				t.Errorf("measure = %v, want NO_DATA", m)
			}
		}
	})
}

func TestTheSpanEndsJustAfterTheLastEvent(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		tk := must(c.CreateTicket)(t, open())
		must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = timestamppb.New(hours(1)) }))
		span := func() *typev1.Window {
			return must(c.GetDataSpan)(t, &ticketv1.GetDataSpanRequest{Parent: acme}).GetWindow()
		}
		window := func(last int) *typev1.Window {
			return &typev1.Window{StartTime: timestamppb.New(noon), EndTime: timestamppb.New(hours(last).Add(time.Microsecond))}
		}
		equal(t, "span of openings", span(), window(1))
		must(c.CreateInteraction)(t, say(tk.GetName(), outbound, 2*time.Hour))
		equal(t, "span with a response", span(), window(2))
		must(c.ResolveTicket)(t, resolve(tk.GetName(), solved, 3*time.Hour))
		equal(t, "span with a resolution", span(), window(3))
		_, err := c.QueryServiceMetrics(t.Context(), &ticketv1.QueryServiceMetricsRequest{Parent: acme, Window: &typev1.Window{
			StartTime: timestamppb.New(noon), EndTime: timestamppb.New(noon),
		}})
		refused(t, err, codes.InvalidArgument)
	})
}
