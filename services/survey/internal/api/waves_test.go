package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

func TestAWaveBeginsWhenTheScheduleSays(t *testing.T) {
	start, hour := monday, time.Hour
	for _, tt := range []struct {
		name       string
		every      time.Duration
		now        time.Duration // after the start
		last, next time.Duration // after the start; -1 for none
	}{
		{"before the first", 2 * hour, -1, -1, 0},
		{"the first", 2 * hour, 0, 0, 2 * hour},
		{"just before the second", 2 * hour, 2*hour - 1, 0, 2 * hour},
		{"the second", 2 * hour, 2 * hour, 2 * hour, 4 * hour},
		{"after years", 2 * hour, 30_001 * hour, 30_000 * hour, 30_002 * hour},
		{"before the only one", 0, -hour, -1, 0},
		{"the only one", 0, 30_001 * hour, 0, -1},
	} {
		at := func(after time.Duration) time.Time {
			if after < 0 {
				return time.Time{}
			}
			return start.Add(after)
		}
		last, next := waveAt(store.Trigger{Start: start, Every: tt.every}, start.Add(tt.now))
		if !last.Equal(at(tt.last)) || !next.Equal(at(tt.next)) {
			t.Errorf("%s: %v, then %v, want %v, then %v", tt.name, last, next, at(tt.last), at(tt.next))
		}
	}
}

// schedule has a rule ask its survey every hour, beginning so long after Monday noon.
func (e engine) schedule(t *testing.T, id string, after time.Duration) {
	t.Helper()
	e.survey(t, "acme", id, func(*store.Survey) {})
	e.rule(t, "acme", id, func(r *store.TriggerRule) {
		r.Kind, r.Trigger = store.OnSchedule, store.Trigger{Start: monday.Add(after), Every: time.Hour, Channel: 2}
	})
}

// meet makes contacts of n customers.
func (e engine) meet(t *testing.T, n int) {
	t.Helper()
	e.write(t, func(tx *sqldb.Tx) error {
		for i := range n {
			e.Store.AddContact(tx, "acme", fmt.Sprintf("customers/%03d", i))
		}
		e.Store.AddContact(tx, "other", "customers/ann")
		return nil
	})
}

func TestAWaveAsksEverybodyOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		const customers = 2*wavePage + 7
		e.meet(t, customers)
		e.schedule(t, "s", -90*time.Minute) // the wave of half an hour ago makes up for the one before
		e.schedule(t, "old", -24*time.Hour)
		e.rule(t, "acme", "late", func(r *store.TriggerRule) {
			r.Kind, r.Survey, r.Trigger = store.OnSchedule, "s", store.Trigger{Start: monday.Add(-lateness - 1), Channel: 2}
		})
		e.rule(t, "acme", "new", func(r *store.TriggerRule) {
			r.CreateTime, r.Kind, r.Survey, r.Trigger = monday, store.OnSchedule, "s", store.Trigger{Start: monday.Add(-1), Channel: 2}
		})
		e.rule(t, "acme", "resting", func(r *store.TriggerRule) {
			r.Inactive, r.Kind, r.Survey, r.Trigger = true, store.OnSchedule, "s", store.Trigger{Start: monday, Channel: 2}
		})
		e.survey(t, "acme", "paused", func(v *store.Survey) { v.State = 3 })
		e.rule(t, "acme", "paused", func(r *store.TriggerRule) {
			r.Kind, r.Trigger = store.OnSchedule, store.Trigger{Start: monday, Channel: 2}
		})
		for i, want := range []int{2 * customers, 2 * customers} {
			next, err := e.waves(t.Context(), monday)
			if err != nil || !next.Equal(monday.Add(30*time.Minute)) {
				t.Errorf("the next wave begins at %v, %v, want half past twelve", next, err)
			}
			if got := len(e.invitations(t, "acme")); got != want {
				t.Errorf("decisions after run %d = %d, want %d", i, got, want)
			}
		}
		for _, v := range e.invitations(t, "acme") {
			at := map[string]time.Time{"s": monday.Add(-30 * time.Minute), "old": monday}[v.Survey]
			if v.Rule != v.Survey || v.Channel != 2 || v.Decision != 1 || !v.DecideTime.Equal(at) || !strings.HasPrefix(v.Occasion, "waves/"+v.Survey+"/") {
				t.Errorf("decision = %+v, want it sent at %v", v, at)
			}
		}
		if _, err := e.waves(t.Context(), monday.Add(30*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got := len(e.invitations(t, "acme")); got != 3*customers {
			t.Errorf("decisions after the next wave = %d, want %d", got, 3*customers)
		}
	})
}

// TestAWaveGoesOnWhereItWasStopped has replicas share a wave that another began.
func TestAWaveGoesOnWhereItWasStopped(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		const customers = 4*wavePage + 1
		e.meet(t, customers)
		e.schedule(t, "s", 0)
		rules, err := e.Store.Schedules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if done, err := e.crest(t.Context(), rules[0], monday); done || err != nil {
			t.Fatalf("after the first page: done %t, %v", done, err)
		}
		if got := len(e.invitations(t, "acme")); got != wavePage {
			t.Errorf("decisions after the first page = %d, want %d", got, wavePage)
		}
		var wg sync.WaitGroup
		for range 4 {
			replica := engine{&Server{DB: e.DB, Store: e.Store, Outbox: e.Outbox, TokenKey: e.TokenKey, Now: e.Now}}
			wg.Go(func() {
				if _, err := replica.waves(context.Background(), monday); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := e.waves(t.Context(), monday); err != nil { // where all but one have left early
			t.Fatal(err)
		}
		got := e.decisions(t, "acme")
		if len(got) != customers || len(slices.Compact(got)) != customers {
			t.Errorf("%d decisions, want one about each of %d customers", len(got), customers)
		}
	})
}

func TestARuleThatIsChangedStopsItsWave(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		e.meet(t, 3)
		e.schedule(t, "s", 0)
		rules, err := e.Store.Schedules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e.write(t, func(tx *sqldb.Tx) error {
			r := rules[0]
			r.Inactive = true
			_, err := store.TriggerRules.Update(tx, r)
			e.Store.ForgetRules(tx)
			return err
		})
		if done, err := e.crest(t.Context(), rules[0], monday); !done || err != nil {
			t.Errorf("done = %t, %v, want it left", done, err)
		}
		if got := e.invitations(t, "acme"); len(got) != 0 {
			t.Errorf("decisions = %+v, want none", got)
		}
	})
}
