package journey_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

func TestIdentities(t *testing.T) {
	eachPeople(t, map[string]func(*testing.T, *people){
		"an identity is linked, verified and unlinked": testLinked,
		"identities find their customer":               testResolved,
		"nobody is merged silently":                    testConflict,
		"a shared mailbox identifies nobody":           testShared,
		"an unproved name is not linked":               testUnproved,
		"a batch answers each on its own":              testBatchResolved,
		"of many who come at once there is one":        testRacingResolvers,
		"consents are words of which the latest count": testConsents,
		"an import can be repeated":                    testImported,
		"a bad row holds up nobody":                    testImportRefused,
	})
}

func (p *people) link(t testing.TB, id string, v *journeyv1.IdentityValue) (*journeyv1.Customer, error) {
	t.Helper()
	return p.LinkIdentity(t.Context(), &journeyv1.LinkIdentityRequest{Name: who(id), Identity: v})
}

func testLinked(t *testing.T, p *people) {
	p.create(t, "ann")
	p.create(t, "ben")
	got := must(p.link(t, "ann", mail("Ann+x@example.com")))(t)
	if len(got.GetIdentities()) != 1 || got.GetIdentities()[0].GetVerified() || got.GetIdentities()[0].GetCustomer() != who("ann") {
		t.Errorf("identities = %v, want one that is not verified", got.GetIdentities())
	}
	same(t, must(p.link(t, "ann", mail("ann@example.com")))(t), got) // it changes nothing
	got = must(p.link(t, "ann", proved(mail("ann@EXAMPLE.com"))))(t)
	if len(got.GetIdentities()) != 1 || !got.GetIdentities()[0].GetVerified() {
		t.Errorf("identities = %v, want the one, verified", got.GetIdentities())
	}
	_, err := p.link(t, "ben", mail("ann@example.com"))
	reasoned(t, err, "IDENTITY_TAKEN")
	_, err = p.link(t, "ben", mail("noreply@example.com"))
	reasoned(t, err, "IDENTITY_SHARED")
	_, err = p.link(t, "ben", mail("nobody"))
	refused(t, err, codes.InvalidArgument)
	_, err = p.link(t, "zoe", mail("zoe@example.com"))
	refused(t, err, codes.NotFound)
	unlink := func(id string, req *journeyv1.UnlinkIdentityRequest) error {
		req.Name = who(id)
		_, err := p.UnlinkIdentity(t.Context(), req)
		return err
	}
	hash := got.GetIdentities()[0].GetValueHash()
	reasoned(t, unlink("ben", &journeyv1.UnlinkIdentityRequest{ValueHash: hash}), "IDENTITY_UNKNOWN")
	refused(t, unlink("ann", &journeyv1.UnlinkIdentityRequest{}), codes.InvalidArgument)
	if err := unlink("ann", &journeyv1.UnlinkIdentityRequest{ValueHash: hash}); err != nil {
		t.Fatal(err)
	}
	reasoned(t, unlink("ann", &journeyv1.UnlinkIdentityRequest{Identity: mail("ann@example.com")}), "IDENTITY_UNKNOWN")
	if got := must(p.link(t, "ben", mail("ann@example.com")))(t); got.GetIdentities()[0].GetValueHash() != hash {
		t.Error("the same address has another hash now")
	}
}

func (p *people) resolve(t testing.TB, req *journeyv1.ResolveCustomerRequest, identities ...*journeyv1.IdentityValue) (*journeyv1.ResolveCustomerResponse, error) {
	t.Helper()
	req.Parent, req.Identities = "brands/acme", identities
	return p.ResolveCustomer(t.Context(), req)
}

func testResolved(t *testing.T, p *people) {
	_, err := p.resolve(t, &journeyv1.ResolveCustomerRequest{}, crm("7"))
	reasoned(t, err, "IDENTITY_UNKNOWN")
	made := must(p.resolve(t, &journeyv1.ResolveCustomerRequest{CreateMissing: true}, browser("b1")))(t)
	if !made.GetCreated() || len(made.GetLinked()) != 1 {
		t.Errorf("resolved = %v, want somebody new", made)
	}
	c := must(p.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: made.GetCustomer()}))(t)
	if !c.GetAnonymous() {
		t.Errorf("known from a browser: %v, want anonymous", c)
	}
	again := must(p.resolve(t, &journeyv1.ResolveCustomerRequest{CreateMissing: true}, browser("b1"), proved(mail("ann@example.com"))))(t)
	if again.GetCustomer() != made.GetCustomer() || again.GetCreated() || again.GetLinked() != nil {
		t.Errorf("resolved = %v, want %s as it was", again, made.GetCustomer())
	}
	known := must(p.resolve(t, &journeyv1.ResolveCustomerRequest{LinkMissing: true}, browser("b1"), proved(mail("ann@example.com"))))(t)
	if known.GetCustomer() != made.GetCustomer() || len(known.GetLinked()) != 1 || known.GetLinked()[0] != 1 {
		t.Errorf("resolved = %v, want the address linked", known)
	}
	c = must(p.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: made.GetCustomer()}))(t)
	if c.GetAnonymous() || len(c.GetIdentities()) != 2 {
		t.Errorf("with an address: %v, want it known", c)
	}
	same(t, must(p.resolve(t, &journeyv1.ResolveCustomerRequest{}, mail("ANN+1@example.com")))(t),
		&journeyv1.ResolveCustomerResponse{Customer: made.GetCustomer()})
	named := must(p.resolve(t, &journeyv1.ResolveCustomerRequest{CreateMissing: true, CustomerId: "zoe"}, crm("9")))(t)
	if named.GetCustomer() != who("zoe") || !named.GetCreated() {
		t.Errorf("resolved = %v, want zoe", named)
	}
	_, err = p.resolve(t, &journeyv1.ResolveCustomerRequest{CreateMissing: true, CustomerId: "zoe"}, crm("10"))
	refused(t, err, codes.AlreadyExists)
}

func testConflict(t *testing.T, p *people) {
	p.create(t, "ann", mail("ann@example.com"))
	p.create(t, "ben", crm("7"))
	p.create(t, "cat", browser("b1"))
	_, err := p.resolve(t, &journeyv1.ResolveCustomerRequest{CreateMissing: true, LinkMissing: true}, mail("ann@example.com"), crm("7"), browser("b1"))
	refused(t, err, codes.FailedPrecondition)
	reasoned(t, err, "IDENTITY_CONFLICT")
	p.merge(t, "ann", "ben", "cat")
	got := must(p.resolve(t, &journeyv1.ResolveCustomerRequest{}, mail("ann@example.com"), crm("7"), browser("b1")))(t)
	if got.GetCustomer() != who("ann") {
		t.Errorf("resolved = %v, want ann", got)
	}
}

func testShared(t *testing.T, p *people) {
	p.create(t, "ann", mail("ann@example.com"))
	got := must(p.resolve(t, &journeyv1.ResolveCustomerRequest{LinkMissing: true}, proved(mail("info@example.com")), mail("ann@example.com")))(t)
	if got.GetCustomer() != who("ann") || got.GetLinked() != nil || len(got.GetShared()) != 1 || got.GetShared()[0] != 0 {
		t.Errorf("resolved = %v, want ann, the mailbox left alone", got)
	}
	_, err := p.resolve(t, &journeyv1.ResolveCustomerRequest{}, mail("info@example.com"))
	reasoned(t, err, "IDENTITY_UNKNOWN")
	made := must(p.resolve(t, &journeyv1.ResolveCustomerRequest{CreateMissing: true}, mail("info@example.com")))(t)
	if !made.GetCreated() || made.GetLinked() != nil {
		t.Errorf("resolved = %v, want somebody new without identities", made)
	}
}

func testUnproved(t *testing.T, p *people) {
	p.create(t, "ann", proved(mail("ann@example.com")))
	got := must(p.resolve(t, &journeyv1.ResolveCustomerRequest{LinkMissing: true}, browser("thief"), mail("ann@example.com")))(t)
	if got.GetCustomer() != who("ann") || got.GetLinked() != nil {
		t.Errorf("resolved = %v, want ann and nothing linked", got)
	}
	_, err := p.resolve(t, &journeyv1.ResolveCustomerRequest{}, browser("thief"))
	reasoned(t, err, "IDENTITY_UNKNOWN")
}

func testBatchResolved(t *testing.T, p *people) {
	p.create(t, "ann", crm("1"))
	p.create(t, "ben", crm("2"))
	one := func(create bool, identities ...*journeyv1.IdentityValue) *journeyv1.ResolveCustomerRequest {
		return &journeyv1.ResolveCustomerRequest{Parent: "brands/acme", Identities: identities, CreateMissing: create}
	}
	bad := one(true, crm("3"))
	bad.RequestId = "5b6ef2f4-8a8f-4a4e-9d1e-52d0a3a9d0f3"
	req := &journeyv1.BatchResolveCustomersRequest{Parent: "brands/acme", Requests: []*journeyv1.ResolveCustomerRequest{
		one(false, crm("1")), one(false, crm("9")), one(true, crm("1"), crm("2")), one(true, mail("x")), one(true, crm("5")), one(true, crm("5")), bad,
	}}
	answer := must(p.BatchResolveCustomers(t.Context(), req))(t)
	var got []codes.Code
	for _, r := range answer.GetResults() {
		got = append(got, codes.Code(r.GetError().GetCode())) //nolint:gosec // a code
	}
	want := []codes.Code{codes.OK, codes.NotFound, codes.FailedPrecondition, codes.InvalidArgument, codes.OK, codes.OK, codes.InvalidArgument}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("codes = %v, want %v", got, want)
	}
	if first, second := answer.GetResults()[4].GetResolved(), answer.GetResults()[5].GetResolved(); !first.GetCreated() ||
		second.GetCreated() || first.GetCustomer() != second.GetCustomer() {
		t.Errorf("the same twice = %v and %v, want one customer", first, second)
	}
	if r := answer.GetResults()[0].GetResolved(); r.GetCustomer() != who("ann") {
		t.Errorf("the first = %v, want ann", r)
	}
}

func testRacingResolvers(t *testing.T, p *people) {
	var wg sync.WaitGroup
	names := make([]string, 16)
	for i := range names {
		wg.Go(func() {
			got, err := p.resolve(t, &journeyv1.ResolveCustomerRequest{CreateMissing: true}, crm("7"), browser(fmt.Sprint(i)))
			if err != nil {
				t.Error(err)
			}
			names[i] = got.GetCustomer()
		})
	}
	wg.Wait()
	for _, n := range names {
		if n != names[0] || n == "" {
			t.Fatalf("resolved to %v, want one", names)
		}
	}
}

func testConsents(t *testing.T, p *people) {
	p.create(t, "ann")
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	say := func(granted bool, after time.Duration) *journeyv1.Customer {
		t.Helper()
		return must(p.UpdateConsent(t.Context(), &journeyv1.UpdateConsentRequest{Name: who("ann"), Consents: []*journeyv1.Consent{
			{Purpose: "testimonials", Granted: granted, ChangeTime: timestamppb.New(at.Add(after)), Source: "web"},
		}}))(t)
	}
	for i, tt := range []struct {
		granted bool
		after   time.Duration
		want    bool
		told    int // so far
	}{
		{true, 2 * time.Minute, true, 1},
		{false, time.Minute, true, 1}, // said before, heard later
		{true, 2 * time.Minute, true, 1},
		{false, 2 * time.Minute, false, 2}, // at the same instant
		{true, 3 * time.Minute, true, 3},
	} {
		got := say(tt.granted, tt.after)
		if len(got.GetConsents()) != 1 || got.GetConsents()[0].GetGranted() != tt.want {
			t.Errorf("word %d: %v, want %v", i, got.GetConsents(), tt.want)
		}
		if told := p.told(t, "consent_changed"); len(told) != tt.told {
			t.Errorf("word %d: others were told %d times, want %d", i, len(told), tt.told)
		}
	}
	_, err := p.UpdateConsent(t.Context(), &journeyv1.UpdateConsentRequest{Name: who("ann"), Consents: []*journeyv1.Consent{
		{Purpose: "surveys", Granted: true, ChangeTime: timestamppb.New(time.Now().Add(25 * time.Hour))},
	}})
	refused(t, err, codes.InvalidArgument)
	_, err = p.UpdateConsent(t.Context(), &journeyv1.UpdateConsentRequest{Name: who("ann"), Consents: []*journeyv1.Consent{
		{Purpose: "surveys", Granted: true}, {Purpose: "surveys"},
	}})
	refused(t, err, codes.InvalidArgument)
}

// importing imports rows and returns the answer.
func (p *people) importing(t testing.TB, rows ...*journeyv1.ImportCustomersRequest) *journeyv1.ImportCustomersResponse {
	t.Helper()
	stream, err := p.ImportCustomers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		row.Parent = "brands/acme"
		if err := stream.Send(row); err != nil {
			t.Fatal(err)
		}
	}
	return must(stream.CloseAndRecv())(t)
}

func testImported(t *testing.T, p *people) {
	said := timestamppb.New(time.Now().Add(-time.Hour))
	rows := func(persona string) []*journeyv1.ImportCustomersRequest {
		var rows []*journeyv1.ImportCustomersRequest
		for i := range 450 {
			rows = append(rows, &journeyv1.ImportCustomersRequest{
				Customer:   &journeyv1.Customer{DisplayName: fmt.Sprint("Customer ", i), Persona: persona, Segments: []string{"b", "a"}, Custom: map[string]string{"k": "v"}},
				Identities: []*journeyv1.IdentityValue{crm(fmt.Sprint(i)), mail("info@example.com")},
				Consents:   []*journeyv1.Consent{{Purpose: "surveys", Granted: true, ChangeTime: said}},
			})
		}
		return rows
	}
	count := func(r *journeyv1.ImportCustomersResponse) [4]int64 {
		return [4]int64{r.GetCreatedCount(), r.GetUpdatedCount(), r.GetUnchangedCount(), r.GetRefusedCount()}
	}
	tried := rows("old")
	for _, row := range tried {
		row.ValidateOnly = true
	}
	if got := count(p.importing(t, tried...)); got != [4]int64{450, 0, 0, 0} {
		t.Errorf("tried: %v, want 450 created", got)
	}
	first := p.importing(t, rows("old")...)
	if got := count(first); got != [4]int64{450, 0, 0, 0} {
		t.Errorf("first: %v, want 450 created", got)
	}
	again := p.importing(t, rows("old")...)
	if got := count(again); got != [4]int64{0, 0, 450, 0} {
		t.Errorf("again: %v, want 450 unchanged", got)
	}
	for i, r := range again.GetResults() {
		if r.GetCustomer() != first.GetResults()[i].GetCustomer() {
			t.Fatalf("row %d is %s, then %s", i, first.GetResults()[i].GetCustomer(), r.GetCustomer())
		}
	}
	if got := count(p.importing(t, append(rows("old")[:10], rows("new")[10:]...)...)); got != [4]int64{0, 440, 10, 0} {
		t.Errorf("changed: %v, want 440 updated and 10 unchanged", got)
	}
	c := must(p.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: first.GetResults()[449].GetCustomer()}))(t)
	if c.GetDisplayName() != "Customer 449" || c.GetPersona() != "new" || len(c.GetIdentities()) != 1 || len(c.GetConsents()) != 1 {
		t.Errorf("the last = %v", c)
	}
}

func testImportRefused(t *testing.T, p *people) {
	p.create(t, "ann", crm("1"))
	p.create(t, "ben", crm("2"))
	row := func(id string, identities ...*journeyv1.IdentityValue) *journeyv1.ImportCustomersRequest {
		return &journeyv1.ImportCustomersRequest{CustomerId: id, Customer: &journeyv1.Customer{Persona: "x"}, Identities: identities}
	}
	unsaid := row("zoe")
	unsaid.Consents = []*journeyv1.Consent{{Purpose: "surveys", Granted: true}}
	answer := p.importing(t,
		row("", crm("1"), crm("2")), row("ann", crm("2")), row(""), row("", mail("info@example.com")), row("Zoe"), unsaid,
		row("cat"), row("", crm("1"), crm("3")))
	var got []string
	for _, r := range answer.GetResults() {
		got = append(got, fmt.Sprintf("%d/%v", r.GetOutcome(), codes.Code(r.GetError().GetCode()))) //nolint:gosec // a code
	}
	want := "[4/FailedPrecondition 4/AlreadyExists 4/InvalidArgument 4/InvalidArgument 4/InvalidArgument 4/InvalidArgument 1/OK 2/OK]"
	if fmt.Sprint(got) != want {
		t.Errorf("results = %v, want %v", got, want)
	}
	if got := p.get(t, "ann"); len(got.GetIdentities()) != 2 || got.GetPersona() != "x" {
		t.Errorf("ann = %v, want both identities", got)
	}
	_, err := p.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: who("zoe")})
	refused(t, err, codes.NotFound)
}
