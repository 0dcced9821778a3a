package api

import (
	"context"
	"fmt"
	"slices"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/ticket/internal/deflection"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
	"github.com/concentric-cx/concentric/services/ticket/internal/tally"
)

// A groupKey is the values of up to three dimensions.
type groupKey struct {
	rollup.Keys
	attributes [3]string // by the place of the dimension
}

// A total is what an answer has read about a group so far.
type total struct {
	cell     rollup.Cell // of single tickets
	parts    [][]byte    // of cells rolled up
	backlog  int64
	sessions tally.Sessions
}

// An answer adds tickets up as a whole and by group.
type answer struct {
	question
	choice tally.Choice
	set    []rollup.Dim // of groupBy, without attributes
	many   int64        // from more tickets on months are read as one
	coarse bool         // waits are sketches, as those of months are
	whole  *total
	groups map[groupKey]*total
}

func newAnswer(q question, choice tally.Choice) *answer {
	a := &answer{question: q, choice: choice, many: stats.MaxExact, whole: &total{}, groups: map[groupKey]*total{}}
	for _, d := range q.groupBy {
		if d.attribute == "" {
			a.set = append(a.set, d.of)
		}
	}
	return a
}

// group returns the total of a group.
func (a *answer) group(key groupKey) (*total, error) {
	g, ok := a.groups[key]
	if !ok {
		if len(a.groups) == fault.MaxGroups {
			return nil, fault.TooManyGroups()
		}
		g = &total{}
		a.groups[key] = g
	}
	return g, nil
}

// key returns the group of a ticket. Values are those of the attributes.
func (a *answer) key(keys *rollup.Keys, values []string) (groupKey, error) {
	key := groupKey{Keys: keys.Only(a.set)}
	for i, d := range a.groupBy {
		if d.attribute != "" {
			v, err := attributeOf(values[0], d.attribute)
			if err != nil {
				return key, fmt.Errorf("read attributes: %w", err)
			}
			key.attributes[i] = v
		}
	}
	return key, nil
}

// add counts a ticket of the window.
func (a *answer) add(t *rollup.Ticket, values []string) error {
	a.whole.cell.Add(t)
	if len(a.groupBy) == 0 {
		return nil
	}
	key, err := a.key(&t.Keys, values)
	if err != nil {
		return err
	}
	g, err := a.group(key)
	if err == nil {
		g.cell.Add(t)
	}
	return err
}

// sum puts together what was read about a group.
func (a *answer) sum(t *total) (tally.Sum, error) {
	cell := &t.cell
	for _, part := range t.parts {
		if err := cell.MergeBytes(part); err != nil {
			return tally.Sum{}, err
		}
	}
	if a.coarse {
		cell.Coarsen()
	}
	cell.Counts[rollup.Backlog] = t.backlog
	return tally.Sum{Cell: cell, Sessions: t.sessions}, nil
}

// measures returns the groups in ascending order of their keys. What it has measured
// it lets go.
func (a *answer) measures() ([]*typev1.MeasureGroup, error) {
	var all []*typev1.MeasureGroup
	for key, t := range a.groups {
		sum, err := a.sum(t)
		if err != nil {
			return nil, err
		}
		g := &typev1.MeasureGroup{Measures: sum.Measures(a.choice)}
		for i, d := range a.groupBy {
			value := key.attributes[i]
			if d.attribute == "" {
				value = d.value(a.brand, &key.Keys)
			}
			g.Keys = append(g.Keys, &typev1.GroupKey{Dimension: d.name, Value: value})
		}
		all = append(all, g)
		delete(a.groups, key)
	}
	measure.Sort(all)
	return all, nil
}

// ofSessions are the dimensions that self-service sessions have as well. In others
// they have no value.
var ofSessions = []rollup.Dim{rollup.Channel, rollup.IssueKind, rollup.Stage, rollup.Phase}

// countSessions counts the self-service sessions of the window, unless the question is
// about tickets that match a filter or are a partner's.
func (s *Server) countSessions(ctx context.Context, a *answer) error {
	wanted := slices.ContainsFunc([]typev1.Metric{
		typev1.Metric_METRIC_SELF_SERVICE_SESSION_COUNT, typev1.Metric_METRIC_DEFLECTION_CONFIRMED_SHARE,
		typev1.Metric_METRIC_DEFLECTION_IMPLIED_SHARE, typev1.Metric_METRIC_DEFLECTION_FALSE_SHARE,
	}, a.choice.Has)
	if !wanted || a.where.Text != "" || a.partner != "" {
		return nil
	}
	f := store.DeflectionFilter{
		Brand: a.brand, Start: sqldb.Time(a.window.From), End: sqldb.Time(a.window.To), Now: a.now,
		Channels: a.channels, Stages: a.stages,
	}
	var set []rollup.Dim
	for _, d := range a.groupBy {
		if d.attribute == "" && slices.Contains(ofSessions, d.of) {
			f.GroupBy, set = append(f.GroupBy, d.name), append(set, d.of)
		}
	}
	counted, err := s.Store.Deflections(ctx, f)
	if err != nil {
		return err
	}
	for _, c := range counted {
		a.whole.add(c.Counts)
		if len(a.groupBy) == 0 {
			continue
		}
		var key groupKey
		for i, d := range set {
			key.Numbers[d] = c.Values[i]
		}
		g, err := a.group(key)
		if err != nil {
			return err
		}
		g.add(c.Counts)
	}
	return nil
}

// add counts sessions.
func (t *total) add(counts map[deflection.Sort]int64) {
	t.sessions.Confirmed += counts[deflection.Confirmed]
	t.sessions.Implied += counts[deflection.Implied]
	t.sessions.False += counts[deflection.False]
	t.sessions.GivenUp += counts[deflection.None]
	t.sessions.Pending += counts[deflection.Pending]
	t.sessions.Unknown += counts[deflection.Unknown]
}
