package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
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
)

// The kinds of echo that views are measured with. What the services answer costs nothing,
// so that composing is what is measured.
const (
	viewParts = "view-parts" // a service: its metrics, ready made: =NAME
	viewThree = "view-three" // the gateway over three of them: =ADDR,ADDR,ADDR
	viewOne   = "view-one"   // the gateway with all three in its process
	viewFan   = "view-fan"   // a server that asks the three what the gateway asks, and no more: =ADDR,ADDR,ADDR
)

// viewWindow is what the views are about.
var viewWindow = &typev1.Window{
	StartTime: timestamppb.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), EndTime: timestamppb.New(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)),
}

// viewEcho serves an echo of one of the kinds above until standard input ends.
func viewEcho(kind string) error {
	kind, addrs, _ := strings.Cut(kind, "=")
	var conns []grpc.ClientConnInterface
	for addr := range strings.SplitSeq(addrs, ",") {
		if addr == "" || kind == viewParts { // which is told apart by whose part it is only
			continue
		}
		conn, err := partConn(kind, addr)
		if err != nil {
			return err
		}
		conns = append(conns, conn)
	}
	debug.SetGCPercent(400) // as the suite runs
	var srv interface {
		grpc.ServiceRegistrar
		Serve(net.Listener) error
		Stop()
	}
	checked := rpc.NewServer(rpc.Config{Workers: workers})
	srv = checked
	switch kind {
	case viewParts, viewOne:
		registerParts(srv)
		conns = []grpc.ClientConnInterface{checked.Local(), checked.Local(), checked.Local()}
	case viewFan:
		srv = grpc.NewServer()
		gatewayv1.RegisterViewServiceServer(srv, newFan(conns))
	}
	if kind == viewThree || kind == viewOne {
		stop, err := registerGateway(srv, conns)
		if err != nil {
			return err
		}
		defer stop()
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // its end is what counts
		srv.Stop()
	}()
	fmt.Fprintf(os.Stderr, "echo serves %s on http://%s\n", kind, lis.Addr())
	return srv.Serve(lis)
}

// partConn connects to one of the three: a gateway as it does, a fan at the least cost.
func partConn(kind, addr string) (grpc.ClientConnInterface, error) {
	if kind == viewFan {
		return grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	}
	return rpc.Dial(addr, rpc.ClientConfig{})
}

// registerGateway puts a gateway over conns on r, in an empty folder that stop removes.
func registerGateway(r grpc.ServiceRegistrar, conns []grpc.ClientConnInterface) (stop func(), err error) {
	dir, err := os.MkdirTemp("", "concentric-load-view-")
	if err != nil {
		return nil, err
	}
	db, err := sqldb.Open(context.Background(), "sqlite:"+filepath.Join(dir, "gateway.db"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop = func() { errors.Join(db.Close(), os.RemoveAll(dir)) } //nolint:errcheck // the process ends
	g, err := gateway.New(context.Background(), db, gateway.Upstreams{Ticket: conns[0], Survey: conns[1], Journey: conns[2]}, gateway.Config{})
	if err != nil {
		stop()
		return nil, err
	}
	g.Register(r)
	return stop, nil
}

// registerParts puts the metrics of all three services on r.
func registerParts(r grpc.ServiceRegistrar) {
	ticketv1.RegisterServiceMetricsServiceServer(r, &ticketMetrics{answer: &ticketv1.QueryServiceMetricsResponse{
		Basis: readyBasis("ticket"), Measures: readyMeasures(typev1.Subject_SUBJECT_SERVICE, 20, 15),
	}})
	surveyv1.RegisterSurveyMetricsServiceServer(r, &surveyMetrics{answer: &surveyv1.QuerySurveyMetricsResponse{
		Basis: readyBasis("survey"), Measures: readyMeasures(typev1.Subject_SUBJECT_EXPERIENCE, 1, 8),
	}})
	journeyv1.RegisterInsightServiceServer(r, &journeyMetrics{answer: &journeyv1.QueryExperienceMetricsResponse{
		Basis: readyBasis("journey"), Measures: readyMeasures(typev1.Subject_SUBJECT_EXPERIENCE, 40, 13),
		Nesting: &journeyv1.Nesting{Touchpoints: 90_000, ServiceTouchpoints: 20_000, Customers: 9_000, ServiceCustomers: 3_000},
	}})
}

func readyBasis(source string) *typev1.Basis {
	return &typev1.Basis{
		Window: viewWindow, AsOfTime: viewWindow.GetEndTime(), ReadTime: viewWindow.GetEndTime(), Included: 10_000, Sources: []string{source},
		Excluded: []*typev1.Exclusion{{Reason: "NO_OUTCOME", Count: 17}},
	}
}

// readyMeasures returns n shares, as the services have them.
func readyMeasures(subject typev1.Subject, first, n int32) []*typev1.Measure {
	value, lower, upper := 0.5, 0.4, 0.6
	all := make([]*typev1.Measure, n)
	for i := range all {
		all[i] = &typev1.Measure{
			Metric: typev1.Metric(first + int32(i)), Subject: subject, //nolint:gosec // a few
			Estimate: &typev1.Estimate{
				Value: &value, Lower: &lower, Upper: &upper, ConfidenceLevel: 0.95, N: 10_000, EffectiveN: 10_000,
				Method: typev1.Method_METHOD_WILSON, Quality: typev1.Quality_QUALITY_OK, Unit: typev1.Unit_UNIT_RATIO,
			},
			Excluded: []*typev1.Exclusion{{Reason: "NO_OUTCOME", Count: 17}},
		}
	}
	return all
}

type ticketMetrics struct {
	ticketv1.UnimplementedServiceMetricsServiceServer

	answer *ticketv1.QueryServiceMetricsResponse
}

func (m *ticketMetrics) QueryServiceMetrics(context.Context, *ticketv1.QueryServiceMetricsRequest) (*ticketv1.QueryServiceMetricsResponse, error) {
	return m.answer, nil
}

type surveyMetrics struct {
	surveyv1.UnimplementedSurveyMetricsServiceServer

	answer *surveyv1.QuerySurveyMetricsResponse
}

func (m *surveyMetrics) QuerySurveyMetrics(context.Context, *surveyv1.QuerySurveyMetricsRequest) (*surveyv1.QuerySurveyMetricsResponse, error) {
	return m.answer, nil
}

type journeyMetrics struct {
	journeyv1.UnimplementedInsightServiceServer

	answer *journeyv1.QueryExperienceMetricsResponse
}

func (m *journeyMetrics) QueryExperienceMetrics(context.Context, *journeyv1.QueryExperienceMetricsRequest) (*journeyv1.QueryExperienceMetricsResponse, error) {
	return m.answer, nil
}

// A fan asks the three services at the same time and hands on what they say.
type fan struct {
	gatewayv1.UnimplementedViewServiceServer

	tickets ticketv1.ServiceMetricsServiceClient
	surveys surveyv1.SurveyMetricsServiceClient
	insight journeyv1.InsightServiceClient
}

func newFan(conns []grpc.ClientConnInterface) *fan {
	return &fan{
		tickets: ticketv1.NewServiceMetricsServiceClient(conns[0]),
		surveys: surveyv1.NewSurveyMetricsServiceClient(conns[1]),
		insight: journeyv1.NewInsightServiceClient(conns[2]),
	}
}

// CompareViews makes the four calls that the gateway makes.
func (f *fan) CompareViews(ctx context.Context, req *gatewayv1.CompareViewsRequest) (*gatewayv1.CompareViewsResponse, error) {
	var (
		wg           sync.WaitGroup
		tickets      *ticketv1.QueryServiceMetricsResponse
		inner, outer *surveyv1.QuerySurveyMetricsResponse
		lived        *journeyv1.QueryExperienceMetricsResponse
		errs         [4]error
	)
	about := func(subjects ...typev1.Subject) *surveyv1.QuerySurveyMetricsRequest {
		return &surveyv1.QuerySurveyMetricsRequest{Parent: req.GetParent(), Window: req.GetWindow(), Subjects: subjects}
	}
	wg.Go(func() {
		tickets, errs[0] = f.tickets.QueryServiceMetrics(ctx, &ticketv1.QueryServiceMetricsRequest{Parent: req.GetParent(), Window: req.GetWindow()})
	})
	wg.Go(func() {
		inner, errs[1] = f.surveys.QuerySurveyMetrics(ctx, about(typev1.Subject_SUBJECT_SERVICE))
	})
	wg.Go(func() {
		outer, errs[2] = f.surveys.QuerySurveyMetrics(ctx, about(typev1.Subject_SUBJECT_EXPERIENCE, typev1.Subject_SUBJECT_PRODUCT))
	})
	wg.Go(func() {
		lived, errs[3] = f.insight.QueryExperienceMetrics(ctx, &journeyv1.QueryExperienceMetricsRequest{Parent: req.GetParent(), Window: req.GetWindow()})
	})
	wg.Wait()
	return &gatewayv1.CompareViewsResponse{
		Window:     req.GetWindow(),
		Service:    &gatewayv1.ServiceView{Basis: tickets.GetBasis(), Measures: append(tickets.GetMeasures(), inner.GetMeasures()...)},
		Experience: &gatewayv1.ExperienceView{Basis: lived.GetBasis(), Measures: append(lived.GetMeasures(), outer.GetMeasures()...), Nesting: lived.GetNesting()},
	}, errors.Join(errs[:]...)
}

// viewPath returns the path `view KIND CALLERS`: CompareViews of a kind of echo.
func (l *lab) viewPath(ctx context.Context, name string) (path, error) {
	var kind string
	var callers int
	if _, err := fmt.Sscanf(name, "view %s %d", &kind, &callers); err != nil {
		return nil, fmt.Errorf("nothing is called %q", name)
	}
	kind = "view-" + kind
	var behind []*child
	if kind != viewOne {
		var addrs []string
		for _, part := range []string{"ticket", "survey", "journey"} {
			s, err := l.server(ctx, viewParts+"="+part)
			if err != nil {
				return nil, err
			}
			addrs, behind = append(addrs, s.addr), append(behind, s.child)
		}
		kind += "=" + strings.Join(addrs, ",")
	}
	s, err := l.server(ctx, kind)
	if err != nil {
		return nil, err
	}
	if err := s.reach(callers); err != nil {
		return nil, err
	}
	op, err := s.compare(ctx)
	if err != nil {
		return nil, err
	}
	lp := loop{callers: callers, server: s.child, behind: behind, op: op}
	return func(ctx context.Context, length time.Duration) (sample, error) {
		return lp.measure(ctx, length, &l.counter)
	}, nil
}

// compare asks for the same views again and again. The first answer is looked at, the others
// are as large: what reading them takes is no part of composing them.
func (s *server) compare(ctx context.Context) (func(context.Context, int64) error, error) {
	req := &gatewayv1.CompareViewsRequest{Parent: brand, Window: viewWindow}
	res, err := gatewayv1.NewViewServiceClient(s.conns[0]).CompareViews(ctx, req)
	if err != nil {
		return nil, err
	}
	if len(res.GetService().GetMeasures()) < 15 || len(res.GetExperience().GetMeasures()) < 13 {
		return nil, errors.New("the views lack measures")
	}
	sent := &opaque{}
	if sent.bytes, err = proto.Marshal(req); err != nil {
		return nil, err
	}
	least := proto.Size(res)
	return func(ctx context.Context, _ int64) error {
		var got opaque
		err := s.conns[0].Invoke(ctx, gatewayv1.ViewService_CompareViews_FullMethodName, sent, &got, grpc.ForceCodecV2(opaqueCodec{}))
		if err == nil && got.size < least {
			return fmt.Errorf("a view has %d bytes, want %d as the first", got.size, least)
		}
		return err
	}, nil
}
