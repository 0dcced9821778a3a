package store

import (
	"context"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// What is an occasion: the numbers of the triggers' fields in the contract.
const (
	OnInteraction int32 = 5
	OnResolution  int32 = 6
	OnStage       int32 = 7
	OnTouchpoint  int32 = 8
	OnSchedule    int32 = 9
)

// A TriggerRule says on which occasions customers are asked.
type TriggerRule struct {
	table.Record
	DisplayName string
	Survey      string // its id
	Inactive    bool
	Kind        int32 // one of OnInteraction to OnSchedule
	Trigger     Trigger
	Conditions  *Conditions   // nil for none
	Delay       time.Duration // whole microseconds
}

// A Trigger says more about what is an occasion; what its kind has no use for is
// empty, and what the caller left empty too.
type Trigger struct {
	Kinds       []int32       `json:"kinds,omitempty"` // of interactions, or of touchpoints
	Handlings   []int32       `json:"handlings,omitempty"`
	Once        int32         `json:"once,omitempty"`
	Outcomes    []int32       `json:"outcomes,omitempty"`
	Stages      []int32       `json:"stages,omitempty"`
	Definitions []string      `json:"definitions,omitempty"` // within the brand
	Channels    []int32       `json:"channels,omitempty"`
	Start       time.Time     `json:"start,omitzero"`
	Every       time.Duration `json:"every,omitempty"` // 0 for one wave only
	Channel     int32         `json:"channel,omitempty"`
}

// Conditions are what must hold of an occasion: each that is not empty.
type Conditions struct {
	Channels []int32  `json:"channels,omitempty"`
	Stages   []int32  `json:"stages,omitempty"`
	Phases   []int32  `json:"phases,omitempty"`
	Partners []string `json:"partners,omitempty"` // within the brand, as are the others
	Teams    []string `json:"teams,omitempty"`
	Agents   []string `json:"agents,omitempty"`
}

// TriggerRules keeps the trigger rules. Who writes one calls [Store.ForgetRules].
var TriggerRules = &table.Table[TriggerRule]{
	Name:    "trigger_rule",
	Columns: []string{"display_name", "survey", "inactive", "kind", "detail", "conditions", "delay"},
	Fields: func(r *TriggerRule) []any {
		return []any{
			&r.DisplayName, &r.Survey,
			table.Flag{Of: &r.Inactive},
			&r.Kind,
			table.Document[Trigger]{Of: &r.Trigger},
			table.Document[*Conditions]{Of: &r.Conditions},
			table.Span{Of: &r.Delay},
		}
	},
	Head: func(r *TriggerRule) *table.Record { return &r.Record },
}

// RulesIn returns the active rules of a brand, by their ids. They are shared and as
// fresh as the survey of [Store.Survey].
func (s *Store) RulesIn(tx *sqldb.Tx, brand string) ([]TriggerRule, error) {
	known, edition, ok := s.rules.find(brand, fresh)
	if ok {
		return known, nil
	}
	at, r := time.Now(), within(tx)
	found, err := read(r, TriggerRules, ` WHERE brand = $1 AND inactive = 0 ORDER BY id`, brand)
	if err != nil {
		return nil, err
	}
	r.after(func() { s.rules.keep(brand, found, edition, at) })
	return found, nil
}

// Schedules returns the active rules of every brand that go by the clock.
func (s *Store) Schedules(ctx context.Context) ([]TriggerRule, error) {
	return read(outside(ctx, s.db), TriggerRules, ` WHERE kind = $1 AND inactive = 0 ORDER BY brand, id`, OnSchedule)
}

// ForgetRules makes the rules be read anew once tx, which writes one, is committed.
func (s *Store) ForgetRules(tx *sqldb.Tx) { tx.AfterCommit(s.rules.forget) }
