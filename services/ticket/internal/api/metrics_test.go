package api

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

func TestDimensions(t *testing.T) {
	keys := rollup.Keys{
		Numbers: [6]int32{rollup.Channel: 1, rollup.Handling: 2, rollup.IssueKind: 0, rollup.Stage: 4, rollup.Phase: 4, rollup.Priority: 9999},
		Texts:   [4]string{"mihir", "", "bo", "late"},
	}
	for name, want := range map[string]string{
		"channel": "CHANNEL_PHONE", "handling": "HANDLING_BOT", "issue_kind": "", "stage": "STAGE_RETENTION", "phase": "PHASE_POST_PURCHASE",
		"priority": "", // of a newer server
		"partner":  "brands/acme/partners/mihir", "team": "", "agent": "brands/acme/agents/bo", "issue_type": "brands/acme/issueTypes/late",
	} {
		if d := newDimension(name); d.value("acme", &keys) != want || d.name != name || d.attribute != "" {
			t.Errorf("%s = %q of %+v, want %q", name, d.value("acme", &keys), d, want)
		}
	}
	for column, want := range map[string]string{
		`{"a":"b","tenure":"31-60"}`: "31-60", `{"a":"tenure"}`: "", `{}`: "",
	} {
		if got, err := attributeOf(column, newDimension("attributes.tenure").attribute); err != nil || got != want {
			t.Errorf("tenure of %s = %q, %v, want %q", column, got, err, want)
		}
	}
}

func TestABreakdownIsBounded(t *testing.T) {
	a := newAnswer(question{brand: "acme", groupBy: []dimension{newDimension("agent")}}, nil)
	of := func(agent string) *rollup.Ticket {
		return &rollup.Ticket{Keys: rollup.Keys{Texts: [4]string{2: agent}}}
	}
	for i := range fault.MaxGroups {
		if err := a.add(of(fmt.Sprint(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.add(of("0"), nil); err != nil {
		t.Errorf("a ticket of a group there is = %v, want it counted", err)
	}
	if err := a.add(of("one more"), nil); status.Code(err) != codes.InvalidArgument {
		t.Errorf("one group more = %v, want InvalidArgument", err)
	}
}
