package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Contact is a customer the service has heard of, and what they have said about
// being asked.
type Contact struct {
	Brand, Customer string
	OptedOut        bool
	Channels        []int32 // on which they want to be left alone
	Consent         int32
	ConsentTime     time.Time // when they said so; zero if nobody knows
	UpdateTime      time.Time // zero if they have never said anything
	Version         int64     // 0 likewise
}

const contactColumns = `brand, customer, opted_out, channels, consent, consent_time, update_time, version`

func (c *Contact) fields() []any {
	return []any{
		&c.Brand, &c.Customer,
		table.Flag{Of: &c.OptedOut},
		table.Array[int32]{Of: &c.Channels},
		&c.Consent,
		table.Moment{Of: &c.ConsentTime},
		table.Moment{Of: &c.UpdateTime},
		&c.Version,
	}
}

// Sent is what a new decision must know.
type Sent struct {
	Contact     Contact
	Known       bool      // whether there is an invitation of the id already
	DuplicateOf string    // the id of the invitation by this survey, on this occasion; empty for none
	QuietUntil  time.Time // zero if the customer need not be left alone
}

// A Reached says that a customer was seen in a stage, or in none that is known: 0.
type Reached struct {
	Customer string
	Stage    int32
}

// AddContact notes that there are customers, in the order given.
func (s *Store) AddContact(tx *sqldb.Tx, brand string, customers ...string) {
	if s.db.Postgres() {
		tx.Defer(`INSERT INTO contact (brand, customer) SELECT $1, customer FROM unnest($2::text[]) AS seen (customer)
			ON CONFLICT DO NOTHING`, brand, customers)
		return
	}
	text, _ := json.Marshal(customers) //nolint:errchkjson // strings
	tx.Defer(`INSERT INTO contact (brand, customer) SELECT $1, value FROM json_each($2) WHERE TRUE ON CONFLICT DO NOTHING`, brand, string(text))
}

// lockContact notes that there is a customer and locks them until the transaction
// ends.
func lockContact(tx *sqldb.Tx, brand, customer string) {
	tx.Defer(`
		INSERT INTO contact (brand, customer) VALUES ($1, $2)
		ON CONFLICT (brand, customer) DO UPDATE SET customer = excluded.customer`, brand, customer)
}

// Contact locks the customer of v against other decisions until the transaction
// ends and says what was sent to them. They are left alone at v.DecideTime if that
// is closer to an invitation than the invitation's quiet period, on either side, or
// if one that was sent at the same time or later falls into the quiet period that v
// would begin.
func (s *Store) Contact(tx *sqldb.Tx, v Invitation, quiet time.Duration) (Sent, error) {
	lockContact(tx, v.Brand, v.Customer)
	var known Sent
	into := append(known.Contact.fields(), &known.Known, &known.DuplicateOf, never{&known.QuietUntil})
	err := tx.QueryRow(`
		SELECT c.brand, c.customer, c.opted_out, c.channels, c.consent, c.consent_time, c.update_time, c.version,
		       EXISTS (SELECT 1 FROM invitation k WHERE k.brand = $1 AND k.survey = $2 AND k.id = $3),
		       COALESCE(MAX(CASE WHEN i.survey = $2 AND i.occasion = $4 THEN i.id END), ''),
		       COALESCE(MAX(CASE
		         WHEN i.decide_time <= $5 AND i.quiet_until > $5 THEN i.quiet_until
		         WHEN i.decide_time > $5 AND i.quiet_until > 0 AND i.decide_time - (i.quiet_until - i.decide_time) < $5 THEN i.quiet_until
		         WHEN i.decide_time >= $5 AND i.decide_time < $6 AND i.quiet_until > 0 THEN i.quiet_until
		         WHEN i.decide_time >= $5 AND i.decide_time < $6 THEN i.decide_time
		       END), 0)
		FROM contact c LEFT JOIN invitation i ON i.brand = c.brand AND i.customer = c.customer AND i.decision = 1
		WHERE c.brand = $1 AND c.customer = $7
		GROUP BY c.brand, c.customer`,
		v.Brand, v.Survey, v.ID, v.Occasion, sqldb.Micros(v.DecideTime), sqldb.Micros(v.DecideTime.Add(quiet)), v.Customer).
		Scan(into...)
	if err != nil {
		return Sent{}, fmt.Errorf("read what was sent: %w", err)
	}
	return known, nil
}

// OptOut returns what a customer has said about being asked.
func (s *Store) OptOut(ctx context.Context, brand, customer string) (Contact, error) {
	c := Contact{Brand: brand, Customer: customer}
	err := s.db.Read().QueryRowContext(ctx, `SELECT `+contactColumns+` FROM contact WHERE brand = $1 AND customer = $2`, brand, customer).
		Scan(c.fields()...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Contact{}, fmt.Errorf("read opt-out: %w", sqldb.Fault(err))
	}
	return c, nil
}

// LockOptOut is [Store.OptOut] for a transaction that depends on it: until it ends,
// nobody else changes it and no decision about the customer is taken.
func (s *Store) LockOptOut(tx *sqldb.Tx, brand, customer string) (Contact, error) {
	lockContact(tx, brand, customer)
	var c Contact
	err := tx.QueryRow(`SELECT `+contactColumns+` FROM contact WHERE brand = $1 AND customer = $2`, brand, customer).Scan(c.fields()...)
	if err != nil {
		return Contact{}, fmt.Errorf("read opt-out: %w", err)
	}
	return c, nil
}

// SetOptOut writes what a customer, whom the transaction has locked, has said, and
// returns its next version.
func (s *Store) SetOptOut(tx *sqldb.Tx, c Contact) Contact {
	c.Version++
	tx.Defer(`
		UPDATE contact SET opted_out = $1, channels = $2, consent = $3, consent_time = $4, update_time = $5, version = $6
		WHERE brand = $7 AND customer = $8`,
		table.Flag{Of: &c.OptedOut}, table.Array[int32]{Of: &c.Channels}, c.Consent, table.Moment{Of: &c.ConsentTime},
		table.Moment{Of: &c.UpdateTime}, c.Version, c.Brand, c.Customer)
	return c
}

const reach = `INSERT INTO reached_stage (brand, customer, stage) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// Reach notes that customers were seen in stages, in the order given.
func (s *Store) Reach(tx *sqldb.Tx, brand string, all []Reached) {
	customers, stages := make([]string, 0, len(all)), make([]int64, 0, len(all))
	for _, r := range all {
		if r.Stage != 0 {
			customers, stages = append(customers, r.Customer), append(stages, int64(r.Stage))
		}
	}
	if s.db.Postgres() && len(customers) > 0 {
		tx.Defer(`INSERT INTO reached_stage (brand, customer, stage) SELECT $1, customer, stage
			FROM unnest($2::text[], $3::bigint[]) AS seen (customer, stage) ON CONFLICT DO NOTHING`, brand, customers, stages)
		return
	}
	for i := range customers {
		tx.Defer(reach, brand, customers[i], stages[i])
	}
}

// ReachFirst notes that a customer was seen in a stage, and reports whether it was for the first time.
func (s *Store) ReachFirst(tx *sqldb.Tx, brand, customer string, stage int32) (bool, error) {
	n, err := tx.Exec(reach, brand, customer, stage)
	return n == 1, err
}

// NextContacts returns up to limit customers of a brand that come after one, in their
// order: contacts, and those known from their responses only.
func (s *Store) NextContacts(tx *sqldb.Tx, brand, after string, limit int) ([]string, error) {
	rows, err := tx.Query(`
		SELECT customer FROM (
		  SELECT customer FROM contact WHERE brand = $1 AND customer > $2 ORDER BY customer LIMIT $3) AS contacts
		UNION
		SELECT customer FROM (
		  SELECT DISTINCT customer FROM response WHERE brand = $1 AND customer > $2 ORDER BY customer LIMIT $3) AS respondents
		ORDER BY customer LIMIT $3`, brand, after, limit)
	if err != nil {
		return nil, err
	}
	return table.All(rows, func(scan func(...any) error) (customer string, err error) { return customer, scan(&customer) })
}
