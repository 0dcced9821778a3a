package sqldb

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// send runs what waits in one round trip and returns what became of the last
// statement, or the first error.
func (s *postgresSession) send() (last pgconn.CommandTag, err error) {
	batch := s.batch
	s.batch = &pgx.Batch{}
	err = s.conn.Raw(func(c any) error {
		res := c.(*stdlib.Conn).Conn().SendBatch(context.Background(), batch)
		for range batch.Len() {
			if last, err = res.Exec(); err != nil {
				break
			}
		}
		if e := res.Close(); err == nil {
			err = e
		}
		return err
	})
	return last, err
}

// simple forgets what waits and runs a script by the simple protocol, which
// also works in a transaction that has failed.
func (s *postgresSession) simple(script string) error {
	s.batch = &pgx.Batch{}
	return s.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().PgConn().Exec(context.Background(), script).ReadAll()
		return err
	})
}
