package api

import (
	"context"
	"slices"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
	"github.com/concentric-cx/concentric/services/ticket/internal/tally"
)

// What is compared if the request does not say, and what makes tickets alike.
var (
	usualContests = []typev1.Metric{
		typev1.Metric_METRIC_FIRST_CONTACT_RESOLUTION, typev1.Metric_METRIC_SLA_ATTAINMENT, typev1.Metric_METRIC_RESOLUTION_TIME_P90,
	}
	usualMix = []string{"channel", "issue_kind", "priority"}
)

// ComparePartners implements ServiceMetricsService.
func (s *Server) ComparePartners(ctx context.Context, req *ticketv1.ComparePartnersRequest) (*ticketv1.ComparePartnersResponse, error) {
	q, basis, err := s.question(ctx, req)
	if err != nil {
		return nil, err
	}
	mix := req.GetStandardizeBy()
	if len(mix) == 0 {
		mix = usualMix
	}
	var set []rollup.Dim
	for _, d := range mix {
		set = append(set, newDimension(d).of)
	}
	partners, err := s.compared(ctx, req.GetPartners())
	if err != nil {
		return nil, err
	}
	metrics := req.GetMetrics()
	if len(metrics) == 0 {
		metrics = usualContests
	}
	contests := make([]*tally.Contest, len(metrics))
	for i, m := range metrics {
		contests[i] = tally.NewContest(m, set, partners)
	}
	if basis.GetWindow() != nil {
		err = s.Store.Snapshot(ctx, func(snap *store.Snapshot) error {
			return q.tickets(snap, func(t *rollup.Ticket, _ []string) error {
				if len(partners) > 0 && !slices.Contains(partners, t.Text(rollup.Partner)) {
					return nil
				}
				basis.Included++
				for _, c := range contests {
					c.Add(t)
				}
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
	}
	resp := &ticketv1.ComparePartnersResponse{Basis: basis}
	for _, c := range contests {
		resp.Comparisons = append(resp.Comparisons, withNames(q.brand, c.Comparison()))
	}
	return resp, nil
}

// compared returns the ids to compare: those named, which must be known, and the
// brand's own people; none for all.
func (s *Server) compared(ctx context.Context, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	ids := []string{""}
	for _, n := range names {
		if _, err := s.GetPartner(ctx, &ticketv1.GetPartnerRequest{Name: n}); err != nil {
			return nil, err
		}
		ids = append(ids, name.ID(n))
	}
	return ids, nil
}

// withNames puts names in place of the ids of a comparison.
func withNames(brand string, c *ticketv1.PartnerComparison) *ticketv1.PartnerComparison {
	for _, e := range c.GetEntries() {
		e.Partner = ref(brand, "partners", e.GetPartner())
	}
	for _, p := range c.GetPairs() {
		p.Partner, p.Other = ref(brand, "partners", p.GetPartner()), ref(brand, "partners", p.GetOther())
	}
	return c
}
