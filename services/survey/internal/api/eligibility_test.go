package api

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// TestNobodyIsAskedTwiceWithinAQuietPeriod lets customers live through anything: things
// that happen to them, told late, twice and out of order, calls, waves and changes of
// mind, under any surveys and rules.
func TestNobodyIsAskedTwiceWithinAQuietPeriod(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		cases := 0
		rapid.Check(t, func(rt *rapid.T) {
			if cases++; e.DB.Postgres() && cases > 30 {
				return
			}
			l := life{engine: e, t: t, brand: fmt.Sprint("b", cases), surveys: map[string]store.Survey{}, silent: map[string]int{}}
			l.begin(rt)
			for range rapid.IntRange(5, 20).Draw(rt, "steps") {
				l.step(rt)
			}
		})
	})
}

// A life is what one brand does to its customers.
type life struct {
	engine
	t       *testing.T
	brand   string
	surveys map[string]store.Survey
	past    []experience
	silent  map[string]int // how often customers had been asked who want to be left alone
}

var customers = []string{"customers/ann", "customers/bob"}

// begin makes the surveys and a rule for each.
func (l *life) begin(rt *rapid.T) {
	for i, kind := range []int32{store.OnInteraction, store.OnResolution, store.OnStage, store.OnSchedule} {
		id := fmt.Sprint("s", i)
		l.survey(l.t, l.brand, id, func(v *store.Survey) {
			v.QuietPeriod = time.Duration(rapid.SampledFrom([]int{0, 1, 40, 100}).Draw(rt, "quiet")) * time.Minute
			v.SamplingRate = rapid.SampledFrom([]float64{.3, 1}).Draw(rt, "rate")
			v.ConsentRequired = rapid.IntRange(0, 9).Draw(rt, "consent") == 0
			if rapid.Bool().Draw(rt, "narrow") {
				v.Channels = []int32{1}
			}
			l.surveys[id] = *v
		})
		l.rule(l.t, l.brand, id, func(r *store.TriggerRule) {
			r.Kind, r.Delay = kind, time.Duration(rapid.IntRange(0, 90).Draw(rt, "delay"))*time.Minute
			r.Trigger = store.Trigger{
				Once: rapid.Int32Range(1, 2).Draw(rt, "once"), Stages: []int32{1, 2}, Start: monday.Add(-10 * time.Hour),
				Every: time.Hour, Channel: 1,
			}
		})
	}
}

// step lets one thing happen, or several at once, and looks at what was decided.
func (l *life) step(rt *rapid.T) {
	switch rapid.IntRange(0, 9).Draw(rt, "what") {
	case 0:
		l.change(rt)
	case 1:
		if _, err := l.waves(l.t.Context(), l.moment(rt)); err != nil {
			rt.Error(err)
		}
	case 2, 3, 4:
		l.call(rt)
	default:
		l.happen(rt)
	}
	l.look(rt)
}

// moment returns a time within the ten hours before noon, or long before.
func (l *life) moment(rt *rapid.T) time.Time {
	if rapid.IntRange(0, 19).Draw(rt, "old") == 0 {
		return monday.Add(-lateness - time.Hour)
	}
	return monday.Add(-time.Duration(rapid.IntRange(0, 600).Draw(rt, "minutes")) * time.Minute)
}

// change lets a customer say something about being asked.
func (l *life) change(rt *rapid.T) {
	customer, said := rapid.SampledFrom(customers).Draw(rt, "customer"), false
	optedOut, consent := rapid.Bool().Draw(rt, "opted out"), rapid.Int32Range(0, 2).Draw(rt, "consent")
	l.write(l.t, func(tx *sqldb.Tx) error {
		c, err := l.Store.LockOptOut(tx, l.brand, customer)
		c.OptedOut, c.Consent = optedOut, consent
		l.Store.SetOptOut(tx, c)
		said = c.OptedOut || c.Consent == 2
		return err
	})
	delete(l.silent, customer)
	if !said {
		return
	}
	l.silent[customer] = 0
	for _, v := range l.invitations(l.t, l.brand) {
		if v.Customer == customer && v.Decision == 1 {
			l.silent[customer]++
		}
	}
}

// call has somebody decide.
func (l *life) call(rt *rapid.T) {
	survey := l.surveys[rapid.SampledFrom([]string{"s0", "s1", "s2", "s3"}).Draw(rt, "survey")]
	v := store.Invitation{
		Brand: l.brand, Survey: survey.ID, ID: name.NewID(), Customer: rapid.SampledFrom(customers).Draw(rt, "customer"),
		Channel: rapid.Int32Range(1, 2).Draw(rt, "channel"), DecideTime: l.moment(rt), Origin: 1,
	}
	if rapid.Bool().Draw(rt, "of an interaction") {
		v.Interaction = fmt.Sprint("tickets/1/interactions/", rapid.IntRange(0, 3).Draw(rt, "interaction"))
	}
	v.Occasion = occasion(v)
	sampled := rapid.Bool().Draw(rt, "sampled")
	if !sampled {
		v.Origin = 2
	}
	l.write(l.t, func(tx *sqldb.Tx) error {
		v, err := l.decide(tx, survey, v, sampled)
		l.keep(tx, v)
		return err
	})
}

// happen lets something new or known happen, in one transaction with others.
func (l *life) happen(rt *rapid.T) {
	for range rapid.IntRange(1, 4).Draw(rt, "events") {
		if len(l.past) > 0 && rapid.IntRange(0, 2).Draw(rt, "again") == 0 {
			l.past = append(l.past, rapid.SampledFrom(l.past).Draw(rt, "which"))
			continue
		}
		x := experience{
			kind:     rapid.SampledFrom([]int32{store.OnInteraction, store.OnResolution, store.OnTouchpoint}).Draw(rt, "kind"),
			customer: rapid.SampledFrom(customers).Draw(rt, "customer"), at: l.moment(rt), channel: rapid.Int32Range(1, 2).Draw(rt, "channel"),
			form: 2, handling: 1, about: store.Attribution{Ticket: "tickets/1", Stage: rapid.Int32Range(0, 3).Draw(rt, "stage")},
		}
		x.occasion = fmt.Sprint("tickets/1/interactions/", rapid.IntRange(0, 9).Draw(rt, "occasion"))
		l.past = append(l.past, x)
	}
	some := l.past[max(0, len(l.past)-4):]
	l.write(l.t, func(tx *sqldb.Tx) error {
		for _, x := range some {
			if err := l.lived(tx, l.brand, x); err != nil {
				return err
			}
		}
		return nil
	})
}

// look makes sure that no promise is broken.
func (l *life) look(rt *rapid.T) {
	all := l.invitations(l.t, l.brand)
	ruled, sent := map[[3]string]bool{}, map[[3]string]bool{}
	asked := map[string][]store.Invitation{}
	for _, v := range all {
		key, drawn := [3]string{v.Survey, v.Customer, v.Occasion}, draw(v) < l.surveys[v.Survey].SamplingRate
		if v.Origin == 3 {
			if ruled[key] || v.Decision == 7 {
				rt.Errorf("a rule has decided twice: %+v", v)
			}
			ruled[key] = true
		}
		if v.Decision == 2 && (drawn || v.Origin == 2) || v.Decision == 1 && !drawn && v.Origin != 2 {
			rt.Errorf("drawn %t, and yet %+v", drawn, v)
		}
		if v.Decision != 1 {
			continue
		}
		if sent[key] {
			rt.Errorf("an occasion is asked about twice: %+v", v)
		}
		sent[key] = true
		asked[v.Customer] = append(asked[v.Customer], v)
	}
	for _, sends := range asked {
		slices.SortFunc(sends, func(a, b store.Invitation) int { // of two at once the one that is followed by more quiet
			return cmp.Or(a.DecideTime.Compare(b.DecideTime), cmp.Compare(l.surveys[b.Survey].QuietPeriod, l.surveys[a.Survey].QuietPeriod))
		})
		for i, first := range sends {
			for _, then := range sends[i+1:] {
				if apart := then.DecideTime.Sub(first.DecideTime); apart < l.surveys[first.Survey].QuietPeriod {
					rt.Errorf("asked %v after an invitation that is followed by %v of quiet: %+v", apart, l.surveys[first.Survey].QuietPeriod, then)
				}
			}
		}
	}
	for customer, n := range l.silent {
		if len(asked[customer]) > n {
			rt.Errorf("%s has been asked in spite of having said no: %+v", customer, asked[customer])
		}
	}
}
