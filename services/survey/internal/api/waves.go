package api

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

const (
	wavePage = 50              // customers a transaction
	wavePoll = 5 * time.Second // rules come and go
)

// RunWaves asks everyone whom the schedules of the brands want asked, until ctx ends.
// Replicas may run it at the same time, and it goes on where it was stopped.
func (s *Server) RunWaves(ctx context.Context) {
	for ctx.Err() == nil {
		next, err := s.waves(ctx, s.now())
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "waves are delayed", slog.String("error", err.Error()))
		}
		pause := wavePoll
		if !next.IsZero() {
			pause = max(0, min(pause, next.Sub(s.now())))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// waves goes through the waves that have begun and returns when the next one does, if
// any. A rule that fails does not keep the others from being followed.
func (s *Server) waves(ctx context.Context, now time.Time) (next time.Time, err error) {
	rules, err := s.Store.Schedules(ctx)
	for _, r := range rules {
		at, after := waveAt(r.Trigger, now)
		if !after.IsZero() && (next.IsZero() || after.Before(next)) {
			next = after
		}
		if at.IsZero() || !timely(r, at, now) {
			continue
		}
		done, e := s.Store.WaveDone(ctx, r.Brand, r.ID, at)
		for e == nil && !done {
			done, e = s.crest(ctx, r, at)
		}
		err = errors.Join(err, e)
	}
	return next, err
}

// waveAt returns when the last wave before now began and when the next one does; the
// zero time for none.
func waveAt(t store.Trigger, now time.Time) (last, next time.Time) {
	switch {
	case now.Before(t.Start):
		return time.Time{}, t.Start
	case t.Every <= 0:
		return t.Start, time.Time{}
	}
	last = t.Start.Add(now.Sub(t.Start).Truncate(t.Every))
	return last, last.Add(t.Every)
}

// crest decides about the next customers of a wave and reports whether nobody is left,
// or it is not for us to go on: somebody else does, the rule no longer wants it, or the
// survey takes no answers now.
func (s *Server) crest(ctx context.Context, rule store.TriggerRule, at time.Time) (done bool, err error) {
	err = s.DB.Write(ctx, func(tx *sqldb.Tx) error {
		done = true
		rules, err := s.Store.RulesIn(tx, rule.Brand)
		i := slices.IndexFunc(rules, func(r store.TriggerRule) bool { return r.ID == rule.ID && r.Version == rule.Version })
		if err != nil || i < 0 {
			return err
		}
		survey, err := s.Store.SurveyIn(tx, rule.Brand, rule.Survey)
		if err != nil || !survey.TakesAnswers(s.now()) {
			return err
		}
		w, mine, err := s.Store.LockWave(tx, rule.Brand, rule.ID, at)
		if err != nil || !mine || w.Done {
			return err
		}
		customers, err := s.Store.NextContacts(tx, rule.Brand, w.Customer, wavePage)
		if err != nil {
			return err
		}
		for _, customer := range customers {
			w.Customer = customer
			if s.refuse(rule.Brand, customer) != nil {
				continue
			}
			err := s.trigger(tx, rule, store.Invitation{
				Brand: rule.Brand, Customer: customer, Occasion: "waves/" + rule.ID + "/" + at.Format(time.RFC3339Nano),
				Channel: rule.Trigger.Channel, DecideTime: at,
			})
			if err != nil {
				return err
			}
		}
		w.Done = len(customers) < wavePage
		s.Store.SetWave(tx, w)
		done = w.Done
		return nil
	})
	return done, err
}
