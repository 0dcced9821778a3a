package api

import (
	"cmp"
	"context"
	"slices"
	"strings"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// GetResponseFunnel implements SurveyMetricsService. Duplicates are excluded: their
// occasion was decided on before. The channel is the one customers would be asked on.
func (s *Server) GetResponseFunnel(ctx context.Context, req *surveyv1.GetResponseFunnelRequest) (*surveyv1.GetResponseFunnelResponse, error) {
	a := asking{brand: name.ID(req.GetParent()), window: req.GetWindow(), surveys: req.GetSurveys()}
	read := s.now()
	if _, err := s.surveysOf(ctx, a); err != nil {
		return nil, err
	}
	if a.window == nil {
		var err error
		if a.window, err = s.span(ctx, a.brand, rollup.Invitations); err != nil {
			return nil, err
		}
	}
	f := &funnel{all: map[typev1.Subject]*steps{}, groups: map[funnelKey]*steps{}}
	var by []dimension
	for _, d := range req.GetGroupBy() {
		by = append(by, newDimension(d))
	}
	if a.window != nil {
		q := a.inquiry()
		q.of, q.groups = rollup.Invitations, by
		if err := s.Store.Snapshot(ctx, func(snap *store.Snapshot) error { return q.read(snap, f) }); err != nil {
			return nil, err
		}
	}
	resp := &surveyv1.GetResponseFunnelResponse{
		Basis: &typev1.Basis{Window: a.window, ReadTime: timestamp(read), Sources: []string{"survey"}, Excluded: measure.Exclusions(
			map[string]int64{"DUPLICATE": f.duplicates},
		)},
	}
	for subject, n := range f.all {
		resp.Basis.Included += n.eligible()
		resp.Funnels = append(resp.Funnels, n.funnel(subject))
	}
	for key, n := range f.groups {
		one := n.funnel(key.subject)
		one.Keys = keys(a.brand, by, key.groupKey)
		resp.Groups = append(resp.Groups, one)
	}
	sortFunnels(resp.GetFunnels())
	sortFunnels(resp.GetGroups())
	return resp, nil
}

func sortFunnels(all []*surveyv1.ResponseFunnel) {
	slices.SortFunc(all, func(a, b *surveyv1.ResponseFunnel) int {
		return cmp.Or(cmp.Compare(measure.Key(a.GetKeys()), measure.Key(b.GetKeys())), cmp.Compare(a.GetSubject(), b.GetSubject()))
	})
}

// A funnel adds up decisions.
type funnel struct {
	all        map[typev1.Subject]*steps
	groups     map[funnelKey]*steps
	duplicates int64
}

type funnelKey struct {
	groupKey
	subject typev1.Subject
}

// steps count decisions not to ask by their number, and invitations by how far they
// came.
type steps struct {
	notAsked map[surveyv1.Invitation_Decision]int64
	reached  [rollup.Completed + 1]int64
	turnout
}

func (f *funnel) whole(c *count) {
	if d, _ := c.code.Decision(); d.Number == int32(surveyv1.Invitation_DECISION_DUPLICATE) {
		f.duplicates += c.n
		return
	}
	addStep(f.all, toSubject(c.subject), c)
}

func (f *funnel) group(c *count) error {
	if d, _ := c.code.Decision(); d.Number == int32(surveyv1.Invitation_DECISION_DUPLICATE) {
		return nil
	}
	addStep(f.groups, funnelKey{c.key, toSubject(c.subject)}, c)
	if len(f.groups) > fault.MaxGroups {
		return fault.TooManyGroups()
	}
	return nil
}

// addStep adds a decision to the steps of a key.
func addStep[K comparable](all map[K]*steps, key K, c *count) {
	if all[key] == nil {
		all[key] = &steps{notAsked: map[surveyv1.Invitation_Decision]int64{}}
	}
	d, _ := c.code.Decision()
	decision := surveyv1.Invitation_Decision(d.Number)
	if decision != surveyv1.Invitation_DECISION_SENT {
		all[key].notAsked[decision] += c.n
		return
	}
	all[key].reached[d.Depth] += c.n
	all[key].invite(d, c.n)
}

// from returns how many came at least so far.
func (s *steps) from(d rollup.Depth) (n int64) {
	for _, reached := range s.reached[d:] {
		n += reached
	}
	return n
}

func (s *steps) eligible() int64 {
	n := s.from(rollup.Invited)
	for _, count := range s.notAsked {
		n += count
	}
	return n
}

func (s *steps) funnel(subject typev1.Subject) *surveyv1.ResponseFunnel {
	reasons := map[string]int64{}
	for d, n := range s.notAsked {
		reasons[strings.TrimPrefix(d.String(), "DECISION_")] = n
	}
	return &surveyv1.ResponseFunnel{
		Subject: subject, Eligible: s.eligible(), Invited: s.invited, Delivered: s.from(rollup.Delivered),
		Displayed: s.from(rollup.Displayed), Started: s.from(rollup.Started), Completed: s.completed,
		ResponseRate: measure.Estimate(s.rate(), typev1.Unit_UNIT_RATIO), NotAsked: measure.Exclusions(reasons),
	}
}
