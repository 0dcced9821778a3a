package store

import (
	"maps"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Recorded is what became of a touchpoint: stored now, or known before.
type Recorded struct {
	Touchpoint Touchpoint // as stored
	New        bool
}

// Record stores the touchpoints of a batch that the brand does not know yet and
// adds them to the sums. It answers each in its place.
//
// A touchpoint is known if its id is, or the event it came with. Where both were
// given and belong to two touchpoints, the event decides. A measure that came
// before its touchpoint is applied here.
func (s *Store) Record(tx *sqldb.Tx, brand string, batch []Touchpoint) ([]Recorded, error) {
	s.turn(tx)
	r := &recording{store: s, tx: tx, brand: brand, batch: slices.Clone(batch), repeats: map[int]string{}}
	r.distinct()
	for _, step := range []func() error{r.aliases, r.measures, r.touchpoints} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	sums := s.change()
	answer := make([]Recorded, len(batch))
	for i := range r.batch {
		if _, repeat := r.repeats[i]; !repeat {
			sums.add(&r.batch[i])
			answer[i] = Recorded{r.batch[i], true}
		}
	}
	s.save(tx, brand, sums)
	return answer, r.stored(answer)
}

// A recording is one call of Record on its way.
type recording struct {
	store   *Store
	tx      *sqldb.Tx
	brand   string
	batch   []Touchpoint
	fresh   []int          // positions in batch that may be new, ascending
	repeats map[int]string // positions that are not, and the id they are known by
}

// distinct finds the repeats within the batch: the first one counts.
func (r *recording) distinct() {
	first := make(map[string]bool, len(r.batch))
	for i, t := range r.batch {
		switch {
		case t.Alias != "" && first[t.Alias]:
			r.repeats[i] = t.Alias
		case first[t.ID]:
			r.repeats[i] = t.ID
		default:
			first[t.ID] = true
			if t.Alias != "" {
				first[t.Alias] = true
			}
			r.fresh = append(r.fresh, i)
		}
	}
}

func insertTouchpoint(rows int) string {
	return `INSERT INTO touchpoint (brand, same_as, ` + columns + `) VALUES ` + sqldb.Values(rows, width+2) + `
		ON CONFLICT (brand, id) DO NOTHING RETURNING id`
}

// aliases claims the events of touchpoints whose ids were chosen.
func (r *recording) aliases() error {
	var rows []Touchpoint
	var of []int
	for _, i := range r.fresh {
		if t := &r.batch[i]; t.Alias != "" {
			rows = append(rows, Touchpoint{ID: t.Alias, sameAs: t.ID, EventTime: never, RecordTime: t.RecordTime})
			of = append(of, i)
		}
	}
	claimed, err := r.insert(rows)
	if err != nil {
		return err
	}
	for n, i := range of {
		if !claimed[n] {
			r.repeats[i] = rows[n].ID
		}
	}
	r.fresh = slices.DeleteFunc(r.fresh, func(i int) bool { return r.repeats[i] != "" })
	return nil
}

// touchpoints stores those that are new.
func (r *recording) touchpoints() error {
	rows := make([]Touchpoint, len(r.fresh))
	for n, i := range r.fresh {
		rows[n] = r.batch[i]
	}
	stored, err := r.insert(rows)
	if err != nil {
		return err
	}
	for n, i := range r.fresh {
		if !stored[n] {
			r.repeats[i] = rows[n].ID
		}
	}
	return nil
}

// insert adds rows, whose ids differ, and says which of them were new.
func (r *recording) insert(rows []Touchpoint) ([]bool, error) {
	added := make([]bool, len(rows))
	err := r.store.insertTouchpoint.split(len(rows), func(statement string, from, to int) error {
		args := make([]any, 0, (width+2)*(to-from))
		for i := range rows[from:to] {
			t := &rows[from+i]
			args = t.values(append(args, r.brand, null(t.sameAs)))
		}
		result, err := r.tx.Query(statement, args...)
		if err != nil {
			return err
		}
		defer result.Close()
		at := from
		for result.Next() {
			var id string
			if err := result.Scan(&id); err != nil {
				return err
			}
			for rows[at].ID != id { // mostly the next one
				if at++; at == to {
					at = from
				}
			}
			added[at] = true
		}
		return result.Err()
	})
	return added, err
}

func selectStored(n int) string {
	return `SELECT key.id, ` + prefixed("t", columns) + `
		FROM touchpoint AS key JOIN touchpoint AS t ON t.brand = key.brand AND t.id = COALESCE(key.same_as, key.id)
		WHERE key.brand = $1 AND key.id IN (` + list(n) + `)`
}

// stored reads the touchpoints that the repeats repeat into their answers.
func (r *recording) stored(answer []Recorded) error {
	if len(r.repeats) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Values(r.repeats))
	known := make(map[string]Touchpoint, len(ids))
	err := r.store.selectStored.fill(slices.Compact(ids), func(statement string, part []any) error {
		rows, err := r.tx.Query(statement, slices.Insert(part, 0, any(r.brand))...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var t Touchpoint
			if err := t.scan(rows, &id); err != nil {
				return err
			}
			known[id] = t
		}
		return rows.Err()
	})
	for i, id := range r.repeats {
		answer[i] = Recorded{Touchpoint: known[id]}
	}
	return err
}
