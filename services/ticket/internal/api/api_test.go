package api

import (
	"fmt"
	"math"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/tally"
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

func TestVersion(t *testing.T) {
	for etag, want := range map[string]int64{
		"": 0, "1": 1, "9223372036854775807": math.MaxInt64,
		"0": -1, "-1": -1, "01": -1, "+1": -1, " 1": -1, "9223372036854775808": -1, "junk": -1, "*": -1,
	} {
		if got := version(etag); got != want {
			t.Errorf("version(%q) = %d, want %d", etag, got, want)
		}
	}
}

func TestDimensions(t *testing.T) {
	for _, tt := range []struct{ dimension, column, raw, want string }{
		{"channel", "channel", "1", "CHANNEL_PHONE"},
		{"handling", "handling", "2", "HANDLING_BOT"},
		{"issue_kind", "issue_kind", "0", ""},
		{"issue_kind", "issue_kind", "20", "ISSUE_KIND_OTHER"},
		{"stage", "stage", "4", "STAGE_RETENTION"},
		{"phase", "phase", "4", "PHASE_POST_PURCHASE"},
		{"priority", "priority", "9999", ""}, // of a newer server
		{"partner", "partner", "mihir", "brands/acme/partners/mihir"},
		{"team", "team", "", ""},
		{"agent", "agent", "bo", "brands/acme/agents/bo"},
		{"attributes.tenure", "attributes", `{"a":"b","tenure":"31-60"}`, "31-60"},
		{"attributes.tenure", "attributes", `{"a":"tenure"}`, ""},
		{"attributes.tenure", "attributes", `{}`, ""},
	} {
		d := newDimension("acme", tt.dimension)
		got, err := d.value(tt.raw)
		if err != nil || got != tt.want || d.column != tt.column || d.name != tt.dimension {
			t.Errorf("%s of %q = %q, %v, column %s, want %q of %s", tt.dimension, tt.raw, got, err, d.column, tt.want, tt.column)
		}
	}
}

func TestABreakdownIsBounded(t *testing.T) {
	b := newBreakdown("acme", []string{"agent"})
	for i := range fault.MaxGroups {
		if err := b.add([]string{fmt.Sprint(i)}, tally.Ticket{Opened: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.add([]string{"0"}, tally.Ticket{Opened: true}); err != nil {
		t.Errorf("a ticket of a group there is = %v, want it counted", err)
	}
	if err := b.add([]string{"one more"}, tally.Ticket{Opened: true}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("one group more = %v, want InvalidArgument", err)
	}
}
