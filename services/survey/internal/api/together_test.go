package api

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestARefusalBesideTheConsentThatBringsBackCounts for somebody who was erased and says
// both at once.
func TestARefusalBesideTheConsentThatBringsBackCounts(t *testing.T) {
	for _, together := range []bool{false, true} {
		e := newEngine(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
		var err error
		if e.Tombstones, err = privacy.OpenTombstones(t.Context(), e.DB); err != nil {
			t.Fatal(err)
		}
		const ann = "brands/acme/customers/ann"
		if _, err := e.Privacy().EraseCustomer(t.Context(), &typev1.EraseCustomerRequest{
			Parent: "brands/acme", Subjects: []*typev1.ErasureSubject{{Customer: ann, Pseudonym: "brands/acme/customers/erased-0123456789abcdef0123"}},
		}); err != nil {
			t.Fatal(err)
		}
		at := timestamppb.New(time.Now().Add(time.Second))
		said := func(purpose string, granted bool) *eventv1.Event {
			return &eventv1.Event{Brand: "brands/acme", Key: ann, Payload: &eventv1.Event_ConsentChanged{ConsentChanged: &eventv1.ConsentChanged{
				Customer: ann, Purpose: purpose, Granted: granted, ChangeTime: at,
			}}}
		}
		all := []*eventv1.Event{said("marketing", true), said("surveys", false)}
		if together {
			err = e.DB.Write(t.Context(), func(tx *sqldb.Tx) error { return e.ApplyAll(tx, all) })
		}
		if err == nil && together {
			t.Error("both were applied in one transaction")
		}
		for _, one := range all { // as the bus does after an error
			if err := e.DB.Write(t.Context(), func(tx *sqldb.Tx) error { return e.Apply(tx, one) }); err != nil {
				t.Fatal(err)
			}
		}
		got, err := e.GetOptOut(t.Context(), &surveyv1.GetOptOutRequest{Name: ann + "/optOut"})
		if err != nil || got.GetConsent() != surveyv1.OptOut_CONSENT_REFUSED {
			t.Errorf("together %v: the customer's word is %v, %v, want refused", together, got.GetConsent(), err)
		}
	}
}
