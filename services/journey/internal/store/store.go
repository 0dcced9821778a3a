// Package store keeps touchpoints, their definitions, the measures that belong to
// them, and the sums that scores are made of, in SQLite or PostgreSQL.
//
// The sums are kept in the transaction that changes a touchpoint, so they equal
// at any time what a replay of the touchpoints would give. Ids here are the last
// segments of names; a reference to another service's resource is its name
// without the brand. Times are microseconds since 1970.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// ErrNotFound is the answer where there is no such row.
var ErrNotFound = table.ErrNotFound

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps the journeys of all brands. Its methods may be called concurrently.
type Store struct {
	db *sqldb.DB

	cells   *sql.Stmt // what most scores are made of
	touches *sql.Stmt // what the others are made of

	spreadTouchpoints, spreadSums, spreadMarks, spreadTrails, spreadScores, spreadMeasures spread // for PostgreSQL

	loadTouchpoints sqldb.Form
	repeats         atomic.Int32 // batches that are still to do without COPY

	timed timed

	selectTraces string

	insertTouchpoint, insertMarks, addSums, insertScores, selectMeasures, selectStored texts
}

// Open brings the schema of db up to date and returns a Store on it.
func Open(ctx context.Context, db *sqldb.DB) (*Store, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(ctx, db, "journey", dir); err != nil {
		return nil, err
	}
	s := &Store{db: db}
	for text, statement := range map[string]**sql.Stmt{cellsAndLater: &s.cells, cellsAndTouches: &s.touches} {
		if *statement, err = db.Read().PrepareContext(ctx, text); err != nil {
			return nil, fmt.Errorf("prepare: %w", sqldb.Fault(err))
		}
	}
	s.spreadTouchpoints, s.spreadSums, s.spreadMarks = spreadTouchpoints(), spreadSums(), spreadMarks()
	s.loadTouchpoints = sqldb.NewForm("touchpoint", touchpointKinds)
	s.spreadTrails, s.spreadScores, s.spreadMeasures = spreadTrails(), spreadScores(), spreadMeasures()
	rows := []int{50, 10, 1} // a statement: beyond that, SQLite gains nothing
	if db.Postgres() {
		rows = append([]int{500}, rows...) // each costs a round trip
	}
	s.insertTouchpoint = write(db, insertTouchpoint, rows)
	s.insertMarks = write(db, insertMarks, rows)
	s.addSums = write(db, addSums, rows)
	s.insertScores = write(db, insertScores, rows)
	measures, stored := selectMeasures, selectStored
	if db.Postgres() {
		measures, stored = seekMeasures, seekStored
	}
	s.selectMeasures = write(db, measures, []int{500, 50, 5, 1})
	s.selectStored = write(db, stored, []int{500, 50, 5, 1})
	s.selectTraces = selectTraces(db.Postgres())
	return s, errors.Join(s.readTimed(ctx), s.rebuild(ctx), s.begin(ctx), db.Observe(gauges...))
}

// turn makes this write the only one of its kind until its commit. On SQLite it
// is that already. On PostgreSQL two groups of writes that add to the sums of the
// same customers would wait for each other's rows in a circle, and a measure and
// its touchpoint, stored at the same moment, would each miss the other.
func (s *Store) turn(tx *sqldb.Tx) {
	if s.db.Postgres() {
		tx.Defer(`SELECT pg_advisory_xact_lock($1)`, int64(turnKey))
	}
}

// turnKey is "journey" in ASCII: no other lock of the database has it.
const turnKey = 0x6a6f75726e6579

// A Snapshot reads one state of the store, whatever is written meanwhile.
type Snapshot struct {
	store *Store
	conn  *sql.Conn // of tx
	tx    *sql.Tx
}

// Snapshot runs f on one.
func (s *Store) Snapshot(ctx context.Context, f func(*Snapshot) error) error {
	conn, err := s.db.Read().Conn(ctx)
	if err != nil {
		return sqldb.Fault(err)
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return sqldb.Fault(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return sqldb.Fault(f(&Snapshot{s, conn, tx}))
}

// A scanner is a row.
type scanner interface{ Scan(dest ...any) error }
