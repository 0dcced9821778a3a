package journey_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey"
)

func TestCustomers(t *testing.T) {
	eachPeople(t, map[string]func(*testing.T, *people){
		"a customer is what was said":             testCreated,
		"an update changes what its mask names":   testUpdated,
		"a deleted customer rests":                testDeleted,
		"only its names are secret":               testWithheld,
		"a name is nowhere in the database":       testSealed,
		"lists filter, order and page":            testListed,
		"the first to know takes a prospect over": testProspect,
	})
}

func testCreated(t *testing.T, p *people) {
	req := &journeyv1.CreateCustomerRequest{
		Parent: "brands/acme", CustomerId: "ann", RequestId: "5b6ef2f4-8a8f-4a4e-9d1e-52d0a3a9d0f1",
		Customer: &journeyv1.Customer{
			DisplayName: "Zoe\u0308 Lee", Segments: []string{"vip", "north"}, Persona: "planner", Custom: map[string]string{"shoe": "38"},
		},
		Identities: []*journeyv1.IdentityValue{mail("Ann@Example.com"), crm("7"), mail("ann+shop@example.com")},
	}
	made := must(p.CreateCustomer(t.Context(), req))(t)
	want := &journeyv1.Customer{
		Name: who("ann"), DisplayName: "Zo\u00eb Lee", Segments: []string{"north", "vip"}, Persona: "planner",
		Custom: map[string]string{"shoe": "38"}, Etag: "1", CreateTime: made.GetCreateTime(), UpdateTime: made.GetCreateTime(),
		Identities: made.GetIdentities(),
	}
	same(t, made, want)
	if len(made.GetIdentities()) != 2 {
		t.Errorf("identities = %v, want 2: an address with a remark is the same", made.GetIdentities())
	}
	same(t, p.get(t, "ann"), made)
	same(t, must(p.CreateCustomer(t.Context(), req))(t), made)
	req.RequestId = ""
	_, err := p.CreateCustomer(t.Context(), req)
	refused(t, err, codes.AlreadyExists)
	_, err = p.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: who("zoe")})
	refused(t, err, codes.NotFound)
	req.CustomerId = "ben"
	_, err = p.CreateCustomer(t.Context(), req)
	reasoned(t, err, "IDENTITY_TAKEN")
	_, err = p.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: who("ben")})
	refused(t, err, codes.NotFound)
	req.Identities = []*journeyv1.IdentityValue{mail("info@example.com")}
	_, err = p.CreateCustomer(t.Context(), req)
	reasoned(t, err, "IDENTITY_SHARED")
}

func testUpdated(t *testing.T, p *people) {
	made := p.create(t, "ann")
	update := func(c *journeyv1.Customer, paths ...string) (*journeyv1.Customer, error) {
		req := &journeyv1.UpdateCustomerRequest{Customer: c}
		if paths != nil {
			req.UpdateMask = &fieldmaskpb.FieldMask{Paths: paths}
		}
		return p.UpdateCustomer(t.Context(), req)
	}
	got := must(update(&journeyv1.Customer{Name: who("ann"), Etag: made.GetEtag(), Persona: "planner", Segments: []string{"vip"}}, "persona"))(t)
	if got.GetPersona() != "planner" || got.GetSegments() != nil || got.GetDisplayName() != "Name of ann" || got.GetEtag() != "2" {
		t.Errorf("after the update: %v", got)
	}
	_, err := update(&journeyv1.Customer{Name: who("ann"), Etag: made.GetEtag(), Persona: "x"})
	reasoned(t, err, "STALE")
	_, err = update(&journeyv1.Customer{Name: who("ann")}, "stage")
	refused(t, err, codes.InvalidArgument)
	_, err = update(&journeyv1.Customer{Name: who("ann"), Persona: "Not A Word"})
	refused(t, err, codes.InvalidArgument)
	got = must(update(&journeyv1.Customer{Name: who("ann"), Custom: map[string]string{"a": "1", "b": "2"}}, "custom.a"))(t)
	if len(got.GetCustom()) != 1 || got.GetCustom()["a"] != "1" {
		t.Errorf("custom = %v, want a alone", got.GetCustom())
	}
	got = must(update(&journeyv1.Customer{Name: who("ann")}, "*"))(t)
	if got.GetDisplayName() != "" || got.GetCustom() != nil || got.GetPersona() != "" {
		t.Errorf("after everything was cleared: %v", got)
	}
	_, err = update(&journeyv1.Customer{Name: who("ben"), Persona: "x"})
	refused(t, err, codes.NotFound)
	req := &journeyv1.UpdateCustomerRequest{Customer: &journeyv1.Customer{Name: who("ben"), Persona: "x"}, AllowMissing: true}
	if got := must(p.UpdateCustomer(t.Context(), req))(t); got.GetPersona() != "x" || got.GetEtag() != "1" {
		t.Errorf("a missing one = %v, want it created", got)
	}
}

func testDeleted(t *testing.T, p *people) {
	p.create(t, "ann", mail("ann@example.com"))
	gone := must(p.DeleteCustomer(t.Context(), &journeyv1.DeleteCustomerRequest{Name: who("ann")}))(t)
	if gone.GetDeleteTime() == nil {
		t.Error("it has no delete_time")
	}
	same(t, p.get(t, "ann"), gone)
	_, err := p.DeleteCustomer(t.Context(), &journeyv1.DeleteCustomerRequest{Name: who("ann")})
	reasoned(t, err, "DELETED")
	_, err = p.UpdateCustomer(t.Context(), &journeyv1.UpdateCustomerRequest{Customer: &journeyv1.Customer{Name: who("ann"), Persona: "x"}})
	reasoned(t, err, "DELETED")
	_, err = p.ResolveCustomer(t.Context(), &journeyv1.ResolveCustomerRequest{
		Parent: "brands/acme", Identities: []*journeyv1.IdentityValue{mail("ann@example.com")}, CreateMissing: true,
	})
	reasoned(t, err, "DELETED")
	_, err = p.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{
		Parent: "brands/acme", CustomerId: "ann", Customer: &journeyv1.Customer{Persona: "x"},
	})
	refused(t, err, codes.AlreadyExists)
	list := func(deleted bool) int {
		answer := must(p.ListCustomers(t.Context(), &journeyv1.ListCustomersRequest{Parent: "brands/acme", ShowDeleted: deleted}))(t)
		return len(answer.GetCustomers())
	}
	if hidden, shown := list(false), list(true); hidden != 0 || shown != 1 {
		t.Errorf("lists of %d and, with deleted ones, %d, want 0 and 1", hidden, shown)
	}
	back := must(p.UndeleteCustomer(t.Context(), &journeyv1.UndeleteCustomerRequest{Name: who("ann"), Etag: gone.GetEtag()}))(t)
	if back.GetDeleteTime() != nil || len(back.GetIdentities()) != 1 {
		t.Errorf("brought back = %v, want it as before", back)
	}
	_, err = p.UndeleteCustomer(t.Context(), &journeyv1.UndeleteCustomerRequest{Name: who("ann")})
	reasoned(t, err, "NOT_DELETED")
}

func testWithheld(t *testing.T, p *people) {
	p.create(t, "ann", mail("ann@example.com"))
	got := must(p.GetCustomer(scoped(t.Context(), "customers:read"), &journeyv1.GetCustomerRequest{Name: who("ann")}))(t)
	if got.GetDisplayName() != "" || !got.GetPiiWithheld() || len(got.GetIdentities()) != 1 {
		t.Errorf("to a caller who may not: %v", got)
	}
	list := must(p.ListCustomers(scoped(t.Context(), "customers:read"), &journeyv1.ListCustomersRequest{Parent: "brands/acme"}))(t)
	if c := list.GetCustomers()[0]; c.GetDisplayName() != "" || !c.GetPiiWithheld() {
		t.Errorf("in a list: %v", c)
	}
	got = must(p.UpdateCustomer(scoped(t.Context(), "customers:write"), &journeyv1.UpdateCustomerRequest{
		Customer: &journeyv1.Customer{Name: who("ann"), Persona: "x"},
	}))(t)
	if got.GetDisplayName() != "" || !got.GetPiiWithheld() {
		t.Errorf("after an update: %v", got)
	}
	if got := p.get(t, "ann"); got.GetDisplayName() != "Name of ann" || got.GetPiiWithheld() {
		t.Errorf("to a caller who may, after that: %v", got)
	}
	_, err := p.MergeCustomers(scoped(t.Context(), "customers:write"), &journeyv1.MergeCustomersRequest{Name: who("ann"), Sources: []string{who("ben")}})
	refused(t, err, codes.PermissionDenied)
	_, err = p.SplitCustomer(scoped(t.Context(), "customers:write"), &journeyv1.SplitCustomerRequest{Name: who("ann")})
	refused(t, err, codes.PermissionDenied)
}

func testSealed(t *testing.T, p *people) {
	must(p.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{
		Parent: "brands/acme", CustomerId: "ann", RequestId: "5b6ef2f4-8a8f-4a4e-9d1e-52d0a3a9d0f2",
		Customer:   &journeyv1.Customer{DisplayName: "Persephone", Custom: map[string]string{"note": "Persephone"}},
		Identities: []*journeyv1.IdentityValue{mail("persephone@example.com")},
	}))(t)
	for _, query := range []string{
		`SELECT sealed FROM customer`, `SELECT hash FROM customer_identity`, `SELECT response FROM request`, `SELECT digest FROM request`,
	} {
		var text []byte
		if err := p.db.Read().QueryRowContext(t.Context(), query).Scan(&text); err != nil {
			t.Fatal(err)
		}
		if len(text) == 0 || strings.Contains(strings.ToLower(string(text)), "persephone") {
			t.Errorf("%s = %q, want something without the name", query, text)
		}
	}
}

func testListed(t *testing.T, p *people) {
	for _, id := range []string{"ann", "ben", "cat", "dan", "eve"} {
		p.create(t, id)
	}
	p.merge(t, "eve", "dan")
	for id, segments := range map[string][]string{"ann": {"vip", "north"}, "ben": {"north"}, "cat": {"south"}} {
		must(p.UpdateCustomer(t.Context(), &journeyv1.UpdateCustomerRequest{Customer: &journeyv1.Customer{Name: who(id), Segments: segments, Persona: id}}))(t)
	}
	list := func(req *journeyv1.ListCustomersRequest) string {
		t.Helper()
		var ids []string
		req.Parent = "brands/acme"
		for range 10 {
			answer, err := p.ListCustomers(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range answer.GetCustomers() {
				ids = append(ids, strings.TrimPrefix(c.GetName(), who("")))
			}
			if req.PageToken = answer.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		return strings.Join(ids, " ")
	}
	for _, tt := range []struct {
		req  *journeyv1.ListCustomersRequest
		want string
	}{
		{&journeyv1.ListCustomersRequest{PageSize: 2}, "ann ben cat eve"},
		{&journeyv1.ListCustomersRequest{PageSize: 2, ShowMerged: true}, "ann ben cat dan eve"},
		{&journeyv1.ListCustomersRequest{OrderBy: "name desc", PageSize: 1}, "eve cat ben ann"},
		{&journeyv1.ListCustomersRequest{OrderBy: "create_time desc", PageSize: 1}, "eve cat ben ann"},
		{&journeyv1.ListCustomersRequest{OrderBy: "last_event_time desc, create_time", PageSize: 1}, "ann ben cat eve"},
		{&journeyv1.ListCustomersRequest{OrderBy: "touchpoint_count", PageSize: 3}, "ann ben cat eve"},
		{&journeyv1.ListCustomersRequest{Filter: "segments:north"}, "ann ben"},
		{&journeyv1.ListCustomersRequest{Filter: "segments:north AND NOT segments:vip"}, "ben"},
		{&journeyv1.ListCustomersRequest{Filter: `persona = "cat" OR name = "brands/acme/customers/eve"`}, "cat eve"},
		{&journeyv1.ListCustomersRequest{Filter: "last_event_time:*"}, ""},
		{&journeyv1.ListCustomersRequest{Filter: `last_event_time < "2030-01-01T00:00:00Z"`}, ""},
		{&journeyv1.ListCustomersRequest{Filter: "anonymous = true"}, ""},
		{&journeyv1.ListCustomersRequest{Filter: "activity_status = IDLE OR stage = RETENTION"}, ""},
	} {
		said := proto.CloneOf(tt.req)
		if got := list(tt.req); got != tt.want {
			t.Errorf("%v: %q, want %q", said, got, tt.want)
		}
	}
	merged := must(p.ListCustomers(t.Context(), &journeyv1.ListCustomersRequest{Parent: "brands/acme", ShowMerged: true}))(t).GetCustomers()[3]
	if merged.GetName() != who("dan") || merged.GetMergedInto() != who("eve") {
		t.Errorf("the merged one = %v", merged)
	}
}

func testProspect(t *testing.T, p *people) {
	p.work(t)
	p.seen(t, "ann", "online-ad", time.Now().Add(-time.Hour))
	if got := p.get(t, "ann"); !got.GetAnonymous() || got.GetTouchpointCount() != 1 {
		t.Errorf("from its touchpoint: %v", got)
	}
	p.followed(t)
	if got := p.get(t, "ann"); !got.GetAnonymous() || got.GetEtag() != "1" {
		t.Errorf("once followed: %v", got)
	}
	got := p.create(t, "ann", crm("7"))
	if got.GetAnonymous() || got.GetTouchpointCount() != 1 || got.GetDisplayName() == "" {
		t.Errorf("taken over: %v", got)
	}
	_, err := p.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{
		Parent: "brands/acme", CustomerId: "ann", Customer: &journeyv1.Customer{Persona: "x"},
	})
	refused(t, err, codes.AlreadyExists)
}

func TestADatabaseHasOneIdentityKey(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		key := func(fill string) []byte { return []byte(strings.Repeat(fill, journey.IdentityKeySize)) }
		opens := func(db *sqldb.DB, key []byte) bool {
			_, err := journey.New(t.Context(), db, journey.Config{IdentityKey: key})
			return err == nil
		}
		given, own := open(t), open(t)
		for range 2 {
			if !opens(given, key("a")) || opens(given, key("b")) || opens(given, nil) {
				t.Error("a database that was opened with a key opens with another, or not with its own")
			}
			if !opens(own, nil) || opens(own, key("a")) {
				t.Error("a database with a key of its own opens with another, or not with its own")
			}
		}
	})
}
