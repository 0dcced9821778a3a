package api

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// soon is how long after one contact another about the same ticket is a switch of its
// channel, unless the caller says otherwise.
const soon = 7 * 24 * time.Hour

// GetJourney implements JourneyMapService.
func (s *Server) GetJourney(ctx context.Context, req *journeyv1.GetJourneyRequest) (*journeyv1.GetJourneyResponse, error) {
	customer := strings.TrimSuffix(req.GetName(), "/journey")
	brand := name.Brand(customer)
	var after store.Cursor
	if err := page.Decode(req, &after); err != nil {
		return nil, err
	}
	members, err := s.store.Members(ctx, brand, name.ID(customer))
	if err != nil {
		return nil, err
	}
	l := store.Listing{Brand: brand, Customers: members, By: "event_time, id", Limit: page.Size(req) + 1}
	if w := req.GetWindow(); w != nil {
		l.Where = append(l.Where, store.Between(sqldb.Micros(w.GetStartTime().AsTime()), sqldb.Micros(w.GetEndTime().AsTime())))
	}
	answer := &journeyv1.GetJourneyResponse{Customer: name.Join("brands", brand, "customers", members[0])}
	if req.GetPageToken() == "" {
		if answer.Summary, err = s.summary(ctx, req, l); err != nil {
			return nil, err
		}
	}
	l.Where = append(l.Where, store.After(after))
	rows, err := s.store.List(ctx, l)
	if err != nil {
		return nil, err
	}
	for _, t := range rows {
		p, err := touchpointToProto(brand, t)
		if err != nil {
			return nil, err
		}
		answer.Touchpoints = append(answer.Touchpoints, p)
	}
	if fit := page.Fit(req, answer.Touchpoints); fit < len(rows) {
		answer.Touchpoints = answer.Touchpoints[:fit]
		answer.NextPageToken, err = page.Encode(req, store.Cursor{EventTime: rows[fit-1].EventTime, ID: rows[fit-1].ID})
	}
	if answer.GetSummary() != nil && len(answer.GetTouchpoints()) > 0 {
		answer.Summary.FirstTouch = answer.GetTouchpoints()[0]
	}
	return answer, err
}

// summary returns what the touchpoints that l picks amount to.
func (s *Server) summary(ctx context.Context, req *journeyv1.GetJourneyRequest, l store.Listing) (*journeyv1.JourneySummary, error) {
	now := s.now()
	trace := plan.NewTrace(soon)
	if req.GetSwitchWindow() != nil {
		trace = plan.NewTrace(req.GetSwitchWindow().AsDuration())
	}
	if err := s.store.Steps(ctx, l, trace.Add); err != nil {
		return nil, err
	}
	if trace.Whole.Steps == 0 {
		if err := s.known(ctx, req.GetName(), l); err != nil {
			return nil, err
		}
	}
	summary := &journeyv1.JourneySummary{
		Expectations: expectations(trace.Whole.Expectations), TouchpointCount: trace.Whole.Steps, ServiceTouchpointCount: trace.Whole.Service,
		ServiceShare:       measure.Estimate(stats.Wilson(trace.Whole.Service, trace.Whole.Steps), typev1.Unit_UNIT_RATIO),
		ChannelSwitchCount: trace.Switches, TicketChannelSwitchCount: trace.TicketSwitches, Stage: trace.Stage,
		Basis: &typev1.Basis{
			Window: req.GetWindow(), ReadTime: timestamppb.New(now), Included: trace.Whole.Steps, Sources: []string{source},
		},
	}
	for stage := typev1.Stage_STAGE_AWARENESS; stage <= typev1.Stage_STAGE_ADVOCACY; stage++ {
		summary.Stages = append(summary.Stages, stageSummary(stage, trace))
	}
	return summary, s.expected(ctx, req, trace, summary)
}

// known refuses a customer of whom there is no touchpoint at any time.
func (s *Server) known(ctx context.Context, n string, l store.Listing) error {
	l.Where, l.Limit = nil, 1
	rows, err := s.store.List(ctx, l)
	if err == nil && len(rows) == 0 {
		err = fault.NotFound(n)
	}
	return err
}

func stageSummary(stage typev1.Stage, trace *plan.Trace) *journeyv1.StageSummary {
	c := trace.Stages[stage]
	p := &journeyv1.StageSummary{
		Stage: stage, TouchpointCount: c.Steps, ServiceTouchpointCount: c.Service, Expectations: expectations(c.Expectations),
		Channels: slices.Sorted(maps.Keys(trace.Channels[stage])),
	}
	if c.Steps > 0 {
		p.FirstEventTime, p.LastEventTime = stamp(c.First), stamp(c.Last)
	}
	return p
}

// expected completes summary with how the journey compares with what the map and its
// industry profile say.
func (s *Server) expected(ctx context.Context, req *journeyv1.GetJourneyRequest, trace *plan.Trace, summary *journeyv1.JourneySummary) error {
	n := cmp.Or(req.GetJourneyMap(), mapName(name.Brand(req.GetName()), plan.DefaultMap))
	m, err := s.maps().row(ctx, n)
	if err != nil {
		return err
	}
	summary.TargetEmotion = m.TargetEmotion
	if trace.Decided {
		summary.StepsToDecision = &trace.Steps
	}
	if m.IndustryProfile == "" {
		return nil
	}
	row, err := store.One(s.store.Reader(ctx), store.IndustryProfiles, m.Brand, m.IndustryProfile)
	if errors.Is(err, store.ErrNotFound) { // it was deleted since
		return nil
	}
	if err != nil {
		return err
	}
	if trace.Decided {
		summary.StepsExpectation = row.Steps.Outcome(trace.Steps)
	}
	asOf := sqldb.Micros(s.now())
	if w := req.GetWindow(); w != nil {
		asOf = min(asOf, sqldb.Micros(w.GetEndTime().AsTime()))
	}
	if converted, known := trace.Converted(row.ConversionWindow, asOf); known {
		summary.ConvertedInWindow = &converted
	}
	return nil
}
