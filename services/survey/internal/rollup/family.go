package rollup

import (
	"maps"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/pack"
)

// Families returns the combinations of dimensions that months of a source are counted
// by, beside the subject: each dimension alone, with the survey, and with channel and
// stage, from few dimensions to many. The place of a family is its number in the store.
func Families(of Source) [][]Dim {
	single := []Dim{Channel, Stage, Survey, Phase, Partner, Team, Agent, Language}
	if of == Invitations {
		single = append(single, Origin, Rule)
	} else {
		single = append(single, Question, Definition)
	}
	all := [][]Dim{{}}
	for _, d := range single {
		all = append(all, []Dim{d})
	}
	all = append(all, []Dim{Channel, Stage})
	for _, d := range single {
		if d != Survey {
			all = append(all, []Dim{Survey, d})
		}
	}
	if of == Answers {
		all = append(all, []Dim{Survey, Question, Choice})
	}
	for _, d := range single {
		if d != Channel && d != Stage {
			all = append(all, []Dim{Channel, Stage, d})
		}
	}
	return all
}

// FamilyOf returns the number of the smallest family of a source that knows all of
// set, or false if there is none. One that knows choices counts nothing else.
func FamilyOf(of Source, set []Dim) (int, bool) {
	i := slices.IndexFunc(Families(of), func(family []Dim) bool {
		return slices.Contains(family, Choice) == slices.Contains(set, Choice) &&
			!slices.ContainsFunc(set, func(d Dim) bool { return !slices.Contains(family, d) })
	})
	return i, i >= 0
}

// A Month counts the observations of one month by every family.
type Month struct {
	families [][]Dim
	tellers  []*Teller
	cells    []map[Keys]cell
}

// A cell counts by codes.
type cell map[Code]int64

// NewMonth returns a month without observations.
func NewMonth(of Source) *Month {
	m := &Month{families: Families(of)}
	for _, family := range m.families {
		m.tellers = append(m.tellers, NewTeller(family))
		m.cells = append(m.cells, map[Keys]cell{})
	}
	return m
}

// Add counts r.
func (m *Month) Add(r *Record) {
	for i, teller := range m.tellers {
		cells := m.cells[i]
		teller.Each(r, func(k *Keys, counts []Count) {
			one := cells[*k]
			if one == nil {
				one = cell{}
				cells[*k] = one
			}
			for _, c := range counts {
				one[c.Code] += c.N
			}
		})
	}
}

// Encode returns the bytes of each family.
func (m *Month) Encode() [][]byte {
	all := make([][]byte, len(m.families))
	for i, cells := range m.cells {
		var w writer
		for _, k := range slices.SortedFunc(maps.Keys(cells), Keys.Compare) {
			w.keys(&k, m.families[i])
			w.Number(uint64(len(cells[k])))
			last := Code(0)
			for _, c := range slices.Sorted(maps.Keys(cells[k])) {
				w.Number(uint64(c - last))
				last = c
				w.Number(uint64(cells[k][c])) //nolint:gosec // a count
			}
		}
		all[i] = w.Data
	}
	return all
}

// EachCell calls visit with the cells of an encoded family. Both are valid until
// visit returns.
func EachCell(family []Dim, row []byte, visit func(*Keys, []Count)) error {
	r := newReader(row)
	var (
		key    Keys
		counts []Count
	)
	for len(r.Data) > 0 {
		r.keys(&key, family)
		last := Code(0)
		counts = counts[:0]
		for range r.Count() {
			last += Code(r.Number())                                //nolint:gosec // it was one
			counts = append(counts, Count{last, int64(r.Number())}) //nolint:gosec // it was one
		}
		if r.Err() != nil {
			return pack.ErrBytes
		}
		visit(&key, counts)
	}
	return r.Err()
}
