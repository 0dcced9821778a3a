package journey_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

func TestCustomersComeAndGo(t *testing.T) {
	eachPeople(t, map[string]func(*testing.T, *people){
		"a customer is created over REST with its identities":                testCreatedOverREST,
		"a deleted customer has no stored score until it is undeleted":       testDeletedScore,
		"what a score was found to be before a deletion is not kept":         testDeletedWhileFollowed,
		"a merge or a split tells whose consent is another":                  testMergedConsent,
		"the word that counted alone is told as not given after a split":     testLostConsent,
		"a refusal of a merged customer counts for each name, and no longer": testRefusedConsent,
	})
}

func testCreatedOverREST(t *testing.T, p *people) {
	mux := runtime.NewServeMux()
	if err := journeyv1.RegisterCustomerServiceHandlerClient(t.Context(), mux, p.CustomerServiceClient); err != nil {
		t.Fatal(err)
	}
	body := `{"customerId": "ann", "customer": {"displayName": "Ann"}, "identities": [
		{"type": "IDENTITY_TYPE_EMAIL", "value": "ann@example.com"}, {"type": "IDENTITY_TYPE_EXTERNAL_ID", "source": "crm", "value": "7"}]}`
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/brands/acme/customers:create", strings.NewReader(body)))
	if answer.Code != http.StatusOK {
		t.Fatalf("answer = %d %s", answer.Code, answer.Body)
	}
	if got := p.get(t, "ann"); got.GetDisplayName() != "Ann" || len(got.GetIdentities()) != 2 {
		t.Errorf("created %v, want a customer with two identities", got)
	}
}

func testDeletedScore(t *testing.T, p *people) {
	p.work(t)
	p.create(t, "ann")
	p.seen(t, "ann", "checkout", time.Now().Add(-time.Hour))
	p.seen(t, "ben", "checkout", time.Now().Add(-time.Hour))
	p.stored(t, 2, "", "")
	p.followed(t)
	list := func() (names []string) {
		t.Helper()
		answer := must(p.ListScores(t.Context(), &journeyv1.ListScoresRequest{Parent: "brands/acme", OrderBy: "name"}))(t)
		for _, s := range answer.GetScores() {
			names = append(names, s.GetName())
		}
		return names
	}
	must(p.DeleteCustomer(t.Context(), &journeyv1.DeleteCustomerRequest{Name: who("ann")}))(t)
	if got := list(); !slices.Equal(got, []string{scoreOf("ben")}) {
		t.Errorf("after the deletion there are scores of %v, want of ben", got)
	}
	told := len(p.told(t, "score_changed"))
	p.seen(t, "ann", "product-return", time.Now())
	p.followed(t)
	if got := list(); !slices.Equal(got, []string{scoreOf("ben")}) {
		t.Errorf("after another touchpoint there are scores of %v, want of ben", got)
	}
	if n := len(p.told(t, "score_changed")); n != told {
		t.Errorf("others were told of %d more scores, want of none", n-told)
	}
	must(p.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: scoreOf("ann")}))(t)
	must(p.UndeleteCustomer(t.Context(), &journeyv1.UndeleteCustomerRequest{Name: who("ann")}))(t)
	if got := list(); !slices.Equal(got, []string{scoreOf("ann"), scoreOf("ben")}) {
		t.Errorf("after the undeletion there are scores of %v, want of both", got)
	}
}

// The mark that a deletion leaves brings whoever looks at the customer back to it.
func testDeletedWhileFollowed(t *testing.T, p *people) {
	p.create(t, "ann")
	p.seen(t, "ann", "checkout", time.Now().Add(-time.Hour))
	must(p.DeleteCustomer(t.Context(), &journeyv1.DeleteCustomerRequest{Name: who("ann")}))(t)
	before := p.stamp(t, "ann")
	must(p.UndeleteCustomer(t.Context(), &journeyv1.UndeleteCustomerRequest{Name: who("ann")}))(t)
	if after := p.stamp(t, "ann"); after == before || before == 0 {
		t.Errorf("the mark is %d and then %d, want another one", before, after)
	}
}

// stamp returns the stamp of the mark on a customer.
func (p *people) stamp(t testing.TB, id string) (stamp int64) {
	t.Helper()
	err := p.db.Read().QueryRowContext(t.Context(), `SELECT stamp FROM customer_stale WHERE brand = $1 AND customer = $2`, "acme", id).Scan(&stamp)
	if err != nil {
		t.Fatal(err)
	}
	return stamp
}

// says lets a customer say something about surveys.
func (p *people) says(t testing.TB, id string, granted bool, at time.Time) {
	t.Helper()
	must(p.UpdateConsent(t.Context(), &journeyv1.UpdateConsentRequest{Name: who(id), Consents: []*journeyv1.Consent{
		{Purpose: "surveys", Granted: granted, ChangeTime: timestamppb.New(at)},
	}}))(t)
}

// heard returns what others were told of consents since the last call, as name, whether it
// is given, and since how long after start, which is well before now.
func (p *people) heard(t testing.TB, start time.Time, last *int) (all []string) {
	t.Helper()
	told := p.told(t, "consent_changed")
	for _, e := range told[*last:] {
		c := e.GetConsentChanged()
		since := c.GetChangeTime().AsTime().Sub(start).String()
		if time.Since(c.GetChangeTime().AsTime()) < 10*time.Minute {
			since = "now"
		}
		all = append(all, fmt.Sprintf("%s %t %s", c.GetCustomer()[len("brands/acme/customers/"):], c.GetGranted(), since))
	}
	*last = len(told)
	return all
}

func testMergedConsent(t *testing.T, p *people) {
	start, last := time.Now().Add(-time.Hour).Truncate(time.Second), 0
	expect := func(what string, want ...string) {
		t.Helper()
		if got := p.heard(t, start, &last); !slices.Equal(got, want) {
			t.Errorf("%s: others heard %v, want %v", what, got, want)
		}
	}
	p.create(t, "ann")
	p.create(t, "ben")
	p.create(t, "cid")
	p.says(t, "ann", false, start)
	p.says(t, "ben", true, start.Add(time.Minute))
	expect("two words", "ann false 0s", "ben true 1m0s")
	p.merge(t, "ann", "ben", "cid")
	expect("a merge", "ann true now", "cid true now")
	p.merge(t, "ann", "ben")
	expect("the same merge")
	p.split(t, "cid")
	expect("a split of who has said nothing", "cid false now")
	p.split(t, "ben")
	expect("a split", "ann false now")
	p.merge(t, "ann", "ben")
	expect("a merge again", "ann true now")
	said, at := map[string]bool{}, map[string]time.Time{} // as services that keep the last word
	for _, e := range p.told(t, "consent_changed") {
		c := e.GetConsentChanged()
		if w := c.GetChangeTime().AsTime(); w.After(at[c.GetCustomer()]) {
			said[c.GetCustomer()], at[c.GetCustomer()] = c.GetGranted(), w
		}
	}
	if !said["brands/acme/customers/ann"] {
		t.Errorf("what others hold in the end is %v, want that ann agrees", said)
	}
}

func testLostConsent(t *testing.T, p *people) {
	start, last := time.Now().Add(-time.Hour).Truncate(time.Second), 0
	p.create(t, "ann")
	p.create(t, "ben")
	p.merge(t, "ann", "ben")
	p.says(t, "ben", true, start) // which is said for ann
	if got := p.heard(t, start, &last); !slices.Equal(got, []string{"ann true 0s", "ben true 0s"}) {
		t.Errorf("others heard %v, want of both", got)
	}
	p.split(t, "ben")
	if got := p.heard(t, start, &last); !slices.Equal(got, []string{"ben false now"}) {
		t.Errorf("others heard %v, want that ben gives none", got)
	}
}

func testRefusedConsent(t *testing.T, p *people) {
	start, last := time.Now().Add(-time.Hour).Truncate(time.Second), 0
	p.create(t, "ann")
	p.create(t, "ben")
	p.says(t, "ann", true, start)
	p.says(t, "ben", false, start) // at the same instant, which counts
	p.heard(t, start, &last)
	p.merge(t, "ann", "ben")
	if got := p.heard(t, start, &last); !slices.Equal(got, []string{"ann false now"}) {
		t.Errorf("others heard %v, want that ann refuses", got)
	}
	p.split(t, "ben")
	if got := p.heard(t, start, &last); !slices.Equal(got, []string{"ann true now"}) {
		t.Errorf("others heard %v, want that ann agrees", got)
	}
}
