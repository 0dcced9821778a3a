package api

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/insight"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// QueryExperienceMetrics implements InsightService.
func (s *Server) QueryExperienceMetrics(ctx context.Context, req *journeyv1.QueryExperienceMetricsRequest) (*journeyv1.QueryExperienceMetricsResponse, error) {
	brand := name.Brand(req.GetParent())
	q, err := s.newQuery(ctx, brand, req)
	if err != nil {
		return nil, err
	}
	now := s.now()
	answer := &journeyv1.QueryExperienceMetricsResponse{Basis: &typev1.Basis{
		Population: req.GetPopulation(), ReadTime: timestamppb.New(now),
		ScoringModelRevision: modelName(brand, q.model.Revision), Sources: []string{source},
	}}
	err = s.store.Snapshot(ctx, func(snap *store.Snapshot) error {
		window, err := windowOf(ctx, snap, brand, req.GetWindow())
		if err != nil || window == nil {
			return err
		}
		answer.Basis.Window, answer.Basis.AsOfTime = window, window.GetEndTime()
		q.start, q.end = sqldb.Micros(window.GetStartTime().AsTime()), sqldb.Micros(window.GetEndTime().AsTime())
		return q.run(ctx, snap)
	})
	if err != nil {
		return nil, err
	}
	tell := insight.TellingOf(req.GetWordOfMouth())
	answer.Basis.Included = q.all.Touchpoints()
	answer.Measures, answer.Nesting = q.all.Measures(q.end, tell), q.all.Nesting()
	for _, g := range q.groups {
		if g.Touchpoints() > 0 {
			answer.Groups = append(answer.Groups, &typev1.MeasureGroup{Keys: g.keys, Measures: g.Measures(q.end, tell)})
		}
	}
	measure.Sort(answer.Groups)
	q.parts.fill(answer, q, tell, sqldb.Micros(now))
	if q.parts.emotions != nil {
		m, err := s.maps().row(ctx, mapName(brand, plan.DefaultMap))
		if err != nil {
			return nil, err
		}
		answer.EmotionGap = q.parts.emotions.Gap(m.TargetEmotion)
	}
	return answer, s.nameOwners(ctx, brand, answer.GetTouchpoints(), q.parts.definitions)
}

// nameOwners says of each definition what the plan says of it.
func (s *Server) nameOwners(ctx context.Context, brand string, health []*journeyv1.TouchpointHealth, ids []string) error {
	if len(health) == 0 {
		return nil
	}
	definitions, err := s.definitionsByID(ctx, brand)
	for i, p := range health {
		d := definitions[ids[i]]
		p.TouchpointDefinition = definitionName(brand, ids[i])
		p.FunctionOwner, p.ControlLevel, p.IsService = d.Owner, d.Control, d.Service
	}
	return err
}

// windowOf returns the window that was asked for, else the span of the brand's
// data, else nil.
func windowOf(ctx context.Context, snap *store.Snapshot, brand string, asked *typev1.Window) (*typev1.Window, error) {
	if asked != nil {
		return asked, nil
	}
	first, last, ok, err := snap.Span(ctx, brand)
	if err != nil || !ok {
		return nil, err
	}
	return measure.Window(sqldb.Time(first), sqldb.Time(last+1)), nil
}

// GetDataSpan implements InsightService.
func (s *Server) GetDataSpan(ctx context.Context, req *journeyv1.GetDataSpanRequest) (*journeyv1.GetDataSpanResponse, error) {
	answer := &journeyv1.GetDataSpanResponse{}
	err := s.store.Snapshot(ctx, func(snap *store.Snapshot) (err error) {
		answer.Window, err = windowOf(ctx, snap, name.Brand(req.GetParent()), nil)
		return err
	})
	return answer, err
}

// parts are what is asked for beyond the measures. Those nobody asks for are nil.
type parts struct {
	asked       []journeyv1.Section
	emotions    *insight.Emotions
	health      *insight.Health
	contact     *insight.Contact
	definitions []string // of the health in the answer
}

func (p *parts) has(section journeyv1.Section) bool { return slices.Contains(p.asked, section) }

func partsOf(req *journeyv1.QueryExperienceMetricsRequest) parts {
	p := parts{asked: req.GetSections()}
	if p.has(journeyv1.Section_SECTION_EMOTIONS) {
		p.emotions = &insight.Emotions{}
	}
	if p.has(journeyv1.Section_SECTION_TOUCHPOINTS) {
		rule := insight.Broken{Threshold: brokenThreshold, Minimum: brokenMinimum}
		if req.BrokenThreshold != nil {
			rule.Threshold = req.GetBrokenThreshold()
		}
		if req.GetBrokenMinimum() != 0 {
			rule.Minimum = req.GetBrokenMinimum()
		}
		p.health = insight.NewHealth(rule)
	}
	if p.has(journeyv1.Section_SECTION_CONTACT) {
		horizon := contactHorizon
		if req.GetContactHorizon() != nil {
			horizon = req.GetContactHorizon().AsDuration()
		}
		p.contact = insight.NewContact(horizon)
	}
	return p
}

// fill puts the parts into the answer.
func (p *parts) fill(answer *journeyv1.QueryExperienceMetricsResponse, q *query, tell insight.Telling, now int64) {
	if p.has(journeyv1.Section_SECTION_EXPECTATIONS) {
		answer.Expectations = q.all.Split()
	}
	if p.emotions != nil {
		answer.Emotions = p.emotions.Shares()
	}
	if p.has(journeyv1.Section_SECTION_STAGES) {
		answer.Stages = q.all.Stages(q.end)
	}
	if p.has(journeyv1.Section_SECTION_WORD_OF_MOUTH) {
		answer.WordOfMouth = q.all.WordOfMouth(tell)
	}
	if p.health != nil {
		p.definitions, answer.Touchpoints = p.health.Report()
	}
	if p.contact != nil {
		answer.ContactAfterUnmet = p.contact.Report(now)
	}
}
