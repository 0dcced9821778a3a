package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const acme = "brands/acme"

// A receiver is a server that webhooks go to.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	statuses []int // to answer with, one after another, the last one for good; 200 if there is none
	seen     []*http.Request
	bodies   [][]byte
}

func newReceiver(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{statuses: statuses}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen, r.bodies = append(r.seen, req), append(r.bodies, body)
		if len(r.statuses) > 0 {
			w.WriteHeader(r.statuses[0])
			r.statuses = r.statuses[min(1, len(r.statuses)-1):]
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// answer makes the receiver answer otherwise from now on.
func (r *receiver) answer(statuses ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses = statuses
}

// ids returns the id of each message so far.
func (r *receiver) ids() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, req := range r.seen {
		all = append(all, req.Header.Get("Webhook-Id"))
	}
	return all
}

// check verifies the message at i against a secret.
func (r *receiver) check(i int, secret string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, err := standard.NewWebhook(secret)
	if err != nil {
		return err
	}
	return w.Verify(r.bodies[i], r.seen[i].Header)
}

func create(t *testing.T, c gatewayv1.WebhookServiceClient, brand, url string, types ...string) *gatewayv1.WebhookEndpoint {
	t.Helper()
	e, err := c.CreateWebhookEndpoint(t.Context(), &gatewayv1.CreateWebhookEndpointRequest{
		Parent: brand, WebhookEndpoint: &gatewayv1.WebhookEndpoint{Url: url, EventTypes: types},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// resolved is an event of a brand's ticket.
func resolved(brand string, n int) *eventv1.Event {
	ann := brand + "/customers/ann"
	return &eventv1.Event{Brand: brand, Key: ann, EventTime: timestamppb.Now(), Payload: &eventv1.Event_TicketResolved{
		TicketResolved: &eventv1.TicketResolved{Ticket: &eventv1.TicketRef{Ticket: fmt.Sprintf("%s/tickets/t%d", brand, n), Customer: ann}},
	}}
}

func reopened(brand string) *eventv1.Event {
	return &eventv1.Event{Brand: brand, Key: brand + "/customers/ann", EventTime: timestamppb.Now(), Payload: &eventv1.Event_TicketReopened{
		TicketReopened: &eventv1.TicketReopened{Ticket: &eventv1.TicketRef{Ticket: brand + "/tickets/t1"}},
	}}
}

func TestEventsReachTheEndpointsThatWantThem(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		c, tell := gatewayv1.NewWebhookServiceClient(d), d.tell(t, "ticket")
		tell(resolved(acme, 0)) // before there is an endpoint
		all, some, others := newReceiver(t), newReceiver(t), newReceiver(t)
		one := create(t, c, acme, all.URL)
		create(t, c, acme, some.URL, "ticket.reopened")
		create(t, c, "brands/beta", others.URL)
		eventually(t, "the endpoints are known", func() bool { // what is told from then on is heard
			tell(resolved(acme, 1))
			return len(all.ids()) > 0
		})
		before := len(all.ids())
		var events []*eventv1.Event
		for i := range 200 {
			events = append(events, resolved(acme, i))
		}
		again := reopened(acme)
		tell(append(events, again)...)
		want := func() (ids []string) {
			for _, e := range append(events, again) {
				ids = append(ids, strings.ToLower(e.GetId()))
			}
			slices.Sort(ids)
			return ids
		}
		eventually(t, "all events", func() bool {
			got := slices.Clone(all.ids()[before:])
			slices.Sort(got)
			missing := slices.DeleteFunc(want(), func(id string) bool { return slices.Contains(got, id) })
			return len(missing) == 0
		})
		eventually(t, "the one that is wanted", func() bool { return len(some.ids()) > 0 })
		if got := some.ids(); len(got) != 1 || got[0] != strings.ToLower(again.GetId()) {
			t.Errorf("an endpoint that wants one type got %v", got)
		}
		if got := others.ids(); len(got) != 0 {
			t.Errorf("another brand's endpoint got %v", got)
		}
		if err := all.check(0, one.GetSecret()); err != nil {
			t.Errorf("the signature: %v", err)
		}
		r, err := c.ListWebhookDeliveries(t.Context(), &gatewayv1.ListWebhookDeliveriesRequest{
			Parent: one.GetName(), PageSize: 1, State: gatewayv1.WebhookDelivery_STATE_DELIVERED,
		})
		if err != nil || len(r.GetDeliveries()) != 1 || r.GetNextPageToken() == "" {
			t.Fatalf("the deliveries: %v, %v", r, err)
		}
		last := r.GetDeliveries()[0]
		if last.GetAttemptCount() != 1 || last.GetAttempts()[0].GetStatusCode() != 200 || last.GetAttempts()[0].GetLatency().AsDuration() <= 0 || last.GetNextAttemptTime() != nil {
			t.Errorf("the last delivery is %v", last)
		}
	})
}

// forget erases customers of acme as another replica of the gateway does.
func forget(t *testing.T, db *sqldb.DB, customers ...string) {
	t.Helper()
	tombstones, err := privacy.OpenTombstones(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	req := &typev1.EraseCustomerRequest{Parent: acme}
	for i, c := range customers {
		req.Subjects = append(req.Subjects, &typev1.ErasureSubject{Customer: c, Pseudonym: fmt.Sprintf("erased-%020d", i)})
	}
	if _, err := (&privacy.Server{DB: db, Tombstones: tombstones}).EraseCustomer(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

// erased reports whether a hold on the customer is refused because of an erasure.
func (d door) erased(t *testing.T, customer string) bool {
	t.Helper()
	_, err := gatewayv1.NewPrivacyServiceClient(d).PlaceLegalHold(t.Context(), &gatewayv1.PlaceLegalHoldRequest{
		Parent: acme, LegalHold: &gatewayv1.LegalHold{Customer: customer, Reason: "File 7"},
	})
	if err != nil {
		refused(t, "a hold", err, codes.FailedPrecondition, "CUSTOMER_ERASED")
	}
	return err != nil
}

// consented is an event of a customer's word.
func consented(customer string, at time.Time) *eventv1.Event {
	return &eventv1.Event{Brand: acme, Key: customer, EventTime: timestamppb.Now(), Payload: &eventv1.Event_ConsentChanged{
		ConsentChanged: &eventv1.ConsentChanged{Customer: customer, Purpose: "surveys", Granted: true, ChangeTime: timestamppb.New(at)},
	}}
}

func TestEventsOfAnErasedCustomerAreDroppedUntilTheyConsentAnew(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		c, tell := gatewayv1.NewWebhookServiceClient(d), d.tell(t, "journey")
		r, ann := newReceiver(t), acme+"/customers/ann"
		e := create(t, c, acme, r.URL)
		eventually(t, "the endpoint is known", func() bool {
			tell(resolved(acme, 1))
			return len(r.ids()) > 0
		})
		forget(t, d.db, ann)
		eventually(t, "the erasure is known", func() bool { return d.erased(t, ann) })

		rated := &eventv1.Event{Brand: acme, Key: acme + "/responses/7", EventTime: timestamppb.Now(), Payload: &eventv1.Event_ResponseSubmitted{
			ResponseSubmitted: &eventv1.ResponseSubmitted{Response: acme + "/responses/7", Ratings: []*eventv1.Rating{{Target: ann + "/touchpoints/7"}}},
		}}
		others := &eventv1.Event{Brand: acme, Key: acme + "/customers/anna", EventTime: timestamppb.Now(), Payload: &eventv1.Event_TicketUpdated{
			TicketUpdated: &eventv1.TicketUpdated{Ticket: &eventv1.TicketRef{Ticket: acme + "/tickets/t9", Customer: acme + "/customers/anna"}},
		}}
		late := []*eventv1.Event{resolved(acme, 2), reopened(acme), rated, consented(ann, time.Now().Add(-time.Hour))}
		tell(append(late, others)...)
		heard := func(events ...*eventv1.Event) bool {
			var ids []string
			for _, e := range events {
				ids = append(ids, e.GetId())
			}
			ok, err := bus.Await(t.Context(), d.db, ids, 20*time.Second)
			return ok && err == nil
		}
		if !heard(late...) || !heard(others) {
			t.Fatal("the events are not heard of")
		}
		kept, err := c.ListWebhookDeliveries(t.Context(), &gatewayv1.ListWebhookDeliveriesRequest{Parent: e.GetName(), PageSize: 1000})
		if err != nil {
			t.Fatal(err)
		}
		has := func(e *eventv1.Event) bool {
			return slices.ContainsFunc(kept.GetDeliveries(), func(v *gatewayv1.WebhookDelivery) bool {
				return strings.HasSuffix(v.GetName(), "/"+strings.ToLower(e.GetId()))
			})
		}
		for _, e := range late {
			if has(e) {
				t.Errorf("an endpoint is told of somebody who was erased: %v", e)
			}
		}
		if !has(others) {
			t.Error("an endpoint is not told of somebody else")
		}

		again, after := consented(ann, time.Now().Add(time.Minute)), resolved(acme, 3)
		tell(again, after) // of one customer, so one after the other
		eventually(t, "the customer is back", func() bool {
			return slices.Contains(r.ids(), strings.ToLower(again.GetId())) && slices.Contains(r.ids(), strings.ToLower(after.GetId()))
		})
		if d.erased(t, ann) {
			t.Error("a customer who is back is erased")
		}
	})
}

func TestACustomerComesBackWhereThereIsNoEndpoint(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		tell, ann := d.tell(t, "journey"), acme+"/customers/ann"
		forget(t, d.db, ann)
		eventually(t, "the erasure is known", func() bool { return d.erased(t, ann) })
		tell(consented(ann, time.Now().Add(time.Minute)))
		eventually(t, "the customer is back", func() bool { return !d.erased(t, ann) })
	})
}

func TestAReplicaMakesEachAttemptOnce(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		serve(t, d.db, d.bus)
		c, tell := gatewayv1.NewWebhookServiceClient(d), d.tell(t, "ticket")
		r := newReceiver(t)
		create(t, c, acme, r.URL)
		eventually(t, "the endpoint is known", func() bool {
			tell(resolved(acme, 1))
			return len(r.ids()) > 0
		})
		for i := range 300 {
			tell(resolved(acme, i))
		}
		last := reopened(acme)
		tell(last)
		eventually(t, "the last event", func() bool { return slices.Contains(r.ids(), strings.ToLower(last.GetId())) })
		got := r.ids()
		slices.Sort(got)
		if twice := len(got) - len(slices.Compact(slices.Clone(got))); twice != 0 {
			t.Errorf("%d of %d messages came twice", twice, len(got))
		}
	})
}

func TestAFailureIsTriedAgainAndGoneEndsIt(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		c, tell := gatewayv1.NewWebhookServiceClient(d), d.tell(t, "ticket")
		r := newReceiver(t, 500)
		e := create(t, c, acme, r.URL, "ticket.resolved")
		eventually(t, "an attempt", func() bool {
			tell(resolved(acme, 1))
			return len(r.ids()) > 0
		})
		get := func() *gatewayv1.WebhookEndpoint {
			got, err := c.GetWebhookEndpoint(t.Context(), &gatewayv1.GetWebhookEndpointRequest{Name: e.GetName()})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		eventually(t, "the endpoint is failing", func() bool { return get().GetFailingSinceTime() != nil })
		list := func() (all []*gatewayv1.WebhookDelivery) { // there are as many as were told until the first attempt
			req := &gatewayv1.ListWebhookDeliveriesRequest{Parent: e.GetName()}
			for {
				got, err := c.ListWebhookDeliveries(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, got.GetDeliveries()...)
				if req.PageToken = got.GetNextPageToken(); req.PageToken == "" {
					return all
				}
			}
		}
		all := list()
		waiting := all[len(all)-1]
		if wait := time.Until(waiting.GetNextAttemptTime().AsTime()); waiting.GetState() != gatewayv1.WebhookDelivery_STATE_PENDING || wait > 6*time.Second {
			t.Errorf("after a failure the delivery is %v", waiting)
		}
		r.answer(200)
		eventually(t, "the second attempt", func() bool {
			return slices.ContainsFunc(list(), func(v *gatewayv1.WebhookDelivery) bool {
				return v.GetName() == waiting.GetName() && v.GetState() == gatewayv1.WebhookDelivery_STATE_DELIVERED
			})
		})
		last := resolved(acme, 99) // of one customer, so it comes after all before it
		tell(last)
		eventually(t, "what was told before", func() bool { return slices.Contains(r.ids(), strings.ToLower(last.GetId())) })
		eventually(t, "all are delivered, and the endpoint is well", func() bool {
			return get().GetFailingSinceTime() == nil && !slices.ContainsFunc(list(), func(v *gatewayv1.WebhookDelivery) bool {
				return v.GetState() != gatewayv1.WebhookDelivery_STATE_DELIVERED
			})
		})

		r.answer(410)
		gone := resolved(acme, 2)
		tell(gone)
		eventually(t, "the endpoint is disabled", func() bool { return get().GetDisabled() })
		if got := get().GetDisabledReason(); got != gatewayv1.WebhookEndpoint_DISABLED_REASON_GONE {
			t.Errorf("it is disabled because of %v", got)
		}
		r.answer(200)
		if _, err := c.UpdateWebhookEndpoint(t.Context(), &gatewayv1.UpdateWebhookEndpointRequest{
			WebhookEndpoint: &gatewayv1.WebhookEndpoint{Name: e.GetName()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"disabled"}},
		}); err != nil {
			t.Fatal(err)
		}
		n, err := c.RedeliverWebhooks(t.Context(), &gatewayv1.RedeliverWebhooksRequest{Parent: e.GetName(), FailedSinceTime: timestamppb.New(time.Unix(0, 0))})
		if err != nil || n.GetDeliveryCount() < 1 {
			t.Fatalf("RedeliverWebhooks = %v, %v", n, err)
		}
		eventually(t, "what failed is sent again, with the same id", func() bool {
			ids := r.ids()
			return len(ids) > 1 && strings.Count(strings.Join(ids, " "), strings.ToLower(gone.GetId())) == 2
		})
	})
}

func TestASecretIsShownOnceAndRotated(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		c := gatewayv1.NewWebhookServiceClient(d)
		r := newReceiver(t)
		req := &gatewayv1.CreateWebhookEndpointRequest{
			Parent: acme, WebhookEndpointId: "hooks", WebhookEndpoint: &gatewayv1.WebhookEndpoint{Url: r.URL}, RequestId: uuid.NewString(),
		}
		e, err := c.CreateWebhookEndpoint(t.Context(), req)
		if err != nil || e.GetSecret() == "" {
			t.Fatalf("CreateWebhookEndpoint = %v, %v", e, err)
		}
		if again, err := c.CreateWebhookEndpoint(t.Context(), req); err != nil || !proto.Equal(again, e) {
			t.Errorf("a repeat answers %v, %v, want %v", again, err, e)
		}
		if got, err := c.GetWebhookEndpoint(t.Context(), &gatewayv1.GetWebhookEndpointRequest{Name: e.GetName()}); err != nil || got.GetSecret() != "" {
			t.Errorf("Get shows %v, %v", got, err)
		}
		var kept int
		raw := strings.TrimPrefix(e.GetSecret(), "whsec_")
		for _, table := range []string{"SELECT COUNT(*) FROM webhook_endpoint WHERE secret LIKE $1"} {
			if err := d.db.Read().QueryRowContext(t.Context(), table, "%"+raw+"%").Scan(&kept); err != nil || kept != 0 {
				t.Errorf("the secret lies open in the database: %d, %v", kept, err)
			}
		}
		ping := func() {
			t.Helper()
			p, err := c.PingWebhookEndpoint(t.Context(), &gatewayv1.PingWebhookEndpointRequest{Name: e.GetName()})
			if err != nil || p.GetAttempt().GetStatusCode() != 200 {
				t.Fatalf("PingWebhookEndpoint = %v, %v", p, err)
			}
		}
		ping()
		rotated, err := c.RotateWebhookSecret(t.Context(), &gatewayv1.RotateWebhookSecretRequest{Name: e.GetName()})
		if err != nil || rotated.GetSecret() == e.GetSecret() || rotated.GetPreviousSecretExpireTime() == nil {
			t.Fatalf("RotateWebhookSecret = %v, %v", rotated, err)
		}
		ping()
		for i, secret := range []string{e.GetSecret(), rotated.GetSecret()} {
			if err := r.check(1, secret); err != nil {
				t.Errorf("secret %d does not verify during the overlap: %v", i, err)
			}
		}
		last, err := c.RotateWebhookSecret(t.Context(), &gatewayv1.RotateWebhookSecretRequest{Name: e.GetName(), Overlap: durationpb.New(0)})
		if err != nil {
			t.Fatal(err)
		}
		ping()
		if r.check(2, rotated.GetSecret()) == nil || r.check(2, last.GetSecret()) != nil {
			t.Error("after a rotation without overlap the old secret is good, or the new one is not")
		}
	})
}

func TestWhatAnEndpointMayNotBe(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		c := gatewayv1.NewWebhookServiceClient(d)
		for _, tc := range []struct {
			name     string
			endpoint *gatewayv1.WebhookEndpoint
			want     codes.Code
		}{
			{"no URL", &gatewayv1.WebhookEndpoint{}, codes.InvalidArgument},
			{"no host", &gatewayv1.WebhookEndpoint{Url: "javascript:alert(1)"}, codes.InvalidArgument},
			{"an unknown type", &gatewayv1.WebhookEndpoint{Url: "https://example.com", EventTypes: []string{"*"}}, codes.InvalidArgument},
			{"a short secret", &gatewayv1.WebhookEndpoint{Url: "https://example.com", Secret: "whsec_c2hvcnQ="}, codes.InvalidArgument},
		} {
			if _, err := c.CreateWebhookEndpoint(t.Context(), &gatewayv1.CreateWebhookEndpointRequest{Parent: acme, WebhookEndpoint: tc.endpoint}); status.Code(err) != tc.want {
				t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
			}
		}
		for range 50 {
			create(t, c, acme, "http://127.0.0.1:1/")
		}
		_, err := c.CreateWebhookEndpoint(t.Context(), &gatewayv1.CreateWebhookEndpointRequest{Parent: acme, WebhookEndpoint: &gatewayv1.WebhookEndpoint{Url: "http://127.0.0.1:1/"}})
		if status.Code(err) != codes.ResourceExhausted {
			t.Errorf("the 51st endpoint: %v", err)
		}
		missing := func(f func(name string) error) {
			t.Helper()
			if err := f("brands/beta/webhookEndpoints/none"); status.Code(err) != codes.NotFound {
				t.Errorf("an endpoint that is not there: %v", err)
			}
		}
		missing(func(n string) error {
			_, err := c.PingWebhookEndpoint(t.Context(), &gatewayv1.PingWebhookEndpointRequest{Name: n})
			return err
		})
		missing(func(n string) error {
			_, err := c.ListWebhookDeliveries(t.Context(), &gatewayv1.ListWebhookDeliveriesRequest{Parent: n})
			return err
		})
		missing(func(n string) error {
			_, err := c.RedeliverWebhooks(t.Context(), &gatewayv1.RedeliverWebhooksRequest{Parent: n, Deliveries: []string{n + "/deliveries/x"}})
			return err
		})
	})
}
