package sqldb

import (
	"database/sql"
	"errors"
	"strings"
)

// A session is the connection of one lane. Its methods are called by that
// lane's goroutine only.
type session interface {
	begin(patient bool) error
	serve(who string) // says for whom the next statements are
	exec(query string, args ...any) (int64, error)
	query(query string, args []any) (*sql.Rows, error)
	// lines is query for a visitor, who gets the rows as they arrive.
	lines(visit func(*Line), query string, args []any) error
	// later runs a statement at any time before the next exec, query or flush returns.
	later(query string, args []any) error
	// last runs a statement at any time before the next flush or commit returns.
	last(query string, args []any) error
	flush() error
	commit() error
	rollback() error
	save() error       // sets savepoint one
	rollbackTo() error // and release savepoint one
	release()          // closes what a closure left open
	failed() bool      // until a rollback the transaction takes no statement
	broken() bool      // there is no connection
	drop()             // closes the connection; begin opens another

	// ask looks rows up before a transaction begins, or takes all to be absent, and
	// returns an answer for each of asks, all of one query and for the same. Where asking early saves
	// nothing it returns none.
	ask(who string, asks []*Ask, absent bool) ([]finding, error)

	// spoils reports whether the transaction has changed, or may have, after
	// the statement ended with err.
	spoils(query string, err error) bool
}

// errDone is what a Tx answers that outlived its closure.
var errDone = errors.New("the write has ended; do not keep its Tx")

// A Tx is a transaction as one closure of [DB.Write] sees it. It is for the
// goroutine that runs the closure, until the closure returns.
//
// After a statement has failed, every later one returns the same error, on
// both databases: to go on without an error, write ON CONFLICT.
type Tx struct {
	session session
	dirty   bool // undoing this closure undoes its neighbors
	ask     *Ask
	known   *finding // to ask, until it is used
	met     bool     // the row it asked for was there
	err     error
	after   []func()
	notes   []string
	span    *span // nil unless somebody records it
}

// Exec runs a statement and returns the number of rows it changed.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	if err := tx.ready(); err != nil {
		return 0, err
	}
	n, err := tx.session.exec(query, args...)
	tx.ran(query, err)
	return n, err
}

// Query runs a statement that returns rows. Rows left open are closed when the
// closure returns; on PostgreSQL no other statement can run before that.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if err := tx.ready(); err != nil {
		return nil, err
	}
	rows, err := tx.session.query(query, args)
	tx.ran(query, err)
	return rows, err
}

// QueryRow runs a statement that returns at most one row that matters. Its
// error waits for [Row.Scan].
func (tx *Tx) QueryRow(query string, args ...any) *Row {
	rows, err := tx.Query(query, args...)
	return &Row{tx: tx, rows: rows, err: err}
}

// Defer runs a statement whose result nobody needs, at once or, on PostgreSQL,
// in one round trip with others. Its error fails the closure: the next
// statement returns it, or Write does.
func (tx *Tx) Defer(query string, args ...any) {
	if tx.ready() != nil {
		return
	}
	tx.ran(query, tx.session.later(query, args))
}

// Finally is [Tx.Defer] for a statement whose effect no other of the transaction sees
// or minds: on PostgreSQL it may wait for the commit, and goes with those of other
// writes.
func (tx *Tx) Finally(query string, args ...any) {
	if tx.ready() != nil {
		return
	}
	tx.ran(query, tx.session.last(query, args))
}

// AfterCommit runs f once the transaction is durable, before Write returns, and
// not at all if it fails or is undone. f runs on the lane's goroutine: it must not
// block, as others wait behind it. If f panics, Write says so; the effect stands.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

func (tx *Tx) ready() error {
	if tx.session == nil {
		return errDone
	}
	return tx.err
}

// ran notes what a statement did to the transaction.
func (tx *Tx) ran(query string, err error) {
	tx.span.say(query)
	tx.dirty = tx.dirty || tx.session.spoils(query, err)
	tx.fail(err)
}

func (tx *Tx) fail(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

// A Row is the answer of [Tx.QueryRow] and [Tx.Asked].
type Row struct {
	tx    *Tx
	rows  *sql.Rows
	known *finding // instead of rows
	asked bool     // it is the answer of [Tx.Asked]
	err   error
}

// Scan copies the columns of the first row into dest. Without a row it returns
// sql.ErrNoRows, which does not fail the closure by itself.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	if r.known != nil {
		if r.known.scan == nil {
			return sql.ErrNoRows
		}
		return r.known.scan(dest...)
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			r.tx.dirty = true
			r.tx.fail(err)
			return err
		}
		return sql.ErrNoRows
	}
	r.tx.met = r.tx.met || r.asked
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return r.rows.Close()
}

// reads reports whether query surely changes nothing.
func reads(query string) bool {
	query = strings.TrimLeft(query, " \t\r\n")
	if len(query) < 6 {
		return false
	}
	if strings.EqualFold(query[:6], "SELECT") {
		return true
	}
	if !strings.EqualFold(query[:4], "WITH") {
		return false
	}
	query = strings.ToUpper(query)
	for _, verb := range []string{"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"} {
		if strings.Contains(query, verb) {
			return false
		}
	}
	return true
}
