package rollup

import (
	"slices"

	"github.com/concentric-cx/concentric/services/internal/pack"
)

// Families returns the combinations of dimensions that months are counted by: each
// dimension alone and with channel and stage, from few dimensions to many. The place
// of a family is its number in the store.
func Families() [][]Dim {
	all := [][]Dim{{}}
	for d := range dims {
		all = append(all, []Dim{d})
	}
	all = append(all, []Dim{Channel, Stage})
	for d := range dims {
		if d != Channel && d != Stage {
			all = append(all, []Dim{Channel, Stage, d})
		}
	}
	return all
}

// FamilyOf returns the number of the smallest family that knows all of set, or
// false if there is none.
func FamilyOf(set []Dim) (int, bool) {
	i := slices.IndexFunc(Families(), func(family []Dim) bool {
		return !slices.ContainsFunc(set, func(d Dim) bool { return !slices.Contains(family, d) })
	})
	return i, i >= 0
}

// A Month counts the tickets opened in one month by every family.
type Month struct {
	families [][]Dim
	cells    []map[Keys]*Cell
}

// NewMonth returns a month without tickets.
func NewMonth() *Month {
	m := &Month{families: Families()}
	for range m.families {
		m.cells = append(m.cells, map[Keys]*Cell{})
	}
	return m
}

// Add counts t.
func (m *Month) Add(t *Ticket) {
	for i, family := range m.families {
		key := t.Only(family)
		cell := m.cells[i][key]
		if cell == nil {
			cell = new(Cell)
			m.cells[i][key] = cell
		}
		cell.Add(t)
	}
}

// Encode returns the bytes of each family.
func (m *Month) Encode() [][]byte {
	all := make([][]byte, len(m.families))
	for i, cells := range m.cells {
		var row, one writer
		for _, key := range sorted(cells) {
			row.keys(&key)
			one.Data = one.Data[:0]
			cells[key].append(&one)
			row.Bytes(one.Data)
		}
		all[i] = row.Data
	}
	return all
}

// EachCell calls visit with the cells of an encoded family, for [Cell.MergeBytes].
func EachCell(row []byte, visit func(Keys, []byte)) error {
	r := newReader(row)
	for len(r.Data) > 0 {
		var key Keys
		r.keys(&key)
		cell := r.Bytes()
		if r.Err() != nil {
			return pack.ErrBytes
		}
		visit(key, cell)
	}
	return r.Err()
}

func sorted[V any](m map[Keys]V) []Keys {
	all := make([]Keys, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.SortFunc(all, Keys.Compare)
	return all
}
