package bus

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A letter is an event that was put aside: dead if it has a reason, otherwise
// waiting behind one of its key. The letters of a key are its line, and while
// there is one the key is in stopped_key, whose row guards the line.
type letter struct {
	id, brand, key string
	position       int64
	payload        []byte
	reason         string
	attempts       int
	created        int64
}

const letterColumns = `id, brand, key, position, payload, reason, attempts, create_time`

func insertLetter(tx *sqldb.Tx, e *eventv1.Event, l letter) {
	if l.payload == nil {
		l.payload = []byte{}
	}
	tx.Defer(`INSERT INTO dead_letter (`+letterColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		strings.ToLower(e.GetId()), brandOf(e), e.GetKey(), l.position, l.payload, l.reason, l.attempts, sqldb.Micros(time.Now()))
}

func scanLetter(scan func(...any) error) (l letter, err error) {
	err = scan(&l.id, &l.brand, &l.key, &l.position, &l.payload, &l.reason, &l.attempts, &l.created)
	return l, err
}

// event returns what the letter holds, or of a damaged one what is known.
func (l letter) event() (*eventv1.Event, error) {
	e := &eventv1.Event{}
	err := proto.Unmarshal(l.payload, e)
	if err == nil && e.GetId() == "" {
		err = errors.New("the event has no id")
	}
	if err != nil {
		e = &eventv1.Event{Id: l.id, Brand: name.Join("brands", l.brand), Key: l.key}
	}
	return e, err
}

// list returns up to n letters, oldest first, after the one of that time and id.
func (a *applier) list(ctx context.Context, after int64, id string, n int) (letters []letter, err error) {
	rows, err := a.db.Read().QueryContext(ctx, `
		SELECT `+letterColumns+` FROM dead_letter
		WHERE create_time > $1 OR (create_time = $1 AND id > $2)
		ORDER BY create_time, id LIMIT $3`, after, id, n)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	defer func() { err = sqldb.Fault(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		l, err := scanLetter(rows.Scan)
		if err != nil {
			return nil, err
		}
		letters = append(letters, l)
	}
	return letters, rows.Err()
}

// find returns one letter or sql.ErrNoRows.
func (a *applier) find(ctx context.Context, id string) (letter, error) {
	l, err := scanLetter(a.db.Read().QueryRowContext(ctx,
		`SELECT `+letterColumns+` FROM dead_letter WHERE id = $1`, id).Scan)
	return l, sqldb.Fault(err)
}

// first returns the head of the line, which nobody else changes until tx ends,
// or sql.ErrNoRows where no line is left.
func first(tx *sqldb.Tx, brand, key string) (letter, error) {
	if _, err := tx.Exec(`UPDATE stopped_key SET arrivals = arrivals WHERE brand = $1 AND key = $2`, brand, key); err != nil {
		return letter{}, err
	}
	return scanLetter(tx.QueryRow(`
		SELECT `+letterColumns+` FROM dead_letter WHERE brand = $1 AND key = $2
		ORDER BY position LIMIT 1`, brand, key).Scan)
}

// remove takes a letter out of its line and releases the key after the last one.
func remove(tx *sqldb.Tx, l letter) error {
	tx.Defer(`DELETE FROM dead_letter WHERE id = $1`, l.id)
	return release(tx, l.brand, l.key)
}

// release lets events of a key pass again that none is put aside of.
func release(tx *sqldb.Tx, brand, key string) error {
	_, err := tx.Exec(`
		DELETE FROM stopped_key WHERE brand = $1 AND key = $2
		AND NOT EXISTS (SELECT 1 FROM dead_letter WHERE brand = $1 AND key = $2)`, brand, key)
	return err
}

// Why a step along a line does not take place.
var (
	errEnd    = errors.New("the line has ended")
	errBehind = errors.New("the letter waits behind another")
	errStill  = errors.New("the letter still fails")
)

// advance applies the head of the line and takes it out. If only is set, the
// head must have that id. A failure is noted on the letter, and is errStill
// unless it may pass and was not tried often.
func (a *applier) advance(ctx context.Context, brand, key, only string) error {
	var head letter
	failed := false
	err := a.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		failed = false
		head, err = first(tx, brand, key)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return errEnd
		case err != nil:
			return err
		case only != "" && head.id != only:
			return errBehind
		}
		e, err := head.event()
		if err == nil {
			err = a.call(tx, e)
		}
		if err != nil {
			failed = true
			return err
		}
		return remove(tx, head)
	})
	if !failed || unreachable(err) {
		return err
	}
	return a.note(ctx, head, err)
}

// note writes down that head failed with err, which it returns.
func (a *applier) note(ctx context.Context, head letter, err error) error {
	_, damaged := head.event()
	still := !passing(err) || head.attempts+1 >= maxAttempts
	if still {
		head.reason = reasonOf(err, damaged != nil)
	}
	e := a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE dead_letter SET reason = $1, attempts = attempts + 1 WHERE id = $2`, head.reason, head.id)
		return err
	})
	if e == nil && still {
		e = errStill
	}
	return errors.Join(err, e)
}

// walk applies the line from its head on until it ends or one fails, and
// returns how many it applied. That the first one still fails is an error; that
// a later one does is not, as that one is the dead letter now.
func (a *applier) walk(ctx context.Context, brand, key, only string) (applied int, err error) {
	for {
		err := a.advance(ctx, brand, key, only)
		switch {
		case errors.Is(err, errEnd) && only == "", errors.Is(err, errStill) && applied > 0:
			return applied, nil
		case err != nil:
			return applied, err
		}
		applied++
		only = ""
	}
}

// drop gives up one letter and reports whether it was the head of its line.
func (a *applier) drop(ctx context.Context, l letter) (head bool, err error) {
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		h, err := first(tx, l.brand, l.key)
		if err != nil {
			return err
		}
		n, err := tx.Exec(`DELETE FROM dead_letter WHERE id = $1`, l.id)
		if err != nil {
			return err
		}
		if n == 0 {
			return sql.ErrNoRows
		}
		head = h.id == l.id
		return release(tx, l.brand, l.key)
	})
	return head, err
}

// resume goes on with the lines whose head only waits: what was before it is
// applied or dropped, and the process ended before its turn.
func (a *applier) resume(ctx context.Context) error {
	rows, err := a.db.Read().QueryContext(ctx, `
		SELECT brand, key FROM dead_letter AS head
		WHERE reason = '' AND NOT EXISTS (
		  SELECT 1 FROM dead_letter AS before
		  WHERE before.brand = head.brand AND before.key = head.key AND before.position < head.position)
		LIMIT 1000`)
	if err != nil {
		return sqldb.Fault(err)
	}
	var lines [][2]string
	for rows.Next() {
		var line [2]string
		if err := rows.Scan(&line[0], &line[1]); err != nil {
			return errors.Join(err, rows.Close())
		}
		lines = append(lines, line)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return sqldb.Fault(err)
	}
	for _, line := range lines {
		if _, err := a.walk(ctx, line[0], line[1], ""); err != nil && !errors.Is(err, errStill) {
			return err
		}
	}
	return nil
}
