package observability

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"
)

// How often a world is looked at, and for how long: longer than any alert of these tests
// looks back and then waits.
const (
	interval = time.Minute
	lasting  = time.Hour
)

// noon is when each world begins.
var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// stale is what ends a series.
func stale() float64 { return math.Float64frombits(value.StaleNaN) }

// A figure is what a series shows after a time; a stale one is not there.
type figure func(after time.Duration) float64

// steady shows the same at all times.
func steady(v float64) figure { return func(time.Duration) float64 { return v } }

// growing grows by so much a second.
func growing(perSecond float64) figure {
	return func(after time.Duration) float64 { return perSecond * after.Seconds() }
}

// from shows 0 at first, and then f.
func from(start time.Duration, f figure) figure {
	return func(after time.Duration) float64 {
		if after < start {
			return 0
		}
		return f(after - start)
	}
}

// upTo shows f and then nothing new.
func upTo(end time.Duration, f figure) figure {
	return func(after time.Duration) float64 { return f(min(after, end)) }
}

// ends shows when something ends, so long after noon.
func ends(after time.Duration) figure { return steady(float64(noon.Add(after).Unix())) }

// gone shows f, and is not there any more after that.
func gone(end time.Duration, f figure) figure {
	return func(after time.Duration) float64 {
		if after >= end {
			return stale()
		}
		return f(after)
	}
}

// A world is what there is to be seen, by series as queries name them.
type world map[string]figure

// Series of the worlds.
const (
	lag      = `concentric_consumer_lag{concentric_service="journey", concentric_source="ticket", instance="a"}`
	applied  = `concentric_consumer_applied_total{concentric_service="journey", concentric_source="ticket", instance="a"}`
	repeated = `concentric_consumer_repeated_total{concentric_service="journey", concentric_source="ticket", instance="a"}`
	aside    = `concentric_consumer_put_aside_total{concentric_service="journey", concentric_source="ticket", instance="a"}`
	answered = `rpc_server_call_duration_seconds_count{rpc_method="concentric.ticket.v1.TicketService/GetTicket", rpc_response_status_code="OK", instance="a"}`
	quickly  = `rpc_server_call_duration_seconds_bucket{rpc_method="concentric.ticket.v1.TicketService/GetTicket", rpc_response_status_code="OK", le="0.25", instance="a"}`
	failing  = `rpc_server_call_duration_seconds_count{rpc_method="concentric.ticket.v1.TicketService/GetTicket", rpc_response_status_code="UNAVAILABLE", instance="a"}`
	unheard  = `rpc_server_call_duration_seconds_bucket{rpc_method="concentric.ticket.v1.TicketService/GetTicket", rpc_response_status_code="UNAVAILABLE", le="0.25", instance="a"}`
	broken   = `concentric_operations_ended_total{concentric_service="journey", concentric_outcome="failed", instance="a"}`
	files    = `process_open_fds{job="suite", instance="a"}`
	shown    = `concentric_certificate_end_seconds{job="suite", instance="a"}`
)

// queue is what each process of a service shows.
func queue(service string) string {
	return fmt.Sprintf(`concentric_sqldb_queue_depth{concentric_service=%q, instance="a"}`, service)
}

// healthy is a suite that fares well, in one process, beside another program that does not.
// Nothing of it has failed ever, but that its watches are cut off.
func healthy() world {
	return world{
		`concentric_build_info{job="suite", instance="a"}`: steady(1),
		queue("ticket"): steady(0), queue("survey"): steady(0), queue("journey"): steady(0), queue("gateway"): steady(0),
		lag: steady(0), applied: growing(1), repeated: steady(0), aside: steady(0),
		`concentric_consumer_delay_seconds_count{instance="a"}`:          growing(1),
		`concentric_consumer_delay_seconds_bucket{le="5", instance="a"}`: growing(1),
		`concentric_outbox_age_seconds{concentric_service="ticket"}`:     steady(0),
		`concentric_rpc_refused_total{concentric_kind="call"}`:           steady(0),
		answered: growing(1), quickly: growing(1), broken: steady(0),
		`rpc_server_call_duration_seconds_count{rpc_method="concentric.ticket.v1.TicketService/WatchTickets", rpc_response_status_code="UNAVAILABLE"}`: growing(1),
		`rpc_server_call_duration_seconds_count{rpc_method="else.v1.Service/Call", rpc_response_status_code="UNAVAILABLE", instance="b"}`:              growing(9),
		shown: ends(lasting + 15*24*time.Hour),
		files: steady(10), `process_max_fds{job="suite", instance="a"}`: steady(100),
		`process_open_fds{job="else", instance="b"}`: steady(100), `process_max_fds{job="else", instance="b"}`: steady(100),
	}
}

// live lets a world go by and returns which alerts rang, each with the service it named.
func live(t *testing.T, w world) (rung []string, h *history) {
	t.Helper()
	h = newHistory()
	all, p := rules(t), parser.NewParser(parser.Options{})
	series := map[string]labels.Labels{}
	for text := range w {
		of, err := p.ParseMetric(text)
		if err != nil {
			t.Fatal(err)
		}
		series[text] = of
	}
	since := map[string]time.Duration{} // alerts are about to ring
	for after := time.Duration(0); after <= lasting; after += interval {
		now, active := noon.Add(after), map[string]bool{}
		for text, f := range w {
			if v := f(after); !value.IsStaleNaN(v) {
				h.add(series[text], now, v)
			}
		}
		for _, r := range all {
			wait, _ := time.ParseDuration(r.For) // another test reads it
			for _, s := range h.ask(t, r.Expr, now) {
				if r.Record != "" {
					b := labels.NewBuilder(s.Metric)
					h.add(b.Set(labels.MetricName, r.Record).Labels(), now, s.F)
					continue
				}
				name := strings.TrimSpace(r.Alert + " " + s.Metric.Get("concentric_service") + s.Metric.Get("service"))
				active[name] = true
				if _, ok := since[name]; !ok {
					since[name] = after
				}
				if after-since[name] >= wait && !slices.Contains(rung, name) {
					rung = append(rung, name)
				}
			}
		}
		maps.DeleteFunc(since, func(name string, _ time.Duration) bool { return !active[name] })
		h.end(now)
	}
	slices.Sort(rung)
	return rung, h
}

func TestAlertsRingForWhatIsWrongAndForNothingElse(t *testing.T) {
	everything := world{}
	for series, f := range healthy() {
		everything[series] = gone(30*time.Minute, f)
	}
	for _, tt := range []struct {
		name   string
		change world
		want   []string
	}{
		{"all is well", nil, nil},
		{"a service is gone", world{queue("journey"): gone(30*time.Minute, steady(0))}, []string{"ConcentricDown journey"}},
		{"a service is away for the minutes of a restart", world{queue("gateway"): func(after time.Duration) float64 {
			if after > 30*time.Minute && after < 34*time.Minute {
				return stale()
			}
			return 0
		}}, nil},
		{"all are gone", everything, []string{"ConcentricDown gateway", "ConcentricDown journey", "ConcentricDown survey", "ConcentricDown ticket"}},
		{"a consumer stands still", world{lag: from(30*time.Minute, steady(3)), applied: upTo(30*time.Minute, growing(1))}, []string{"ConcentricConsumerStands journey"}},
		{"a consumer cannot attach", world{lag: gone(30*time.Minute, steady(0))}, []string{"ConcentricConsumerDeaf journey"}},
		{"a consumer is away for the minutes of an election", world{lag: func(after time.Duration) float64 {
			if after > 30*time.Minute && after < 38*time.Minute {
				return stale()
			}
			return 0
		}}, nil},
		{"a certificate ends in two weeks", world{shown: ends(14 * 24 * time.Hour)}, []string{"ConcentricCertificateEnds"}},
		{"a certificate ends in a day", world{shown: ends(24 * time.Hour)}, []string{"ConcentricCertificateEnded", "ConcentricCertificateEnds"}},
		{"a consumer has nothing to do", world{applied: steady(0)}, nil},
		{"a consumer meets what it knows", world{lag: steady(3), applied: steady(0), repeated: growing(1)}, nil},
		{"a consumer puts aside what it cannot apply", world{lag: steady(3), applied: steady(0), aside: growing(.01)}, nil},
		{"the first operation fails", world{broken: from(30*time.Minute, steady(1))}, []string{"ConcentricOperationFailed journey"}},
		{"one call in ten fails", world{failing: growing(.1), unheard: growing(.1)}, []string{"ConcentricErrorsFast ticket", "ConcentricErrorsSlow ticket"}},
		{
			"of few calls some fail and are slow",
			world{answered: growing(.02), quickly: growing(.019), failing: growing(.002), unheard: growing(.001)},
			nil,
		},
		{"one call in five is slow", world{quickly: growing(.8)}, []string{"ConcentricSlowFast", "ConcentricSlowSlow"}},
		{"a process has too many files open", world{files: steady(90)}, []string{"ConcentricFilesShort"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := healthy()
			maps.Copy(w, tt.change)
			if got, _ := live(t, w); !slices.Equal(got, tt.want) {
				t.Errorf("these ring: %q, want %q", got, tt.want)
			}
		})
	}
}

// Where nothing has ever failed there are no series of failures, and where nobody calls there
// is nothing to divide by.
func TestASuiteThatFaresWellShowsFigures(t *testing.T) {
	for name, calls := range map[string]figure{"of calls": growing(1), "without calls": steady(7)} {
		t.Run(name, func(t *testing.T) {
			w := healthy()
			w[answered], w[quickly] = calls, calls
			_, h := live(t, w)
			for _, p := range dashboards(t)["suite.json"].Panels {
				if p.Type != "stat" || !strings.Contains(p.Targets[0].Expr, "concentric:") {
					continue
				}
				if got := h.ask(t, p.Targets[0].Expr, noon.Add(lasting)); len(got) != 1 || got[0].F != 1 {
					t.Errorf("%s shows %v, want 1", p.Title, got)
				}
			}
			for _, ratio := range []string{"rpc_errors", "rpc_slow"} {
				if got := h.ask(t, "concentric:"+ratio+":ratio_rate5m", noon.Add(lasting)); len(got) != 1 || got[0].F != 0 {
					t.Errorf("the share of %s is %v, want 0", ratio, got)
				}
			}
		})
	}
}
