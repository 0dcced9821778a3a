package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// An Erasure is one that is under way.
type Erasure struct {
	Brand, ID string
	Anonymize bool
	Started   bool
	Round     int64 // 1 forgets; those after it look again; 0 before it
	Place     int64 // the service whose turn it is
	Token     string
	Found     int64  // records in this round
	Receipt   []byte // as far as it goes
	Subjects  []Subject
}

// A Subject is a customer who is being erased, and the id that stands for them.
type Subject struct{ Customer, Pseudonym string }

// Customers returns the ids of the subjects.
func (e *Erasure) Customers() []string {
	all := make([]string, 0, len(e.Subjects))
	for _, s := range e.Subjects {
		all = append(all, s.Customer)
	}
	return all
}

const erasureColumns = `brand, id, anonymize, started, round, place, token, found, receipt`

func (e *Erasure) fields() []any {
	return []any{
		&e.Brand, &e.ID, table.Flag{Of: &e.Anonymize}, table.Flag{Of: &e.Started}, &e.Round, &e.Place, &e.Token, &e.Found, &e.Receipt,
	}
}

// AddErasure adds e. It returns [table.ErrExists] if one of its subjects is being erased
// already.
func AddErasure(tx *sqldb.Tx, e Erasure) error {
	for _, s := range e.Subjects {
		n, err := tx.Exec(`INSERT INTO erasure_subject (brand, customer, erasure, pseudonym) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			e.Brand, s.Customer, e.ID, s.Pseudonym)
		if err != nil {
			return err
		}
		if n == 0 {
			return table.ErrExists
		}
	}
	tx.Defer(`INSERT INTO erasure (`+erasureColumns+`) VALUES `+sqldb.Values(1, 9), e.fields()...)
	return nil
}

// Erasure returns one that is under way or [table.ErrNotFound].
func (s *Store) Erasure(ctx context.Context, brand, id string) (Erasure, error) {
	var e Erasure
	err := s.db.Read().QueryRowContext(ctx, `SELECT `+erasureColumns+` FROM erasure WHERE brand = $1 AND id = $2`, brand, id).Scan(e.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return e, table.ErrNotFound
	} else if err != nil {
		return e, sqldb.Fault(err)
	}
	rows, err := s.db.Read().QueryContext(ctx,
		`SELECT customer, pseudonym FROM erasure_subject WHERE brand = $1 AND erasure = $2 ORDER BY customer`, brand, id)
	if err != nil {
		return e, sqldb.Fault(err)
	}
	e.Subjects, err = table.All(rows, func(scan func(...any) error) (one Subject, err error) {
		return one, scan(&one.Customer, &one.Pseudonym)
	})
	return e, sqldb.Fault(err)
}

// StartErasure begins the first round of e, unless a hold lies on one of its subjects. From
// then on none can be placed on them.
func StartErasure(tx *sqldb.Tx, e Erasure) (held bool, err error) {
	if err := lockErasures(tx, e.Brand); err != nil {
		return false, err
	}
	if held, err = Held(tx, e.Brand, e.Customers()); held || err != nil {
		return held, err
	}
	tx.Defer(`UPDATE erasure SET started = 1, round = 1 WHERE brand = $1 AND id = $2`, e.Brand, e.ID)
	return false, nil
}

// lockErasures makes all that begin erasures or place holds in a brand wait for each other, until
// the transaction ends: what is not there yet cannot be locked itself.
func lockErasures(tx *sqldb.Tx, brand string) error {
	_, err := tx.Exec(`INSERT INTO erasure_lock (brand) VALUES ($1) ON CONFLICT (brand) DO UPDATE SET brand = excluded.brand`, brand)
	return err
}

// Erasing reports whether a customer is being erased and no hold can come any more. Until
// the transaction ends no erasure of the customer begins.
func Erasing(tx *sqldb.Tx, brand, customer string) (bool, error) {
	if err := lockErasures(tx, brand); err != nil {
		return false, err
	}
	var id string
	err := tx.QueryRow(`SELECT erasure FROM erasure_subject WHERE brand = $1 AND customer = $2`, brand, customer).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	started := false
	err = tx.QueryRow(`SELECT started FROM erasure WHERE brand = $1 AND id = $2`, brand, id).Scan(table.Flag{Of: &started})
	return started, err
}

// MoveErasure writes how far e is.
func MoveErasure(tx *sqldb.Tx, e Erasure) {
	tx.Defer(`UPDATE erasure SET round = $1, place = $2, token = $3, found = $4, receipt = $5 WHERE brand = $6 AND id = $7`,
		e.Round, e.Place, e.Token, e.Found, e.Receipt, e.Brand, e.ID)
}

// EndErasure forgets whom e was about.
func EndErasure(tx *sqldb.Tx, brand, id string) {
	tx.Defer(`DELETE FROM erasure WHERE brand = $1 AND id = $2`, brand, id)
	tx.Defer(`DELETE FROM erasure_subject WHERE brand = $1 AND erasure = $2`, brand, id)
}

// AddReceipt keeps the receipt of an erasure.
func AddReceipt(tx *sqldb.Tx, brand, id string, receipt []byte) {
	tx.Defer(`INSERT INTO erasure_receipt (brand, id, receipt) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, brand, id, receipt)
}

// Receipt returns the receipt of an erasure or [table.ErrNotFound].
func (s *Store) Receipt(ctx context.Context, brand, id string) (receipt []byte, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT receipt FROM erasure_receipt WHERE brand = $1 AND id = $2`, brand, id).Scan(&receipt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, table.ErrNotFound
	}
	return receipt, sqldb.Fault(err)
}

// Receipts returns receipts with ids before a given one, the newest first; all for "".
func (s *Store) Receipts(ctx context.Context, brand, before string, limit int) ([][]byte, error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT receipt FROM erasure_receipt WHERE brand = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, brand, before, limit)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, func(scan func(...any) error) (receipt []byte, err error) { return receipt, scan(&receipt) })
	return all, sqldb.Fault(err)
}
