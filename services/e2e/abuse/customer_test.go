package abuse

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// customerRows are about who is who.
func customerRows() []row {
	return []row{
		each("P42", "three addresses of three customers", func(t *testing.T, s *suite, way surface) {
			of := known3(t, s, way)
			ask{req: resolved(of...), code: codes.FailedPrecondition, reason: "IDENTITY_CONFLICT"}.on(way)(t, s)
			link := resolved(append(of, "new"+way.digit()+"@example.com")...)
			link.LinkMissing = true
			ask{req: link, code: codes.FailedPrecondition, reason: "IDENTITY_CONFLICT"}.on(way)(t, s)
		}),
		each("P43", "a mailbox that many share", sharedMailbox),
		each("P43", "nobody but who shares a mailbox", func(t *testing.T, s *suite, way surface) {
			ask{req: resolved("noreply@example.com"), code: notFound, reason: "IDENTITY_UNKNOWN"}.on(way)(t, s)
		}),
		each("P43", "a mailbox that many share, as somebody's own", func(t *testing.T, s *suite, way surface) {
			ask{
				req:  &journeyv1.LinkIdentityRequest{Name: ann, Identity: mail("Info@example.com")},
				code: codes.FailedPrecondition, reason: "IDENTITY_SHARED",
			}.on(way)(t, s)
		}),
		each("P44", "an address in other clothes", sameAddress),
		both("P46", "a merge with another brand's customer", ask{
			req: &journeyv1.MergeCustomersRequest{Name: ann, Sources: []string{"brands/other/customers/bob"}}, code: notFound,
		}),
		both("P46", "another brand's scores", ask{
			req: &journeyv1.BatchGetScoresRequest{Parent: acme, Names: []string{"brands/other/customers/ann/score"}}, code: notFound,
		}),
		both("P42", "an address that is none", ask{req: resolved("ann at example"), code: invalid, field: "identities[0].value"}),
		both("P42", "nothing to find anybody by", ask{req: resolved(), code: invalid, field: "identities"}),
	}
}

// known3 makes three customers and returns an address of each.
func known3(t *testing.T, s *suite, way surface) (addresses []string) {
	t.Helper()
	for _, who := range []string{"x", "y", "z"} {
		addresses = append(addresses, who+way.digit()+"@example.com")
		must[*journeyv1.Customer](t, s, customer(func(r *journeyv1.CreateCustomerRequest) {
			r.Identities = []*journeyv1.IdentityValue{mail(addresses[len(addresses)-1])}
		}))
	}
	return addresses
}

// sharedMailbox: the customer is found by the other address, and the mailbox stays
// nobody's.
func sharedMailbox(t *testing.T, s *suite, way surface) {
	own := "own" + way.digit() + "@example.com"
	c := must[*journeyv1.Customer](t, s, customer(func(r *journeyv1.CreateCustomerRequest) { r.Identities = []*journeyv1.IdentityValue{mail(own)} }))
	for _, mailbox := range []string{"info@example.com", "NoReply@example.com"} {
		req := resolved(mailbox, own)
		req.LinkMissing, req.CreateMissing = true, true
		got := s.create(t, way, "", req).msg.(*journeyv1.ResolveCustomerResponse)
		if got.GetCustomer() != c.GetName() || got.GetCreated() || len(got.GetLinked()) != 0 || !slices.Equal(got.GetShared(), []int32{0}) {
			t.Errorf("resolved = %v, want %s and nothing linked", got, c.GetName())
		}
	}
	if after := must[*journeyv1.Customer](t, s, &journeyv1.GetCustomerRequest{Name: c.GetName()}); len(after.GetIdentities()) != 1 {
		t.Errorf("identities = %v, want one", after.GetIdentities())
	}
}

// sameAddress: case, what follows a plus, spaces around and the form of Unicode make no
// other customer; anything else does.
func sameAddress(t *testing.T, s *suite, way surface) {
	address := "jos\u00e9" + way.digit() + "@example.com" // é as one character
	c := must[*journeyv1.Customer](t, s, customer(func(r *journeyv1.CreateCustomerRequest) { r.Identities = []*journeyv1.IdentityValue{mail(address)} }))
	before := s.settled(t)
	for _, same := range []string{
		strings.ToUpper(address), " " + address + "\t", strings.Replace(address, "@", "+news@", 1), strings.Replace(address, "\u00e9", "e\u0301", 1),
	} {
		req := resolved(same)
		req.CreateMissing, req.LinkMissing = true, true
		if got := s.create(t, way, "", req).msg.(*journeyv1.ResolveCustomerResponse); got.GetCustomer() != c.GetName() || got.GetCreated() {
			t.Errorf("%q is %v, want %s", same, got, c.GetName())
		}
	}
	s.unchanged(t, before)
	for _, other := range []string{"jose" + way.digit() + "@example.com", address + ".org"} {
		ask{req: resolved(other), code: notFound, reason: "IDENTITY_UNKNOWN"}.on(way)(t, s)
	}
}
