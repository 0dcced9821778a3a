package journey_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func TestListQuadrantCustomers(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"quadrants equal a recount, and pages hold everybody once": testQuadrants,
		"nobody is in no quadrant":                                 testNoQuadrants,
		"thresholds stay while pages are read":                     testThresholdsStay,
	})
}

// A mean is the mean outcome of one customer, recounted.
type mean struct{ n, sum float64 }

// outcomeOf is what a touchpoint of populate comes to under the built-in model.
func outcomeOf(p *journeyv1.Touchpoint) (value float64, known bool) {
	if m := p.GetMeasurement(); m != nil {
		return float64(m.GetRating()-m.GetMin()) / float64(m.GetMax()-m.GetMin()), true
	}
	switch p.GetExpectation() {
	case typev1.Expectation_EXPECTATION_UNMET:
		return 0, true
	case typev1.Expectation_EXPECTATION_MET:
		return 0.75, true
	case typev1.Expectation_EXPECTATION_EXCEEDED:
		return 1, true
	}
	return 0, false
}

func testQuadrants(t *testing.T, s *suite) {
	all := populate(t, s, 400)
	services, wholes := map[string]*mean{}, map[string]*mean{}
	add := func(to map[string]*mean, customer string, value float64) {
		if to[customer] == nil {
			to[customer] = &mean{}
		}
		to[customer].n++
		to[customer].sum += value
	}
	for _, req := range all {
		if value, known := outcomeOf(req.GetTouchpoint()); known {
			add(wholes, req.GetParent(), value)
			if service(req) {
				add(services, req.GetParent(), value)
			}
		}
	}
	ask := &journeyv1.ListQuadrantCustomersRequest{Parent: "brands/acme", PageSize: 7}
	var seen []string
	shares := map[journeyv1.Quadrant]int64{}
	for range 100 {
		answer := must(s.ListQuadrantCustomers(t.Context(), ask))(t)
		if answer.GetBasis().GetIncluded() != int64(len(services)) || answer.GetBasis().GetExcluded()[0].GetCount() != int64(len(wholes)-len(services)) {
			t.Fatalf("basis = %v, want %d of %d", answer.GetBasis(), len(services), len(wholes))
		}
		for _, c := range answer.GetCustomers() {
			seen = append(seen, c.GetCustomer())
			a, b := services[c.GetCustomer()], wholes[c.GetCustomer()]
			high, fine := a.sum/a.n >= answer.GetServiceThreshold()-1e-9, b.sum/b.n >= answer.GetExperienceThreshold()-1e-9
			want := map[[2]bool]journeyv1.Quadrant{
				{true, true}: journeyv1.Quadrant_QUADRANT_BOTH_HIGH, {true, false}: journeyv1.Quadrant_QUADRANT_SERVICE_HIGH,
				{false, true}: journeyv1.Quadrant_QUADRANT_EXPERIENCE_HIGH, {false, false}: journeyv1.Quadrant_QUADRANT_BOTH_LOW,
			}[[2]bool{high, fine}]
			if !near(c.GetServiceValue(), a.sum/a.n) || !near(c.GetExperienceValue(), b.sum/b.n) || c.GetServiceTouchpoints() != int64(a.n) ||
				c.GetTouchpoints() != int64(b.n) || c.GetQuadrant() != want {
				t.Errorf("%v, want %v with %v and %v", c, want, a, b)
			}
			shares[c.GetQuadrant()]++
		}
		if ask.PageToken = answer.GetNextPageToken(); ask.PageToken == "" {
			for _, q := range answer.GetQuadrants() {
				if q.GetCustomers() != shares[q.GetQuadrant()] {
					t.Errorf("%v, want %d", q, shares[q.GetQuadrant()])
				}
			}
			break
		}
	}
	if len(seen) != len(services) || !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
		t.Errorf("the pages hold %v, want %d customers", seen, len(services))
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

func testNoQuadrants(t *testing.T, s *suite) {
	answer := must(s.ListQuadrantCustomers(t.Context(), &journeyv1.ListQuadrantCustomersRequest{Parent: "brands/acme"}))(t)
	if answer.ServiceThreshold != nil || answer.ExperienceThreshold != nil || len(answer.GetCustomers()) != 0 || len(answer.GetQuadrants()) != 4 {
		t.Errorf("answer = %v", answer)
	}
	for _, q := range answer.GetQuadrants() {
		if q.GetShare().GetQuality() != typev1.Quality_QUALITY_NO_DATA {
			t.Errorf("share = %v", q)
		}
	}
}

func testThresholdsStay(t *testing.T, s *suite) {
	for i := range 12 {
		req := visit(fmt.Sprintf("c%02d", i), fmt.Sprint(i), noon)
		req.Touchpoint.Definition = "brands/acme/touchpointDefinitions/support-interaction"
		req.Touchpoint.Measurement = &journeyv1.Measurement{Rating: int32(i % 6), Min: 0, Max: 10} //nolint:gosec // 0 to 5
		s.batch(t, batchOf(req))
	}
	ask := &journeyv1.ListQuadrantCustomersRequest{Parent: "brands/acme", PageSize: 5}
	first := must(s.ListQuadrantCustomers(t.Context(), ask))(t)
	for i := range 30 { // who would move the median
		req := visit(fmt.Sprintf("later%02d", i), fmt.Sprint("later", i), noon)
		req.Touchpoint.Definition = "brands/acme/touchpointDefinitions/support-interaction"
		req.Touchpoint.Measurement = &journeyv1.Measurement{Rating: 10, Min: 0, Max: 10}
		s.batch(t, batchOf(req))
	}
	ask.PageToken = first.GetNextPageToken()
	next := must(s.ListQuadrantCustomers(t.Context(), ask))(t)
	if next.GetServiceThreshold() != first.GetServiceThreshold() || next.GetCustomers()[0].GetCustomer() != "brands/acme/customers/c05" {
		t.Errorf("the threshold went from %v to %v, the page begins with %v", first.GetServiceThreshold(), next.GetServiceThreshold(), next.GetCustomers()[0])
	}
	ask.PageToken = ""
	if anew := must(s.ListQuadrantCustomers(t.Context(), ask))(t); anew.GetServiceThreshold() == first.GetServiceThreshold() {
		t.Errorf("the median is still %v", anew.GetServiceThreshold())
	}
}

func TestWaitRevision(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){"waits for what has not been applied, and for nothing else": testWaitRevision})
}

func testWaitRevision(t *testing.T, s *suite) {
	wait := func(timeout time.Duration, revisions ...string) bool {
		t.Helper()
		return must(s.WaitRevision(t.Context(), &journeyv1.WaitRevisionRequest{
			Parent: "brands/acme", Revisions: revisions, Timeout: durationpb.New(timeout),
		}))(t).GetReached()
	}
	id := "7zzzzzzzzzzzzzzzzzzzzzzzzz"
	other := "7zzzzzzzzzzzzzzzzzzzzzzzzy"
	if wait(0, "ticket_resolved."+id) || wait(20*time.Millisecond, "ticket_assigned."+other+",ticket_resolved."+id) {
		t.Error("an event nobody has heard of is there")
	}
	if !wait(0, "ticket_assigned."+id, "ticket_resolved.01arz3ndektsv4rrffq69g5fav") {
		t.Error("an event that nobody listens to, and one that is long forgotten, are waited for")
	}
	applied := make(chan bool)
	go func() { applied <- wait(10*time.Second, "ticket_resolved."+id) }()
	apply := func(id string) error {
		return s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`INSERT INTO inbox (id, create_time) VALUES ($1, $2)`, id, sqldb.Micros(time.Now()))
			return err
		})
	}
	if err := apply(id); err != nil {
		t.Fatal(err)
	}
	if !<-applied {
		t.Error("an event that has been applied is still waited for")
	}
	if err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO dead_letter (id, brand, key, position, payload, reason, attempts, create_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			id, "acme", "k", 1, []byte("x"), "BAD", 1, 1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if wait(0, "ticket_resolved."+id) {
		t.Error("an event that was put aside counts as applied")
	}
	for _, bad := range []string{"nonsense", "ticket_resolved.x", ".01arz3ndektsv4rrffq69g5fav", "ticket_resolved.01arz3ndektsv4rrffq69g5fav,"} {
		_, err := s.WaitRevision(t.Context(), &journeyv1.WaitRevisionRequest{Parent: "brands/acme", Revisions: []string{bad}})
		refused(t, err, codes.InvalidArgument)
	}
	if ids, err := bus.Awaited([]string{"b.01arz3ndektsv4rrffq69g5faw"}, nil, "revisions"); err != nil || len(ids) != 0 {
		t.Errorf("of kinds that nobody listens to there is %v to wait for, %v", ids, err)
	}
}

func TestBatchGetCustomers(t *testing.T) {
	eachPeople(t, map[string]func(*testing.T, *people){"customers come in the order asked for, the merged ones as who they are": testBatchGet})
}

func testBatchGet(t *testing.T, p *people) {
	name := func(id string) string { return "brands/acme/customers/" + id }
	for _, id := range []string{"ann", "bob", "cy"} {
		must(p.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{Parent: "brands/acme", CustomerId: id, Customer: &journeyv1.Customer{Persona: id}}))(t)
	}
	must(p.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{Name: name("ann"), Sources: []string{name("bob")}}))(t)
	asked := []string{name("cy"), name("nobody"), name("bob"), name("ann")}
	got := must(p.BatchGetCustomers(t.Context(), &journeyv1.BatchGetCustomersRequest{Parent: "brands/acme", Names: asked}))(t)
	var names []string
	for _, c := range got.GetCustomers() {
		names = append(names, c.GetName())
	}
	if !slices.Equal(names, []string{name("cy"), name("ann"), name("ann")}) || !slices.Equal(got.GetRequestedNames(), []string{name("cy"), name("bob"), name("ann")}) ||
		!slices.Equal(got.GetNotFound(), []string{name("nobody")}) {
		t.Errorf("got %v for %v, and not %v", names, got.GetRequestedNames(), got.GetNotFound())
	}
	one := must(p.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: name("ann")}))(t)
	if got.GetCustomers()[1].GetEtag() != one.GetEtag() || len(got.GetCustomers()[1].GetMergedCustomers()) != 1 {
		t.Errorf("in the batch ann is %v, alone %v", got.GetCustomers()[1], one)
	}
}
