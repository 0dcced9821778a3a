package e2e

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// prospect: somebody looks around, and nobody knows who it is. Later they log in. From
// then on both are one customer whose score is that of both lives, and when it turns out
// that they were not, each has its own again, to the bit.
func prospect(t *testing.T, c *clients) {
	brand := c.brand(t)
	browser := &journeyv1.IdentityValue{Type: journeyv1.IdentityType_IDENTITY_TYPE_DEVICE, Source: "web", Value: "cookie-7"}
	address := &journeyv1.IdentityValue{Type: journeyv1.IdentityType_IDENTITY_TYPE_EMAIL, Value: "Cleo+shop@example.com", Verified: true}
	resolve := func(create bool, all ...*journeyv1.IdentityValue) (*journeyv1.ResolveCustomerResponse, error) {
		return c.customers.ResolveCustomer(t.Context(), &journeyv1.ResolveCustomerRequest{Parent: brand, Identities: all, CreateMissing: create})
	}
	nobody := must(resolve(true, browser))(t).GetCustomer()
	cleo := must(c.customers.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{
		Parent: brand, CustomerId: "cleo", Customer: &journeyv1.Customer{DisplayName: "Cleo"},
	}))(t).GetName()
	must(c.customers.LinkIdentity(t.Context(), &journeyv1.LinkIdentityRequest{Name: cleo, Identity: address}))(t)
	if p := must(c.customers.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: nobody}))(t); !p.GetAnonymous() || nobody == cleo {
		t.Errorf("whoever it is: %v", p)
	}
	both := brand + "/customers/both" // lives both lives
	for _, who := range []string{nobody, both} {
		c.live(t, who, "online-ad", noon.AddDate(0, -2, 0), met)
		c.live(t, who, "website-visit", noon.AddDate(0, -2, 1), exceeded)
	}
	for _, who := range []string{cleo, both} {
		c.live(t, who, "checkout", noon.AddDate(0, -1, 0), met)
		c.live(t, who, "delivery", noon.AddDate(0, -1, 3), unmet)
	}
	apart := [][]byte{c.bare(t, nobody), c.bare(t, cleo)}
	union := c.bare(t, both)

	merge := &journeyv1.MergeCustomersRequest{Name: cleo, Sources: []string{nobody}}
	for range 2 { // again changes nothing
		must(c.customers.MergeCustomers(t.Context(), merge))(t)
	}
	for _, who := range []string{cleo, nobody} { // either name is hers
		if got := c.bare(t, who); !bytes.Equal(got, union) {
			t.Errorf("merged, the score of %s is\n%s\nwant\n%s", who, got, union)
		}
	}
	if found := must(resolve(false, browser, address))(t); found.GetCustomer() != cleo {
		t.Errorf("who has either identity is %v, want cleo", found)
	}
	score := must(c.scores.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: nobody + "/score"}))(t)
	if score.GetName() != cleo+"/score" {
		t.Errorf("who is part of cleo has %s", score.GetName())
	}
	c.lived(t, cleo, 4)
	c.metBy(t, cleo, nobody, 4)

	must(c.customers.SplitCustomer(t.Context(), &journeyv1.SplitCustomerRequest{Name: nobody}))(t)
	for i, who := range []string{nobody, cleo} {
		if got := c.bare(t, who); !bytes.Equal(got, apart[i]) {
			t.Errorf("split, the score of %s is\n%s\nwant\n%s", who, got, apart[i])
		}
	}
	c.lived(t, cleo, 2)
	c.metBy(t, cleo, cleo, 2)
}

// bare returns a customer's score at noon without what says whose it is and when it was
// read.
func (c *clients) bare(t testing.TB, customer string) []byte {
	t.Helper()
	s := must(c.scores.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: customer + "/score", AsOfTime: timestamppb.New(noon)}))(t)
	s.Name = ""
	return anonymous(t, brandOf(customer), s)
}

// metBy waits until a customer met the brand by a touchpoint that was recorded for
// another, and has n in all.
func (c *clients) metBy(t testing.TB, customer, first string, n int64) {
	t.Helper()
	eventually(t, func() error {
		p := must(c.customers.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: customer}))(t)
		if touch := p.GetFirstTouch().GetTouchpoint(); touch == "" || name.Parent(touch) != first || p.GetTouchpointCount() != n {
			return errors.New(customer + " first met the brand by " + touch)
		}
		return nil
	})
}
