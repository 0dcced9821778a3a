package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
	"github.com/concentric-cx/concentric/services/ticket/internal/tally"
)

// The sorts of contact, and how many problems and causes are told of each.
var painKeys = []rollup.Dim{rollup.IssueKind, rollup.IssueType, rollup.Stage, rollup.Phase}

const (
	painPage   = 20
	painCauses = 3
)

// A pain is one sort of contact.
type pain struct {
	rollup.Keys
	n, failed, avoidable int64
	before               int64 // tickets of the window of the same length before
	resolution           stats.Durations
	share                stats.Estimate // of those that failed
}

// A painCursor is the rank of the last pain point told.
type painCursor struct {
	Rank int `json:"r"`
}

// ListPainPoints implements ServiceMetricsService.
func (s *Server) ListPainPoints(ctx context.Context, req *ticketv1.ListPainPointsRequest) (*ticketv1.ListPainPointsResponse, error) {
	var after painCursor
	if err := page.Decode(req, &after); err != nil {
		return nil, err
	}
	q, basis, err := s.question(ctx, req)
	if err != nil || basis.GetWindow() == nil {
		return &ticketv1.ListPainPointsResponse{Basis: basis}, err
	}
	resp := &ticketv1.ListPainPointsResponse{Basis: basis}
	size := painPage
	if req.GetPageSize() > 0 {
		size = page.Size(req)
	}
	err = s.Store.Snapshot(ctx, func(snap *store.Snapshot) error {
		pains, total, err := q.pains(snap)
		if err != nil {
			return err
		}
		basis.Included = total
		pains = pains[min(after.Rank, len(pains)):]
		if len(pains) > size {
			pains = pains[:size]
			if resp.NextPageToken, err = page.Encode(req, painCursor{after.Rank + size}); err != nil {
				return err
			}
		}
		for _, p := range pains {
			resp.PainPoints = append(resp.PainPoints, p.proto(q.brand, total))
		}
		return q.explainPains(snap, pains, resp.PainPoints)
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// pains returns the sorts of contact of the window, the worst first, and the number
// of its tickets.
func (q question) pains(snap *store.Snapshot) (pains []*pain, total int64, err error) {
	all := map[rollup.Keys]*pain{}
	err = q.tickets(snap, func(t *rollup.Ticket, _ []string) error {
		key := t.Only(painKeys)
		p, ok := all[key]
		if !ok {
			if len(all) == fault.MaxGroups {
				return fault.TooManyGroups()
			}
			p = &pain{Keys: key}
			all[key] = p
		}
		total++
		p.add(t)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	before := q
	before.window = almanac.Range{From: 2*q.window.From - q.window.To, To: q.window.From}
	err = before.tickets(snap, func(t *rollup.Ticket, _ []string) error {
		if p := all[t.Only(painKeys)]; p != nil {
			p.before++
		}
		return nil
	})
	for _, p := range all {
		p.share = stats.Wilson(p.failed, p.n)
		pains = append(pains, p)
	}
	slices.SortFunc(pains, func(a, b *pain) int {
		return cmp.Or(cmp.Compare(b.share.Lower*float64(b.n), a.share.Lower*float64(a.n)), cmp.Compare(b.n, a.n), a.Compare(b.Keys))
	})
	return pains, total, err
}

func (p *pain) add(t *rollup.Ticket) {
	p.n++
	if t.Failed() {
		p.failed++
	}
	if t.Has(rollup.Avoidable) {
		p.avoidable++
	}
	if t.Resolved() && t.Resolution >= 0 {
		p.resolution.Add(time.Duration(t.Resolution) * time.Microsecond)
	}
}

func (p *pain) proto(brand string, total int64) *ticketv1.PainPoint {
	const ratio = typev1.Unit_UNIT_RATIO
	return &ticketv1.PainPoint{
		IssueKind:      ticketv1.Ticket_IssueKind(p.Number(rollup.IssueKind)),
		IssueType:      ref(brand, "issueTypes", p.Text(rollup.IssueType)),
		Stage:          typev1.Stage(p.Number(rollup.Stage)),
		Phase:          typev1.Phase(p.Number(rollup.Phase)),
		TicketCount:    p.n,
		FailedCount:    p.failed,
		Share:          measure.Estimate(stats.Wilson(p.n, total), ratio),
		FailedShare:    measure.Estimate(p.share, ratio),
		AvoidableShare: measure.Estimate(stats.Wilson(p.avoidable, p.n), ratio),
		ResolutionTime: tally.Seconds(p.resolution.Quantile(.5)),
		Trend: measure.Estimate(stats.Ratio(
			stats.Rate{Events: p.n, Exposure: 1}, stats.Rate{Events: p.before, Exposure: 1}), ratio),
	}
}

// explainPains adds the problems and causes that most tickets of each name.
func (q *question) explainPains(snap *store.Snapshot, pains []*pain, into []*ticketv1.PainPoint) error {
	type named struct {
		keys rollup.Keys
		name string
	}
	for _, what := range []struct {
		column store.Reason
		name   func(id string) string
		put    func(*ticketv1.PainPoint, []string)
	}{
		{
			store.ByProblem, func(id string) string { return ref(q.brand, "problems", id) },
			func(p *ticketv1.PainPoint, names []string) { p.Problems = names },
		},
		{store.ByCause, definition, func(p *ticketv1.PainPoint, names []string) { p.Causes = names }},
	} {
		counts := map[named]int64{}
		err := snap.Reasons(q.brand, q.window, what.column, func(k *rollup.Keys, id string, n int64) {
			if q.about(k) {
				counts[named{k.Only(painKeys), what.name(id)}] += n
			}
		})
		if err != nil {
			return err
		}
		of := map[rollup.Keys][]named{}
		for k := range counts {
			of[k.keys] = append(of[k.keys], k)
		}
		for i, p := range pains {
			most := of[p.Keys]
			slices.SortFunc(most, func(a, b named) int {
				return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a.name, b.name))
			})
			var names []string
			for _, one := range most[:min(len(most), painCauses)] {
				names = append(names, one.name)
			}
			what.put(into[i], names)
		}
	}
	return nil
}

// definition returns what the id of a touchpoint begins with, up to its last dash:
// the id of its definition, where it was made that way.
func definition(touchpoint string) string {
	if i := strings.LastIndexByte(touchpoint, '-'); i > 0 {
		return touchpoint[:i]
	}
	return touchpoint
}
