package api

import (
	"cmp"
	"context"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// scoreFields are what stored scores can be picked by.
var scoreFields = filter.Fields{
	{Name: "name", Kind: filter.Name, Column: "id", Collection: "customers", Order: "id"},
	{Name: "value", Kind: filter.Number, Order: "value"},
	{Name: "service_value", Kind: filter.Number},
	{Name: "n", Kind: filter.Number},
	{Name: "change", Kind: filter.Number, Column: "score_change", Nullable: true, Order: "COALESCE(score_change, 0.0)"},
	{Name: "weakest_stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
	{Name: "stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor(), Column: ofCustomer("c.stage"), Nullable: true},
	{Name: "segments", Kind: filter.Map, Column: ofCustomer("c.segments"), Nullable: true},
	{Name: "as_of_time", Kind: filter.Time},
}

// ofCustomer is the SQL for something of a score's customer, c.
func ofCustomer(expression string) string {
	return `(SELECT ` + expression + ` FROM customer c WHERE c.brand = customer_score.brand AND c.id = customer_score.id)`
}

// ListScores implements ScoringService.
func (s *Server) ListScores(ctx context.Context, req *journeyv1.ListScoresRequest) (*journeyv1.ListScoresResponse, error) {
	postgres, brand := s.db.Postgres(), name.Brand(req.GetParent())
	picked, err := scoreFields.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, err
	}
	order, err := scoreFields.ParseOrder(cmp.Or(req.GetOrderBy(), "value"))
	if err != nil {
		return nil, err
	}
	var cursor filter.Cursor
	if err := page.Decode(req, &cursor); err != nil {
		return nil, err
	}
	after, err := order.After(cursor, postgres)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.ListScores(ctx, brand, []filter.Clause{picked.Where(postgres), after}, order.By(postgres), page.Size(req)+1)
	if err != nil {
		return nil, err
	}
	answer := &journeyv1.ListScoresResponse{}
	for i := range rows {
		answer.Scores = append(answer.Scores, storedToProto(brand, &rows[i]))
	}
	if n := page.Fit(req, answer.GetScores()); n < len(rows) {
		answer.Scores = answer.GetScores()[:n]
		last := &rows[n-1]
		if cursor, err = order.Cursor(last.Customer, func(field string) any { return orderedBy(last, field) }); err == nil {
			answer.NextPageToken, err = page.Encode(req, cursor)
		}
	}
	return answer, err
}

// orderedBy returns what a stored score has in a field that it can be ordered by.
func orderedBy(r *store.Score, field string) any {
	switch field {
	case "value":
		return r.Estimate.Value
	case "change":
		return r.Change.Float64
	}
	return r.Customer
}

func storedToProto(brand string, r *store.Score) *journeyv1.StoredScore {
	p := &journeyv1.StoredScore{
		Name:                 name.Join("brands", brand, "customers", r.Customer, "score"),
		Estimate:             measure.Estimate(r.Estimate, typev1.Unit_UNIT_POINTS),
		ServiceEstimate:      measure.Estimate(r.Service, typev1.Unit_UNIT_POINTS),
		WeakestStage:         r.Weakest,
		AsOfTime:             stamp(r.AsOf),
		ScoringModelRevision: modelName(brand, r.Revision),
	}
	if r.Change.Valid {
		p.Change = &r.Change.Float64
	}
	return p
}
