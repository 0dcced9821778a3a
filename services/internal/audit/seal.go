package audit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

const (
	sealEvery = 250 * time.Millisecond // while there is something to seal
	sealLook  = 2 * time.Second        // otherwise
	sealBatch = 500                    // events a transaction
	denials   = 256                    // that may wait to be written
)

// A Log is the audit log in one database. It is safe for concurrent use.
type Log struct {
	db     *sqldb.DB
	denied chan Call
}

// NewLog returns the log of db, which [Migrate] has brought up to date.
func NewLog(db *sqldb.DB) *Log { return &Log{db, make(chan Call, denials)} }

// Denied has it written that a call was not allowed. It does not block: beyond what can
// wait, denials only go to the process's own log.
func (l *Log) Denied(c Call) {
	select {
	case l.denied <- c:
	default:
		slog.Warn("too many calls are denied to write all of them down", "method", c.Method)
	}
}

// Work writes what was denied, seals, and forgets what is older than 400 days, until ctx ends.
// Replicas may do so at the same time.
func (l *Log) Work(ctx context.Context) {
	tick, prune := time.NewTimer(0), time.NewTimer(0)
	defer tick.Stop()
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-l.denied:
			if err := l.deny(ctx, c); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "a denied call could not be written down", "err", err)
			}
		case <-prune.C:
			if err := l.prune(ctx, time.Now().Add(-kept)); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "old events stay in the audit log for now", "err", err)
			}
			prune.Reset(pruneEvery)
		case <-tick.C:
			n, err := l.seal(ctx)
			if err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "the audit log is sealed later", "err", err)
			}
			if n > 0 {
				tick.Reset(sealEvery)
			} else {
				tick.Reset(sealLook)
			}
		}
	}
}

func (l *Log) deny(ctx context.Context, c Call) error {
	return l.db.Write(ctx, func(tx *sqldb.Tx) error {
		c.write(tx, c.Brand, "", "", eventv1.AuditEvent_OUTCOME_DENIED, time.Now())
		return nil
	})
}

// seal gives the events that have none a number and a hash, brand by brand, and returns how
// many. What commits while it works is sealed the next time: the chain is in the order of
// sealing.
func (l *Log) seal(ctx context.Context) (n int, err error) {
	brands, err := l.open(ctx)
	if err != nil {
		return 0, err
	}
	for _, brand := range brands {
		sealed, e := l.sealBrand(ctx, brand)
		n += sealed
		err = errors.Join(err, e)
	}
	return n, err
}

// open returns the brands that have something to seal.
func (l *Log) open(ctx context.Context) ([]string, error) {
	rows, err := l.db.Read().QueryContext(ctx, `SELECT DISTINCT brand FROM audit_event WHERE sequence IS NULL ORDER BY brand LIMIT 1000`)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, func(scan func(...any) error) (brand string, err error) {
		err = scan(&brand)
		return brand, err
	})
	return all, sqldb.Fault(err)
}

func (l *Log) sealBrand(ctx context.Context, brand string) (n int, err error) {
	err = l.db.Write(ctx, func(tx *sqldb.Tx) error {
		n = 0
		tx.Defer(`INSERT INTO audit_head (brand, sequence, hash) VALUES ($1, 0, '') ON CONFLICT DO NOTHING`, brand)
		var (
			sequence int64
			hash     string
		)
		// Changing nothing keeps other replicas out until the commit.
		if err := tx.QueryRow(`UPDATE audit_head SET sequence = sequence WHERE brand = $1 RETURNING sequence, hash`, brand).Scan(&sequence, &hash); err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT `+columns+` FROM audit_event WHERE brand = $1 AND sequence IS NULL ORDER BY id LIMIT $2`, brand, sealBatch)
		if err != nil {
			return err
		}
		all, err := table.All(rows, scan)
		if err != nil {
			return err
		}
		for _, r := range all {
			sequence++
			r.sequence = sequence
			if hash, err = r.sum(brand, hash); err != nil {
				return err
			}
			tx.Defer(`UPDATE audit_event SET sequence = $3, hash = $4 WHERE brand = $1 AND id = $2`, brand, r.id, sequence, hash)
		}
		tx.Defer(`UPDATE audit_head SET sequence = $2, hash = $3 WHERE brand = $1`, brand, sequence, hash)
		n = len(all)
		return nil
	})
	return n, err
}
