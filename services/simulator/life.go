package simulator

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

const (
	unmet    = typev1.Expectation_EXPECTATION_UNMET
	met      = typev1.Expectation_EXPECTATION_MET
	exceeded = typev1.Expectation_EXPECTATION_EXCEEDED
)

// A life is what one customer goes through with the brand, as the calls that tell
// it. It depends on the world and the customer's index only.
type life struct {
	*world
	dice
	help        dice // for the help pages
	id          string
	segment     string
	lenience    float64 // how kindly this customer judges everything
	mood        mood
	today       time.Time
	rated       string // the touchpoint that the relationship survey asks about; empty if none yet
	asked       bool   // in a relationship survey
	contacts    int
	searches    int
	touchpoints []*journeyv1.RecordTouchpointRequest
	steps       []step // in order of time
}

// A step is a call that has to wait for those before it.
type step struct {
	at     time.Time
	ticket string // what the call is about; "" for none
	call   proto.Message
	answer *surveyv1.SubmitResponseRequest // to the survey, if call asks and is allowed to; nil for silence
}

// A mood is what remains of everything a customer felt.
type mood struct{ sum, weight float64 }

func (m *mood) add(e typev1.Expectation, weight float64) {
	worth := 1.
	switch e {
	case unmet:
		worth = -1
	case met:
		worth = .25
	}
	m.sum += weight * worth
	m.weight += weight
}

// mean is between -1 and 1, and near 0 as long as there is little to go by.
func (m *mood) mean() float64 { return m.sum / (m.weight + 2) }

// live returns the life of the customer with the given index.
func live(w *world, index int) *life {
	l := &life{
		world: w, dice: newDice(w.seed, uint64(index)), help: newDice(w.seed, ^uint64(index)),
		id: fmt.Sprintf("c%s-%04d", strconv.FormatUint(w.seed, 36), index),
	}
	l.segment = pick(l.dice, w.segments)
	l.lenience = l.NormFloat64()
	l.today = w.start.Add(time.Duration(.75 * l.Float64() * float64(w.end.Sub(w.start)))).Truncate(day)
	l.walk()
	slices.SortStableFunc(l.steps, func(a, b step) int { return a.at.Compare(b.at) })
	return l
}

// walk goes from stage to stage. Whether it goes on depends on what happened.
func (l *life) walk() {
	for range l.between(1, 3) {
		l.visit(awareness, 1, 3)
	}
	if !l.chance(.85) {
		return
	}
	for range l.between(1, 3) {
		l.visit(consideration, 1, 3)
	}
	if !l.chance(odds(1.2 + 1.5*l.mood.mean())) {
		return
	}
	l.visit(decision, l.between(2, 3), 2)
	l.visit(retention, l.between(2, 4), 1)
	for l.today.Before(l.end) {
		stays := l.chance(odds(2.2 + 2*l.mood.mean()))
		if !l.asked && (!stays || l.chance(.4)) {
			l.askAll(l.today.Add(2*day + 18*time.Hour))
		}
		if l.chance(.1 + .4*math.Abs(l.mood.mean())) {
			l.visit(advocacy, 1, 3)
		}
		if !stays {
			return
		}
		l.visit(retention, l.between(3, 5), l.every)
	}
}

// visit meets n different criteria of a stage, one after the other, on a day that
// is usually the given number of days from today.
func (l *life) visit(stage typev1.Stage, n int, days float64) {
	l.today = l.today.Add(l.about(time.Duration(days * float64(day)))).Truncate(day).Add(day)
	at := l.today.Add(9*time.Hour + time.Duration(l.IntN(10*60))*time.Minute)
	var here []criterion
	for _, c := range l.criteria {
		if c.place.stage == stage {
			here = append(here, c)
		}
	}
	for _, i := range l.Perm(len(here))[:min(n, len(here))] {
		l.meet(here[i], at)
		at = at.Add(time.Duration(l.between(3, 25)) * time.Minute)
	}
}

// meet is one touchpoint, and the trouble that may come of it.
func (l *life) meet(c criterion, at time.Time) {
	truth := c.quality
	if c.place.stage == advocacy {
		truth += 3 * l.mood.mean() // who liked it all tells a good story
	}
	felt := l.feel(truth)
	known, upset := .75, .006
	if c.place.kind == exposure {
		known = .3
	}
	if felt == unmet {
		upset = .19
	}
	if !at.Before(l.end) {
		return
	}
	l.mood.add(felt, 1)
	l.record(c, at, felt, l.chance(known))
	trouble := l.chance(upset)
	l.search(c, at, trouble)
	if trouble {
		l.contact(c, at)
	}
}

// feel says how something of the given quality compares with what the customer
// expected.
func (l *life) feel(quality float64) typev1.Expectation {
	switch x := quality + .35*l.lenience + l.NormFloat64(); {
	case x < -1.1:
		return unmet
	case x < 1.3:
		return met
	default:
		return exceeded
	}
}

func (l *life) record(c criterion, at time.Time, felt typev1.Expectation, known bool) {
	t := &journeyv1.Touchpoint{
		Definition: name.Join(l.brand, "touchpointDefinitions", c.id),
		EventTime:  timestamppb.New(at),
		Attributes: l.attributes(),
	}
	if known {
		t.Expectation = felt
	}
	id := fmt.Sprintf("%s-p%02d", l.id, len(l.touchpoints)+1)
	if c.id == l.headline {
		l.rated = name.Join(l.customer(), "touchpoints", id)
	}
	l.touchpoints = append(l.touchpoints, &journeyv1.RecordTouchpointRequest{
		Parent: l.customer(), Touchpoint: t, TouchpointId: id,
	})
}

func (l *life) customer() string { return name.Join(l.brand, "customers", l.id) }

func (l *life) attributes() map[string]string { return map[string]string{"segment": l.segment} }

// requestID makes a request safe to send again in another run.
func (w *world) requestID(call, id string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name.Join("simulator", w.brand, call, id))).String()
}
