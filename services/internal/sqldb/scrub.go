package sqldb

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

const (
	// scrubFor is how long readers are waited for.
	scrubFor = 10 * time.Second

	// scrubPages is how many pages are looked at in one read, 4 MiB, so that none holds up
	// a checkpoint.
	scrubPages = 1024
)

// Scrub sees to it that what was deleted and committed is in no file of a SQLite database
// any more: its pages, which are zeroed as rows go, take the place of older ones, and the
// log of changes is emptied. It reads the whole file, 400 MB of it a second, beside those
// who write. Of a PostgreSQL database that is the server's business, and Scrub does nothing.
func (db *DB) Scrub(ctx context.Context) error {
	if db.postgres {
		return nil
	}
	if err := db.blank(ctx); err != nil {
		return err
	}
	return db.emptyLog(ctx)
}

func (db *DB) emptyLog(ctx context.Context) error {
	conn, err := db.admin()
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetMaxOpenConns(1)
	// Whoever writes waits while the checkpoint waits for readers, so that tries for a moment only.
	if _, err := conn.ExecContext(ctx, `PRAGMA busy_timeout = 50`); err != nil {
		return fmt.Errorf("empty the log of changes: %w", Fault(err))
	}
	for until := time.Now().Add(scrubFor); ; {
		var busy, inLog, moved int
		err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &inLog, &moved)
		switch {
		case err == nil && busy == 0:
			return nil
		case err != nil && !collision(err):
			return fmt.Errorf("empty the log of changes: %w", Fault(err))
		case time.Now().After(until):
			return fault.Unavailable("STORAGE_BUSY", "somebody reads the database for long", errors.Join(err))
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// blank zeroes the free middle of all pages. SQLite zeroes rows it deletes, wherever they
// are; but when it divides a page it leaves copies of rows that moved to another in the
// middle of the first, where a later deletion does not find them.
func (db *DB) blank(ctx context.Context) error {
	var last int64
	if err := db.readers.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&last); err != nil {
		return fmt.Errorf("count pages: %w", Fault(err))
	}
	// Beyond, a page that goes on with a row cannot be told from one that holds rows.
	if last >= 2<<24 {
		return fault.Precondition("STORAGE_TOO_LARGE", "", "a SQLite file of 137 GB cannot be cleared of what was deleted; PostgreSQL has no such limit")
	}
	until := time.Now().Add(scrubFor)
	for first := int64(1); first <= last; {
		soiled, err := db.soiled(ctx, first, min(first+scrubPages-1, last))
		switch {
		case err != nil:
			return fmt.Errorf("look for what rows left: %w", Fault(err))
		case len(soiled) == 0:
			first, until = first+scrubPages, time.Now().Add(scrubFor)
			continue
		case time.Now().After(until):
			return fault.Unavailable("STORAGE_BUSY", "somebody writes to the database without a pause", nil)
		}
		// What others have written to in the meantime is as it was, and looked at again.
		err = db.Write(ctx, func(tx *Tx) error {
			for _, p := range soiled {
				tx.Defer(`UPDATE sqlite_dbpage SET data = $1 WHERE pgno = $2 AND data = $3`, p.clean, p.number, p.data)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A page is one as it is and as it should be.
type page struct {
	number      int64
	data, clean []byte
}

// soiled returns the pages from first to last in whose free middle something is.
func (db *DB) soiled(ctx context.Context, first, last int64) ([]page, error) {
	rows, err := db.readers.QueryContext(ctx, `
		WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
		SELECT p.pgno, p.data FROM n CROSS JOIN sqlite_dbpage p WHERE p.pgno = n.i`, first, last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []page
	for rows.Next() {
		var number int64
		var data sql.RawBytes
		if err := rows.Scan(&number, &data); err != nil {
			return nil, err
		}
		from, to := middle(number, data)
		if clean := make([]byte, to-from); !bytes.Equal(data[from:to], clean) {
			p := page{number: number, data: bytes.Clone(data), clean: bytes.Clone(data)}
			copy(p.clean[from:to], clean)
			found = append(found, p)
		}
	}
	return found, rows.Err()
}

// middle returns from where to where a page is free between the places of its rows and the
// rows, if it holds any (SQLite, Database File Format, 1.6).
func middle(number int64, data []byte) (from, to int) {
	header := 0
	if number == 1 {
		header = 100
	}
	if len(data) < header+12 {
		return 0, 0
	}
	switch data[header] {
	case 2, 5: // that lead to others
		from = header + 12
	case 10, 13:
		from = header + 8
	default:
		return 0, 0
	}
	from += 2 * int(binary.BigEndian.Uint16(data[header+3:]))
	to = int(binary.BigEndian.Uint16(data[header+5:]))
	if to == 0 {
		to = 1 << 16
	}
	if from > to || to > len(data) {
		return 0, 0
	}
	return from, to
}
