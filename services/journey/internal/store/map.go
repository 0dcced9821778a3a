package store

import (
	"slices"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A JourneyMap is a journey map as it is kept.
type JourneyMap struct {
	table.Record
	DisplayName     string
	Definitions     []string // ids; none for all there are
	IndustryProfile string   // its id; "" for none
	TargetEmotion   typev1.Emotion
}

// JourneyMaps keeps the journey maps.
var JourneyMaps = &table.Table[JourneyMap]{
	Name:    "journey_map",
	Columns: []string{"display_name", "definitions", "industry_profile", "target_emotion"},
	Fields: func(m *JourneyMap) []any {
		return []any{&m.DisplayName, table.Array[string]{Of: &m.Definitions}, &m.IndustryProfile, enum(&m.TargetEmotion)}
	},
	Head: func(m *JourneyMap) *table.Record { return &m.Record },
}

// Mapped reports whether a map of the brand names a definition.
func Mapped(tx *sqldb.Tx, brand, definition string) (bool, error) {
	rows, err := tx.Query(`SELECT `+JourneyMaps.Read()+` FROM journey_map WHERE brand = $1`, brand)
	if err != nil {
		return false, err
	}
	maps, err := table.All(rows, JourneyMaps.Scan)
	return slices.ContainsFunc(maps, func(m JourneyMap) bool { return slices.Contains(m.Definitions, definition) }), err
}
