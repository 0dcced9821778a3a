package store

import (
	"context"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A WebhookEndpoint is an address that hears of what happens in a brand.
type WebhookEndpoint struct {
	table.Record
	URL            string
	Description    string
	EventTypes     []string // all if empty
	Disabled       bool
	DisabledReason int32 // WebhookEndpoint.DisabledReason
	Secret         string
	PreviousSecret string // "" for none
	PreviousExpire time.Time
	FailingSince   time.Time
}

// WebhookEndpoints keeps the endpoints.
var WebhookEndpoints = &table.Table[WebhookEndpoint]{
	Name: "webhook_endpoint",
	Columns: []string{
		"url", "description", "event_types", "disabled", "disabled_reason", "secret", "previous_secret", "previous_expire", "failing_since",
	},
	Fields: func(r *WebhookEndpoint) []any {
		return []any{
			&r.URL, &r.Description,
			table.Array[string]{Of: &r.EventTypes},
			table.Flag{Of: &r.Disabled},
			&r.DisabledReason, &r.Secret, &r.PreviousSecret,
			table.Moment{Of: &r.PreviousExpire},
			table.Moment{Of: &r.FailingSince},
		}
	},
	Head: func(r *WebhookEndpoint) *table.Record { return &r.Record },
}

// CountWebhookEndpoints returns how many endpoints a brand has.
func (s *Store) CountWebhookEndpoints(tx *sqldb.Tx, brand string) (n int, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM webhook_endpoint WHERE brand = $1`, brand).Scan(&n)
	return n, err
}

// LiveWebhookEndpoints returns the endpoints of all brands that are not disabled.
func (s *Store) LiveWebhookEndpoints(ctx context.Context) ([]WebhookEndpoint, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT `+WebhookEndpoints.Read()+` FROM webhook_endpoint WHERE disabled = 0 ORDER BY brand, id`)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, WebhookEndpoints.Scan)
	return all, sqldb.Fault(err)
}

// WebhookEndpoint returns one endpoint or [table.ErrNotFound].
func (s *Store) WebhookEndpoint(ctx context.Context, brand, id string) (WebhookEndpoint, error) {
	e, err := WebhookEndpoints.Scan(s.db.Read().QueryRowContext(ctx,
		`SELECT `+WebhookEndpoints.Read()+` FROM webhook_endpoint WHERE brand = $1 AND id = $2`, brand, id).Scan)
	return e, sqldb.Fault(err)
}

// NoteWebhookHealth notes that an endpoint took a message, which ends its failing, or did
// not, which begins it. It is no change of what callers see under the etag.
func (s *Store) NoteWebhookHealth(tx *sqldb.Tx, brand, id string, failed time.Time) {
	if failed.IsZero() {
		tx.Defer(`UPDATE webhook_endpoint SET failing_since = NULL WHERE brand = $1 AND id = $2 AND failing_since IS NOT NULL`, brand, id)
		return
	}
	tx.Defer(`UPDATE webhook_endpoint SET failing_since = $3 WHERE brand = $1 AND id = $2 AND failing_since IS NULL`, brand, id, sqldb.Micros(failed))
}

// DisableWebhookEndpoint disables an endpoint for a reason, unless it is disabled already,
// and reports whether it did.
func (s *Store) DisableWebhookEndpoint(tx *sqldb.Tx, brand, id string, reason int32, at time.Time) (bool, error) {
	n, err := tx.Exec(`
		UPDATE webhook_endpoint SET disabled = 1, disabled_reason = $3, update_time = $4, version = version + 1
		WHERE brand = $1 AND id = $2 AND disabled = 0`, brand, id, reason, sqldb.Micros(at))
	return n > 0, err
}
