package api

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// An inquiry says what is to be counted, and by what it is to be told apart.
type inquiry struct {
	brand            string
	of               rollup.Source
	window           almanac.Range // microseconds since 1970
	subjects         []int32       // none for all
	surveys          []string      // none for all
	channels, stages []int32       // none for all
	where            filter.Clause
	groups           []dimension // without the choice
	choice           bool        // groups are told by choice as well
	strata           []dimension
}

// A groupKey is the values of up to three dimensions, numbers as their digits.
type groupKey [3]string

// A count is how often something was seen.
type count struct {
	subject int32
	code    rollup.Code
	n       int64
	key     groupKey // of the group
	stratum groupKey

	survey, question, choice string // of the groups, where the inquiry is told by choice
}

// A counter takes counts. Those of the whole and of its groups come apart.
type counter interface {
	whole(c *count)
	group(c *count) error
}

// read counts what the inquiry asks for: from months and days where they are fresh,
// and the rest, and all that they do not know, row by row.
func (q *inquiry) read(snap *store.Snapshot, to counter) error {
	plan := almanac.Plan{Raw: []almanac.Range{q.window}}
	if q.rolled() {
		fresh, err := snap.Fresh(q.brand, q.of)
		if err != nil {
			return err
		}
		plan = fresh.NewPlan(q.window, q.counted())
	}
	for _, r := range plan.Months {
		if err := q.months(snap, r, to); err != nil {
			return err
		}
	}
	for _, r := range plan.Days {
		if err := q.days(snap, r, to); err != nil {
			return err
		}
	}
	for _, r := range plan.Raw {
		if err := q.raw(snap, r, to); err != nil {
			return err
		}
	}
	return nil
}

// rolled reports whether the roll-ups know what the inquiry is about.
func (q *inquiry) rolled() bool {
	return q.where.Text == "" && !slices.ContainsFunc(q.groups, func(d dimension) bool { return d.Attribute != "" })
}

// counted reports whether months are counted by what the inquiry is told apart by.
func (q *inquiry) counted() bool {
	_, whole := rollup.FamilyOf(q.of, q.wholeDims())
	_, groups := rollup.FamilyOf(q.of, q.groupDims())
	return whole && (groups || !q.grouped())
}

// grouped reports whether the source can be told by the groups.
func (q *inquiry) grouped() bool {
	if !q.choice && len(q.groups) == 0 {
		return false
	}
	return q.of == rollup.Answers ||
		!q.choice && !slices.ContainsFunc(q.groups, func(d dimension) bool { return d.Attribute != "" || d.Of.OfAnswers() })
}

// narrow returns the dimensions that about looks at.
func (q *inquiry) narrow() (set []rollup.Dim) {
	if len(q.channels) > 0 {
		set = append(set, rollup.Channel)
	}
	if len(q.stages) > 0 {
		set = append(set, rollup.Stage)
	}
	if len(q.surveys) > 0 {
		set = append(set, rollup.Survey)
	}
	return set
}

// wholeDims returns what the whole must be known by, and groupDims what its groups.
func (q *inquiry) wholeDims() []rollup.Dim {
	set := q.narrow()
	for _, d := range q.strata {
		set = append(set, d.Of)
	}
	return unique(set)
}

func (q *inquiry) groupDims() []rollup.Dim {
	set := q.wholeDims()
	for _, d := range q.groups {
		set = append(set, d.Of)
	}
	if q.choice {
		set = append(set, rollup.Survey, rollup.Question, rollup.Choice)
	}
	return unique(set)
}

func unique(set []rollup.Dim) []rollup.Dim {
	slices.Sort(set)
	return slices.Compact(set)
}

// about reports whether something is among what is asked about and, if not, whether
// that is for want of a channel or stage: code is then not 0.
func (q *inquiry) about(k *rollup.Keys) (ok bool, code rollup.Code) {
	channel, stage := k.Number(rollup.Channel), k.Number(rollup.Stage)
	switch {
	case len(q.subjects) > 0 && !slices.Contains(q.subjects, k.Number(rollup.Subject)),
		len(q.surveys) > 0 && !slices.Contains(q.surveys, k.Text(rollup.Survey)):
		return false, 0
	case len(q.channels) > 0 && channel == 0:
		return false, store.NoChannel
	case len(q.channels) > 0 && !slices.Contains(q.channels, channel):
		return false, 0
	case len(q.stages) > 0 && stage == 0:
		return false, store.NoStage
	}
	return len(q.stages) == 0 || slices.Contains(q.stages, stage), 0
}

// months counts from whole months: the whole from its own family.
func (q *inquiry) months(snap *store.Snapshot, months almanac.Range, to counter) error {
	var c count
	err := q.cells(snap, months, q.wholeDims(), func(k *rollup.Keys, counts []rollup.Count) error {
		return q.add(&c, k, counts, false, to)
	})
	if err != nil || !q.grouped() {
		return err
	}
	return q.cells(snap, months, q.groupDims(), func(k *rollup.Keys, counts []rollup.Count) error {
		return q.add(&c, k, counts, true, to)
	})
}

// cells visits the cells of the family that knows a set of dimensions.
func (q *inquiry) cells(snap *store.Snapshot, months almanac.Range, set []rollup.Dim, visit func(*rollup.Keys, []rollup.Count) error) error {
	number, _ := rollup.FamilyOf(q.of, set)
	family := rollup.Families(q.of)[number]
	return snap.Months(q.brand, q.of, number, months, func(p store.Part) error {
		var failed error
		err := rollup.EachCell(family, p.Bytes, func(k *rollup.Keys, counts []rollup.Count) {
			if failed == nil {
				failed = visit(k, counts)
			}
		})
		if err == nil {
			err = failed
		}
		return err
	})
}

// days counts from the pages of whole days.
func (q *inquiry) days(snap *store.Snapshot, days almanac.Range, to counter) error {
	whole, groups := rollup.NewTeller(q.wholeDims()), rollup.NewTeller(q.groupDims())
	var (
		c      count
		failed error
	)
	told, toldGroups := func(k *rollup.Keys, counts []rollup.Count) {
		if failed == nil {
			failed = q.add(&c, k, counts, false, to)
		}
	}, func(k *rollup.Keys, counts []rollup.Count) {
		if failed == nil {
			failed = q.add(&c, k, counts, true, to)
		}
	}
	grouped := q.grouped()
	return snap.Days(q.brand, q.of, days, func(p store.Part) error {
		err := rollup.Unpack(p.Bytes, func(r *rollup.Record) {
			if r.At < q.window.From || r.At >= q.window.To {
				return
			}
			whole.Each(r, told)
			if grouped {
				groups.Each(r, toldGroups)
			}
		})
		return cmp.Or(err, failed)
	})
}

// add adds what was counted of some keys. It uses c for that.
func (q *inquiry) add(c *count, k *rollup.Keys, counts []rollup.Count, group bool, to counter) error {
	ok, unplaced := q.about(k)
	if !ok && (unplaced == 0 || group) {
		return nil
	}
	*c = count{subject: k.Number(rollup.Subject), stratum: keysOf(q.strata, k)}
	if group {
		c.key = keysOf(q.groups, k)
		if q.choice {
			c.survey, c.question, c.choice = k.Text(rollup.Survey), k.Text(rollup.Question), k.Text(rollup.Choice)
		}
	}
	for _, n := range counts {
		c.code, c.n = n.Code, n.N
		switch {
		case group:
			if err := to.group(c); err != nil {
				return err
			}
		case ok:
			to.whole(c)
		case n.Code == rollup.Responses:
			c.code = unplaced
			to.whole(c)
		}
	}
	return nil
}

func keysOf(set []dimension, k *rollup.Keys) (key groupKey) {
	for i, d := range set {
		if d.Of.IsText() {
			key[i] = k.Text(d.Of)
		} else {
			key[i] = strconv.Itoa(int(k.Number(d.Of)))
		}
	}
	return key
}

// raw counts the rows.
func (q *inquiry) raw(snap *store.Snapshot, window almanac.Range, to counter) error {
	by := store.Breakdown{Choice: q.choice}
	for _, d := range q.groups {
		by.Groups = append(by.Groups, d.Dimension)
	}
	for _, d := range q.strata {
		by.Strata = append(by.Strata, d.Of)
	}
	return snap.Tally(q.selection(window), by, func(t *store.Tally) error {
		c := count{subject: t.Subject, code: t.Code, n: t.N, survey: t.Survey, question: t.Question, choice: t.Choice}
		copy(c.stratum[:], t.Strata)
		if t.Whole {
			to.whole(&c)
		}
		if !t.Group || !q.grouped() {
			return nil
		}
		copy(c.key[:], t.Keys)
		return to.group(&c)
	})
}

// selection picks what is asked about of a window.
func (q *inquiry) selection(window almanac.Range) store.Selection {
	return store.Selection{
		Brand: q.brand, Of: q.of, Window: window, Subjects: q.subjects, Surveys: q.surveys, Channels: q.channels, Stages: q.stages, Where: q.where,
	}
}
