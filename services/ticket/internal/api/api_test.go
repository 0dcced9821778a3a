package api

import (
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

func TestTheRulesUseTheNumbersOfTheContract(t *testing.T) {
	for _, tt := range []struct {
		enum protoreflect.EnumDescriptor
		want map[int32]string
	}{
		{ticketv1.Ticket_State(0).Descriptor(), map[int32]string{
			int32(lifecycle.New): "STATE_NEW", int32(lifecycle.Open): "STATE_OPEN", int32(lifecycle.Pending): "STATE_PENDING",
			int32(lifecycle.OnHold): "STATE_ON_HOLD", int32(lifecycle.Resolved): "STATE_RESOLVED",
			int32(lifecycle.Closed): "STATE_CLOSED", int32(lifecycle.Merged): "STATE_MERGED",
		}},
		{ticketv1.Interaction_Kind(0).Descriptor(), map[int32]string{
			int32(lifecycle.Message): "KIND_MESSAGE", int32(lifecycle.Call): "KIND_CALL", int32(lifecycle.Visit): "KIND_VISIT",
			int32(lifecycle.Note): "KIND_NOTE", int32(lifecycle.StatusUpdate): "KIND_STATUS",
		}},
		{ticketv1.Interaction_Direction(0).Descriptor(), map[int32]string{
			int32(lifecycle.Inbound): "DIRECTION_INBOUND", int32(lifecycle.Outbound): "DIRECTION_OUTBOUND",
			int32(lifecycle.Internal): "DIRECTION_INTERNAL",
		}},
		{ticketv1.Interaction_Actor(0).Descriptor(), map[int32]string{
			int32(lifecycle.Agent): "ACTOR_AGENT", int32(lifecycle.Bot): "ACTOR_BOT",
			int32(lifecycle.Customer): "ACTOR_CUSTOMER", int32(lifecycle.System): "ACTOR_SYSTEM",
		}},
	} {
		values := tt.enum.Values()
		if values.Len() != len(tt.want)+1 {
			t.Errorf("%s has %d values, the rules know %d and none", tt.enum.FullName(), values.Len(), len(tt.want))
		}
		for n, name := range tt.want {
			if v := values.ByNumber(protoreflect.EnumNumber(n)); v == nil || string(v.Name()) != name {
				t.Errorf("%s has %v for %d, want %s", tt.enum.FullName(), v, n, name)
			}
		}
	}
}
