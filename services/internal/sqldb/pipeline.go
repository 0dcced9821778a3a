package sqldb

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// send runs what waits in one round trip and returns what became of the last
// statement, or the first error.
func (s *postgresSession) send() (last pgconn.CommandTag, err error) {
	err = s.travel(func(res pgx.BatchResults) error {
		last, err = res.Exec()
		return err
	})
	return last, err
}

// fetch runs what waits in one round trip and returns the rows of the last statement,
// all of which it has read.
func (s *postgresSession) fetch() (*sql.Rows, error) {
	var r reply
	err := s.travel(func(res pgx.BatchResults) error {
		rows, err := res.Query()
		if err != nil {
			return err
		}
		return r.read(rows)
	})
	if err != nil {
		return nil, err
	}
	return s.shelf.QueryContext(context.Background(), "", &r)
}

// travel takes what waits to the server in one round trip and has last deal with the
// answer to the last statement. It returns the first error.
func (s *postgresSession) travel(last func(pgx.BatchResults) error) error {
	batch := s.batch
	s.batch, s.fresh = &pgx.Batch{}, -1
	return s.carry(batch, last)
}

func (s *postgresSession) carry(batch *pgx.Batch, last func(pgx.BatchResults) error) error {
	return s.conn.Raw(func(c any) (err error) {
		res := c.(*stdlib.Conn).Conn().SendBatch(context.Background(), batch)
		for range batch.Len() - 1 {
			if _, err = res.Exec(); err != nil {
				break
			}
		}
		if err == nil {
			err = last(res)
		}
		if e := res.Close(); err == nil {
			err = e
		}
		return err
	})
}

// load sends the rows behind what waits, without a word from the server in between. Where one of
// them is there already it goes back to the savepoint, ends that and returns false.
func (s *postgresSession) load(statement, savepoint string, rows []byte) (bool, error) {
	if err := s.flush(); err != nil {
		return false, err
	}
	err := s.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().PgConn().CopyFrom(context.Background(), bytes.NewReader(rows), statement)
		return err
	})
	if Unique(err) {
		return false, s.simple("ROLLBACK TO SAVEPOINT " + savepoint + "; RELEASE SAVEPOINT " + savepoint)
	}
	return err == nil, err
}

// simple forgets what waits and runs a script by the simple protocol, which
// also works in a transaction that has failed.
func (s *postgresSession) simple(script string) error {
	s.forget()
	s.told = "" // what was said since a savepoint is taken back with it
	return s.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().PgConn().Exec(context.Background(), script).ReadAll()
		return err
	})
}

// ask looks for all rows in one round trip.
func (s *postgresSession) ask(who string, asks []*Ask, absent bool) ([]finding, error) {
	if absent {
		return make([]finding, len(asks)), nil
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	args := make([]any, len(asks[0].Key))
	for i := range args {
		part := make([]string, len(asks))
		for n, a := range asks {
			part[n] = a.Key[i]
		}
		args[i] = part
	}
	answers := make([]finding, len(asks))
	var batch pgx.Batch
	if s.fenced {
		batch.Queue(say, who)
	}
	batch.Queue(manyAsks(asks[0].Query, len(args)), args...)
	err := s.carry(&batch, func(res pgx.BatchResults) error {
		rows, err := res.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var place int64
			if err := s.pgx.TypeMap().Scan(rows.FieldDescriptions()[0].DataTypeOID, rows.FieldDescriptions()[0].Format, rows.RawValues()[0], &place); err != nil {
				return err
			}
			answers[place-1].scan = s.keep(rows)
		}
		return rows.Err()
	})
	s.used = time.Now()
	if err != nil {
		return nil, err
	}
	return answers, nil
}

// keep returns what scans a copy of the present row, without its place.
func (s *postgresSession) keep(rows pgx.Rows) func(dest ...any) error {
	types := s.pgx.TypeMap()
	fields := slices.Clone(rows.FieldDescriptions()[1:])
	values := make([][]byte, len(fields))
	for i, v := range rows.RawValues()[1:] {
		values[i] = bytes.Clone(v)
	}
	return func(dest ...any) error {
		if len(dest) != len(values) {
			return fmt.Errorf("scan %d columns into %d variables", len(values), len(dest))
		}
		for i, v := range values {
			if err := types.Scan(fields[i].DataTypeOID, fields[i].Format, v, dest[i]); err != nil {
				return err
			}
		}
		return nil
	}
}
