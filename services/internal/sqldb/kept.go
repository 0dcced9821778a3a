package sqldb

import (
	"context"
	"database/sql/driver"
)

// maxKept is how many statements a connection that reads keeps prepared. To prepare one takes
// longer than to read a row with it.
const maxKept = 64

// A sqliteReaders opens the connections that read a SQLite file. They keep the statements they
// have prepared, and make spans of queries if somebody records any.
type sqliteReaders struct {
	db      *DB
	driver  driver.Driver
	address string
}

// Connect implements driver.Connector.
func (r sqliteReaders) Connect(context.Context) (driver.Conn, error) {
	conn, err := r.driver.Open(r.address)
	whole, ok := conn.(sqliteConn)
	if err != nil || !ok {
		return conn, err
	}
	kept := &keptConn{sqliteConn: whole, idle: map[string]sqliteStmt{}}
	if r.db.telemetry.traced {
		return tracedConn{kept, r.db}, nil
	}
	return kept, nil
}

// Driver implements driver.Connector.
func (r sqliteReaders) Driver() driver.Driver { return r.driver }

// A keptConn keeps the statements of its queries for when the same texts come again. As with
// every connection, database/sql sees to it that one goroutine uses it at a time.
type keptConn struct {
	sqliteConn
	idle   map[string]sqliteStmt // by text; those that rows are read from are not in it
	closed bool
}

// QueryContext implements driver.QueryerContext.
func (c *keptConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	stmt := c.idle[query]
	delete(c.idle, query)
	if stmt == nil {
		prepared, err := c.PrepareContext(ctx, positional(query))
		if err != nil {
			return nil, err
		}
		whole, ok := prepared.(sqliteStmt)
		if !ok {
			_ = prepared.Close() // it has read nothing
			return nil, driver.ErrSkip
		}
		stmt = whole
	}
	rows, err := stmt.QueryContext(ctx, args)
	if err != nil {
		_ = stmt.Close() // what is wrong is in err
		return nil, err
	}
	return &keptRows{Rows: rows, conn: c, query: query, stmt: stmt}, nil
}

// Close implements driver.Conn.
func (c *keptConn) Close() error {
	c.closed = true
	for _, stmt := range c.idle {
		_ = stmt.Close() // the connection goes with it
	}
	clear(c.idle)
	return c.sqliteConn.Close()
}

// keep puts a statement back that no rows are read from any more. Where there are too many it
// takes the place of any other.
func (c *keptConn) keep(query string, stmt sqliteStmt) error {
	if _, twin := c.idle[query]; twin || c.closed {
		return stmt.Close()
	}
	for other, old := range c.idle {
		if len(c.idle) < maxKept {
			break
		}
		delete(c.idle, other)
		_ = old.Close() // it was whole
	}
	c.idle[query] = stmt
	return nil
}

// keptRows are rows of a statement that is kept.
type keptRows struct {
	driver.Rows
	conn  *keptConn
	query string
	stmt  sqliteStmt
}

// Close implements driver.Rows.
func (r *keptRows) Close() error {
	if r.stmt == nil {
		return nil
	}
	stmt := r.stmt
	r.stmt = nil
	if err := r.Rows.Close(); err != nil {
		_ = stmt.Close() // err says more
		return err
	}
	return r.conn.keep(r.query, stmt)
}
