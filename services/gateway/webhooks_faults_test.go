package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// told tells of events until the endpoint of r is known to hear, and then of one more,
// which it returns once r has it.
func (r *receiver) told(t *testing.T, tell func(...*eventv1.Event), brand string) *eventv1.Event {
	t.Helper()
	eventually(t, "the endpoint is known", func() bool {
		tell(resolved(brand, 1))
		return len(r.ids()) > 0
	})
	last := resolved(brand, 2) // of one customer, so it comes after all before it
	tell(last)
	eventually(t, "the last event", func() bool { return r.times(last) > 0 })
	return last
}

// times returns how often a message about e has come.
func (r *receiver) times(e *eventv1.Event) (n int) {
	for _, id := range r.ids() {
		if id == strings.ToLower(e.GetId()) {
			n++
		}
	}
	return n
}

// change makes a change of the database that only a test makes.
func (d door) change(t *testing.T, query string, args ...any) {
	t.Helper()
	err := d.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestASlowEndpointDelaysNoOther(t *testing.T) { // W22, W31
	each(t, func(t *testing.T, d door) {
		c, tell := gatewayv1.NewWebhookServiceClient(d), d.tell(t, "ticket")
		over, asked := make(chan struct{}), make(chan struct{}, 1)
		hang := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			select {
			case asked <- struct{}{}:
			default:
			}
			<-over
		}))
		t.Cleanup(hang.Close)
		t.Cleanup(func() { close(over) })
		create(t, c, acme, hang.URL)
		quick, other := newReceiver(t), newReceiver(t)
		create(t, c, acme, quick.URL)
		create(t, c, "brands/beta", other.URL)
		eventually(t, "the slow one is asked", func() bool {
			tell(resolved(acme, 1))
			return len(asked) > 0
		})
		begin := time.Now()
		quick.told(t, tell, acme)
		other.told(t, tell, "brands/beta")
		if took := time.Since(begin); took > 10*time.Second { // an attempt at the slow one takes 15
			t.Errorf("others waited %v", took)
		}
	})
}

func TestAnEndpointThatFailsForDaysIsDisabled(t *testing.T) { // W32
	each(t, func(t *testing.T, d door) {
		c, tell := gatewayv1.NewWebhookServiceClient(d), d.tell(t, "ticket")
		r := newReceiver(t, 500)
		e := create(t, c, acme, r.URL)
		get := func() *gatewayv1.WebhookEndpoint {
			got, err := c.GetWebhookEndpoint(t.Context(), &gatewayv1.GetWebhookEndpointRequest{Name: e.GetName()})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		r.told(t, tell, acme)
		eventually(t, "the endpoint is failing", func() bool { return get().GetFailingSinceTime() != nil })
		if get().GetDisabled() {
			t.Error("a failure disables it at once")
		}
		d.change(t, `UPDATE webhook_endpoint SET failing_since = $1`, sqldb.Micros(time.Now().Add(-6*24*time.Hour)))
		eventually(t, "the endpoint is disabled", func() bool {
			tell(resolved(acme, 3))
			return get().GetDisabled()
		})
		if got := get().GetDisabledReason(); got != gatewayv1.WebhookEndpoint_DISABLED_REASON_FAILING {
			t.Errorf("it is disabled because of %v", got)
		}
	})
}

func TestAnAttemptThatWasNotNotedIsMadeAgainWithItsID(t *testing.T) { // W33, W34, W36
	each(t, func(t *testing.T, d door) {
		c, tell := gatewayv1.NewWebhookServiceClient(d), d.tell(t, "ticket")
		r := newReceiver(t)
		create(t, c, acme, r.URL)
		e := r.told(t, tell, acme)
		eventually(t, "it is noted", func() bool {
			var n int
			err := d.db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM webhook_delivery WHERE state = 2 AND id = $1`, strings.ToLower(e.GetId())).Scan(&n)
			return err == nil && n == 1
		})
		// As a process leaves it that ends between the answer and the note, once the lease is over.
		d.change(t, `UPDATE webhook_delivery SET state = 1, attempts = '', next_time = $1 WHERE id = $2`, sqldb.Micros(time.Now()), strings.ToLower(e.GetId()))
		tell(resolved(acme, 3)) // which rings
		eventually(t, "it comes again", func() bool { return r.times(e) == 2 })
		again, last := d.tell(t, "survey"), resolved(acme, 4)
		again(e) // as a relay does after the stream was lost
		again(last)
		eventually(t, "what was told after it", func() bool { return r.times(last) == 1 })
		if n := r.times(e); n != 2 {
			t.Errorf("the same event, told again, has come %d times", n)
		}
	})
}

func TestWhatWaitsGoesWhereTheEndpointIsNow(t *testing.T) { // W38, W39
	each(t, func(t *testing.T, d door) {
		c, tell := gatewayv1.NewWebhookServiceClient(d), d.tell(t, "ticket")
		first, second := newReceiver(t, 500), newReceiver(t)
		e := create(t, c, acme, first.URL)
		gone := newReceiver(t, 500)
		deleted := create(t, c, acme, gone.URL)
		waiting := first.told(t, tell, acme)
		eventually(t, "the other has heard, too", func() bool { return gone.times(waiting) > 0 })
		if _, err := c.DeleteWebhookEndpoint(t.Context(), &gatewayv1.DeleteWebhookEndpointRequest{Name: deleted.GetName()}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.UpdateWebhookEndpoint(t.Context(), &gatewayv1.UpdateWebhookEndpointRequest{
			WebhookEndpoint: &gatewayv1.WebhookEndpoint{Name: e.GetName(), Url: second.URL}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}},
		}); err != nil {
			t.Fatal(err)
		}
		before := gone.times(waiting)
		eventually(t, "what waited goes to the new address", func() bool { return second.times(waiting) == 1 })
		if !slices.Contains(first.ids(), strings.ToLower(waiting.GetId())) || gone.times(waiting) != before {
			t.Errorf("the deleted endpoint was tried %d times more", gone.times(waiting)-before)
		}
	})
}
