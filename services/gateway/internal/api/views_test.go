package api

import (
	"context"
	"errors"
	"maps"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestTargetsThatCannotBeReadAreNamedAndTheRestIsThere(t *testing.T) {
	db, err := sqldb.Open(t.Context(), sqldbtest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	v, p, all := &Views{Targets: &Targets{DB: db, Store: s}}, &parts{}, []*gatewayv1.Target{}
	v.targets(t.Context(), p, "acme", &all)()
	if len(p.states) != 0 || len(all) != 0 {
		t.Errorf("where there are none, the parts are %v and the targets %v", p.states, all)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	v.targets(t.Context(), p, "beta", &all)()
	if _, err := p.list(); err == nil {
		t.Error("an answer of which nothing is there is one")
	}
	p.note(gatewayv1.Part_PART_TICKET, timestamppb.Now(), nil)
	states, err := p.list()
	if err != nil || len(states) != 2 || states[1].GetPart() != gatewayv1.Part_PART_GATEWAY || states[1].GetState() == gatewayv1.PartState_STATE_OK {
		t.Errorf("the parts are %v, %v, want the gateway named", states, err)
	}
}

func TestOfNothingThereIsSaidWhatBecameOfEachPart(t *testing.T) {
	var p parts
	p.note(gatewayv1.Part_PART_TICKET, nil, context.DeadlineExceeded)
	p.note(gatewayv1.Part_PART_SURVEY, nil, fault.Unavailable("GONE", "gone", nil))
	_, err := p.list()
	missing, ok := errors.AsType[*fault.Error](err)
	want := map[string]string{"PART_TICKET": "STATE_TIMEOUT", "PART_SURVEY": "STATE_UNAVAILABLE"}
	if !ok || missing.Reason != "ALL_PARTS_MISSING" || missing.Retry == 0 || !maps.Equal(missing.Metadata, want) {
		t.Errorf("refused with %#v, want the states %v", err, want)
	}
}
