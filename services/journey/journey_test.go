package journey_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// noon is a moment in the middle of a half-life.
var noon = time.Date(2026, 2, 9, 12, 0, 0, 0, time.UTC)

// A suite is the service as its clients have it.
type suite struct {
	journeyv1.JourneyMapServiceClient
	journeyv1.TouchpointServiceClient
	journeyv1.ScoringServiceClient
	journeyv1.OperationServiceClient
	journeyv1.InsightServiceClient
	journeyv1.SignalServiceClient
	service *journey.Service
	db      *sqldb.DB
}

// start serves the service on db.
func start(t testing.TB, db *sqldb.DB) *suite {
	t.Helper()
	service, err := journey.New(t.Context(), db, journey.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.Config{})
	service.Register(server)
	if err := server.Check(); err != nil {
		t.Fatal(err)
	}
	s := clients(server.Local())
	s.service, s.db = service, db
	return s
}

func clients(conn grpc.ClientConnInterface) *suite {
	return &suite{
		JourneyMapServiceClient: journeyv1.NewJourneyMapServiceClient(conn),
		TouchpointServiceClient: journeyv1.NewTouchpointServiceClient(conn),
		ScoringServiceClient:    journeyv1.NewScoringServiceClient(conn),
		OperationServiceClient:  journeyv1.NewOperationServiceClient(conn),
		InsightServiceClient:    journeyv1.NewInsightServiceClient(conn),
		SignalServiceClient:     journeyv1.NewSignalServiceClient(conn),
	}
}

// migrated has the schema of the service, which has never run on it.
var migrated = sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
	if err := errors.Join(once.Migrate(ctx, db), bus.Migrate(ctx, db)); err != nil {
		return err
	}
	_, err := store.Open(ctx, db)
	return err
})

// each runs the tests on an empty service, on both databases.
func each(t *testing.T, tests map[string]func(*testing.T, *suite)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // most of the time they wait for what goes on beside the calls
				test(t, start(t, open(t)))
			})
		}
	})
}

func refused(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("code = %v, want %v (%v)", got, want, err)
	}
}

// refusedFor is refused, and for a reason.
func refusedFor(t *testing.T, err error, want codes.Code, reason string) {
	t.Helper()
	refused(t, err, want)
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetReason() == reason {
			return
		}
	}
	t.Errorf("%v is for another reason than %s", err, reason)
}

func same(t *testing.T, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// visit is a request to record that a customer of acme saw the website.
func visit(customer, event string, at time.Time) *journeyv1.RecordTouchpointRequest {
	return &journeyv1.RecordTouchpointRequest{
		Parent: "brands/acme/customers/" + customer,
		Touchpoint: &journeyv1.Touchpoint{
			Definition: "brands/acme/touchpointDefinitions/website-visit", EventTime: timestamppb.New(at),
			Source: "web", EventId: event, Expectation: typev1.Expectation_EXPECTATION_MET,
		},
	}
}

func (s *suite) record(t *testing.T, req *journeyv1.RecordTouchpointRequest) *journeyv1.Touchpoint {
	t.Helper()
	p, err := s.RecordTouchpoint(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// list returns the names of a customer's touchpoints, newest first.
func (s *suite) list(t *testing.T, customer string, size int32) []string {
	t.Helper()
	var names []string
	req := &journeyv1.ListTouchpointsRequest{Parent: "brands/acme/customers/" + customer, PageSize: size}
	for range 1000 {
		answer, err := s.ListTouchpoints(t.Context(), req)
		if status.Code(err) == codes.NotFound {
			return nil // nobody knows the customer
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range answer.GetTouchpoints() {
			names = append(names, p.GetName())
		}
		if req.PageToken = answer.GetNextPageToken(); req.PageToken == "" {
			return names
		}
	}
	t.Fatal("the list does not end")
	return nil
}

func TestJourneyMap(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"every brand has the default map": func(t *testing.T, s *suite) {
			m, err := s.GetJourneyMap(t.Context(), &journeyv1.GetJourneyMapRequest{Name: "brands/acme/journeyMaps/default"})
			if err != nil {
				t.Fatal(err)
			}
			if len(m.GetStages()) != 5 {
				t.Errorf("%d stages, want 5", len(m.GetStages()))
			}
			for _, d := range m.GetStages()[3].GetTouchpointDefinitions() {
				got, err := s.GetTouchpointDefinition(t.Context(), &journeyv1.GetTouchpointDefinitionRequest{Name: d.GetName()})
				if err != nil {
					t.Fatal(err)
				}
				same(t, got, d)
			}
			_, err = s.GetJourneyMap(t.Context(), &journeyv1.GetJourneyMapRequest{Name: "brands/acme/journeyMaps/other"})
			refused(t, err, codes.NotFound)
		},
		"a definition is added once and is on the map of its brand alone": testAddDefinition,
		"a definition that is there is not added again": func(t *testing.T, s *suite) {
			for _, id := range []string{"support-interaction", "vip-lounge", "vip-lounge"} {
				_, err := s.CreateTouchpointDefinition(t.Context(), define(id))
				if want := id == "vip-lounge"; (err == nil) != want {
					refused(t, err, codes.AlreadyExists)
				}
				if err == nil {
					_, err = s.CreateTouchpointDefinition(t.Context(), define(id))
					refused(t, err, codes.AlreadyExists)
					return
				}
			}
		},
		"validate_only adds nothing": func(t *testing.T, s *suite) {
			req := define("vip-lounge")
			req.ValidateOnly = true
			if _, err := s.CreateTouchpointDefinition(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			_, err := s.GetTouchpointDefinition(t.Context(), &journeyv1.GetTouchpointDefinitionRequest{
				Name: "brands/acme/touchpointDefinitions/vip-lounge",
			})
			refused(t, err, codes.NotFound)
		},
	})
}

func define(id string) *journeyv1.CreateTouchpointDefinitionRequest {
	return &journeyv1.CreateTouchpointDefinitionRequest{
		Parent: "brands/acme", TouchpointDefinitionId: id,
		TouchpointDefinition: &journeyv1.TouchpointDefinition{
			DisplayName: "VIP lounge", Stage: typev1.Stage_STAGE_RETENTION, Phase: typev1.Phase_PHASE_PURCHASE,
			Kind: typev1.TouchpointKind_TOUCHPOINT_KIND_ENGAGEMENT, Channel: typev1.Channel_CHANNEL_IN_STORE,
			FunctionOwner: typev1.Function_FUNCTION_STORE_OPERATIONS, IsService: true, Weight: proto.Float64(2.5),
		},
	}
}

func testAddDefinition(t *testing.T, s *suite) {
	made, err := s.CreateTouchpointDefinition(t.Context(), define("vip-lounge"))
	if err != nil {
		t.Fatal(err)
	}
	if made.GetName() != "brands/acme/touchpointDefinitions/vip-lounge" || made.GetWeight() != 2.5 || made.GetCreateTime() == nil {
		t.Errorf("made %v", made)
	}
	unnamed, err := s.CreateTouchpointDefinition(t.Context(), define(""))
	if err != nil || unnamed.GetName() == "" {
		t.Errorf("without an id: %v, %v", unnamed, err)
	}
	builtin := len(builtIn(typev1.Stage_STAGE_RETENTION))
	for brand, want := range map[string]int{"acme": builtin + 2, "other": builtin} {
		m, err := s.GetJourneyMap(t.Context(), &journeyv1.GetJourneyMapRequest{Name: "brands/" + brand + "/journeyMaps/default"})
		if err != nil {
			t.Fatal(err)
		}
		retention := m.GetStages()[3]
		if got := len(retention.GetTouchpointDefinitions()); got != want {
			t.Errorf("%s: %d definitions of the stage, want %d", brand, got, want)
		}
	}
	p := s.record(t, &journeyv1.RecordTouchpointRequest{
		Parent:     "brands/acme/customers/ann",
		Touchpoint: &journeyv1.Touchpoint{Definition: made.GetName(), EventTime: timestamppb.New(noon)},
	})
	if !p.GetIsService() || p.GetStage() != typev1.Stage_STAGE_RETENTION || p.GetChannel() != typev1.Channel_CHANNEL_IN_STORE {
		t.Errorf("a touchpoint takes from its definition what it does not say: %v", p)
	}
}

func TestRecordTouchpoint(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"a touchpoint comes back as it went in":        testRoundTrip,
		"what does not fit is refused":                 testRefusals,
		"an event is one touchpoint":                   testRepeatedEvent,
		"a chosen id and an event both identify":       testBothIdentities,
		"an id of another customer's is refused":       testTakenID,
		"a request is one touchpoint":                  testRepeatedRequest,
		"of racing duplicates one is stored":           testRacingDuplicates,
		"pages join up":                                testPages,
		"the same event in two brands is two":          testTwoBrands,
		"validate_only stores nothing and counts none": testValidateOnly,
	})
}

// testTakenID holds that nobody's touchpoint is answered with somebody else's.
func testTakenID(t *testing.T, s *suite) {
	for _, event := range []string{"", "own-"} {
		chosen := func(customer string) *journeyv1.RecordTouchpointRequest {
			r := visit(customer, "", noon)
			r.TouchpointId = event + "one"
			if event != "" {
				r.Touchpoint.EventId = event + customer
			}
			return r
		}
		s.record(t, chosen("ann"))
		_, err := s.RecordTouchpoint(t.Context(), chosen("bob"))
		refused(t, err, codes.AlreadyExists)
		results := s.batch(t, &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme", Requests: []*journeyv1.RecordTouchpointRequest{chosen("bob"), chosen("ann")}})
		if results[0].GetOutcome() != refusal || codes.Code(results[0].GetError().GetCode()) != codes.AlreadyExists || results[1].GetOutcome() != repeated { //nolint:gosec // a code
			t.Errorf("results = %v, want bob's refused and ann's repeated", results)
		}
	}
	if n := len(s.list(t, "bob", 50)); n != 0 {
		t.Errorf("bob has %d touchpoints, want 0", n)
	}
}

func testRoundTrip(t *testing.T, s *suite) {
	want := &journeyv1.Touchpoint{
		Definition: "brands/acme/touchpointDefinitions/delivery", EventTime: timestamppb.New(noon), Source: "shop", EventId: "Bestellung-\u00e9",
		Channel: typev1.Channel_CHANNEL_EMAIL, Stage: typev1.Stage_STAGE_RETENTION, Phase: typev1.Phase_PHASE_PRODUCT_USE,
		Expectation: typev1.Expectation_EXPECTATION_UNMET,
		Measurement: &journeyv1.Measurement{Rating: 0, Min: 0, Max: 10, LowerIsBetter: true},
		Ticket:      "brands/acme/tickets/t1", Interaction: "brands/acme/tickets/t1/interactions/i1",
		Attributes: map[string]string{"carrier": "caf\u00e9", "a": "1"},
	}
	req := &journeyv1.RecordTouchpointRequest{Parent: "brands/acme/customers/ann", TouchpointId: "d-1", Touchpoint: proto.Clone(want).(*journeyv1.Touchpoint)}
	req.Touchpoint.EventId, req.Touchpoint.Attributes["carrier"] = "Bestellung-e\u0301", "cafe\u0301" // NFD
	got := s.record(t, req)
	if got.GetRecordTime() == nil {
		t.Error("record_time is missing")
	}
	want.Name, want.RecordTime = "brands/acme/customers/ann/touchpoints/d-1", got.GetRecordTime()
	same(t, got, want)
	read, err := s.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: want.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	same(t, read, want)
	for _, name := range []string{"brands/acme/customers/bob/touchpoints/d-1", "brands/other/customers/ann/touchpoints/d-1", "brands/acme/customers/ann/touchpoints/d-2"} {
		_, err := s.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: name})
		refused(t, err, codes.NotFound)
	}
}

func testRefusals(t *testing.T, s *suite) {
	for _, tt := range []struct {
		name   string
		change func(*journeyv1.RecordTouchpointRequest)
		want   codes.Code
	}{
		{"a time two weeks ahead", func(r *journeyv1.RecordTouchpointRequest) {
			r.Touchpoint.EventTime = timestamppb.New(time.Now().Add(14 * 24 * time.Hour))
		}, codes.InvalidArgument},
		{"an hour ahead", func(r *journeyv1.RecordTouchpointRequest) {
			r.Touchpoint.EventTime = timestamppb.New(time.Now().Add(time.Hour))
		}, codes.OK},
		{"before 1970", func(r *journeyv1.RecordTouchpointRequest) {
			r.Touchpoint.EventTime = timestamppb.New(time.Unix(-1, 0))
		}, codes.InvalidArgument},
		{"the first moment of 1970", func(r *journeyv1.RecordTouchpointRequest) {
			r.Touchpoint.EventId, r.Touchpoint.EventTime = "first", timestamppb.New(time.Unix(0, 0))
		}, codes.OK},
		{"no time", func(r *journeyv1.RecordTouchpointRequest) { r.Touchpoint.EventTime = nil }, codes.InvalidArgument},
		{"an unknown definition", func(r *journeyv1.RecordTouchpointRequest) {
			r.Touchpoint.Definition = "brands/acme/touchpointDefinitions/nope"
		}, codes.NotFound},
		{"another brand's definition", func(r *journeyv1.RecordTouchpointRequest) {
			r.Touchpoint.Definition = "brands/other/touchpointDefinitions/delivery"
		}, codes.NotFound},
		{"a rating off its scale", func(r *journeyv1.RecordTouchpointRequest) {
			r.Touchpoint.Measurement = &journeyv1.Measurement{Rating: 6, Min: 1, Max: 5}
		}, codes.InvalidArgument},
		{"a stage nobody defined", func(r *journeyv1.RecordTouchpointRequest) { r.Touchpoint.Stage = 42 }, codes.InvalidArgument},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := visit("ann", "e", noon)
			tt.change(req)
			_, err := s.RecordTouchpoint(t.Context(), req)
			refused(t, err, tt.want)
		})
	}
}

func testRepeatedEvent(t *testing.T, s *suite) {
	first := s.record(t, visit("ann", "e1", noon))
	again := visit("ann", "e1", noon)
	same(t, s.record(t, again), first)
	other := visit("ann", "e1", noon.Add(time.Hour))
	_, err := s.RecordTouchpoint(t.Context(), other)
	refusedFor(t, err, codes.AlreadyExists, "EVENT_ID_TAKEN")
	results := s.batch(t, &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme", Requests: []*journeyv1.RecordTouchpointRequest{other, again}})
	if results[0].GetOutcome() != refusal || codes.Code(results[0].GetError().GetCode()) != codes.AlreadyExists || results[1].GetOutcome() != repeated { //nolint:gosec // a code
		t.Errorf("results = %v, want other content refused and the repeat answered", results)
	}
	bobs := visit("bob", "e1", noon)
	_, err = s.RecordTouchpoint(t.Context(), bobs)
	refusedFor(t, err, codes.AlreadyExists, "EVENT_ID_TAKEN")
	if strings.Contains(fmt.Sprint(status.Convert(err).Proto()), "ann") {
		t.Errorf("bob is told %v, want nothing of ann", err)
	}
	results = s.batch(t, &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme", Requests: []*journeyv1.RecordTouchpointRequest{bobs, again}})
	if results[0].GetOutcome() != refusal || results[0].GetName() != "" || results[1].GetOutcome() != repeated {
		t.Errorf("results = %v, want bob refused", results)
	}
	again.Touchpoint.Source = "till" // another event
	if got := s.record(t, again); got.GetName() == first.GetName() {
		t.Errorf("another source gave %s again", got.GetName())
	}
	if got := s.list(t, "ann", 0); len(got) != 2 {
		t.Errorf("ann has %v, want two touchpoints", got)
	}
	if got := s.list(t, "bob", 0); len(got) != 0 {
		t.Errorf("bob has %v, want nothing", got)
	}
}

func testBothIdentities(t *testing.T, s *suite) {
	req := visit("ann", "e1", noon)
	req.TouchpointId = "mine"
	first := s.record(t, req)
	same(t, s.record(t, req), first)
	same(t, s.record(t, visit("ann", "e1", noon)), first) // the event alone
	other := visit("ann", "e2", noon)
	other.TouchpointId = "mine" // the id of another event
	_, err := s.RecordTouchpoint(t.Context(), other)
	refusedFor(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	other.Touchpoint.EventId = "" // the id alone
	same(t, s.record(t, other), first)
	other.Touchpoint.EventId, other.TouchpointId = "e1", "yours" // the event, with another id
	same(t, s.record(t, other), first)
	if got := s.list(t, "ann", 0); len(got) != 1 || got[0] != "brands/acme/customers/ann/touchpoints/mine" {
		t.Errorf("ann has %v, want one touchpoint", got)
	}
	span, err := s.GetDataSpan(t.Context(), &journeyv1.GetDataSpanRequest{Parent: "brands/acme"})
	if err != nil || !span.GetWindow().GetStartTime().AsTime().Equal(noon) {
		t.Errorf("span = %v, %v, want it to begin at noon", span, err)
	}
	metrics, err := s.QueryExperienceMetrics(t.Context(), &journeyv1.QueryExperienceMetricsRequest{Parent: "brands/acme"})
	if err != nil || metrics.GetNesting().GetTouchpoints() != 1 || metrics.GetNesting().GetCustomers() != 1 {
		t.Errorf("nesting = %v, %v, want one touchpoint of one customer", metrics.GetNesting(), err)
	}
}

func testRepeatedRequest(t *testing.T, s *suite) {
	req := visit("ann", "", noon)
	req.RequestId = "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e11"
	first := s.record(t, req)
	if first.GetEventId() != req.GetRequestId() {
		t.Errorf("event_id = %q, want the request's id", first.GetEventId())
	}
	same(t, s.record(t, req), first)
	req.Touchpoint.Expectation = typev1.Expectation_EXPECTATION_UNMET
	_, err := s.RecordTouchpoint(t.Context(), req)
	refused(t, err, codes.AlreadyExists)
	plain := visit("ann", "", noon)
	if a, b := s.record(t, plain), s.record(t, plain); a.GetName() == b.GetName() {
		t.Errorf("two touchpoints without an identity are both %s", a.GetName())
	}
}

func testRacingDuplicates(t *testing.T, s *suite) {
	const events, racers = 20, 8
	var wg sync.WaitGroup
	for r := range racers {
		wg.Go(func() {
			for i := range events {
				req := visit("ann", fmt.Sprint("e", (i*(r+1))%events), noon.Add(time.Duration((i*(r+1))%events)*time.Hour))
				if r%2 == 0 {
					if _, err := s.RecordTouchpoint(t.Context(), req); err != nil {
						t.Error(err)
					}
					continue
				}
				_, err := s.BatchRecordTouchpoints(t.Context(), &journeyv1.BatchRecordTouchpointsRequest{
					Parent: "brands/acme", Requests: []*journeyv1.RecordTouchpointRequest{req, visit("bob", fmt.Sprint("b", i), noon), req},
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := s.list(t, "ann", 0); len(got) != events {
		t.Errorf("ann has %d touchpoints, want %d", len(got), events)
	}
	s.consistent(t, "ann", noon.Add(24*time.Hour))
	s.consistent(t, "bob", noon.Add(24*time.Hour))
}

func testPages(t *testing.T, s *suite) {
	for i := range 12 { // threes share a time
		s.record(t, visit("ann", fmt.Sprint(i), noon.Add(time.Duration(i/3)*time.Minute)))
	}
	whole := s.list(t, "ann", 0)
	if len(whole) != 12 {
		t.Fatalf("%d touchpoints, want 12", len(whole))
	}
	for _, size := range []int32{1, 2, 5, 12, 300} {
		if got := s.list(t, "ann", size); fmt.Sprint(got) != fmt.Sprint(whole) {
			t.Errorf("by %d: %v, want %v", size, got, whole)
		}
	}
	_, err := s.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: "brands/acme/customers/nobody"})
	refused(t, err, codes.NotFound)
	none := must(s.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: "brands/acme/customers/ann", Filter: "stage = ADVOCACY"}))(t)
	if len(none.GetTouchpoints()) != 0 {
		t.Errorf("of a stage ann was never in: %v", none)
	}
	answer, err := s.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: "brands/acme/customers/ann", PageSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: "brands/acme/customers/bob", PageToken: answer.GetNextPageToken()})
	refused(t, err, codes.InvalidArgument)
}

func testTwoBrands(t *testing.T, s *suite) {
	s.record(t, visit("ann", "e1", noon))
	other := visit("ann", "e1", noon)
	other.Parent = "brands/other/customers/ann"
	other.Touchpoint.Definition = "brands/other/touchpointDefinitions/website-visit"
	if got := s.record(t, other); got.GetName()[:13] != "brands/other/" {
		t.Errorf("the other brand got %s", got.GetName())
	}
}

func testValidateOnly(t *testing.T, s *suite) {
	req := visit("ann", "e1", noon)
	req.ValidateOnly = true
	if got := s.record(t, req); got.GetName() == "" {
		t.Error("the answer has no name")
	}
	batch, err := s.BatchRecordTouchpoints(t.Context(), &journeyv1.BatchRecordTouchpointsRequest{
		Parent: "brands/acme", ValidateOnly: true, Requests: []*journeyv1.RecordTouchpointRequest{visit("ann", "e2", noon)},
	})
	if err != nil || batch.GetResults()[0].GetOutcome() != journeyv1.RecordTouchpointResult_OUTCOME_RECORDED {
		t.Errorf("batch = %v, %v", batch, err)
	}
	if got := s.list(t, "ann", 0); len(got) != 0 {
		t.Errorf("ann has %v, want nothing", got)
	}
	_, err = s.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: "brands/acme/customers/ann/score"})
	refused(t, err, codes.NotFound)
}

// TestOverTheWire calls the service as another process would.
func TestOverTheWire(t *testing.T) {
	service, err := journey.New(t.Context(), sqldbtest.Open(t, migrated.SQLite(t)), journey.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.Config{})
	service.Register(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(listener) //nolint:errcheck // ends with Stop
	t.Cleanup(server.Stop)
	conn, err := rpc.Dial(listener.Addr().String(), rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := clients(conn)
	s.record(t, visit("ann", "e1", noon))
	score, err := s.GetScore(context.WithoutCancel(t.Context()), &journeyv1.GetScoreRequest{Name: "brands/acme/customers/ann/score"})
	if err != nil || score.GetEstimate().GetN() != 1 {
		t.Errorf("score = %v, %v, want one of one touchpoint", score, err)
	}
}
