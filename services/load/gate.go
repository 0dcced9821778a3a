package main

import (
	"fmt"
	"slices"
)

// A gate compares a figure of one path with that of its limit.
type gate struct {
	id    string
	what  string
	ours  string // the paths
	limit string // empty: the figure itself is compared
	unit  string
	of    func(sample) float64
	bound float64
	most  bool // bound is the most, not the least
	worst bool // the worst round counts, not the median
	open  bool // printed only
	long  bool // takes many minutes: only where it is named
}

// perSecond is the unit of what a gate wants much of.
const perSecond = "/s"

func rate(s sample) float64 { return s.Rate }

func serverCPU(s sample) float64 { return s.CPU }

// wholeCPU is what all sides of a call use.
func wholeCPU(s sample) float64 { return s.CPU + s.Store + s.Caller }

func latency(s sample) float64 { return s.P50 }

func refusal(s sample) float64 { return s.RefusedP99 }

func refusals(s sample) float64 { return s.Refused }

// tardiness is the part of the calls that a flood made late or not at all: as a machine does that
// has no room for more.
func tardiness(s sample) float64 { return s.Late + s.Unmade }

func memory(s sample) float64 { return s.RSS }

func failures(s sample) float64 { return float64(s.Errors) }

// allGates returns the gates, and what is printed beside them.
func allGates() []gate {
	return []gate{
		{id: "G3", what: "CreateTicket, 64 callers / 1, SQLite", ours: "create 64", limit: "create 1", unit: perSecond, of: rate, bound: 4},
		{id: "G4", what: "CreateTicket, 16 callers, SQLite / echo behind the same checks", ours: "create 16", limit: "echo checked 16", unit: perSecond, of: rate, bound: 0.25},
		{id: "G6", what: "CreateTicket, 16 callers, SQLite: a request_id again / a new one", ours: "replay 16", limit: "create 16", unit: perSecond, of: rate, bound: 2},
		{id: "G10", what: "touchpoints, 4 streams of 1,000, SQLite / raw transactions of 1,000 rows", ours: "ingest 4", limit: "raw rows", unit: perSecond, of: rate, bound: 0.7},
		{id: "G16", what: "GetScore, 16 callers / bare echo", ours: "score 16", limit: "echo score 16", unit: perSecond, of: rate, bound: 0.5},
		{id: "G19", what: "CPU of an echo behind the checks / bare, both sides", ours: "echo checked 16", limit: "echo bare 16", unit: "us", of: wholeCPU, bound: 1.8, most: true},
		{id: "G21", what: "start on an empty folder to the first answer", ours: "start", unit: "ms", of: latency, bound: 300, most: true},
		{id: "G21", what: "resident memory 2 s after the start", ours: "start", unit: "MiB", of: memory, bound: 60, most: true},
		{id: "G22", what: "errors of 64 callers of CreateTicket", ours: "create 64", unit: "errors", of: failures, most: true, worst: true},

		{id: "G3p", what: "CreateTicket, 64 callers / 1, PostgreSQL", ours: "create 64 postgres", limit: "create 1 postgres", unit: perSecond, of: rate, bound: 4, open: true},
		{id: "G1", what: "CreateTicket, 16 callers, PostgreSQL / pgbench -N -c 16", ours: "create 16 postgres", limit: "pgbench 16", unit: perSecond, of: rate, bound: 0.9, open: true},
		{id: "G6p", what: "CreateTicket, 16 callers, PostgreSQL: a request_id again / a new one", ours: "replay 16 postgres", limit: "create 16 postgres", unit: perSecond, of: rate, bound: 2, open: true},
		{id: "G7", what: "touchpoints, 4 streams of 1,000, PostgreSQL / COPY", ours: "ingest 4 postgres", limit: "copy 4 postgres", unit: perSecond, of: rate, bound: 0.55, open: true},
		{id: "G4r", what: "CreateTicket as G4, request ids in no order", ours: "create 16 random", limit: "echo checked 16", unit: perSecond, of: rate, bound: 0.25, open: true},
		{id: "G10r", what: "touchpoints as G10, ids of events in no order", ours: "ingest 4 random", limit: "raw rows", unit: perSecond, of: rate, bound: 0.7, open: true},
		{id: "G10w", what: "touchpoints as G10, 1,000 customers a batch", ours: "ingest 4 scattered", limit: "raw rows", unit: perSecond, of: rate, bound: 0.7, open: true},
		{id: "G19s", what: "CPU of an echo behind the checks / bare, server alone", ours: "echo checked 16", limit: "echo bare 16", unit: "us", of: serverCPU, bound: 1.8, most: true, open: true},
		{id: "G19t", what: "CPU of a traced echo / bare, both sides", ours: "echo traced 16", limit: "echo bare 16", unit: "us", of: wholeCPU, bound: 1.8, most: true, open: true},
		{id: "G24", what: "CreateTicket answered of three times as many as 256 callers get / by those, callers and server on a processor each", ours: "flood create 256 blind", limit: "create 256 blind", unit: perSecond, of: rate, bound: 0.9, open: true},
		{id: "G24r", what: "how long a call takes that is refused meanwhile, 99 of 100", ours: "flood create 256 blind", unit: "ms", of: refusal, bound: 50, most: true, open: true},
		{id: "G24c", what: "server CPU an answer as G24, what it takes to refuse the others included", ours: "flood create 256 blind", limit: "create 256 blind", unit: "us", of: serverCPU, bound: 1.11, most: true, open: true},
		{id: "G24n", what: "how many are refused", ours: "flood create 256 blind", unit: perSecond, of: refusals, open: true},
		{id: "G24l", what: "part of the calls that the flood made late or not at all", ours: "flood create 256 blind", of: tardiness, open: true},
		{id: "G24s", what: "as G24, by clients of the suite, which hold back", ours: "flood create 256 client", limit: "create 256 client", unit: perSecond, of: rate, bound: 0.9, open: true},
		{id: "G24sr", what: "how long a call of such a client takes that is refused, 99 of 100", ours: "flood create 256 client", unit: "ms", of: refusal, bound: 50, most: true, open: true},
		{id: "G24sc", what: "server CPU an answer as G24s, what it takes to refuse the others included", ours: "flood create 256 client", limit: "create 256 client", unit: "us", of: serverCPU, bound: 1.11, most: true, open: true},
		{id: "G24sn", what: "how many are refused, by them or by the server", ours: "flood create 256 client", unit: perSecond, of: refusals, open: true},
		{id: "G24sl", what: "part of the calls of such clients that the flood made late or not at all", ours: "flood create 256 client", of: tardiness, open: true},
		{id: "G25", what: "server CPU of GetTicket by REST / by gRPC", ours: "get 16 rest", limit: "get 16", unit: "us", of: serverCPU, bound: 2, most: true},

		{id: "G3s", what: "SubmitResponse, 64 callers / 1, SQLite", ours: "submit 64", limit: "submit 1", unit: perSecond, of: rate, bound: 4},
		{id: "G4s", what: "SubmitResponse, 16 callers, SQLite / echo behind the same checks", ours: "submit 16", limit: "echo answers 16", unit: perSecond, of: rate, bound: 0.25, open: true},
		{id: "G6s", what: "SubmitResponse, 16 callers, SQLite: a request_id again / a new one", ours: "resubmit 16", limit: "submit 16", unit: perSecond, of: rate, bound: 2},
		{id: "G1s", what: "SubmitResponse, 16 callers, PostgreSQL / pgbench -N -c 16", ours: "submit 16 postgres", limit: "pgbench 16", unit: perSecond, of: rate, bound: 0.9, open: true},
		{id: "G5", what: "SubmitResponse, 16 callers, PostgreSQL / the bare INSERT of its rows", ours: "submit 16 postgres", limit: "raw answers 16 postgres", unit: perSecond, of: rate, open: true},
		{id: "G6sp", what: "SubmitResponse, 16 callers, PostgreSQL: a request_id again / a new one", ours: "resubmit 16 postgres", limit: "submit 16 postgres", unit: perSecond, of: rate, bound: 2, open: true},

		{id: "G8", what: "touchpoints with their sums / without, SQLite", ours: "bench journey/internal/store BenchmarkRecord/sqlite/100 of-limit", of: figure, bound: 0.5},
		{id: "G8p", what: "touchpoints with their sums / without, PostgreSQL", ours: "bench journey/internal/store BenchmarkRecord/postgres/100 of-limit", of: figure, bound: 0.5, open: true},
		{id: "G14", what: "a touchpoint in the score kernel / in a loop of exp2", ours: "bench journey/internal/score BenchmarkScore/touchpoint/put ns/op", limit: "bench journey/internal/score BenchmarkScore/touchpoint/limit_exp2 ns/op", unit: "ns", of: figure, bound: 1, most: true, open: true},
		{id: "G15", what: "the scores of 20,000 customers anew and how they changed / the SQL aggregate of their 300,000 touchpoints now and 30 days ago, PostgreSQL", ours: "bench journey/internal/api BenchmarkRecompute/postgres of-limit", of: figure, bound: 0.5, most: true, open: true},
		{id: "G15w", what: "as G15, and stored", ours: "bench journey/internal/api BenchmarkRecompute/postgres stored-of-limit", of: figure, open: true},
		{id: "G15s", what: "their sums anew from the touchpoints / the same aggregate, PostgreSQL", ours: "bench journey/internal/api BenchmarkRecompute/postgres sums-of-limit", of: figure, open: true},
		{id: "G17", what: "a touchpoint and its score, for a customer of 10 / of 100,000, SQLite", ours: "bench journey BenchmarkDepth/sqlite of-limit", of: figure, bound: 0.77},
		{id: "G17p", what: "a touchpoint and its score, for a customer of 10 / of 100,000, PostgreSQL", ours: "bench journey BenchmarkDepth/postgres of-limit", of: figure, bound: 0.77, open: true},
		{id: "G17m", what: "touchpoints as G10, into 3,000,000 / into few, SQLite", ours: "ingest 4 grown", limit: "ingest 4 fresh", unit: perSecond, of: rate, bound: 0.6, open: true, long: true},
		{id: "G17mr", what: "touchpoints as G17m, ids of events in no order", ours: "ingest 4 grown-random", limit: "ingest 4 fresh-random", unit: perSecond, of: rate, bound: 0.6, open: true, long: true},
		{id: "G17mp", what: "touchpoints as G7, into 3,000,000 / into few, PostgreSQL", ours: "ingest 4 grown-postgres", limit: "ingest 4 fresh-postgres", unit: perSecond, of: rate, bound: 0.8, open: true, long: true},
		{id: "G18c", what: "what the journey service holds of a customer", ours: "bench journey BenchmarkHeld bytes/customer", unit: "bytes", of: figure, bound: 256, most: true},
		{id: "G18", what: "what a watcher without news holds", ours: "bench internal/watch BenchmarkIdleWatcher bytes/watcher", unit: "bytes", of: figure, bound: 16384, most: true},

		{id: "G20", what: "a change of a ticket to 1,000 watchers / one stream of them, messages", ours: "bench ticket BenchmarkWatchTickets/1_to_1000 messages/s", limit: "bench ticket BenchmarkWatchTickets/stream messages/s", unit: perSecond, of: figure, bound: 0.25, open: true},
		{id: "G20c", what: "CPU of such a message / of the stream's, both sides", ours: "bench ticket BenchmarkWatchTickets/1_to_1000 cpu-us/message", limit: "bench ticket BenchmarkWatchTickets/stream cpu-us/message", unit: "us", of: figure, bound: 4, most: true, open: true},
		{id: "G20s", what: "the same beside one who does not read / without", ours: "bench ticket BenchmarkWatchTickets/beside_one_stalled messages/s", limit: "bench ticket BenchmarkWatchTickets/1_to_1000 messages/s", unit: perSecond, of: figure, bound: 0.7},
		{id: "G23", what: "QueryServiceMetrics of 1,000,000 tickets by agent, the whole of three years, SQLite", ours: "bench ticket/internal/api BenchmarkQueryServiceMetrics/1000000/agent/all cpu-ms/op", unit: "ms of CPU", of: figure, bound: 100, most: true, open: true, long: true},
		{id: "G23s", what: "QuerySurveyMetrics of 1,000,000 responses by agent, the whole of three years, SQLite", ours: "bench survey/internal/api BenchmarkRolledUpMetrics/sqlite/1000000/agent/all cpu-ms/op", unit: "ms of CPU", of: figure, bound: 100, most: true, long: true},
		{id: "G23sp", what: "the same on PostgreSQL", ours: "bench survey/internal/api BenchmarkRolledUpMetrics/postgres/1000000/agent/all cpu-ms/op", unit: "ms of CPU", of: figure, bound: 100, most: true, open: true, long: true},
		{id: "G26", what: "the clocks of a ticket of 100 entries, six metrics", ours: "bench ticket/internal/api BenchmarkClocksOfALog cpu-us/op", unit: "us of CPU", of: figure, bound: 50, most: true},
		{id: "G26w", what: "GetSlaClock of such a ticket, both sides", ours: "bench ticket BenchmarkGetSlaClock cpu-us/op", unit: "us", of: figure, open: true},

		{id: "G11", what: "CompareViews, 16 callers: the gateway over three processes / a bare fan-out over them", ours: "view three 16", limit: "view fan 16", unit: perSecond, of: rate, bound: 0.7, open: true},
		{id: "G12", what: "CompareViews, 16 callers: the gateway in one process / over three", ours: "view one 16", limit: "view three 16", unit: perSecond, of: rate, bound: 2.5, open: true},
		{id: "I2", what: "CompareViews of the demo brand, 4 callers", ours: "compare 4", unit: perSecond, of: rate, open: true},
		{id: "I3", what: "GetCustomerOverview of the demo brand, 16 callers", ours: "overview 16", unit: perSecond, of: rate, open: true},
	}
}

// pick returns the gates that only names, or all but the long ones.
func pick(all []gate, only []string) ([]gate, error) {
	for _, id := range only {
		if !slices.ContainsFunc(all, func(g gate) bool { return g.id == id }) {
			return nil, fmt.Errorf("there is no gate %s", id)
		}
	}
	return slices.DeleteFunc(all, func(g gate) bool {
		return len(only) == 0 && g.long || len(only) > 0 && !slices.Contains(only, g.id)
	}), nil
}

// A verdict is what the rounds say about a gate.
type verdict struct {
	ID      string    `json:"id"`
	What    string    `json:"what"`
	Ours    float64   `json:"ours"`            // the median
	Limit   float64   `json:"limit,omitempty"` // the median
	Unit    string    `json:"unit"`
	Ratios  []float64 `json:"ratios"`              // by round; the figures themselves where there is no limit
	Ratio   float64   `json:"ratio"`               // the one that counts
	CPU     float64   `json:"cpu_ratio,omitempty"` // processor time of the limit's operation / of ours, all sides; steadier than the rates
	Wanted  string    `json:"wanted,omitempty"`
	Verdict string    `json:"verdict"` // ok, MISSED, no figures, or empty where nothing is wanted
	Open    bool      `json:"open"`    // not enforced
}

// judge compares the gates with the rounds. A gate without figures is not met.
func judge(gates []gate, rounds []round) []verdict {
	verdicts := make([]verdict, 0, len(gates))
	for _, g := range gates {
		v := verdict{ID: g.id, What: g.what, Unit: g.unit, Wanted: g.wanted(), Open: g.open}
		var ours, limits, cpus []float64
		for _, r := range rounds {
			s, known := r[g.ours]
			l, against := r[g.limit]
			switch {
			case !known || g.limit != "" && (!against || g.of(l) == 0):
				continue
			case g.limit == "":
				v.Ratios = append(v.Ratios, g.of(s))
			default:
				v.Ratios, limits = append(v.Ratios, g.of(s)/g.of(l)), append(limits, g.of(l))
			}
			ours = append(ours, g.of(s))
			if g.unit == perSecond && wholeCPU(s) > 0 {
				cpus = append(cpus, wholeCPU(l)/wholeCPU(s))
			}
		}
		if len(v.Ratios) == 0 {
			v.Verdict = "no figures"
			verdicts = append(verdicts, v)
			continue
		}
		v.Ours, v.Limit, v.Ratio, v.CPU = median(ours), median(limits), median(v.Ratios), median(cpus)
		if g.worst {
			v.Ratio = slices.Max(v.Ratios)
		}
		v.Verdict = g.verdict(v.Ratio)
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func (g gate) verdict(ratio float64) string {
	switch {
	case g.wanted() == "":
		return ""
	case g.most && ratio <= g.bound, !g.most && ratio >= g.bound:
		return "ok"
	}
	return "MISSED"
}

func (g gate) wanted() string {
	switch {
	case g.most:
		return fmt.Sprintf("<= %v", g.bound)
	case g.bound > 0:
		return fmt.Sprintf(">= %v", g.bound)
	}
	return ""
}

// missed reports whether a gate that is enforced is not met.
func missed(verdicts []verdict) bool {
	return slices.ContainsFunc(verdicts, func(v verdict) bool { return v.Verdict != "ok" && v.Wanted != "" && !v.Open })
}

// median returns the middle of values, the mean of the two middle ones if their
// number is even, and 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// paths returns the paths that the gates need, in the order to run them: those of
// one gate together.
func paths(gates []gate) []string {
	var names []string
	for _, g := range gates {
		for _, name := range []string{g.limit, g.ours} {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
