package store

import (
	"context"
	"errors"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// The states of a delivery; their numbers are those of the contract.
const (
	DeliveryPending   int32 = 1
	DeliveryDelivered int32 = 2
	DeliveryFailed    int32 = 3
)

// keptAttempts is how many attempts of a delivery are remembered.
const keptAttempts = 10

// A WebhookDelivery is one event on its way to one endpoint.
type WebhookDelivery struct {
	Brand, Endpoint, ID string
	EventType           string
	About               string // the key of the event
	Body                string
	State               int32
	AttemptCount        int
	Attempts            []WebhookAttempt
	NextTime            time.Time // zero unless pending
	CreateTime          time.Time
}

// A WebhookAttempt is one attempt of a delivery.
type WebhookAttempt struct {
	Start   time.Time     `json:"start"`
	Outcome int32         `json:"outcome"`
	Status  int32         `json:"status,omitempty"`
	Latency time.Duration `json:"latency"`
}

const deliveryColumns = `brand, endpoint, id, event_type, about, body, state, attempt_count, attempts, next_time, create_time`

func scanDelivery(scan func(...any) error) (d WebhookDelivery, err error) {
	err = scan(&d.Brand, &d.Endpoint, &d.ID, &d.EventType, &d.About, &d.Body, &d.State, &d.AttemptCount,
		table.Array[WebhookAttempt]{Of: &d.Attempts}, table.Moment{Of: &d.NextTime}, table.Micros{Of: &d.CreateTime})
	return d, err
}

// AddWebhookDelivery adds a delivery that is due at once, unless its endpoint has it
// already, or is gone or disabled.
func (s *Store) AddWebhookDelivery(tx *sqldb.Tx, d WebhookDelivery) {
	tx.Defer(`
		INSERT INTO webhook_delivery (`+deliveryColumns+`)
		SELECT $1, $2, $3, $4, $5, $6, 1, 0, '', $7, $7
		WHERE EXISTS (SELECT 1 FROM webhook_endpoint WHERE brand = $1 AND id = $2 AND disabled = 0)
		ON CONFLICT DO NOTHING`, d.Brand, d.Endpoint, d.ID, d.EventType, d.About, d.Body, sqldb.Micros(d.CreateTime))
}

// DueWebhookDeliveries returns the deliveries of an endpoint that are due, longest first,
// and when the next one is if there are less than limit: zero for never.
func (s *Store) DueWebhookDeliveries(ctx context.Context, brand, endpoint string, now time.Time, limit int) (due []WebhookDelivery, next time.Time, err error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT `+deliveryColumns+` FROM webhook_delivery
		WHERE brand = $1 AND endpoint = $2 AND next_time IS NOT NULL
		ORDER BY next_time LIMIT $3`, brand, endpoint, limit)
	if err != nil {
		return nil, next, sqldb.Fault(err)
	}
	all, err := table.All(rows, scanDelivery)
	for i, d := range all {
		if d.NextTime.After(now) {
			return all[:i], d.NextTime, sqldb.Fault(err)
		}
	}
	return all, next, sqldb.Fault(err)
}

// ClaimWebhookDelivery makes an attempt at d this caller's own and reports whether it is:
// another has none before the lease ends.
func (s *Store) ClaimWebhookDelivery(tx *sqldb.Tx, d WebhookDelivery, lease time.Time) (bool, error) {
	n, err := tx.Exec(`
		UPDATE webhook_delivery SET attempt_count = attempt_count + 1, next_time = $4
		WHERE brand = $1 AND endpoint = $2 AND id = $3 AND attempt_count = $5 AND next_time = $6`,
		d.Brand, d.Endpoint, d.ID, sqldb.Micros(lease), d.AttemptCount, sqldb.Micros(d.NextTime))
	return n > 0, err
}

// EndWebhookAttempt writes what became of an attempt that was claimed until the lease: the
// state of d, its attempts and when the next one is. What was deleted, or redelivered
// meanwhile, stays as it is.
func (s *Store) EndWebhookAttempt(tx *sqldb.Tx, d WebhookDelivery, lease time.Time) {
	d.Attempts = d.Attempts[max(0, len(d.Attempts)-keptAttempts):]
	tx.Defer(`
		UPDATE webhook_delivery SET state = $4, attempts = $5, next_time = $6
		WHERE brand = $1 AND endpoint = $2 AND id = $3 AND next_time = $7`,
		d.Brand, d.Endpoint, d.ID, d.State, table.Array[WebhookAttempt]{Of: &d.Attempts}, sqldb.NullMicros(d.NextTime), sqldb.Micros(lease))
}

// WebhookDeliveries returns deliveries of an endpoint, newest first, of a state or, for 0,
// of any, that come after a delivery, "" for the first.
func (s *Store) WebhookDeliveries(ctx context.Context, brand, endpoint string, state int32, after string, limit int) ([]WebhookDelivery, error) {
	var q sqldb.Query
	q.Add(`SELECT `+deliveryColumns+` FROM webhook_delivery WHERE brand = ? AND endpoint = ?`, brand, endpoint)
	if state != 0 {
		q.Add(` AND state = ?`, state)
	}
	if after != "" {
		q.Add(` AND id < ?`, after)
	}
	q.Add(` ORDER BY id DESC LIMIT ?`, limit)
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, scanDelivery)
	return all, sqldb.Fault(err)
}

// ErrNoDelivery says that an endpoint has no such delivery.
var ErrNoDelivery = errors.New("no such delivery")

// RedeliverWebhooks makes deliveries of an endpoint due at once: those of ids, all of which
// there must be, else it returns [ErrNoDelivery], or, without any, those that failed and
// were created since a time. It returns how many.
func (s *Store) RedeliverWebhooks(tx *sqldb.Tx, brand, endpoint string, ids []string, since, now time.Time) (int64, error) {
	var q sqldb.Query
	q.Add(`UPDATE webhook_delivery SET state = 1, attempt_count = 0, next_time = ? WHERE brand = ? AND endpoint = ?`,
		sqldb.Micros(now), brand, endpoint)
	if len(ids) > 0 {
		sqldb.In(&q, "id", ids)
	} else {
		q.Add(` AND state = 3 AND create_time >= ?`, sqldb.Micros(since))
	}
	n, err := tx.Exec(q.String(), q.Args...)
	if err == nil && n < int64(len(ids)) {
		err = ErrNoDelivery
	}
	return n, err
}

// DeleteWebhookDeliveries deletes the deliveries of an endpoint.
func (s *Store) DeleteWebhookDeliveries(tx *sqldb.Tx, brand, endpoint string) {
	tx.Defer(`DELETE FROM webhook_delivery WHERE brand = $1 AND endpoint = $2`, brand, endpoint)
}

// ForgetWebhookDeliveries deletes up to 1,000 deliveries that were created before a time,
// and returns how many.
func (s *Store) ForgetWebhookDeliveries(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err = tx.Exec(`
			DELETE FROM webhook_delivery WHERE (brand, endpoint, id) IN (
				SELECT brand, endpoint, id FROM webhook_delivery WHERE create_time < $1 ORDER BY create_time LIMIT 1000)`, sqldb.Micros(before))
		return err
	})
	return n, err
}
