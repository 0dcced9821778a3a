package webhook

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestTheStandardLibraryAcceptsTheSignature(t *testing.T) {
	old, current := NewSecret(), NewSecret()
	body, now := []byte(`{"type":"ping"}`), time.Now()
	h := http.Header{}
	h.Set("webhook-id", "01jd")
	h.Set("webhook-timestamp", seconds(now))
	h.Set("webhook-signature", sign("01jd", now, body, []Secret{current, old}))
	for name, secret := range map[string]Secret{"old": old, "current": current} {
		w, err := standard.NewWebhook(secret.Text())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verify(body, h); err != nil {
			t.Errorf("the %s secret: %v", name, err)
		}
		if err := w.Verify([]byte(`{"type":"pong"}`), h); err == nil {
			t.Errorf("the %s secret: another body passes", name)
		}
	}
	if other, _ := standard.NewWebhook(NewSecret().Text()); other.Verify(body, h) == nil {
		t.Error("any secret passes")
	}
}

func TestASecretHasALengthAndIsNotShown(t *testing.T) {
	for _, text := range []string{"", "whsec_", "whsec_c2hvcnQ=", "whsec_" + strings.Repeat("AAAA", 22), "sec_" + strings.Repeat("A", 32), "whsec_" + strings.Repeat("!", 32)} {
		if s, err := ParseSecret(text); err == nil {
			t.Errorf("ParseSecret(%q) = %d bytes, want an error", text, len(s))
		}
	}
	s := NewSecret()
	if again, err := ParseSecret(s.Text()); err != nil || string(again) != string(s) {
		t.Errorf("ParseSecret(Text) = %v, %v", again, err)
	}
	if strings.Contains(s.String(), s.Text()[len(prefix):]) {
		t.Error("String shows the secret")
	}
}

func TestABodyTellsWhatHappenedAndStaysShort(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	e := &eventv1.Event{
		Id: "01jd", Brand: "brands/acme", Key: "brands/acme/customers/ann", EventTime: timestamppb.New(at),
		Payload: &eventv1.Event_TicketResolved{TicketResolved: &eventv1.TicketResolved{
			Ticket: &eventv1.TicketRef{Ticket: "brands/acme/tickets/t1", Customer: "brands/acme/customers/ann"}, Outcome: ticketv1.Ticket_OUTCOME_SOLVED,
		}},
	}
	want := `{"type":"ticket.resolved","timestamp":"2026-03-01T09:30:00Z","link":"brands/acme/tickets/t1",` +
		`"data":{"ticket":{"ticket":"brands/acme/tickets/t1","customer":"brands/acme/customers/ann"},"outcome":"OUTCOME_SOLVED"}}`
	for range 20 { // the library that writes the data spaces at random
		if got, err := Body(e); err != nil || string(got) != want {
			t.Fatalf("Body = %s, %v, want %s", got, err, want)
		}
	}
	many := &eventv1.TouchpointsRecorded{}
	for range 200 {
		many.Touchpoints = append(many.Touchpoints, &eventv1.TouchpointRef{Touchpoint: "brands/acme/customers/ann/touchpoints/" + strings.Repeat("x", 63)})
	}
	e.Payload = &eventv1.Event_TouchpointsRecorded{TouchpointsRecorded: many}
	got, err := Body(e)
	if err != nil || len(got) > maxData || !json.Valid(got) || strings.Contains(string(got), `"data"`) || !strings.Contains(string(got), `"link":"brands/acme/customers/ann"`) {
		t.Errorf("a long body has %d bytes, %v", len(got), err)
	}
}

// TestALinkNamesWhatTheEventIsAbout fills every field of every payload with a name of its
// own, but the key.
func TestALinkNamesWhatTheEventIsAbout(t *testing.T) {
	want := map[string]string{
		"ticket.created": "ticket.ticket", "ticket.resolved": "ticket.ticket", "ticket.reopened": "ticket.ticket", "ticket.state_changed": "ticket.ticket",
		"ticket.assigned": "ticket.ticket", "ticket.updated": "ticket.ticket", "interaction.created": "interaction",
		"sla.warning": "clock.ticket.ticket", "sla.breached": "clock.ticket.ticket", "sla.met": "clock.ticket.ticket",
		"response.submitted": "response", "response.excluded": "response", "invitation.decided": "invitation", "invitation.state_changed": "invitation",
		"feedback.created": "feedback.feedback", "feedback.updated": "feedback.feedback", "touchpoints.recorded": "key",
		"touchpoint.retracted": "touchpoint.touchpoint", "customer.merged": "customer", "customer.split": "customer", "stage.changed": "customer",
		"score.changed": "customer", "signal.changed": "signal", "consent.changed": "customer",
	}
	e := &eventv1.Event{Key: "key"}
	payloads := e.ProtoReflect().Descriptor().Oneofs().ByName("payload").Fields()
	for i := range payloads.Len() {
		kind := typeOf(payloads.Get(i))
		if kind == "" {
			continue
		}
		fill(e.ProtoReflect().Mutable(payloads.Get(i)).Message(), "")
		body, err := Body(e)
		var got message
		if err == nil {
			err = json.Unmarshal(body, &got)
		}
		if err != nil || got.Link != want[kind] {
			t.Errorf("the link of %s is %q, %v, want %q", kind, got.Link, err, want[kind])
		}
	}
}

// fill gives every text of m its path.
func fill(m protoreflect.Message, path string) {
	for i := range m.Descriptor().Fields().Len() {
		switch f := m.Descriptor().Fields().Get(i); {
		case f.IsList() || f.IsMap():
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(path+string(f.Name())))
		case f.Message() != nil && f.Message().ParentFile() == m.Descriptor().ParentFile():
			fill(m.Mutable(f).Message(), path+string(f.Name())+".")
		}
	}
}

func TestEveryPayloadHasAType(t *testing.T) {
	all := Types()
	for _, want := range []string{"ticket.created", "ticket.state_changed", "sla.breached", "response.submitted", "touchpoints.recorded", "signal.changed", "consent.changed"} {
		if !slices.Contains(all, want) {
			t.Errorf("there is no %s in %v", want, all)
		}
	}
	if got := Type(&eventv1.Event{Payload: &eventv1.Event_ScoreShardRequested{}}); got != "" {
		t.Errorf("what is of no use outside is told as %q", got)
	}
	if got := Type(&eventv1.Event{}); got != "" {
		t.Errorf("an event without a payload is a %q", got)
	}
}

func TestAttemptsAreSpreadOverDays(t *testing.T) {
	var total time.Duration
	for n := 1; ; n++ {
		wait, again := Next(n, 0)
		if !again {
			if n != 10 {
				t.Errorf("there are %d attempts, want 10", n)
			}
			break
		}
		if want := waits[n-1]; wait < want*9/10 || wait > want*11/10 {
			t.Errorf("after %d failures it waits %v, want about %v", n, wait, want)
		}
		total += wait
	}
	if total < 2*24*time.Hour || total > 5*24*time.Hour {
		t.Errorf("the last attempt is after %v", total)
	}
	for text, want := range map[string]time.Duration{"3600": time.Hour, "1000000000": maxRetryAfter, "-1": 0, "soon": 0, "": 0} {
		asked := retryAfter(http.Header{"Retry-After": {text}}, time.Now())
		if asked != want {
			t.Errorf("Retry-After %q asks for %v, want %v", text, asked, want)
		}
	}
	if wait, again := Next(1, 48*time.Hour); !again || wait != maxRetryAfter {
		t.Errorf("Next(1, 48h) = %v, %v", wait, again)
	}
}
