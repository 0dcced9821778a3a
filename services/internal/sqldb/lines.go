package sqldb

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Lines runs a query and calls visit with each row, as they arrive: a row takes a fraction
// of what it does through [Tx.Query]. visit must not use tx.
func (tx *Tx) Lines(visit func(*Line), query string, args ...any) error {
	if err := tx.ready(); err != nil {
		return err
	}
	err := tx.session.lines(visit, query, args)
	tx.ran(query, err)
	return err
}

// Lines is [Tx.Lines] on a connection of [DB.Read], within the transaction that it has
// begun if there is one.
func Lines(ctx context.Context, conn *sql.Conn, visit func(*Line), query string, args ...any) error {
	var of *pgx.Conn
	err := conn.Raw(func(c any) error {
		of = beneath(c)
		if of == nil {
			return nil
		}
		rows, err := of.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		return arriving(of, rows, visit)
	})
	if err != nil || of != nil {
		return Fault(err)
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return Fault(err)
	}
	return Fault(scanned(rows, visit))
}

// beneath returns the connection to PostgreSQL beneath one of its driver, or nil. Where it
// has yet to be said for whom it reads, the driver has to say so.
func beneath(c any) *pgx.Conn {
	switch c := c.(type) {
	case *stdlib.Conn:
		return c.Conn()
	case *fencedConn:
		if c.within {
			return c.Conn.Conn()
		}
	}
	return nil
}

// lines calls visit while the rows arrive. If it panics, they are read to their end all
// the same, or the connection would be lost, and with it what neighbors have written.
func (s *postgresSession) lines(visit func(*Line), query string, args []any) error {
	s.queue(query, args)
	var trouble any
	careful := func(l *Line) {
		if trouble != nil {
			return
		}
		defer func() { trouble = recover() }()
		visit(l)
	}
	err := s.travel(func(res pgx.BatchResults) error {
		rows, err := res.Query()
		if err != nil {
			return err
		}
		return arriving(s.pgx, rows, careful)
	})
	if trouble != nil {
		panic(trouble)
	}
	return err
}

// arriving calls visit with rows of PostgreSQL.
func arriving(conn *pgx.Conn, rows pgx.Rows, visit func(*Line)) error {
	defer rows.Close()
	l := Line{fields: rows.FieldDescriptions(), types: conn.TypeMap()}
	l.texts = make([]string, len(l.fields))
	for rows.Next() {
		l.raw, l.next = rows.RawValues(), 0
		visit(&l)
	}
	return errors.Join(rows.Err(), l.err)
}

func (s *sqliteSession) lines(visit func(*Line), query string, args []any) error {
	rows, err := s.query(query, args)
	if err != nil {
		return err
	}
	return scanned(rows, visit)
}

// scanned calls visit with rows of SQLite.
func scanned(rows *sql.Rows, visit func(*Line)) error {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	l := Line{values: make([]any, len(columns))}
	into := make([]any, len(columns))
	for i := range into {
		into[i] = &l.values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		l.next = 0
		visit(&l)
	}
	return errors.Join(rows.Err(), l.err)
}
