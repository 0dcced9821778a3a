package webhook

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
)

// maxData is the length of the longest data of a message.
const maxData = 20_000

// internal are the payloads that are of no use outside, by their fields.
var internal = []protoreflect.Name{"score_shard_requested", "touchpoints_changed"}

// Types returns what endpoints can hear of, in the order of the contract.
func Types() (all []string) {
	fields := (&eventv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("payload").Fields()
	for i := range fields.Len() {
		if t := typeOf(fields.Get(i)); t != "" {
			all = append(all, t)
		}
	}
	return all
}

// typeOf returns the name under which a payload is told, or "" for one that is not.
func typeOf(field protoreflect.FieldDescriptor) string {
	if field == nil || slices.Contains(internal, field.Name()) {
		return ""
	}
	return strings.Replace(string(field.Name()), "_", ".", 1)
}

// Type returns what e is called, or "" if nobody outside is told of it.
func Type(e *eventv1.Event) string {
	m := e.ProtoReflect()
	return typeOf(m.WhichOneof(m.Descriptor().Oneofs().ByName("payload")))
}

// A message is the body of a request.
type message struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Link      string          `json:"link,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
}

// Body returns the message that tells of e. It holds what the event does, which no
// words are part of; data that is too long is left out, as the link says where to look.
func Body(e *eventv1.Event) ([]byte, error) {
	m := e.ProtoReflect()
	payload := m.Get(m.WhichOneof(m.Descriptor().Oneofs().ByName("payload"))).Message()
	text, err := protojson.Marshal(payload.Interface())
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	if err := json.Compact(&data, text); err != nil { // protojson spaces at random
		return nil, err
	}
	if data.Len() > maxData {
		data.Reset()
	}
	return json.Marshal(message{Type(e), e.GetEventTime().AsTime(), about(e, payload), data.Bytes()})
}

// about returns the name of what e is about: the interaction, or what the payload names
// first. Of several things it is what they have in common, the key of e.
func about(e *eventv1.Event, payload protoreflect.Message) string {
	if n := e.GetInteractionCreated().GetInteraction(); n != "" {
		return n
	}
	first := payload.Descriptor().Fields().Get(0)
	for first.Message() != nil && !first.IsList() {
		payload = payload.Get(first).Message()
		first = payload.Descriptor().Fields().Get(0)
	}
	if first.Kind() == protoreflect.StringKind && !first.IsList() && payload.Has(first) {
		return payload.Get(first).String()
	}
	return e.GetKey()
}

// PingType is the type of a message that was asked for.
const PingType = "ping"

// Ping returns the message that tells of nothing.
func Ping(endpoint string, at time.Time) []byte {
	body, err := json.Marshal(message{Type: PingType, Timestamp: at, Link: endpoint})
	if err != nil {
		return nil // a time and two names always marshal
	}
	return body
}
