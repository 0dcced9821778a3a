package simulator_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey"
	"github.com/concentric-cx/concentric/services/simulator"
	"github.com/concentric-cx/concentric/services/survey"
	"github.com/concentric-cx/concentric/services/ticket"
)

var end = time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)

// newSuite returns a connection to all services, each on an empty database. Their
// events stay where they are.
func newSuite(t testing.TB) grpc.ClientConnInterface {
	t.Helper()
	open := func() *sqldb.DB { return sqldbtest.Open(t, sqldbtest.SQLite(t)) }
	dbs := [4]*sqldb.DB{open(), open(), open(), open()}
	srv := rpc.NewServer(rpc.Config{})
	t.Cleanup(srv.Stop)
	ctx := t.Context()
	tickets, err := ticket.New(ctx, dbs[0], ticket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	surveys, err := survey.New(ctx, dbs[1], survey.Config{})
	if err != nil {
		t.Fatal(err)
	}
	journeys, err := journey.New(ctx, dbs[2], journey.Config{})
	if err != nil {
		t.Fatal(err)
	}
	local := srv.Local()
	door, err := gateway.New(ctx, dbs[3], gateway.Upstreams{Ticket: local, Survey: local, Journey: local}, gateway.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []interface{ Register(grpc.ServiceRegistrar) }{tickets, surveys, journeys, door} {
		s.Register(srv)
	}
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	return local
}

func run(t testing.TB, conn grpc.ClientConnInterface, opt simulator.Options) simulator.Summary {
	t.Helper()
	if opt.End.IsZero() {
		opt.End = end
	}
	sum, err := simulator.Run(t.Context(), conn, opt)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// A picture is what a brand's numbers look like, by team, survey and definition.
type picture struct {
	tickets *ticketv1.QueryServiceMetricsResponse
	answers *surveyv1.QuerySurveyMetricsResponse
	journey *journeyv1.QueryExperienceMetricsResponse
}

func look(t testing.TB, conn grpc.ClientConnInterface, brand string) picture {
	t.Helper()
	ctx := t.Context()
	window := &typev1.Window{StartTime: timestamppb.New(end.AddDate(-1, 0, 0)), EndTime: timestamppb.New(end)}
	p := picture{}
	var err error
	if p.tickets, err = ticketv1.NewServiceMetricsServiceClient(conn).QueryServiceMetrics(ctx, &ticketv1.QueryServiceMetricsRequest{
		Parent: brand, Window: window, GroupBy: []string{"team", "channel", "issue_kind"},
	}); err != nil {
		t.Fatal(err)
	}
	if p.answers, err = surveyv1.NewSurveyMetricsServiceClient(conn).QuerySurveyMetrics(ctx, &surveyv1.QuerySurveyMetricsRequest{
		Parent: brand, Window: window, GroupBy: []string{"question", "attributes.segment"},
	}); err != nil {
		t.Fatal(err)
	}
	if p.journey, err = journeyv1.NewInsightServiceClient(conn).QueryExperienceMetrics(ctx, &journeyv1.QueryExperienceMetricsRequest{
		Parent: brand, Window: window, GroupBy: []string{"touchpoint_definition", "expectation"},
	}); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*typev1.Basis{p.tickets.GetBasis(), p.answers.GetBasis(), p.journey.GetBasis()} {
		b.ReadTime = nil
	}
	return p
}

// same fails unless two pictures show the same.
func (p picture) same(t testing.TB, other picture) {
	t.Helper()
	for _, pair := range [][2]proto.Message{{p.tickets, other.tickets}, {p.answers, other.answers}, {p.journey, other.journey}} {
		if !proto.Equal(pair[0], pair[1]) {
			t.Errorf("got\n%v\nwant\n%v", pair[1], pair[0])
		}
	}
}

// value returns a measure of the whole picture.
func (p picture) value(t testing.TB, metric typev1.Metric, subject typev1.Subject) float64 {
	t.Helper()
	for _, all := range [][]*typev1.Measure{p.tickets.GetMeasures(), p.answers.GetMeasures(), p.journey.GetMeasures()} {
		for _, m := range all {
			if m.GetMetric() == metric && m.GetSubject() == subject && m.GetEstimate().Value != nil {
				return m.GetEstimate().GetValue()
			}
		}
	}
	t.Errorf("no value of %v about %v", metric, subject)
	return 0
}

func TestEveryProfileFillsItsBrand(t *testing.T) {
	const (
		aboutService    = typev1.Subject_SUBJECT_SERVICE
		aboutExperience = typev1.Subject_SUBJECT_EXPERIENCE
	)
	conn := newSuite(t)
	for _, p := range simulator.Profiles() {
		told := 0
		sum := run(t, conn, simulator.Options{Profile: p, Seed: 1, Customers: 120, Progress: func(done, total int) {
			if told++; done != told || total != 120 {
				t.Errorf("%s: progress %d of %d, want %d of 120", p, done, total, told)
			}
		}})
		if sum.Brand != "brands/"+p || sum.Customers != 120 || sum.Known != 0 || told != 120 {
			t.Errorf("got %+v and %d reports of progress", sum, told)
		}
		if sum.Invitations <= sum.Responses || sum.Responses == 0 {
			t.Errorf("%s: got %d responses to %d invitations, want some silence", p, sum.Responses, sum.Invitations)
		}
		brand, err := gatewayv1.NewAdminServiceClient(conn).GetBrand(t.Context(), &gatewayv1.GetBrandRequest{Name: sum.Brand})
		if err != nil || brand.GetDisplayName() == "" {
			t.Errorf("GetBrand(%s) = %v, %v", sum.Brand, brand, err)
		}
		now := look(t, conn, sum.Brand)
		if got := now.value(t, typev1.Metric_METRIC_TICKET_COUNT, aboutService); got != float64(sum.Tickets) || got == 0 {
			t.Errorf("%s: %v tickets measured, %d opened", p, got, sum.Tickets)
		}
		if got := now.value(t, typev1.Metric_METRIC_TOUCHPOINT_COUNT, aboutExperience); got != float64(sum.Touchpoints) || got < 1200 {
			t.Errorf("%s: %v touchpoints measured, %d recorded", p, got, sum.Touchpoints)
		}
		answers := now.value(t, typev1.Metric_METRIC_RESPONSE_COUNT, aboutService) + now.value(t, typev1.Metric_METRIC_RESPONSE_COUNT, aboutExperience)
		if answers != float64(sum.Responses) {
			t.Errorf("%s: %v responses measured, %d submitted", p, answers, sum.Responses)
		}
		for _, m := range []typev1.Metric{typev1.Metric_METRIC_CES, typev1.Metric_METRIC_STAR} {
			now.value(t, m, aboutService)
		}
		for _, m := range []typev1.Metric{
			typev1.Metric_METRIC_SLA_ATTAINMENT, typev1.Metric_METRIC_DEFLECTION_CONFIRMED_SHARE, typev1.Metric_METRIC_DEFLECTION_FALSE_SHARE,
		} {
			if share := now.value(t, m, aboutService); share <= 0 || share >= 1 {
				t.Errorf("%s: %v is %v, want something in between", p, m, share)
			}
		}
		for _, m := range []typev1.Metric{typev1.Metric_METRIC_NPS, typev1.Metric_METRIC_CSAT, typev1.Metric_METRIC_STAR, typev1.Metric_METRIC_JOURNEY_SCORE} {
			now.value(t, m, aboutExperience)
		}
	}
}

func TestTheSameSeedMakesTheSameBrand(t *testing.T) {
	one, other := newSuite(t), newSuite(t)
	opt := simulator.Options{Profile: "it", Brand: "acme", Seed: 42, Customers: 40}
	first, second := run(t, one, opt), run(t, other, opt)
	if first != second {
		t.Errorf("got %+v and %+v", first, second)
	}
	want := look(t, one, "brands/acme")
	want.same(t, look(t, other, "brands/acme"))

	opt.Seed = 43
	if third := run(t, other, opt); third.Known != 0 {
		t.Errorf("seed 43 met %d customers of seed 42", third.Known)
	}
	if proto.Equal(want.journey, look(t, other, "brands/acme").journey) {
		t.Error("another seed added nothing")
	}
}

func TestRunningTwiceChangesNothing(t *testing.T) {
	conn := newSuite(t)
	opt := simulator.Options{Profile: "retail", Brand: "acme", Seed: 5, Customers: 40}
	run(t, conn, opt)
	want := look(t, conn, "brands/acme")
	for _, later := range []time.Duration{0, 24 * time.Hour} {
		opt.End = end.Add(later)
		got := run(t, conn, opt)
		if (got != simulator.Summary{Brand: "brands/acme", Customers: 40, Known: 40}) {
			t.Errorf("%v later: got %+v", later, got)
		}
		want.same(t, look(t, conn, "brands/acme"))
	}
}

func TestAnInterruptedRunIsFinishedByRunningAgain(t *testing.T) {
	whole, broken := newSuite(t), newSuite(t)
	opt := simulator.Options{Profile: "restaurant", Brand: "acme", Seed: 9, Customers: 40}
	run(t, whole, opt)
	for _, calls := range []int64{30, 80, 140} {
		half := &failing{ClientConnInterface: broken}
		half.left.Store(calls)
		if _, err := simulator.Run(t.Context(), half, simulator.Options{Profile: opt.Profile, Brand: opt.Brand, Seed: opt.Seed, Customers: 40, End: end}); err == nil {
			t.Errorf("a run of %d calls did not fail", calls)
		}
	}
	run(t, broken, opt)
	look(t, whole, "brands/acme").same(t, look(t, broken, "brands/acme"))
}

// A failing connection is cut after so many calls.
type failing struct {
	grpc.ClientConnInterface
	left atomic.Int64
}

func (f *failing) Invoke(ctx context.Context, method string, req, answer any, opts ...grpc.CallOption) error {
	if f.left.Add(-1) < 0 {
		return status.Error(codes.Unavailable, "the line is cut")
	}
	return f.ClientConnInterface.Invoke(ctx, method, req, answer, opts...)
}

func BenchmarkRun(b *testing.B) {
	conn, seed := newSuite(b), uint64(0)
	for b.Loop() {
		seed++
		run(b, conn, simulator.Options{Profile: "restaurant", Seed: seed})
	}
}
