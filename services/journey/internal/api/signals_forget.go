package api

import (
	"context"
	"errors"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	signalForget  = time.Hour                // between looks for what is old
	signalKeep    = 2 * 365 * 24 * time.Hour // for which closed signals can be read
	signalTallies = 1000                     // tallies a transaction
)

// forgetSignals removes signals that were closed long ago, and what was counted of times
// that no rule looks at any more.
func (s *Server) forgetSignals(ctx context.Context, now time.Time) error {
	for n := signalBatch; n == signalBatch; {
		err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			n, err = store.ForgetSignals(tx, now.Add(-signalKeep), signalBatch)
			return err
		})
		if err != nil {
			return err
		}
	}
	for brand := ""; ; {
		var err error
		if brand, err = s.store.NextTallied(ctx, brand); err != nil || brand == "" {
			return err
		}
		if err := s.forgetTallies(ctx, brand, now); err != nil {
			return err
		}
	}
}

// forgetTallies removes what was counted of a brand, unless somebody follows its rules. What
// it does not get done in time waits for the next look.
func (s *Server) forgetTallies(ctx context.Context, brand string, now time.Time) (err error) {
	begin := s.signalNow() // a lease from before what came first might be over
	mine, err := s.store.TakeOn(ctx, brand, begin, begin.Add(signalLease))
	if err != nil || !mine {
		return err
	}
	defer func() { err = errors.Join(err, s.store.LetGo(context.WithoutCancel(ctx), brand)) }()
	ctx, cancel := context.WithTimeout(ctx, signalLease/2) // others come when the lease ends
	defer cancel()
	enough := time.Now().Add(signalLease / 4)
	for more := true; more && time.Now().Before(enough); {
		err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			more, err = store.ForgetTallies(tx, brand, now, signalTallies)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
