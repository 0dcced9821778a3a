package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"
)

// What one process at a time may do with a PostgreSQL database: the second half of
// an advisory lock.
const (
	lockWhole = 1 // have it with a bus of its own
	lockLead  = 2
)

// A Lead is the right to do what one process at a time does for a database. It lasts
// until Release, or until its connection breaks: then another process may have it
// while this one does not know yet. So it saves work, and correctness must not rest
// on it.
type Lead struct {
	db   *DB
	conn *sql.Conn // nil on SQLite
}

// Lead returns the lead of db, or nil while another process has it. SQLite belongs to
// one process anyway.
func (db *DB) Lead(ctx context.Context) (*Lead, error) {
	if !db.postgres {
		return &Lead{db: db}, nil
	}
	conn, err := db.hold(ctx, lockLead)
	if conn == nil {
		return nil, err
	}
	// Whoever stands still, or has gone without a word, loses it.
	if _, err := conn.ExecContext(ctx, `SELECT set_config(name, '15s', FALSE) FROM pg_settings WHERE name = 'idle_session_timeout'`); err != nil {
		unlock(conn)
		return nil, Fault(err)
	}
	return &Lead{db, conn}, nil
}

// Query runs a SELECT on the connection that holds the lead, at least every few
// seconds; an error says that the lead may be lost. It is for one goroutine, which
// closes the rows before the next. [Fault] explains its errors.
func (l *Lead) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if l.conn == nil {
		return l.db.readers.QueryContext(ctx, query, args...)
	}
	return l.conn.QueryContext(ctx, query, args...)
}

// Release gives the lead back.
func (l *Lead) Release() {
	if l.conn != nil {
		unlock(l.conn)
	}
}

// hold returns a connection that holds an advisory lock, or nil if another has that.
func (db *DB) hold(ctx context.Context, which int) (*sql.Conn, error) {
	conn, err := db.readers.Conn(ctx)
	if err != nil {
		return nil, Fault(err)
	}
	var mine bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(6378, $1)`, which).Scan(&mine); err != nil {
		drop(conn)
		return nil, Fault(err)
	}
	if !mine {
		return nil, conn.Close()
	}
	return conn, nil
}

// unlock ends a session that holds an advisory lock. That it ends would do, but only
// once the server has noticed.
func unlock(conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn.ExecContext(ctx, `SELECT pg_advisory_unlock_all()`) //nolint:errcheck,gosec // the session ends anyway
	drop(conn)
}

// drop closes a connection together with the session it stands for.
func drop(conn *sql.Conn) {
	conn.Raw(func(any) error { return driver.ErrBadConn }) //nolint:errcheck,gosec // closes it
	conn.Close()                                           //nolint:errcheck,gosec // it is closed
}
