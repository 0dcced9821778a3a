package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/concentric-cx/concentric/services/internal/setting"
)

// Settings of the connection that writes: a commit is on the disk before it is
// answered. The checkpoint comes seldom enough not to rule the throughput, and often
// enough that the log is soon overwritten: to sync one that grows takes twice as long. The
// cache is small because SQLite walks all of it in a commit whose transaction split
// a page in the middle of an index; a page that it drops is in the system's cache. What
// is deleted is overwritten, as it may be somebody's who wants to be forgotten.
var writerPragmas = []string{
	"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)",
	"cache_size(-16384)", "temp_store(memory)", "wal_autocheckpoint(8000)", "secure_delete(on)",
}

var readerPragmas = []string{
	"busy_timeout(5000)", "foreign_keys(1)", "cache_size(-16384)", "temp_store(memory)", "query_only(1)",
}

func openSQLite(ctx context.Context, path string) (*DB, error) {
	path, err := createFile(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{path: path}
	db.telemetry.traced = traced()
	writer := sqliteURL(path, "rw", writerPragmas)
	if db.writers, err = sql.Open("sqlite", writer); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.writers.SetMaxOpenConns(1)
	if err := firstUse(ctx, db.writers); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.writers.Close())
	}
	reader := sqliteURL(path, "ro", readerPragmas)
	if err := checkWhole(ctx, path, reader); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.writers.Close())
	}
	db.readers = sql.OpenDB(sqliteReaders{db, db.writers.Driver(), reader})
	n := min(max(4, runtime.GOMAXPROCS(0)), 8)
	db.readers.SetMaxOpenConns(n)
	db.readers.SetMaxIdleConns(n)
	db.readers.SetConnMaxIdleTime(5 * time.Minute)
	db.admin = func() (*sql.DB, error) { return sql.Open("sqlite", writer) }
	db.start(1, func() session { return &sqliteSession{pool: db.writers} })
	return db, nil
}

// createFile makes the file and its folder, readable for nobody else, and
// returns the absolute path. SQLite gives its other files the same mode.
func createFile(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", errors.New("sqlite: needs the path of a file")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	return path, f.Close()
}

func sqliteURL(path, mode string, pragmas []string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	u.RawQuery = url.Values{"mode": {mode}, "_pragma": pragmas}.Encode()
	return u.String()
}

// firstUse opens the connection that writes and checks it. Turning a new file to
// WAL, and closing the last of its connections, lock it without heeding
// busy_timeout, so while another process does that it is tried again.
func firstUse(ctx context.Context, db *sql.DB) error {
	until := time.Now().Add(5 * time.Second)
	for {
		err := checkSQLite(ctx, db)
		if !collision(err) || time.Now().After(until) || ctx.Err() != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// checkSQLite refuses what the promises cannot stand on.
func checkSQLite(ctx context.Context, db *sql.DB) error {
	all, err := sqliteSettings(ctx, db)
	if err != nil {
		return err
	}
	return setting.Refuse(all)
}

// checkWhole refuses a file that is damaged, if it is small enough to look, on a
// connection of its own: the cache of others stays as it is.
func checkWhole(ctx context.Context, path, address string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 || info.Size() > checkedAtOnce {
		return err
	}
	db, err := sql.Open("sqlite", address)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing was written
	whole, err := integrity(ctx, db)
	if err != nil {
		return err
	}
	return setting.Refuse([]setting.Setting{whole})
}

const maxStatements = 256 // kept prepared

// A sqliteSession is the one connection that writes to a SQLite file.
type sqliteSession struct {
	pool *sql.DB
	conn *sql.Conn
	idle map[string][]*sql.Stmt // prepared, by text
	kept int                    // statements in idle or lent
	lent []lent                 // to the closure that runs
	open []*sql.Rows            // of the closure that runs
}

type lent struct {
	query string
	stmt  *sql.Stmt
}

// serve: in SQLite nobody is kept from anything.
func (s *sqliteSession) serve(string) {}

func (s *sqliteSession) begin(bool) error {
	if s.conn == nil {
		conn, err := s.pool.Conn(context.Background())
		if err != nil {
			return err
		}
		s.conn, s.idle, s.kept = conn, map[string][]*sql.Stmt{}, 0
	}
	_, err := s.exec("BEGIN IMMEDIATE")
	return err
}

func (s *sqliteSession) commit() error {
	_, err := s.exec("COMMIT")
	return err
}

// rollback succeeds as well where SQLite has rolled back by itself, as it does
// on a full disk.
func (s *sqliteSession) rollback() error {
	_, err := s.conn.ExecContext(context.Background(), "ROLLBACK")
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == sqlite3.SQLITE_ERROR {
		return nil
	}
	return err
}

func (s *sqliteSession) save() error {
	_, err := s.exec("SAVEPOINT one")
	return err
}

func (s *sqliteSession) rollbackTo() error {
	_, err := s.conn.ExecContext(context.Background(), "ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one")
	return err
}

func (s *sqliteSession) exec(query string, args ...any) (int64, error) {
	stmt, err := s.borrow(query)
	if err != nil {
		return 0, err
	}
	var res sql.Result
	if stmt == nil {
		res, err = s.conn.ExecContext(context.Background(), query, args...)
	} else {
		res, err = stmt.ExecContext(context.Background(), args...)
		s.idle[query] = append(s.idle[query], stmt)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query lends the prepared statement to the rows until the closure ends: the
// same text may be asked again while they are open.
func (s *sqliteSession) query(query string, args []any) (*sql.Rows, error) {
	stmt, err := s.borrow(query)
	if err != nil {
		return nil, err
	}
	var rows *sql.Rows
	if stmt == nil {
		rows, err = s.conn.QueryContext(context.Background(), query, args...)
	} else {
		rows, err = stmt.QueryContext(context.Background(), args...)
		s.lent = append(s.lent, lent{query, stmt})
	}
	if err != nil {
		return nil, err
	}
	s.open = append(s.open, rows)
	return rows, nil
}

// borrow returns a prepared statement that no rows use, or nil when too many
// are kept already.
func (s *sqliteSession) borrow(query string) (*sql.Stmt, error) {
	if list := s.idle[query]; len(list) > 0 {
		stmt := list[len(list)-1]
		s.idle[query] = list[:len(list)-1]
		return stmt, nil
	}
	if s.kept >= maxStatements {
		return nil, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), positional(query))
	if err != nil {
		return nil, err
	}
	s.kept++
	return stmt, nil
}

func (s *sqliteSession) later(query string, args []any) error {
	_, err := s.exec(query, args...)
	return err
}

func (s *sqliteSession) last(query string, args []any) error { return s.later(query, args) }

func (s *sqliteSession) flush() error { return nil }

// ask leaves the asking to the transaction, which need not travel for it.
func (s *sqliteSession) ask(_ string, asks []*Ask, absent bool) ([]finding, error) {
	if absent {
		return make([]finding, len(asks)), nil
	}
	return nil, nil
}

func (s *sqliteSession) release() {
	for _, rows := range s.open {
		rows.Close() //nolint:errcheck,gosec // what it could say, Next has said
	}
	for _, l := range s.lent {
		s.idle[l.query] = append(s.idle[l.query], l.stmt)
	}
	clear(s.open)
	s.open, s.lent = s.open[:0], s.lent[:0]
}

func (s *sqliteSession) failed() bool { return false }

func (s *sqliteSession) broken() bool { return s.conn == nil }

func (s *sqliteSession) drop() {
	if s.conn == nil {
		return
	}
	s.release()
	for _, list := range s.idle {
		for _, stmt := range list {
			stmt.Close() //nolint:errcheck,gosec // the connection goes with it
		}
	}
	drop(s.conn)
	s.conn, s.idle = nil, nil
}

// spoils: a statement that breaks a constraint or is malformed undoes itself;
// after other errors SQLite may have undone the transaction.
func (s *sqliteSession) spoils(query string, err error) bool {
	if err == nil {
		return !reads(query)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH:
			return false
		}
	}
	return true
}
