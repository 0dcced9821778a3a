package journey_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey"
)

// People are the customers of a service, as its clients have them.
type people struct {
	*suite
	journeyv1.CustomerServiceClient
}

// scoped returns a context with a credential that has some scopes.
func scoped(ctx context.Context, scopes ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.Join(scopes, ","))
}

// customers serves the service on db; a credential lists its scopes, none has all.
func customers(t testing.TB, db *sqldb.DB) *people {
	t.Helper()
	service, err := journey.New(t.Context(), db, journey.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.Config{Auth: func(_ context.Context, credential string) (rpc.Caller, error) {
		if credential == "" {
			credential = "*"
		}
		return rpc.Caller{Brand: "acme", Scopes: strings.Split(credential, ",")}, nil
	}})
	service.Register(server)
	var conn grpc.ClientConnInterface = server.Local()
	s := clients(conn)
	s.service, s.db = service, db
	return &people{s, journeyv1.NewCustomerServiceClient(conn)}
}

// eachPeople runs the tests on an empty service, on both databases.
func eachPeople(t *testing.T, tests map[string]func(*testing.T, *people)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, customers(t, open(t)))
			})
		}
	})
}

// work has the service follow touchpoints until the test ends.
func (p *people) work(t testing.TB) {
	t.Helper()
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	wg.Go(func() { p.service.Work(ctx) })
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
}

// followed waits until the service has followed all touchpoints.
func (p *people) followed(t testing.TB) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 6000 {
		var stale int
		if err := p.db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM customer_stale`).Scan(&stale); err != nil {
			t.Fatal(err)
		}
		if stale == 0 {
			return
		}
		<-tick.C
	}
	t.Fatal("customers stay behind their touchpoints")
}

func who(id string) string { return "brands/acme/customers/" + id }

// must returns v unless the test has failed by err.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// reasoned checks the reason of a refusal.
func reasoned(t testing.TB, err error, want string) {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetReason() == want {
			return
		}
	}
	t.Errorf("%v, want reason %s", err, want)
}

func (p *people) get(t testing.TB, id string) *journeyv1.Customer {
	t.Helper()
	return must(p.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: who(id)}))(t)
}

func (p *people) create(t testing.TB, id string, identities ...*journeyv1.IdentityValue) *journeyv1.Customer {
	t.Helper()
	return must(p.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{
		Parent: "brands/acme", CustomerId: id, Customer: &journeyv1.Customer{DisplayName: "Name of " + id}, Identities: identities,
	}))(t)
}

func (p *people) merge(t testing.TB, into string, sources ...string) *journeyv1.Customer {
	t.Helper()
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = who(s)
	}
	return must(p.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{Name: who(into), Sources: names}))(t)
}

func (p *people) split(t testing.TB, id string) *journeyv1.Customer {
	t.Helper()
	return must(p.SplitCustomer(t.Context(), &journeyv1.SplitCustomerRequest{Name: who(id)}))(t)
}

// seen records a touchpoint of a definition.
func (p *people) seen(t testing.TB, customer, definition string, at time.Time) {
	t.Helper()
	must(p.RecordTouchpoint(t.Context(), &journeyv1.RecordTouchpointRequest{
		Parent: who(customer),
		Touchpoint: &journeyv1.Touchpoint{
			Definition: "brands/acme/touchpointDefinitions/" + definition, EventTime: timestamppb.New(at),
			Source: "web", EventId: fmt.Sprintf("%s/%s/%d", customer, definition, at.UnixNano()),
			Expectation: typev1.Expectation_EXPECTATION_MET, Attributes: map[string]string{"campaign": "spring"},
		},
	}))(t)
}

// told returns what the service has told others in events of one kind.
func (p *people) told(t testing.TB, kind string) (all []*eventv1.Event) {
	t.Helper()
	rows, err := p.db.Read().QueryContext(t.Context(), `SELECT payload FROM outbox WHERE kind = $1 ORDER BY id`, kind)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var payload []byte
		e := &eventv1.Event{}
		if err := rows.Scan(&payload); err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(payload, e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func mail(address string) *journeyv1.IdentityValue {
	return &journeyv1.IdentityValue{Type: journeyv1.IdentityType_IDENTITY_TYPE_EMAIL, Value: address}
}

func proved(v *journeyv1.IdentityValue) *journeyv1.IdentityValue {
	v.Verified = true
	return v
}

func crm(id string) *journeyv1.IdentityValue {
	return &journeyv1.IdentityValue{Type: journeyv1.IdentityType_IDENTITY_TYPE_EXTERNAL_ID, Source: "crm", Value: id}
}

func browser(id string) *journeyv1.IdentityValue {
	return &journeyv1.IdentityValue{Type: journeyv1.IdentityType_IDENTITY_TYPE_DEVICE, Source: "web", Value: id}
}
