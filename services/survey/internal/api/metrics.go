package api

import (
	"context"
	"errors"
	"strings"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// QuerySurveyMetrics implements SurveyMetricsService.
//
// Responses of words only enter METRIC_RESPONSE_COUNT and are counted as excluded
// from the rest. METRIC_RESPONSE_RATE speaks for those asked in the window, whenever
// they answered; their channel is the one they were asked on. It cannot be told by
// stage, nor broken down by anything but channel and survey, and is left out there.
func (s *Server) QuerySurveyMetrics(ctx context.Context, req *surveyv1.QuerySurveyMetricsRequest) (*surveyv1.QuerySurveyMetricsResponse, error) {
	brand, read, window := name.ID(req.GetParent()), s.now(), req.GetWindow()
	if window == nil {
		var err error
		if window, err = s.span(ctx, brand, true); err != nil {
			return nil, err
		}
	}
	rep := newReport(brand, req)
	if window != nil {
		if err := s.Store.Tally(ctx, asked(req, window), rep.dims, rep.add); err != nil {
			return nil, err
		}
	}
	return &surveyv1.QuerySurveyMetricsResponse{
		Basis: &typev1.Basis{
			Window: window, Population: req.GetPopulation(), ReadTime: timestamp(read),
			Included: rep.included, Excluded: measure.Exclusions(rep.excluded), Sources: []string{"survey"},
		},
		Measures: rep.all.measures(),
		Groups:   rep.breakdown(),
	}, nil
}

// GetDataSpan implements SurveyMetricsService.
func (s *Server) GetDataSpan(ctx context.Context, req *surveyv1.GetDataSpanRequest) (*surveyv1.GetDataSpanResponse, error) {
	w, err := s.span(ctx, name.ID(req.GetParent()), false)
	if err != nil {
		return nil, err
	}
	return &surveyv1.GetDataSpanResponse{Window: w}, nil
}

// span returns the window of the brand's responses or, with invited, of its
// invitations as well: an answer comes after the question. It is nil without data.
func (s *Server) span(ctx context.Context, brand string, invited bool) (*typev1.Window, error) {
	span, err := s.Store.Span(ctx, brand, invited)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return measure.Window(span.First, span.Last.Add(time.Microsecond)), nil
}

// asked returns what req asks to be counted in window.
func asked(req *surveyv1.QuerySurveyMetricsRequest, window *typev1.Window) store.Range {
	r := store.Range{
		Brand: name.ID(req.GetParent()),
		Start: window.GetStartTime().AsTime(), End: window.GetEndTime().AsTime(),
	}
	for _, v := range req.GetSubjects() {
		r.Subjects = append(r.Subjects, int32(v))
	}
	for _, v := range req.GetSurveys() {
		r.Surveys = append(r.Surveys, name.ID(v))
	}
	for _, c := range req.GetPopulation().GetChannels() {
		r.Channels = append(r.Channels, int32(c))
	}
	for _, v := range req.GetPopulation().GetStages() {
		r.Stages = append(r.Stages, int32(v))
	}
	return r
}

// dimensions returns what the names in a request stand for.
func dimensions(names []string) []store.Dimension {
	var all []store.Dimension
	for _, n := range names {
		key, ok := strings.CutPrefix(n, "attributes.")
		switch {
		case ok:
			all = append(all, store.Dimension{Attribute: key})
		case n == "touchpoint_definition":
			all = append(all, store.Dimension{Column: store.ByDefinition})
		default:
			all = append(all, store.Dimension{Column: n})
		}
	}
	return all
}
