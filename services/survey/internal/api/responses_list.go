package api

import (
	"context"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// responseFields are the fields that responses are filtered by. References are kept
// with their collection, which the expressions cut off.
var responseFields = filter.Fields{
	{Name: "channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
	{Name: "stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
	{Name: "phase", Kind: filter.Enum, Enum: typev1.Phase(0).Descriptor()},
	{Name: "partner", Kind: filter.Name, Collection: "partners", Column: "substr(partner, 10)"},
	{Name: "team", Kind: filter.Name, Collection: "teams", Column: "substr(team, 7)"},
	{Name: "agent", Kind: filter.Name, Collection: "agents", Column: "substr(agent, 8)"},
	{Name: "ticket", Kind: filter.Name, Collection: "tickets", Column: "substr(ticket, 9)"},
	{Name: "language"},
	{Name: "subject", Kind: filter.Enum, Enum: typev1.Subject(0).Descriptor()},
	{Name: "submit_time", Kind: filter.Time},
	{Name: "attributes", Kind: filter.Map},
}

// stateField is the one of which a filter that does not speak means some.
var stateField = filter.Field{Name: "state", Kind: filter.Enum, Enum: surveyv1.Response_State(0).Descriptor()}

// settled picks the responses that were submitted and not superseded.
var settled = filter.Clause{Text: "state IN (2, 3)"}

// ListResponses implements ResponseService.
func (s *Server) ListResponses(ctx context.Context, req *surveyv1.ListResponsesRequest) (*surveyv1.ListResponsesResponse, error) {
	brand := name.ID(req.GetParent())
	where, err := s.picked(req.GetFilter(), brand)
	if err != nil {
		return nil, err
	}
	f := store.Filter{
		Brand: brand, Customer: within(brand, req.GetCustomer()), Each: int(req.GetPerCustomer()), Where: where, Limit: page.Size(req) + 1,
	}
	for _, c := range req.GetCustomers() {
		f.Of = append(f.Of, within(brand, c))
	}
	if req.GetSurvey() != "" {
		f.Survey = name.ID(req.GetSurvey())
	}
	if err := page.Decode(req, &f.After); err != nil {
		return nil, err
	}
	rows, err := s.Store.Responses(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && f.Survey != "" { // of a survey without responses, or of no survey?
		if _, err := s.Store.Survey(ctx, brand, f.Survey); err != nil {
			return nil, resource.Explain(req.GetSurvey(), err)
		}
	}
	answer := &surveyv1.ListResponsesResponse{}
	for _, r := range rows {
		answer.Responses = append(answer.Responses, readable(ctx, toResponse(r)))
	}
	if n := page.Fit(req, answer.GetResponses()); n < len(rows) {
		last := rows[n-1]
		answer.Responses = answer.GetResponses()[:n]
		answer.NextPageToken, err = page.Encode(req, store.Cursor{SubmitTime: sqldb.Micros(last.SubmitTime), ID: last.ID})
	}
	return answer, err
}

// picked returns what a filter means.
func (s *Server) picked(text, brand string) ([]filter.Clause, error) {
	f, err := append(responseFields[:len(responseFields):len(responseFields)], stateField).Parse(text, brand)
	if err != nil {
		return nil, err
	}
	where := []filter.Clause{f.Where(s.DB.Postgres())}
	if _, err := responseFields.Parse(text, brand); err == nil { // it does not speak of the state
		where = append(where, settled)
	}
	return where, nil
}
