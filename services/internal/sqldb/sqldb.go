// Package sqldb opens SQLite and PostgreSQL so that one set of SQL serves both.
//
// Reads go to a pool. Writes go to a lane, which runs all that queued while its
// last commit was under way as one transaction and answers when it is durable:
// at concurrency the cost of a commit is shared. Statements number their
// placeholders $1, $2, … in order of first appearance and keep times as
// microseconds since 1970 in BIGINT columns. What else differs between the two
// databases is in this package.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
)

// A DB is an open database. It is safe for concurrent use.
type DB struct {
	postgres bool
	fenced   bool   // row-level security holds for the role
	path     string // of the SQLite file
	readers  *sql.DB
	writers  *sql.DB
	admin    func() (*sql.DB, error) // a connection for migrations

	mu     sync.Mutex
	closed bool
	queue  *queue
	lanes  sync.WaitGroup
	turns  turns

	telemetry telemetry
}

var errAddress = errors.New("open database: the address starts with neither sqlite: nor postgres://")

// Open opens the database at url, sqlite:PATH or postgres://…, and refuses one
// whose commits would not survive a power cut. It creates a missing SQLite file
// and its folder, for the current user only.
func Open(ctx context.Context, url string) (*DB, error) {
	return OpenWith(ctx, url, DefaultConnections)
}

// OpenWith is [Open] with at most so many connections to a PostgreSQL server, of which there
// must be [MinConnections].
func OpenWith(ctx context.Context, url string, connections int) (*DB, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return openSQLite(ctx, path)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgres(ctx, url, connections)
	}
	return nil, errAddress
}

// start opens the lanes, each on a session of its own.
func (db *DB) start(lanes int, open func() session) {
	db.queue = newQueue(lanes)
	for range lanes {
		l := &lane{queue: db.queue, session: open(), turn: turn{of: &db.turns}, telemetry: &db.telemetry, doubt: doubts}
		db.lanes.Go(func() { l.serve() })
	}
}

// Close finishes the writes that are queued, refuses later ones and closes the
// database. Closing twice is fine.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return nil
	}
	db.closed = true
	db.queue.close()
	db.mu.Unlock()
	db.lanes.Wait()
	db.telemetry.stop()
	err := db.readers.Close()
	if e := db.writers.Close(); err == nil {
		err = e
	}
	return err
}

// Postgres reports whether db is PostgreSQL; otherwise it is SQLite.
func (db *DB) Postgres() bool { return db.postgres }

// Read returns the pool for SELECTs. Its connections are read-only; they see
// every write whose Write has returned. [Fault] explains its errors.
func (db *DB) Read() *sql.DB { return db.readers }

// SkipLocked returns the clause that makes a SELECT claim rows which no other
// replica holds: SQLite has one writer and needs none.
func (db *DB) SkipLocked() string {
	if db.postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// Write runs f in a transaction, together with writes of others, and returns
// nil after the commit is durable. If f returns an error, or a statement of
// its fails, f leaves nothing behind and nobody else notices.
//
// f may run more than once, each time on a transaction without its earlier
// runs, so it must set the variables it leaves behind anew and have no other
// side effect. It must wait for nothing but tx. A panic in f becomes an error.
//
// If ctx ends before f runs, f never runs and Write returns ctx.Err(). Once f
// runs, Write waits for the outcome, which is a matter of milliseconds and at
// worst of the database's time limits.
//
// Errors of the storage are faults as [Fault] makes them; transactions that
// keep colliding end as ABORTED, CONFLICT. After STORAGE_UNAVAILABLE the write may
// or may not have taken place: retry it with the same request_id.
func (db *DB) Write(ctx context.Context, f func(tx *Tx) error) error {
	return db.submit(ctx, &request{ctx: ctx, f: f, done: make(chan struct{})})
}

// WriteAside is [DB.Write] for what takes long and nobody waits for who called: on
// PostgreSQL it runs beside what others write, whom it would delay, one at a time.
func (db *DB) WriteAside(ctx context.Context, f func(tx *Tx) error) error {
	return db.submit(ctx, &request{ctx: ctx, f: f, aside: true, done: make(chan struct{})})
}

// WriteAsking is [DB.Write] for an f that begins with [Tx.Asked].
func (db *DB) WriteAsking(ctx context.Context, ask Ask, f func(tx *Tx) error) error {
	return db.submit(ctx, &request{ctx: ctx, f: f, ask: &ask, done: make(chan struct{})})
}

// Try runs f as [DB.Write] does and undoes it in any case. It returns what
// Write would have, short of the commit.
func (db *DB) Try(ctx context.Context, f func(tx *Tx) error) error {
	return db.submit(ctx, &request{ctx: ctx, f: f, try: true, done: make(chan struct{})})
}

func (db *DB) submit(ctx context.Context, r *request) (err error) {
	if r.span = db.begin(ctx); r.span != nil {
		defer func() { r.span.end(err) }()
	}
	if err := db.enqueue(ctx, r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		if r.withdraw() {
			return ctx.Err()
		}
		<-r.done
		return r.err
	}
}

func (db *DB) enqueue(ctx context.Context, r *request) error {
	err := ctx.Err()
	if err == nil {
		r.who, err = db.whom(ctx)
	}
	if err != nil {
		return err
	}
	return db.queue.put(ctx, r)
}
