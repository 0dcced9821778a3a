package bus

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// An Outbox is the table of what a service has to tell the others. It is safe
// for concurrent use.
type Outbox struct {
	db   *sqldb.DB
	wake chan struct{}

	tray tray // for the relay

	emitted map[string]*atomic.Int64 // by kind; only the numbers change

	mu        sync.RWMutex
	listeners map[*listener]struct{}
}

// A listener is told of events once they are committed.
type listener struct{ hear func(*eventv1.Event) }

// NewOutbox returns the outbox of db, which [Migrate] has brought up to date.
func NewOutbox(db *sqldb.DB) *Outbox {
	return &Outbox{db: db, wake: make(chan struct{}, 1), emitted: kinds(), listeners: map[*listener]struct{}{}}
}

// Emit says e to the other services if, and only if, tx commits. It gives e an
// id if it has none, and notes it on tx as [Applied] reads it. An event without a payload, or of more than 500,000 bytes,
// fails the transaction.
func (o *Outbox) Emit(tx *sqldb.Tx, e *eventv1.Event) {
	if e.Id == "" {
		e.Id = name.NewID()
	}
	p := parcel{id: e.Id, brand: brandOf(e), key: e.GetKey(), kind: kind(e), trace: tx.Trace()}
	var payload any
	if text, err := proto.Marshal(e); err == nil {
		p.payload, payload = text, text
	} // else NULL, which the table refuses: nobody could read the event
	if p.trace == "" {
		tx.Finally(`INSERT INTO outbox (id, brand, key, kind, payload, create_time) VALUES ($1, $2, $3, $4, $5, $6)`,
			p.id, p.brand, p.key, p.kind, payload, sqldb.Micros(time.Now()))
	} else {
		tx.Finally(`INSERT INTO outbox (id, brand, key, kind, payload, create_time, trace) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			p.id, p.brand, p.key, p.kind, payload, sqldb.Micros(time.Now()), p.trace)
	}
	tx.Note(p.kind + "." + p.id)
	tx.AfterCommit(func() { o.committed(e, p) })
}

// committed counts e, has the relay, if there is one, send p, and tells the listeners.
func (o *Outbox) committed(e *eventv1.Event, p parcel) {
	o.tray.put(p)
	o.ring()
	if n := o.emitted[p.kind]; n != nil {
		n.Add(1)
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	for l := range o.listeners {
		l.hear(e)
	}
}

// ring wakes the relay, if there is one.
func (o *Outbox) ring() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Listen has hear called with each event that o emits, once it is committed, until
// stop is called. hear runs where the commit was made: it must neither block nor
// change the event, and may be called concurrently.
func (o *Outbox) Listen(hear func(*eventv1.Event)) (stop func()) {
	l := &listener{hear}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.listeners[l] = struct{}{}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.listeners, l)
	}
}

// brandOf returns the id of the brand that e belongs to.
func brandOf(e *eventv1.Event) string { return name.Brand(e.GetBrand()) }

// kind returns the name of the payload's field, or "" without one.
func kind(e *eventv1.Event) string {
	m := e.ProtoReflect()
	if f := m.WhichOneof(m.Descriptor().Oneofs().ByName("payload")); f != nil {
		return string(f.Name())
	}
	return ""
}

// kinds returns a counter for each kind that the contract has.
func kinds() map[string]*atomic.Int64 {
	all := map[string]*atomic.Int64{}
	fields := (&eventv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("payload").Fields()
	for i := range fields.Len() {
		all[string(fields.Get(i).Name())] = &atomic.Int64{}
	}
	return all
}

// A parcel is a row of the outbox that is due.
type parcel struct {
	id, brand, key, kind string
	payload              []byte
	trace                string // what it is part of; empty unless somebody records it
}

// A receipt says where in the stream a parcel is.
type receipt struct {
	id       string
	sequence uint64
}

// due returns the oldest rows that no stream holds and whose id is above a given one,
// read by whoever has the lead. A row with a lower id may be committed after one with a
// higher: it is due all the same.
func (o *Outbox) due(ctx context.Context, lead *sqldb.Lead, above string, now time.Time) ([]parcel, error) {
	rows, err := lead.Query(ctx, `
		SELECT id, brand, key, kind, payload, trace FROM outbox
		WHERE stream = 0 AND (sent_time IS NULL OR sent_time > $1) AND id > $2
		ORDER BY id LIMIT $3`, sqldb.Micros(now.Add(-keep)), above, relayBatch)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	return scanParcels(rows)
}

func scanParcels(rows *sql.Rows) (parcels []parcel, err error) {
	defer func() { err = sqldb.Fault(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		var p parcel
		if err := rows.Scan(&p.id, &p.brand, &p.key, &p.kind, &p.payload, &p.trace); err != nil {
			return nil, err
		}
		parcels = append(parcels, p)
	}
	return parcels, rows.Err()
}

// mark notes where the incarnation stream holds what was sent. A place that
// another event has there already is an error for which [sqldb.Unique] holds.
func (o *Outbox) mark(ctx context.Context, stream int64, receipts []receipt, now time.Time) error {
	if len(receipts) == 0 {
		return nil
	}
	return o.db.WriteAside(ctx, func(tx *sqldb.Tx) error {
		for some := range slices.Chunk(receipts, markRows) {
			n := 1 << bits.Len(uint(len(some)-1)) //nolint:gosec // at least 0; few texts need preparing
			args := make([]any, 0, 2+2*n)
			args = append(args, stream, sqldb.Micros(now))
			for i := range n {
				r := some[min(i, len(some)-1)]
				args = append(args, r.id, r.sequence)
			}
			tx.Defer(markStatement(n), args...)
		}
		return nil
	})
}

// markRows is how many rows one statement marks.
const markRows = 32

// markStatement names the rows in the condition itself: PostgreSQL, which thinks that
// few rows are due, answers a join with a table of them by reading all that are.
func markStatement(rows int) string {
	var places, ids strings.Builder
	for i := range rows {
		fmt.Fprintf(&places, ` WHEN $%d THEN CAST($%d AS BIGINT)`, 3+2*i, 4+2*i)
		fmt.Fprintf(&ids, `, $%d`, 3+2*i)
	}
	return `UPDATE outbox SET stream = $1, sent_time = COALESCE(sent_time, $2), sequence = CASE id` + places.String() +
		` END WHERE id IN (` + ids.String()[2:] + `) AND stream = 0`
}

// highest returns the last place of the incarnation stream that a row holds.
func (o *Outbox) highest(ctx context.Context, stream int64) (sequence uint64, err error) {
	err = o.db.Read().QueryRowContext(ctx,
		`SELECT COALESCE(MAX(sequence), 0) FROM outbox WHERE stream = $1 AND sequence > 0`, stream).Scan(&sequence)
	return sequence, sqldb.Fault(err)
}

// missing reports whether the incarnation stream, which begins at first, has
// dropped a row too young for that.
func (o *Outbox) missing(ctx context.Context, stream int64, first uint64, now time.Time) (bool, error) {
	var sent int64
	err := o.db.Read().QueryRowContext(ctx, `
		SELECT sent_time FROM outbox WHERE stream = $1 AND sequence > 0 AND sequence < $2
		ORDER BY sequence DESC LIMIT 1`, stream, first).Scan(&sent)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return sent > sqldb.Micros(now.Add(-keep+time.Hour)), sqldb.Fault(err)
}

// others are the conditions, each served by an index, under which another
// incarnation than $2 holds a row.
var others = []string{`sequence > 0 AND stream < $2`, `sequence > 0 AND stream > $2`}

// resend makes every row due again that another incarnation than stream holds
// or held, as far as the outbox still answers for it.
func (o *Outbox) resend(ctx context.Context, stream int64, now time.Time) error {
	for _, other := range others {
		err := batches(ctx, o.db, `
			UPDATE outbox SET stream = 0, sequence = 0 WHERE id IN (
			  SELECT id FROM outbox WHERE sent_time > $1 AND `+other+` LIMIT 1000)`,
			sqldb.Micros(now.Add(-keep)), stream)
		if err != nil {
			return err
		}
	}
	return nil
}

// prune deletes rows that were first sent so long ago that nothing sends them
// again. In a stream, places rise with the time.
func (o *Outbox) prune(ctx context.Context, stream int64, now time.Time) error {
	oldest := sqldb.Micros(now.Add(-keep))
	err := batches(ctx, o.db, `
		DELETE FROM outbox WHERE id IN (
		  SELECT id FROM (
		    SELECT id, sent_time FROM outbox WHERE stream = $1 AND sequence > 0 ORDER BY sequence LIMIT 1000
		  ) AS first WHERE sent_time <= $2)`, stream, oldest)
	if err != nil {
		return err
	}
	err = batches(ctx, o.db, `
		DELETE FROM outbox WHERE id IN (
		  SELECT id FROM outbox WHERE sent_time <= $1 AND stream = 0 AND sent_time IS NOT NULL LIMIT 1000)`, oldest)
	if err != nil {
		return err
	}
	for _, other := range others {
		err := batches(ctx, o.db, `
			DELETE FROM outbox WHERE id IN (
			  SELECT id FROM outbox WHERE sent_time <= $1 AND `+other+` LIMIT 1000)`, oldest, stream)
		if err != nil {
			return err
		}
	}
	return nil
}

// condemn reports whether the caller is the one to make the incarnation stream
// anew. One that does not do it in time loses the right to another.
func (o *Outbox) condemn(ctx context.Context, stream int64, now time.Time) (mine bool, err error) {
	err = o.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(`
			INSERT INTO condemned (stream, condemn_time) VALUES ($1, $2)
			ON CONFLICT (stream) DO UPDATE SET condemn_time = $2 WHERE condemned.condemn_time < $3`,
			stream, sqldb.Micros(now), sqldb.Micros(now.Add(-condemnFor)))
		mine = n == 1
		return err
	})
	return mine, err
}

// lag returns how many rows no stream holds, up to 100,000, and since when the oldest waits.
func (o *Outbox) lag(ctx context.Context) (depth, since int64, err error) {
	err = o.db.Read().QueryRowContext(ctx,
		`SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE stream = 0 LIMIT 100000) AS due),
		COALESCE((SELECT create_time FROM outbox WHERE stream = 0 ORDER BY id LIMIT 1), 0)`).Scan(&depth, &since)
	return depth, since, sqldb.Fault(err)
}

// batches runs a statement, a transaction each time, until it changes less
// than a batch.
func batches(ctx context.Context, db *sqldb.DB, query string, args ...any) error {
	for n := int64(pruneBatch); n >= pruneBatch; {
		err := db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			n, err = tx.Exec(query, args...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
