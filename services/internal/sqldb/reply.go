package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/jackc/pgx/v5"
)

// A reply is the rows of a query, all of them here. Through a shelf it becomes a
// sql.Rows.
type reply struct {
	columns []string
	rows    [][]driver.Value // that Next has not given yet
}

// read takes all rows, as the driver of PostgreSQL hands them to database/sql.
func (r *reply) read(rows pgx.Rows) error {
	defer rows.Close()
	for _, f := range rows.FieldDescriptions() {
		r.columns = append(r.columns, f.Name)
	}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		row := make([]driver.Value, len(values))
		for i, v := range values {
			if row[i], err = plain(v); err != nil {
				return err
			}
		}
		r.rows = append(r.rows, row)
	}
	return rows.Err()
}

// plain returns v as one of the types of driver.Value.
func plain(v any) (driver.Value, error) {
	switch v := v.(type) {
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case float32:
		return float64(v), nil
	case driver.Valuer:
		return v.Value()
	}
	return v, nil
}

// Columns implements driver.Rows.
func (r *reply) Columns() []string { return r.columns }

// Close implements driver.Rows.
func (r *reply) Close() error { return nil }

// Next implements driver.Rows.
func (r *reply) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

// A shelf is a connection to no database: the answer to a query is its argument, a
// reply.
type shelf struct{}

// errShelf is what a shelf says to all that is not a query.
var errShelf = errors.New("a shelf only holds replies")

// Connect implements driver.Connector.
func (s shelf) Connect(context.Context) (driver.Conn, error) { return s, nil }

// Driver implements driver.Connector.
func (s shelf) Driver() driver.Driver { return s }

// Open implements driver.Driver.
func (s shelf) Open(string) (driver.Conn, error) { return s, nil }

// Prepare implements driver.Conn.
func (shelf) Prepare(string) (driver.Stmt, error) { return nil, errShelf }

// Begin implements driver.Conn.
func (shelf) Begin() (driver.Tx, error) { return nil, errShelf }

// Close implements driver.Conn.
func (shelf) Close() error { return nil }

// CheckNamedValue implements driver.NamedValueChecker.
func (shelf) CheckNamedValue(*driver.NamedValue) error { return nil }

// QueryContext implements driver.QueryerContext.
func (shelf) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	if r, ok := args[0].Value.(*reply); ok {
		return r, nil
	}
	return nil, errShelf
}
