package journey_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func TestMerges(t *testing.T) {
	eachPeople(t, map[string]func(*testing.T, *people){
		"a merged customer is one with the other":   testMerged,
		"a split restores what was below":           testSplit,
		"a merge that cannot be is refused":         testMergeRefused,
		"customers follow their touchpoints":        testFollowed,
		"the order of touchpoints does not matter":  testFollowedInAnyOrder,
		"a customer comes back":                     testActivity,
		"time alone changes the activity":           testAging,
		"two replicas follow as one":                testTwoFollowers,
		"merging and splitting leaves both as ever": testMergeAndSplit,
	})
}

func testMerged(t *testing.T, p *people) {
	p.work(t)
	at := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	p.create(t, "ann", mail("ann@example.com"))
	p.create(t, "ben", crm("7"))
	p.seen(t, "ben", "online-ad", at)
	p.seen(t, "ann", "checkout", at.Add(time.Minute))
	p.seen(t, "ben", "support-interaction", at.Add(2*time.Minute))
	must(p.UpdateConsent(t.Context(), &journeyv1.UpdateConsentRequest{Name: who("ben"), Consents: []*journeyv1.Consent{{Purpose: "surveys", Granted: true}}}))(t)
	p.followed(t)
	got := p.merge(t, "ann", "ben")
	if got.GetTouchpointCount() != 3 || got.GetServiceTouchpointCount() != 1 || got.GetStage() != typev1.Stage_STAGE_RETENTION ||
		got.GetFirstTouch().GetTouchpoint() == "" || !got.GetFirstTouch().GetEventTime().AsTime().Equal(at) {
		t.Errorf("merged = %v, want what both lived through", got)
	}
	if got.GetDisplayName() != "Name of ann" || len(got.GetIdentities()) != 2 || len(got.GetConsents()) != 1 {
		t.Errorf("merged = %v, want the name of one and the identities of both", got)
	}
	if fmt.Sprint(got.GetMergedCustomers()) != "["+who("ben")+"]" {
		t.Errorf("merged customers = %v, want ben", got.GetMergedCustomers())
	}
	p.followed(t)
	same(t, p.get(t, "ann"), got)
	same(t, p.get(t, "ben"), got)
	same(t, p.merge(t, "ann", "ben"), got) // again
	if told := p.told(t, "customer_merged"); len(told) != 1 || told[0].GetCustomerMerged().GetCustomer() != who("ben") ||
		told[0].GetCustomerMerged().GetInto() != who("ann") || told[0].GetKey() != who("ann") {
		t.Errorf("others were told %v", told)
	}
	must(p.link(t, "ben", crm("8")))(t)
	must(p.UpdateCustomer(t.Context(), &journeyv1.UpdateCustomerRequest{Customer: &journeyv1.Customer{Name: who("ben"), Persona: "both"}}))(t)
	if got := p.get(t, "ann"); got.GetPersona() != "both" || len(got.GetIdentities()) != 3 {
		t.Errorf("what is said of ben = %v, want it said of ann", got)
	}
	p.seen(t, "ben", "referral", at.Add(3*time.Minute))
	p.followed(t)
	if got := p.get(t, "ann"); got.GetStage() != typev1.Stage_STAGE_ADVOCACY || got.GetTouchpointCount() != 4 {
		t.Errorf("after a touchpoint of ben: %v", got)
	}
	_, err := p.DeleteCustomer(t.Context(), &journeyv1.DeleteCustomerRequest{Name: who("ben")})
	reasoned(t, err, "MERGED")
}

func testSplit(t *testing.T, p *people) {
	for _, id := range []string{"ann", "ben", "cat", "dan"} {
		p.create(t, id, crm(id))
	}
	p.merge(t, "ben", "cat", "dan")
	p.merge(t, "ann", "ben")
	family := func(id string, want ...string) {
		t.Helper()
		got := p.get(t, id)
		names := []string{got.GetName()}
		names = append(names, got.GetMergedCustomers()...)
		for i := range want {
			want[i] = who(want[i])
		}
		if !slices.Equal(names, want) || len(got.GetIdentities()) != len(want) {
			t.Errorf("%s is %v with %d identities, want %v", id, names, len(got.GetIdentities()), want)
		}
	}
	family("dan", "ann", "ben", "cat", "dan")
	if got := p.split(t, "ben"); got.GetName() != who("ben") {
		t.Errorf("split = %v, want ben", got)
	}
	family("ann", "ann")
	family("cat", "ben", "cat", "dan")
	p.split(t, "cat")
	family("cat", "cat")
	family("dan", "ben", "dan")
	_, err := p.SplitCustomer(t.Context(), &journeyv1.SplitCustomerRequest{Name: who("ben")})
	reasoned(t, err, "NOT_MERGED")
	_, err = p.SplitCustomer(t.Context(), &journeyv1.SplitCustomerRequest{Name: who("zoe")})
	refused(t, err, codes.NotFound)
	if told := p.told(t, "customer_split"); len(told) != 2 || told[1].GetCustomerSplit().GetCustomer() != who("cat") ||
		told[1].GetCustomerSplit().GetFrom() != who("ben") {
		t.Errorf("others were told %v", told)
	}
}

func testMergeRefused(t *testing.T, p *people) {
	for _, id := range []string{"ann", "ben", "cat", "gone"} {
		p.create(t, id)
	}
	p.merge(t, "ann", "ben")
	must(p.DeleteCustomer(t.Context(), &journeyv1.DeleteCustomerRequest{Name: who("gone")}))(t)
	for _, tt := range []struct{ name, into, source, want string }{
		{"into itself", "ann", "ann", "MERGED"},
		{"into a part of it", "ben", "ann", "MERGED"},
		{"of a part of another", "cat", "ben", "MERGED"},
		{"of a deleted one", "ann", "gone", "DELETED"},
		{"into a deleted one", "gone", "ann", "DELETED"},
		{"of nobody", "ann", "zoe", "NOT_FOUND"},
		{"into nobody", "zoe", "ann", "NOT_FOUND"},
	} {
		_, err := p.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{Name: who(tt.into), Sources: []string{who("cat"), who(tt.source)}})
		if tt.into == "cat" {
			_, err = p.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{Name: who(tt.into), Sources: []string{who(tt.source)}})
		}
		if err == nil {
			t.Errorf("%s: no error", tt.name)
		}
		reasoned(t, err, tt.want)
	}
	if got := p.get(t, "cat"); got.GetName() != who("cat") {
		t.Errorf("cat = %v, want a refused merge to leave nothing behind", got)
	}
}

func testFollowed(t *testing.T, p *people) {
	p.work(t)
	at := time.Now().Add(-48 * time.Hour).Truncate(time.Second)
	p.seen(t, "ann", "checkout", at)
	p.followed(t)
	got := p.get(t, "ann")
	if got.GetStage() != typev1.Stage_STAGE_DECISION || got.GetActivityStatus() != journeyv1.Customer_ACTIVITY_STATUS_ACTIVE ||
		!got.GetLastEventTime().AsTime().Equal(at) || got.GetTouchpointCount() != 1 {
		t.Errorf("after a purchase: %v", got)
	}
	p.seen(t, "ann", "online-ad", at.Add(-time.Hour)) // heard later
	p.followed(t)
	got = p.get(t, "ann")
	first := got.GetFirstTouch()
	if first.GetTouchpointDefinition() != "brands/acme/touchpointDefinitions/online-ad" || first.GetAttributes()["campaign"] != "spring" ||
		first.GetChannel() != typev1.Channel_CHANNEL_WEB || first.GetStage() != typev1.Stage_STAGE_AWARENESS {
		t.Errorf("first touch = %v, want the advert", first)
	}
	if got.GetStage() != typev1.Stage_STAGE_DECISION {
		t.Errorf("stage = %v, want that of the latest by event time", got.GetStage())
	}
	p.seen(t, "ann", "support-interaction", at.Add(time.Hour))
	p.followed(t)
	told := p.told(t, "stage_changed")
	if len(told) != 2 || told[0].GetStageChanged().GetFromStage() != 0 || told[1].GetStageChanged().GetFromStage() != typev1.Stage_STAGE_DECISION ||
		told[1].GetStageChanged().GetToStage() != typev1.Stage_STAGE_RETENTION || told[1].GetStageChanged().GetTouchpoint() == "" {
		t.Errorf("others were told %v, want two moves", told)
	}
	last := told[1].GetStageChanged().GetTouchpoint()
	must(p.RetractTouchpoint(t.Context(), &journeyv1.RetractTouchpointRequest{Name: last, Reason: "a test"}))(t)
	p.followed(t)
	if got := p.get(t, "ann"); got.GetStage() != typev1.Stage_STAGE_DECISION || got.GetTouchpointCount() != 2 || got.GetServiceTouchpointCount() != 0 {
		t.Errorf("after the last was taken back: %v", got)
	}
	if scored := p.told(t, "score_changed"); len(scored) == 0 {
		t.Error("nobody was told of a score")
	}
}

// lived returns what follows from the touchpoints of c.
func lived(c *journeyv1.Customer) *journeyv1.Customer {
	c = proto.CloneOf(c)
	c.Name, c.CreateTime, c.UpdateTime, c.FirstTouch.Touchpoint = "", nil, nil, ""
	return c
}

func testFollowedInAnyOrder(t *testing.T, p *people) {
	p.work(t)
	definitions := []string{"online-ad", "checkout", "support-interaction", "referral", "website-visit"}
	at := time.Now().Add(-400 * 24 * time.Hour).Truncate(time.Second)
	order := rand.New(rand.NewPCG(1, 2)).Perm(40) //nolint:gosec // any order will do
	for _, who := range []string{"sorted", "mixed"} {
		for i := range order {
			n := i
			if who == "mixed" {
				n = order[i]
			}
			p.seen(t, who, definitions[n%len(definitions)], at.Add(time.Duration(n)*10*24*time.Hour))
			if i%7 == 0 {
				p.followed(t)
			}
		}
	}
	p.followed(t)
	same(t, lived(p.get(t, "mixed")), lived(p.get(t, "sorted")))
}

func testActivity(t *testing.T, p *people) {
	p.work(t)
	now := time.Now().Truncate(time.Second)
	days := func(n int) time.Time { return now.Add(time.Duration(-n) * 24 * time.Hour) }
	p.seen(t, "ann", "checkout", days(400))
	p.seen(t, "ben", "checkout", days(100))
	p.seen(t, "cat", "checkout", days(200))
	p.seen(t, "cat", "online-ad", days(1))
	p.seen(t, "dan", "checkout", days(200))
	p.seen(t, "dan", "product-use", days(2))
	p.seen(t, "dan", "product-use", days(1))
	p.followed(t)
	for id, want := range map[string]journeyv1.Customer_ActivityStatus{
		"ann": journeyv1.Customer_ACTIVITY_STATUS_LAPSED, "ben": journeyv1.Customer_ACTIVITY_STATUS_IDLE,
		"cat": journeyv1.Customer_ACTIVITY_STATUS_REACTIVATED, "dan": journeyv1.Customer_ACTIVITY_STATUS_ACTIVE,
	} {
		if got := p.get(t, id).GetActivityStatus(); got != want {
			t.Errorf("%s is %v, want %v", id, got, want)
		}
	}
	list := must(p.ListCustomers(t.Context(), &journeyv1.ListCustomersRequest{Parent: "brands/acme", Filter: "activity_status = IDLE OR activity_status = LAPSED", OrderBy: "last_event_time desc"}))(t)
	if len(list.GetCustomers()) != 2 || list.GetCustomers()[0].GetName() != who("ben") {
		t.Errorf("who was not seen for long: %v", list.GetCustomers())
	}
}

func testAging(t *testing.T, p *people) {
	p.create(t, "ann")
	p.create(t, "ben")
	p.merge(t, "ann", "ben")
	p.seen(t, "ann", "checkout", time.Now().Add(-100*24*time.Hour))
	err := p.db.Write(t.Context(), func(tx *sqldb.Tx) error { // as if the last look had been long ago
		tx.Defer(`DELETE FROM customer_stale`)
		tx.Defer(`UPDATE customer SET activity_status = 1, activity_due = 1`)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.work(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 6000 {
		if p.get(t, "ann").GetActivityStatus() == journeyv1.Customer_ACTIVITY_STATUS_IDLE {
			return
		}
		<-tick.C
	}
	t.Error("ann does not become idle")
}

func testTwoFollowers(t *testing.T, p *people) {
	p.work(t)
	customers(t, p.db).work(t)
	var wg sync.WaitGroup
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for c := range 4 {
		wg.Go(func() {
			for i := range 25 {
				p.seen(t, fmt.Sprintf("c%d%d", c, i%5), "website-visit", at.Add(time.Duration(i)*time.Second))
			}
		})
	}
	wg.Wait()
	p.followed(t)
	list := must(p.ListCustomers(t.Context(), &journeyv1.ListCustomersRequest{Parent: "brands/acme"}))(t)
	if len(list.GetCustomers()) != 20 {
		t.Errorf("%d customers, want 20", len(list.GetCustomers()))
	}
	for _, c := range list.GetCustomers() {
		if c.GetTouchpointCount() != 5 {
			t.Errorf("%s has %d touchpoints, want 5", c.GetName(), c.GetTouchpointCount())
		}
	}
	if told := p.told(t, "stage_changed"); len(told) != 20 {
		t.Errorf("others were told of %d moves, want 20", len(told))
	}
}

func testMergeAndSplit(t *testing.T, p *people) {
	p.work(t)
	at := time.Now().Add(-200 * 24 * time.Hour).Truncate(time.Second)
	for i := range 20 {
		p.seen(t, []string{"ann", "ben"}[i%2], []string{"checkout", "referral", "online-ad"}[i%3], at.Add(time.Duration(i)*9*24*time.Hour))
	}
	p.followed(t)
	asOf := timestamppb.Now()
	score := func(id string) *journeyv1.Score {
		t.Helper()
		got := must(p.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: who(id) + "/score", AsOfTime: asOf}))(t)
		got.Basis.ReadTime = nil // the only thing that depends on when it is asked for
		return got
	}
	before := []proto.Message{p.get(t, "ann"), p.get(t, "ben"), score("ann"), score("ben")}
	apart := timestamppb.Now()
	p.merge(t, "ann", "ben")
	p.followed(t)
	merged, together := score("ann"), timestamppb.Now()
	same(t, score("ben"), merged)
	if proto.Equal(merged, before[2]) {
		t.Error("the merged have the score of one")
	}
	known := func(id string, read *timestamppb.Timestamp) *journeyv1.Score {
		t.Helper()
		got := must(p.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: who(id) + "/score", AsOfTime: asOf, ReadTime: read}))(t)
		got.Basis.ReadTime = nil
		return got
	}
	then := func() {
		t.Helper()
		same(t, known("ann", apart), before[2])
		same(t, known("ben", apart), before[3])
		same(t, known("ann", together), merged)
		same(t, known("ben", together), merged)
	}
	then()
	p.split(t, "ben")
	p.followed(t)
	then()
	for i, got := range []proto.Message{p.get(t, "ann"), p.get(t, "ben"), score("ann"), score("ben")} {
		if c, ok := got.(*journeyv1.Customer); ok {
			was := before[i].(*journeyv1.Customer)
			c.Etag, c.UpdateTime = was.GetEtag(), was.GetUpdateTime()
		}
		same(t, got, before[i])
	}
}
