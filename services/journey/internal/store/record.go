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
	Stranger   bool // it is of a customer who is not one with the one it was to be recorded for
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
		r.answer[i] = Recorded{Touchpoint: t, New: true}
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
	for i := range r.answer {
		one := &r.answer[i]
		related, err := s.related(tx, brand, one.Touchpoint.Customer, batch[i].Customer)
		if err != nil {
			return nil, err
		}
		one.Stranger = !related
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
// stored where some of it is known or was measured before. Afterwards, if it is stored, it
// is the turn of tx.
//
// Whoever has the turn and records an event that a batch has stored and not committed waits
// for that, which waits for the turn: the lock timeout ends the first of them, which runs
// again.
func (r *recording) ahead() (k kept, stored bool, err error) {
	if !r.store.db.Postgres() || len(r.fresh) < 2 {
		return kept{}, false, nil
	}
	rows := r.rows()
	slices.SortFunc(rows, func(a, b *Touchpoint) int { return strings.Compare(a.ID, b.ID) }) // or repeats wait for each other in a circle
	r.tx.Defer("SAVEPOINT record")
	if stored, err = r.load(rows); err != nil || !stored {
		return kept{}, false, err
	}
	r.store.turn(r.tx)
	if k, err = r.store.layouts(r.tx, r.brand); err != nil {
		return kept{}, false, err
	}
	if k.measured {
		heard, err := r.heard()
		if err != nil {
			return kept{}, false, err
		}
		stored = len(heard) == 0
	}
	if !stored {
		r.undo() // which ends the turn
		return kept{}, false, nil
	}
	r.tx.Defer("RELEASE SAVEPOINT record")
	return k, true, nil
}

// wary is how many batches do without COPY after one in which something was known.
const wary = 16

// load stores rows if all of them are new. COPY is the quickest way, but leaves dead rows
// behind where it finds a known one, so while there are repeats an INSERT does it.
func (r *recording) load(rows []*Touchpoint) (stored bool, err error) {
	if r.store.db.Loads() && r.store.repeats.Load() <= 0 {
		stored, err = r.tx.Load(&r.store.loadTouchpoints, r.brand, "record", len(rows), func(i int, into sqldb.Cells) { r.give(rows[i], into) })
	} else {
		r.store.repeats.Add(-1)
		var n int64
		n, err = r.spread(rows)
		if stored = int(n) == len(rows); err == nil && !stored {
			r.undo()
		}
	}
	if err == nil && !stored {
		r.store.repeats.Store(wary)
	}
	return stored, err
}

// undo takes back what r has done since ahead began.
func (r *recording) undo() {
	r.tx.Defer("ROLLBACK TO SAVEPOINT record")
	r.tx.Defer("RELEASE SAVEPOINT record")
}

// inTurn stores what is new while nobody else writes.
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
	rows := r.rows()
	switch {
	case len(rows) == 1:
		n, err := r.write(rows)
		if n == 0 && err == nil {
			err = r.sift(nil)
		}
		return k, err
	case !r.store.db.Postgres() && len(rows) == len(r.fresh):
		return k, r.tryAll(rows)
	}
	if err := r.sift(nil); err != nil {
		return kept{}, err
	}
	_, err = r.write(r.rows())
	return k, err
}

// tryAll stores rows, none of them of an alias, on SQLite, and looks for those that were
// known only if there are some: they come before those that are new.
func (r *recording) tryAll(rows []*Touchpoint) error {
	var last int64
	if err := r.tx.QueryRow(`SELECT COALESCE(MAX(rowid), 0) FROM touchpoint`).Scan(&last); err != nil {
		return err
	}
	n, err := r.write(rows)
	if err != nil || n == len(rows) {
		return err
	}
	added := make(map[string]bool, n)
	found, err := r.tx.Query(`SELECT id FROM touchpoint WHERE rowid > $1`, last)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var id string
		if err := found.Scan(&id); err != nil {
			return err
		}
		added[id] = true
	}
	if err := found.Err(); err != nil {
		return err
	}
	return r.sift(added)
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

// give gives row the columns of t, and those before them.
func (r *recording) give(t *Touchpoint, row sqldb.Cells) {
	row.Text(r.brand)
	writeText(row, t.sameAs)
	t.write(row)
}

// spread stores those of rows that are new on PostgreSQL and returns how many that were.
func (r *recording) spread(rows []*Touchpoint) (added int64, err error) {
	form := &r.store.spreadTouchpoints
	return r.tx.Exec(form.text, form.args(len(rows), func(i int, into []any) []any {
		args := arguments(into)
		r.give(rows[i], &args)
		return args
	})...)
}

func insertTouchpoint(rows int) string {
	return `INSERT INTO touchpoint (brand, same_as, ` + columns + `) VALUES ` + sqldb.Values(rows, width+2) + `
		ON CONFLICT (brand, id) DO NOTHING`
}

// write stores rows and returns how many were new.
func (r *recording) write(rows []*Touchpoint) (added int, err error) {
	if r.store.db.Postgres() && len(rows) > 1 {
		n, err := r.spread(rows)
		return int(n), err
	}
	err = r.store.insertTouchpoint.split(len(rows), func(statement string, from, to int) error {
		args := make(arguments, 0, (width+2)*(to-from))
		for _, t := range rows[from:to] {
			r.give(t, &args)
		}
		n, err := r.tx.Exec(statement, args...)
		added += int(n)
		return err
	})
	return added, err
}

// sift answers what is known, but for what r has added, with what is stored. Since writers
// take turns, what is unknown now stays so until it is stored.
func (r *recording) sift(added map[string]bool) error {
	ids := make([]string, 0, len(r.fresh))
	for _, t := range r.rows() {
		if !added[t.ID] {
			ids = append(ids, t.ID)
		}
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

// seekStored is selectStored for PostgreSQL.
func seekStored(n int) string { return seek(`same_as, `+columns, "touchpoint", "id", n) }

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
