package store

import (
	"database/sql"
	"slices"
	"strings"

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
	r := &recording{store: s, tx: tx, brand: brand, answer: make([]Recorded, len(batch))}
	for i, t := range batch {
		r.answer[i] = Recorded{t, true}
	}
	r.distinct()
	kept, stored, err := r.ahead()
	if err == nil && !stored {
		kept, err = r.inTurn()
	}
	if err != nil {
		return nil, err
	}
	sums := newChange(kept)
	customers := make([]string, 0, len(r.fresh))
	for _, i := range r.fresh {
		sums.plus(&r.answer[i].Touchpoint)
		customers = append(customers, r.answer[i].Touchpoint.Customer)
	}
	s.save(tx, brand, sums)
	s.mark(tx, brand, customers)
	for _, c := range r.copies {
		r.answer[c[0]] = Recorded{Touchpoint: r.answer[c[1]].Touchpoint}
	}
	return r.answer, nil
}

// A recording is one call of Record on its way.
type recording struct {
	store  *Store
	tx     *sqldb.Tx
	brand  string
	answer []Recorded
	fresh  []int    // positions in answer of those that are new, as far as is known
	copies [][2]int // positions in answer: of a repeat within the batch, and of what it repeats
}

// distinct finds the repeats within the batch: the first one counts.
func (r *recording) distinct() {
	first := make(map[string]int, len(r.answer))
	for i := range r.answer {
		t := &r.answer[i].Touchpoint
		of, found := first[t.Alias]
		if !found {
			of, found = first[t.ID]
		}
		if found {
			r.copies = append(r.copies, [2]int{i, of})
			continue
		}
		first[t.ID] = i
		if t.Alias != "" {
			first[t.Alias] = i
		}
		r.fresh = append(r.fresh, i)
	}
}

// ahead stores a batch on PostgreSQL before it is its turn, as most of what writing it
// takes needs none: what others write at the same time is other touchpoints. It is not
// stored where some of it is known, by the number of rows that came to be, or was measured
// before. Afterwards it is the turn of tx.
func (r *recording) ahead() (k kept, stored bool, err error) {
	if !r.store.db.Postgres() || len(r.fresh) < 2 {
		return kept{}, false, nil
	}
	rows := r.rows()
	slices.SortFunc(rows, func(a, b *Touchpoint) int { return strings.Compare(a.ID, b.ID) }) // or repeats wait for each other in a circle
	r.tx.Defer("SAVEPOINT record")
	n, err := r.write(rows)
	if err != nil {
		return kept{}, false, err
	}
	r.store.turn(r.tx)
	if k, err = r.store.layouts(r.tx, r.brand); err != nil {
		return kept{}, false, err
	}
	stored = n == len(rows)
	if stored && k.measured {
		heard, err := r.heard()
		if err != nil {
			return kept{}, false, err
		}
		stored = len(heard) == 0
	}
	if !stored {
		r.tx.Defer("ROLLBACK TO SAVEPOINT record") // which ends the turn
	}
	r.tx.Defer("RELEASE SAVEPOINT record")
	return k, stored, nil
}

// inTurn stores what is new while nobody else writes. A batch looks for what is known
// first: a savepoint of SQLite, which copies each page that is changed, would cost more.
func (r *recording) inTurn() (kept, error) {
	r.store.turn(r.tx)
	k, err := r.store.layouts(r.tx, r.brand)
	if err != nil {
		return kept{}, err
	}
	if k.measured {
		if err := r.measure(); err != nil {
			return kept{}, err
		}
	}
	if rows := r.rows(); len(rows) == 1 {
		n, err := r.write(rows)
		if n == 0 && err == nil {
			err = r.sift()
		}
		return k, err
	}
	if err := r.sift(); err != nil {
		return kept{}, err
	}
	_, err = r.write(r.rows())
	return k, err
}

// rows returns the rows of what is new, aliases among them.
func (r *recording) rows() []*Touchpoint {
	rows := make([]*Touchpoint, 0, len(r.fresh))
	for _, i := range r.fresh {
		t := &r.answer[i].Touchpoint
		if rows = append(rows, t); t.Alias != "" {
			rows = append(rows, &Touchpoint{ID: t.Alias, sameAs: t.ID, EventTime: never, RecordTime: t.RecordTime})
		}
	}
	return rows
}

func insertTouchpoint(rows int) string {
	return `INSERT INTO touchpoint (brand, same_as, ` + columns + `) VALUES ` + sqldb.Values(rows, width+2) + `
		ON CONFLICT (brand, id) DO NOTHING`
}

// write stores rows and returns how many were new.
func (r *recording) write(rows []*Touchpoint) (added int, err error) {
	if r.store.db.Postgres() && len(rows) > 1 {
		n, err := r.tx.Exec(r.store.spreadTouchpoints.text, r.store.spreadTouchpoints.args(len(rows), func(i int, into []any) []any {
			return rows[i].values(append(into, r.brand, null(rows[i].sameAs)))
		})...)
		return int(n), err
	}
	err = r.store.insertTouchpoint.split(len(rows), func(statement string, from, to int) error {
		args := make([]any, 0, (width+2)*(to-from))
		for _, t := range rows[from:to] {
			args = t.values(append(args, r.brand, null(t.sameAs)))
		}
		n, err := r.tx.Exec(statement, args...)
		added += int(n)
		return err
	})
	return added, err
}

// sift answers what is known with what is stored. Since writers take turns, what
// is unknown now stays so until it is stored.
func (r *recording) sift() error {
	ids := make([]string, 0, len(r.fresh))
	for _, t := range r.rows() {
		ids = append(ids, t.ID)
	}
	known, err := r.known(ids)
	if err != nil {
		return err
	}
	fresh := r.fresh[:0]
	for _, i := range r.fresh {
		t := &r.answer[i].Touchpoint
		stored, found := known[t.Alias]
		if !found {
			stored, found = known[t.ID]
		}
		if found {
			r.answer[i] = Recorded{Touchpoint: stored}
		} else {
			fresh = append(fresh, i)
		}
	}
	r.fresh = fresh
	return nil
}

func selectStored(n int) string {
	return `SELECT same_as, ` + columns + ` FROM touchpoint WHERE brand = $1 AND id IN (` + list(n) + `)`
}

// known returns the touchpoints that have one of the ids, their own or an alias.
func (r *recording) known(ids []string) (map[string]Touchpoint, error) {
	known := map[string]Touchpoint{}
	var aliases, meant []string
	err := r.store.selectStored.fill(ids, func(statement string, part []any) error {
		rows, err := r.tx.Query(statement, append([]any{r.brand}, part...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var t Touchpoint
			var sameAs sql.NullString
			if err := t.scan(rows, &sameAs); err != nil {
				return err
			}
			if sameAs.Valid {
				aliases, meant = append(aliases, t.ID), append(meant, sameAs.String)
			} else {
				known[t.ID] = t
			}
		}
		return rows.Err()
	})
	if err != nil || len(aliases) == 0 {
		return known, err
	}
	others, err := r.known(meant)
	for i, alias := range aliases {
		known[alias] = others[meant[i]]
	}
	return known, err
}
