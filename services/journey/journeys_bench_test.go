package journey_test

import (
	"testing"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkJourney reads the journey of a customer of 100,000 touchpoints.
func BenchmarkJourney(b *testing.B) {
	for _, database := range []struct {
		name string
		open func(testing.TB) *sqldb.DB
	}{
		{"sqlite", func(t testing.TB) *sqldb.DB { return sqldbtest.Open(t, sqldbtest.SQLite(t)) }},
		{"postgres", func(t testing.TB) *sqldb.DB { return sqldbtest.Open(t, sqldbtest.Postgres(t)) }},
	} {
		b.Run(database.name, func(b *testing.B) { readJourney(b, start(b, database.open(b))) })
	}
}

func readJourney(b *testing.B, s *suite) {
	for n := range depth() {
		if _, err := s.BatchRecordTouchpoints(b.Context(), ingestion(10*n, 1)); err != nil { // all of one customer
			b.Fatal(err)
		}
	}
	analyze(b, s.db)
	customer := ingestion(0, 1).GetRequests()[0].GetParent()
	journey := &journeyv1.GetJourneyRequest{Name: customer + "/journey"}
	first, err := s.GetJourney(b.Context(), journey)
	if err != nil || first.GetSummary().GetTouchpointCount() != int64(depth()*batchSize) {
		b.Fatal(first, err)
	}
	for name, read := range map[string]func() error{
		"first page": func() error {
			_, err := s.GetJourney(b.Context(), journey)
			return err
		},
		"second page": func() error {
			_, err := s.GetJourney(b.Context(), &journeyv1.GetJourneyRequest{Name: journey.GetName(), PageToken: first.GetNextPageToken()})
			return err
		},
		"transitions": func() error {
			_, err := s.ListStageTransitions(b.Context(), &journeyv1.ListStageTransitionsRequest{Parent: customer})
			return err
		},
		"coverage": func() error {
			_, err := s.GetMapCoverage(b.Context(), &journeyv1.GetMapCoverageRequest{Name: "brands/acme/journeyMaps/default"})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
