package store

import (
	"context"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
)

// A SignalScan is how far a rule has been followed.
type SignalScan struct {
	Brand, Rule string
	Version     int64     // of the rule whose past is known; 0 for none
	At          time.Time // when that was made sure
	Swept       time.Time // when what only the clock brings about was looked for
}

// ActiveSignalRules returns the active rules of all brands.
func (s *Store) ActiveSignalRules(ctx context.Context) ([]SignalRule, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT `+SignalRules.Read()+` FROM signal_rule WHERE inactive = 0 ORDER BY brand, id`)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, SignalRules.Scan)
	return all, sqldb.Fault(err)
}

// Scans returns how far the rules of a brand have been followed, by rule.
func (s *Store) Scans(ctx context.Context, brand string) (map[string]SignalScan, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT rule, version, at, swept FROM signal_scan WHERE brand = $1 AND rule <> ''`, brand)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, func(scan func(...any) error) (SignalScan, error) {
		v := SignalScan{Brand: brand}
		return v, scan(&v.Rule, &v.Version, table.Micros{Of: &v.At}, table.Micros{Of: &v.Swept})
	})
	byRule := make(map[string]SignalScan, len(all))
	for _, v := range all {
		byRule[v.Rule] = v
	}
	return byRule, sqldb.Fault(err)
}

// SetScan keeps how far a rule has been followed.
func SetScan(tx *sqldb.Tx, v SignalScan) {
	tx.Defer(`INSERT INTO signal_scan (brand, rule, version, at, swept) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (brand, rule) DO UPDATE SET version = excluded.version, at = excluded.at, swept = excluded.swept`,
		v.Brand, v.Rule, v.Version, table.Micros{Of: &v.At}, table.Micros{Of: &v.Swept})
}

// TakeOn reports whether nobody else follows the rules of a brand until a time, and
// if so nobody does. It saves work, and correctness does not rest on it.
func (s *Store) TakeOn(ctx context.Context, brand string, now, until time.Time) (mine bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(`INSERT INTO signal_scan (brand, rule, version, at, swept) VALUES ($1, '', 0, $2, 0)
			ON CONFLICT (brand, rule) DO UPDATE SET at = excluded.at WHERE signal_scan.at <= $3`, brand, sqldb.Micros(until), sqldb.Micros(now))
		mine = n == 1
		return err
	})
	return mine, err
}

// Back returns how far back from now r looks at touchpoints: 0 for not at all.
func Back(r *signal.Rule) time.Duration {
	if !r.Kind.Counts() {
		return 0
	}
	return r.Baseline + r.Window + signal.Lateness
}

// Watch makes what is recorded mark the hours that the rules of a brand look at, for tx
// that writes the rule of an id, or deletes it where r is nil: then nobody knows any more
// how far it has been followed. Whoever records waits
// for tx, or tx for whoever does: so nothing is missed that a look at the touchpoints
// after tx does not find.
func (s *Store) Watch(tx *sqldb.Tx, brand, id string, r *SignalRule) error {
	s.turn(tx)
	rows, err := tx.Query(`SELECT `+SignalRules.Read()+` FROM signal_rule WHERE brand = $1 AND id <> $2 AND inactive = 0`, brand, id)
	if err != nil {
		return err
	}
	rules, err := table.All(rows, SignalRules.Scan)
	if err != nil {
		return err
	}
	if r == nil {
		tx.Defer(`DELETE FROM signal_scan WHERE brand = $1 AND rule = $2`, brand, id)
	} else if !r.Inactive {
		rules = append(rules, *r)
	}
	far := time.Duration(0)
	for _, r := range rules {
		far = max(far, Back(r.Rule))
	}
	if far == 0 {
		tx.Defer(`DELETE FROM signal_watch WHERE brand = $1`, brand)
		return nil
	}
	tx.Defer(`INSERT INTO signal_watch (brand, back) VALUES ($1, $2) ON CONFLICT (brand) DO UPDATE SET back = excluded.back`,
		brand, table.Span{Of: &far})
	return nil
}

// LetGo lets others follow the rules of a brand.
func (s *Store) LetGo(ctx context.Context, brand string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		tx.Defer(`UPDATE signal_scan SET at = 0 WHERE brand = $1 AND rule = ''`, brand)
		return nil
	})
}

// AnyExpired reports whether there is a signal on which nobody acted in time.
func (s *Store) AnyExpired(ctx context.Context, now time.Time) (any bool, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM signal WHERE state IN (1, 2) AND expire_time <= $1)`,
		sqldb.Micros(now)).Scan(&any)
	return any, sqldb.Fault(err)
}
