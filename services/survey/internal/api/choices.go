package api

import (
	"maps"
	"slices"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

// choices counts by question, and within by what was chosen and the stratum.
type choices map[asked]map[taken]int64

// asked is a choice question. A survey has one subject.
type asked struct {
	subject          typev1.Subject
	survey, question string
}

// taken is a choice of one stratum, or empty for all who answered.
type taken struct {
	choice  string
	stratum int
}

func (s choices) add(c *count, stratum int) {
	q := asked{toSubject(c.subject), c.survey, c.question}
	if s[q] == nil {
		s[q] = map[taken]int64{}
	}
	choice := c.choice
	if c.code != rollup.Taken {
		choice = ""
	}
	s[q][taken{choice, stratum}] += c.n
}

// byChoice returns, for each group of the other dimensions and each choice, the share
// of those who took it among those who answered a question where anybody did. Choices
// that nobody in the group took have a share of zero.
func (r *report) byChoice() ([]*typev1.MeasureGroup, error) {
	known := map[asked]map[string]bool{}
	for _, questions := range r.choices {
		for q, counts := range questions {
			for t := range counts {
				if t.choice == "" {
					continue
				}
				if known[q] == nil {
					known[q] = map[string]bool{}
				}
				known[q][t.choice] = true
			}
		}
	}
	var all []*typev1.MeasureGroup
	for key, questions := range r.choices {
		shares := questions.shares(known, r.strata)
		for _, choice := range slices.Sorted(maps.Keys(shares)) {
			if len(all) == fault.MaxGroups {
				return nil, fault.TooManyGroups()
			}
			at := slices.Insert(keys(r.brand, r.groupBy, key), r.choiceAt, &typev1.GroupKey{Dimension: "choice", Value: choice})
			all = append(all, &typev1.MeasureGroup{Keys: at, Measures: shares[choice]})
		}
	}
	measure.Sort(all)
	return all, nil
}

// shares returns the measures of each choice, by subject.
func (s choices) shares(known map[asked]map[string]bool, by *strata) map[string][]*typev1.Measure {
	type told struct {
		choice  string
		subject typev1.Subject
	}
	took := map[told]map[int]stats.Moments{} // by stratum
	for q, counts := range s {
		for choice := range known[q] {
			of := told{choice, q.subject}
			if took[of] == nil {
				took[of] = map[int]stats.Moments{}
			}
			for t, n := range counts {
				m := took[of][t.stratum]
				switch t.choice {
				case "":
					m.N += n
				case choice:
					m.Add(1, n)
					m.N -= n
				}
				took[of][t.stratum] = m
			}
		}
	}
	all := map[string][]*typev1.Measure{}
	for of, counts := range took {
		all[of.choice] = append(all[of.choice], &typev1.Measure{
			Metric: typev1.Metric_METRIC_CHOICE_SHARE, Subject: of.subject,
			Estimate: measure.Estimate(by.share(counts), typev1.Unit_UNIT_RATIO),
		})
	}
	for _, measures := range all {
		slices.SortFunc(measures, func(a, b *typev1.Measure) int { return int(a.GetSubject() - b.GetSubject()) })
	}
	return all
}
