package store

import (
	"time"

	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
)

// An IndustryProfile is an industry profile as it is kept.
type IndustryProfile struct {
	table.Record
	DisplayName      string
	Criteria         []plan.Criterion
	Steps            *plan.Steps
	ConversionWindow time.Duration
}

// Whole returns what is planned with p.
func (p *IndustryProfile) Whole() plan.Profile {
	return plan.Profile{
		ID: p.ID, DisplayName: p.DisplayName, Criteria: p.Criteria, Steps: p.Steps, ConversionWindow: p.ConversionWindow,
	}
}

// IndustryProfiles keeps the industry profiles.
var IndustryProfiles = &table.Table[IndustryProfile]{
	Name:    "industry_profile",
	Columns: []string{"display_name", "criteria", "steps", "conversion_window"},
	Fields: func(p *IndustryProfile) []any {
		return []any{
			&p.DisplayName,
			table.Array[plan.Criterion]{Of: &p.Criteria},
			table.Document[*plan.Steps]{Of: &p.Steps},
			table.Span{Of: &p.ConversionWindow},
		}
	},
	Head: func(p *IndustryProfile) *table.Record { return &p.Record },
}
