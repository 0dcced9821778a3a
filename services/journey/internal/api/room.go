package api

import (
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// rooms is how many rows a brand may have of its own, by the name of their table.
var rooms = map[string]int64{
	store.Definitions.Name:      1000,
	store.JourneyMaps.Name:      200,
	store.IndustryProfiles.Name: 200,
	store.SignalRules.Name:      200,
}

// room refuses to let a brand have more rows of its own than it may.
func room[T any](tx *sqldb.Tx, t *table.Table[T], brand string, more int64) error {
	n, err := store.CountOwn(tx, t, brand)
	if err != nil {
		return err
	}
	if most := rooms[t.Name]; n+more > most {
		return fault.Precondition("TOO_MANY", name.Join("brands", brand), "a brand has at most %d of its own", most)
	}
	return nil
}
