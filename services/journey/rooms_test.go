package journey_test

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func TestRooms(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"a brand has at most 200 journey maps": func(t *testing.T, s *suite) {
			s.addMap(t, "first")
			s.repeat(t, "journey_map", "first", 198)
			create := func() error {
				_, err := s.CreateJourneyMap(t.Context(), &journeyv1.CreateJourneyMapRequest{
					Parent: "brands/acme", JourneyMap: &journeyv1.JourneyMap{DisplayName: "One more"},
				})
				return err
			}
			lastOne(t, create)
			_, err := s.ApplyIndustryProfile(t.Context(), &journeyv1.ApplyIndustryProfileRequest{
				Name: "brands/acme/industryProfiles/retail", JourneyMap: "brands/acme/journeyMaps/another",
			})
			refused(t, err, codes.FailedPrecondition)
			_, err = s.ApplyIndustryProfile(t.Context(), &journeyv1.ApplyIndustryProfileRequest{
				Name: "brands/acme/industryProfiles/retail", JourneyMap: "brands/acme/journeyMaps/first",
			})
			refused(t, err, codes.OK)
		},
		"a brand has at most 200 industry profiles": func(t *testing.T, s *suite) {
			create := func() error {
				_, err := s.CreateIndustryProfile(t.Context(), &journeyv1.CreateIndustryProfileRequest{
					Parent: "brands/acme", IndustryProfile: &journeyv1.IndustryProfile{DisplayName: "Mine", Criteria: []*journeyv1.Criterion{leaf("own", "")}},
				})
				return err
			}
			s.repeat(t, "industry_profile", "retail", 199)
			lastOne(t, create)
		},
		"a brand has at most 200 signal rules": func(t *testing.T, s *suite) {
			rule := func(id string) error {
				_, err := s.CreateSignalRule(t.Context(), &journeyv1.CreateSignalRuleRequest{
					Parent: "brands/acme", SignalRuleId: id, SignalRule: &journeyv1.SignalRule{
						DisplayName: "Rule", Condition: &journeyv1.SignalRule_BrokenTouchpoint_{BrokenTouchpoint: &journeyv1.SignalRule_BrokenTouchpoint{}},
					},
				})
				return err
			}
			refused(t, rule("first"), codes.OK)
			s.repeat(t, "signal_rule", "first", 198)
			lastOne(t, func() error { return rule("") })
		},
	})
}

// lastOne wants that create works once and not again.
func lastOne(t *testing.T, create func() error) {
	t.Helper()
	for _, want := range []codes.Code{codes.OK, codes.FailedPrecondition} {
		err := create()
		if refused(t, err, want); err != nil {
			reasoned(t, err, "TOO_MANY")
		}
	}
}

// repeat makes so many more rows of acme that are as one of a table.
func (s *suite) repeat(t *testing.T, table, id string, n int) {
	t.Helper()
	columns := map[string]string{
		"journey_map":      `version, display_name, definitions, industry_profile, target_emotion`,
		"industry_profile": `version, display_name, criteria, steps, conversion_window`,
		"signal_rule":      `version, display_name, inactive, function_owner, detail, expire_after`,
	}[table]
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for i := range n {
			if _, err := tx.Exec(`
				INSERT INTO `+table+` (brand, id, create_time, update_time, `+columns+`)
				SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), 1, 1, `+columns+` FROM `+table+` WHERE id = $3`,
				"acme", fmt.Sprint("x", i), id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
