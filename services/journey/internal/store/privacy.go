package store

import (
	"context"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// theirs are the measures that responses of a customer, or about their touchpoints, gave.
const theirs = `(customer = {customer} OR target IN (
	SELECT 'customers/' || t.customer || '/touchpoints/' || t.id FROM touchpoint t WHERE t.brand = {brand} AND t.customer = {customer}))`

// renamed sets a column that may hold the customer.
func renamed(column string) string {
	return column + ` = CASE ` + column + ` WHEN {customer} THEN {pseudonym} ELSE ` + column + ` END`
}

// PrivacyTables say what becomes of every table when a customer is erased.
func PrivacyTables() []privacy.Table {
	return []privacy.Table{
		{
			Name: "measure", Rows: theirs, Erase: privacy.Delete,
			Keep:  renamed("customer") + `, target = REPLACE(target, 'customers/' || {customer} || '/', 'customers/' || {pseudonym} || '/')`,
			Plain: []string{"response"},
		},
		{
			Name: "customer", Rows: `id IN (SELECT l.root FROM customer_link l WHERE l.brand = {brand} AND l.member = {customer})`,
			Erase: renamed("first_customer"), // their own rows come below
		},
		{
			Name: "touchpoint", Kind: "touchpoints", Rows: `customer = {customer}`, Erase: privacy.Delete,
			Keep: `customer = {pseudonym}, event_id = '', attributes = NULL, retract_reason = NULL, digest = NULL`,
			Plain: []string{
				"id", "definition", "source", "ticket", "interaction", "response", "same_as", "currency",
			},
		},
		{Name: "stage_bucket", Rows: `customer = {customer}`, Erase: privacy.Delete, Keep: `customer = {pseudonym}`},
		{
			Name: "customer_score", Rows: `id = {customer}`, Erase: privacy.Delete, Keep: `id = {pseudonym}`,
			Plain: []string{"revision"},
		},
		{Name: "customer_identity", Kind: "identities", Rows: `customer = {customer}`, Erase: privacy.Delete},
		{Name: "customer_consent", Kind: "consents", Rows: `customer = {customer}`, Erase: privacy.Delete},
		{Name: "customer_stale", Rows: `customer = {customer}`, Erase: privacy.Delete, Keep: `customer = {pseudonym}`},
		{
			Name: "customer", Kind: "customers", Rows: `id = {customer}`, Erase: privacy.Delete,
			Keep:  `id = {pseudonym}, sealed = '', first_attributes = '', ` + renamed("first_customer"),
			Plain: []string{"segments", "persona", "first_touchpoint", "first_definition"},
		},
		{
			Name: "customer_link", Kind: "merges", Rows: `member = {customer}`, Erase: privacy.Delete, Keep: `member = {pseudonym}`,
			Plain: []string{"root", "parent"}, // who are erased together with the member
		},
		{Name: "customer_link_past", Rows: `(member = {customer} OR parent = {customer})`, Erase: privacy.Delete, Keep: renamed("member") + `, ` + renamed("parent")},
		{Name: "customer_link", Rows: `(root = {customer} OR parent = {customer})`, Keep: renamed("root") + `, ` + renamed("parent")},
		{
			Name: "signal", Kind: "signals", Rows: `customer = {customer}`, Erase: privacy.Delete,
			Keep:  `customer = {pseudonym}, action = '', close_note = ''`,
			Plain: []string{"id", "signal_rule", "definition", "segment", "finding"},
		},
		{
			Name: "signal_customer", Rows: `customer = {customer}`, Erase: privacy.Delete, Keep: `customer = {pseudonym}`,
			Plain: []string{"signal"},
		},

		// What the brand says of itself.
		{Name: "identity_key", Plain: []string{"*"}},
		{Name: "industry_profile", Plain: []string{"*"}},
		{Name: "journey_map", Plain: []string{"*"}},
		{Name: "plan_reset", Plain: []string{"*"}},
		{Name: "plan_revision", Plain: []string{"*"}},
		{Name: "scoring_model", Plain: []string{"*"}},
		{Name: "scoring_model_activation", Plain: []string{"*"}},
		{Name: "scoring_model_revision", Plain: []string{"*"}},
		{Name: "signal_rule", Plain: []string{"*"}},
		{Name: "touchpoint_definition", Plain: []string{"*"}},

		// What follows from touchpoints and names nobody.
		{Name: "resolution", Plain: []string{"*"}},
		{Name: "score_shard", Plain: []string{"*"}},
		{Name: "signal_day", Plain: []string{"*"}},
		{Name: "signal_mark", Plain: []string{"*"}},
		{Name: "signal_scan", Plain: []string{"*"}},
		{Name: "signal_tally", Plain: []string{"*"}},
		{Name: "signal_watch", Plain: []string{"*"}},
		{Name: "sum_layout", Plain: []string{"*"}},
		{Name: "sum_rebuild", Plain: []string{"*"}},
	}
}

// PrivacyNames are queries for the names of what stays of a customer.
func PrivacyNames() []string {
	return []string{`SELECT 'signals/' || id FROM signal WHERE brand = {brand} AND customer = {pseudonym}`}
}

// PrivacyRules say how what has become old goes. The sums that scores are made of stay. Also
// forgets the event of a touchpoint that goes, whose key it gets.
func PrivacyRules(also func(tx *sqldb.Tx, brand string, key []string)) []privacy.Rule {
	return []privacy.Rule{
		{
			Of: privacy.OfRecords, Keys: 4, Also: also,
			Find: `SELECT id, customer, source, event_id FROM touchpoint
			  WHERE brand = {brand} AND event_time >= 0 AND event_time < {before} LIMIT {limit}`,
			Apply: []string{
				`DELETE FROM measure WHERE brand = {brand} AND target = 'customers/' || {2} || '/touchpoints/' || {1}`,
				`DELETE FROM touchpoint WHERE brand = {brand} AND id = {1}`,
			},
		},
		{
			Of: privacy.OfWords, Keys: 1,
			Find: `SELECT id FROM touchpoint WHERE brand = {brand} AND event_time >= 0 AND event_time < {before}
			  AND retract_time < {before} AND retract_reason IS NOT NULL LIMIT {limit}`,
			Apply: []string{`UPDATE touchpoint SET retract_reason = NULL WHERE brand = {brand} AND id = {1}`},
		},
		{
			Of: privacy.OfWords, Keys: 1,
			Find: `SELECT id FROM signal WHERE brand = {brand} AND create_time < {before} AND close_time < {before}
			  AND (action <> '' OR close_note <> '') LIMIT {limit}`,
			Apply: []string{`UPDATE signal SET action = '', close_note = '' WHERE brand = {brand} AND id = {1}`},
		},
	}
}

// Rated returns the customer whose touchpoint the target of a measure is; "" for another
// target.
func Rated(target string) string {
	if customer, _, ok := touchpointTarget(target); ok {
		return customer
	}
	return ""
}

// A Key is what a touchpoint is known by.
type Key struct{ ID, Source, EventID string }

// Keys returns the keys of all touchpoints of a customer.
func Keys(tx *sqldb.Tx, brand, customer string) ([]Key, error) {
	rows, err := tx.Query(`SELECT id, source, event_id FROM touchpoint WHERE brand = $1 AND customer = $2`, brand, customer)
	if err != nil {
		return nil, err
	}
	return table.All(rows, func(scan func(...any) error) (k Key, err error) { return k, scan(&k.ID, &k.Source, &k.EventID) })
}

// DropAlias forgets the row that keeps the event of a touchpoint whose id a caller chose.
func DropAlias(tx *sqldb.Tx, brand, alias, id string) {
	tx.Defer(`DELETE FROM touchpoint WHERE brand = $1 AND id = $2 AND same_as = $3`, brand, alias, id)
}

// TouchpointsOf returns up to limit touchpoints recorded for a customer, those taken back
// included, by id, after one.
func (s *Store) TouchpointsOf(ctx context.Context, brand, customer, after string, limit int) ([]Touchpoint, error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT `+columns+` FROM touchpoint WHERE brand = $1 AND customer = $2 AND id > $3 ORDER BY id LIMIT $4`, brand, customer, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read touchpoints: %w", sqldb.Fault(err))
	}
	return collect(rows)
}

// ConsentsOf returns every word of a customer, oldest first.
func (s *Store) ConsentsOf(ctx context.Context, brand, customer string) ([]Consent, error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT `+consentColumns+` FROM customer_consent WHERE brand = $1 AND customer = $2 ORDER BY change_time, purpose, granted`, brand, customer)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, func(scan func(...any) error) (c Consent, err error) { return c, scan(c.fields()...) })
	return all, sqldb.Fault(err)
}
