package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// say tells PostgreSQL, until the transaction ends, for whom it works: the policies of
	// all tables with a brand ask for it. Nothing outlives the transaction, so the next
	// borrower of the connection finds nothing said.
	say = `SELECT set_config('concentric.brand', $1, TRUE)`

	// isFenced asks whether policies hold for the role: they do not for a superuser, for who
	// bypasses them, and for the owner of the tables.
	isFenced = `SELECT EXISTS (SELECT FROM pg_class
		WHERE relnamespace = to_regnamespace(current_schema()) AND relkind IN ('r', 'p') AND row_security_active(oid))`
)

// A fence connects to a database whose policies hold for its role. Whatever reads there
// says first for whom, in the same round trip.
type fence struct{ driver.Connector }

// Connect implements driver.Connector.
func (f fence) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := f.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &fencedConn{Conn: c.(*stdlib.Conn)}, nil
}

// A fencedConn says for whom it reads: each query is a transaction of its own, but for
// those of a transaction, which has said so when it began.
type fencedConn struct {
	*stdlib.Conn
	within bool // a transaction
}

// QueryContext implements driver.QueryerContext. It has read all rows when it returns.
func (c *fencedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.within {
		return c.Conn.QueryContext(ctx, query, args)
	}
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	var r reply
	err := c.told(ctx, "", func(res pgx.BatchResults) error {
		rows, err := res.Query()
		if err != nil {
			return err
		}
		return r.read(rows)
	}, query, values...)
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// told runs a statement in one round trip with what says for whom, and with begin before
// that unless it is empty, and has answered deal with the answer.
func (c *fencedConn) told(ctx context.Context, begin string, answered func(pgx.BatchResults) error, query string, args ...any) error {
	who, err := whom(ctx)
	if err != nil {
		return err
	}
	if c.Conn.Conn().IsClosed() {
		return driver.ErrBadConn
	}
	var batch pgx.Batch
	if begin != "" {
		batch.Queue(begin)
	}
	batch.Queue(say, who)
	if query != "" {
		batch.Queue(query, args...)
	}
	res := c.Conn.Conn().SendBatch(ctx, &batch)
	for range batch.Len() - 1 {
		if _, err = res.Exec(); err != nil {
			break
		}
	}
	if err == nil {
		err = answered(res)
	}
	if e := res.Close(); err == nil {
		err = e
	}
	if pgconn.SafeToRetry(err) && ctx.Err() == nil { // if it is over, the connection is as good as before
		return driver.ErrBadConn
	}
	return err
}

// BeginTx implements driver.ConnBeginTx.
func (c *fencedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	begin := "BEGIN READ ONLY"
	if sql.IsolationLevel(opts.Isolation) == sql.LevelRepeatableRead {
		begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
	if err := c.told(ctx, begin, func(res pgx.BatchResults) error { _, err := res.Exec(); return err }, ""); err != nil {
		return nil, err
	}
	c.within = true
	return fencedTx{c}, nil
}

// A fencedTx is a transaction that has said for whom it reads.
type fencedTx struct{ conn *fencedConn }

// Commit implements driver.Tx.
func (t fencedTx) Commit() error { return t.end("COMMIT") }

// Rollback implements driver.Tx.
func (t fencedTx) Rollback() error { return t.end("ROLLBACK") }

func (t fencedTx) end(how string) error {
	t.conn.within = false
	_, err := t.conn.ExecContext(context.Background(), how, nil)
	return err
}

// PrepareContext implements driver.ConnPrepareContext. The driver prepares texts that come
// again by itself.
func (c *fencedConn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return fencedStmt{c, query}, nil
}

// A fencedStmt is a query of a fencedConn.
type fencedStmt struct {
	conn  *fencedConn
	query string
}

var errFencedStmt = errors.New("a prepared statement of a fenced database is for queries with a context")

// QueryContext implements driver.StmtQueryContext.
func (s fencedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

// NumInput implements driver.Stmt: the server counts them.
func (fencedStmt) NumInput() int { return -1 }

// Close implements driver.Stmt.
func (fencedStmt) Close() error { return nil }

// Exec implements driver.Stmt.
func (fencedStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errFencedStmt }

// Query implements driver.Stmt.
func (fencedStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errFencedStmt }
