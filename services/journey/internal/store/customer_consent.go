package store

import (
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Consent is what a customer said about one purpose.
type Consent struct {
	Purpose    string
	Granted    bool
	ChangeTime int64 // when the customer said it
	Source     string
}

const consentColumns = `purpose, granted, change_time, source`

func (c *Consent) fields() []any {
	return []any{&c.Purpose, table.Flag{Of: &c.Granted}, &c.ChangeTime, &c.Source}
}

// Consents returns what counts of all that customers, who are all of a family, have said:
// the latest word about each purpose, and of two at the same instant the refusal.
func Consents(r Reader, brand string, family []string) ([]Consent, error) {
	var q sqldb.Query
	q.Add(`SELECT `+consentColumns+` FROM customer_consent WHERE brand = ?`, brand)
	sqldb.In(&q, `customer`, family)
	q.WriteString(` ORDER BY purpose, change_time DESC, granted, source`)
	rows, err := r.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	all, err := table.All(rows, func(scan func(...any) error) (c Consent, err error) { return c, scan(c.fields()...) })
	var latest []Consent
	for _, c := range all {
		if n := len(latest); n == 0 || latest[n-1].Purpose != c.Purpose {
			latest = append(latest, c)
		}
	}
	return latest, err
}

// AddConsent keeps a word of a customer and reports whether it was not kept already.
func AddConsent(tx *sqldb.Tx, brand, customer string, c Consent, now int64) (added bool, err error) {
	n, err := tx.Exec(`
		INSERT INTO customer_consent (brand, customer, `+consentColumns+`, record_time) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (brand, customer, purpose, change_time, granted) DO NOTHING`,
		append(append([]any{brand, customer}, c.fields()...), now)...)
	return n > 0, err
}
