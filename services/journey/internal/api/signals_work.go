package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	signalPoll  = 2 * time.Second  // rules and touchpoints come and go
	signalLease = 30 * time.Second // for which whoever follows a brand's rules keeps others away
	signalSweep = time.Minute      // what only the clock brings about waits so long
	signalDrops = 5 * time.Second  // scores that were stored wait so long
	signalMarks = 250              // hours a transaction
	signalBatch = 50               // signals a transaction
	signalRest  = 3                // times as long as a round took nothing is done, so that calls have the database
)

// RunSignals opens signals as rules want, keeps their figures and lets them expire,
// until ctx ends. Replicas may run it at the same time: each signal is opened once.
func (s *Server) RunSignals(ctx context.Context) {
	var forgotten time.Time // when old ones were
	for ctx.Err() == nil {
		began, now := time.Now(), s.signalNow()
		err := s.signalRound(ctx, now)
		if began.Sub(forgotten) >= signalForget {
			forgotten = began
			err = errors.Join(err, s.forgetSignals(ctx, now))
		}
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "signals are delayed", slog.String("error", err.Error()))
		}
		select {
		case <-time.After(max(signalPoll, signalRest*time.Since(began))):
		case <-ctx.Done():
		}
	}
}

// signalRound does what is due. A brand that fails does not keep the others from being
// looked after.
func (s *Server) signalRound(ctx context.Context, now time.Time) error {
	rules, err := s.store.ActiveSignalRules(ctx)
	for len(rules) > 0 {
		n := slices.IndexFunc(rules, func(r store.SignalRule) bool { return r.Brand != rules[0].Brand })
		if n < 0 {
			n = len(rules)
		}
		r := &signalRun{server: s, brand: rules[0].Brand, rules: rules[:n], now: now}
		err = errors.Join(err, r.follow(ctx))
		rules = rules[n:]
	}
	return errors.Join(err, s.expireSignals(ctx, now), s.refreshSignals(ctx, now))
}

// A signalRun follows the rules of a brand once.
type signalRun struct {
	server *Server
	brand  string
	rules  []store.SignalRule // active ones
	now    time.Time
	scans  map[string]store.SignalScan
}

// follow does what is due for the rules of the brand. Where nothing is, it writes nothing.
func (r *signalRun) follow(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil { // what one brand brings about must not end the process
			err = fmt.Errorf("panic over rules: %v\n%s", p, debug.Stack())
		}
	}()
	db := r.server.store
	if r.scans, err = db.Scans(ctx, r.brand); err != nil {
		return err
	}
	marks, err := db.Marks(ctx, r.brand, store.HourOf(r.now), 1)
	if err != nil {
		return err
	}
	sweeps, err := r.sweepsDue(ctx)
	if err != nil || len(marks) == 0 && len(sweeps) == 0 && !slices.ContainsFunc(r.rules, r.unknown) {
		return err
	}
	mine, err := db.TakeOn(ctx, r.brand, r.now, r.now.Add(signalLease))
	if err != nil || !mine {
		return err
	}
	defer func() {
		err = errors.Join(err, db.LetGo(context.WithoutCancel(ctx), r.brand))
	}()
	for _, rule := range r.rules {
		if r.unknown(rule) {
			if err := r.learn(ctx, rule); err != nil {
				return err
			}
		}
	}
	for done := false; !done; {
		if done, err = r.count(ctx); err != nil {
			return err
		}
	}
	for _, rule := range sweeps {
		if err := r.sweep(ctx, rule); err != nil {
			return err
		}
	}
	return nil
}

// unknown reports whether the past of a rule is not known, in this version. One that was
// deleted and made again may have a version that was known.
func (r *signalRun) unknown(rule store.SignalRule) bool {
	scan := r.scans[rule.ID]
	return rule.Rule.Kind.Counts() && (scan.Version != rule.Version || scan.At.Before(rule.UpdateTime))
}

// sweepsDue returns the rules for which it is time to look for what only the clock, or
// a score that was stored, brings about.
func (r *signalRun) sweepsDue(ctx context.Context) (due []store.SignalRule, err error) {
	for _, rule := range r.rules {
		waited, kind := r.now.Sub(r.scans[rule.ID].Swept), rule.Rule.Kind
		switch {
		case kind == signal.Silence || kind == signal.Drop && len(rule.Rule.Segments) > 0:
			if waited >= signalSweep {
				due = append(due, rule)
			}
		case kind == signal.Drop && waited >= signalDrops:
			scored, err := r.server.store.AnyScoredSince(ctx, r.brand, r.scoresSince(rule))
			if err != nil {
				return nil, err
			}
			if scored {
				due = append(due, rule)
			}
		}
	}
	return due, nil
}

// learn marks the hours that a rule looks at, for their tallies to be made.
func (r *signalRun) learn(ctx context.Context, rule store.SignalRule) error {
	from := store.HourOf(r.now.Add(-store.Back(rule.Rule)))
	hours, err := r.server.store.BusyHours(ctx, r.brand, max(from, 0), store.HourOf(r.now.Add(48*time.Hour)))
	if err != nil {
		return err
	}
	scan := r.scans[rule.ID]
	scan.Brand, scan.Rule, scan.Version, scan.At = r.brand, rule.ID, rule.Version, r.now
	r.scans[rule.ID] = scan
	return r.server.db.Write(ctx, func(tx *sqldb.Tx) error {
		store.MarkHours(tx, r.brand, hours)
		store.SetScan(tx, scan)
		return nil
	})
}

// count makes tallies of the next marked hours, judges the windows they are in, and
// reports whether no mark was left. The marks go with the signals they lead to; those of
// hours that have not begun wait.
func (r *signalRun) count(ctx context.Context) (done bool, err error) {
	db := r.server.store
	marks, err := db.Marks(ctx, r.brand, store.HourOf(r.now), signalMarks)
	if err != nil || len(marks) == 0 {
		return true, err
	}
	tallies := map[int64][]store.Tallied{}
	for from := 0; from < len(marks); {
		to := from + 1
		for to < len(marks) && marks[to].Hour == marks[to-1].Hour+1 {
			to++
		}
		counted, err := db.Count(ctx, r.brand, marks[from].Hour, marks[to-1].Hour+1)
		if err != nil {
			return false, err
		}
		for _, t := range counted {
			tallies[t.Hour] = append(tallies[t.Hour], t)
		}
		from = to
	}
	err = r.server.db.Write(ctx, func(tx *sqldb.Tx) error { return store.SetTallies(tx, r.brand, marks, tallies) })
	if err != nil {
		return false, err
	}
	var found []found
	for _, rule := range r.rules {
		if !rule.Rule.Kind.Counts() {
			continue
		}
		windows := r.windows(rule, marks)
		if rule.Rule.Kind == signal.Silence { // the clock brings it about: the sweep judges the later ones
			first := r.waitingFrom(rule)
			windows = slices.DeleteFunc(windows, func(w signal.Span) bool { return !w.Start.Before(first) })
		}
		some, err := r.judge(ctx, rule, windows)
		if err != nil {
			return false, err
		}
		found = append(found, some...)
	}
	if err := r.open(ctx, found); err != nil {
		return false, err
	}
	err = r.server.db.Write(ctx, func(tx *sqldb.Tx) error { store.Unmark(tx, r.brand, marks); return nil })
	return len(marks) < signalMarks, err
}

// windows returns the windows of a rule that marked hours lie in and that may open
// signals.
func (r *signalRun) windows(rule store.SignalRule, marks []store.Mark) (all []signal.Span) {
	for _, m := range marks { // their hours rise
		w := rule.Rule.WindowAt(store.HourStart(m.Hour))
		if w.Live(rule.CreateTime, r.now) && (len(all) == 0 || all[len(all)-1] != w) {
			all = append(all, w)
		}
	}
	return all
}

// expireSignals ends signals on which nobody acted in time.
func (s *Server) expireSignals(ctx context.Context, now time.Time) error {
	due, err := s.store.AnyExpired(ctx, now)
	for err == nil && due {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			expired, err := s.store.LockExpired(tx, now, signalBatch)
			due = len(expired) == signalBatch
			for _, v := range expired {
				v.Closed = now
				if _, err := s.moved(tx, v, signal.Expired); err != nil {
					return err
				}
			}
			return err
		})
	}
	return err
}

// refreshSignals counts anew the customers of signals whose figures are due.
func (s *Server) refreshSignals(ctx context.Context, now time.Time) error {
	due, err := s.store.DueSignals(ctx, now, signalBatch)
	if err != nil || len(due) == 0 {
		return err
	}
	for i := range due {
		if due[i].Figures, _, err = s.store.Figures(ctx, &due[i], now, 0); err != nil {
			return err
		}
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, v := range due {
			store.SetFigures(tx, v)
		}
		return nil
	})
}
