package api

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A world is what one brand was told, and a service that keeps it.
type world struct {
	*Server
	brand       string
	now         time.Time
	mu          sync.Mutex // of what follows
	responses   map[string]store.Response
	invitations map[string]store.Invitation
}

func newWorld(s *Server, brand string) *world {
	return &world{
		Server: s, brand: brand, now: time.Now().UTC().Truncate(time.Microsecond),
		responses: map[string]store.Response{}, invitations: map[string]store.Invitation{},
	}
}

// rollingServer returns a server that measures what is in db.
func rollingServer(t testing.TB, db *sqldb.DB) *Server {
	t.Helper()
	s, err := store.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{DB: db, Store: s, Now: time.Now}
}

// some returns a time within the last 100 days.
func (w *world) some(r *rand.Rand) time.Time {
	return w.now.Add(-time.Duration(r.Int64N(int64(100 * 24 * time.Hour)))).Truncate(time.Microsecond)
}

func (w *world) attribution(r *rand.Rand) store.Attribution {
	return store.Attribution{
		Channel: r.Int32N(3), Stage: r.Int32N(3), Phase: r.Int32N(2), Partner: []string{"", "partners/p"}[r.IntN(2)],
		Agent: []string{"", "agents/a", "agents/b"}[r.IntN(3)], Team: "teams/t",
	}
}

// respond makes up a response. Surveys with an odd number are about another subject.
func (w *world) respond(r *rand.Rand, id string) store.Response {
	of := r.Int32N(3)
	v := store.Response{
		Brand: w.brand, ID: id, Survey: fmt.Sprint("s", of), Subject: 1 + of%2, SubmitTime: w.some(r), CreateTime: w.now,
		Attribution: w.attribution(r), State: store.ResponseComplete, SurveyRevision: 1, Version: 1, Language: []string{"", "de"}[r.IntN(2)],
	}
	for i := range 1 + r.IntN(3) {
		a := store.Answer{Question: fmt.Sprint("q", i), Definition: []string{"", "touchpointDefinitions/d"}[r.IntN(2)]}
		switch a.Kind = 1 + r.Int32N(10); a.Kind {
		case 7:
			a.Words = "x"
		case 8, 9:
			a.Choices = []string{"c1", "c2", "c3"}[:1+r.IntN(3)]
		default:
			a.Rating = r.Int32N(4)
		}
		v.Answers = append(v.Answers, a)
	}
	return v
}

func (w *world) write(t testing.TB, f func(tx *sqldb.Tx) error) {
	if err := w.DB.Write(t.Context(), f); err != nil {
		t.Error(err)
	}
}

// submit adds a response as the service does.
func (w *world) submit(t testing.TB, v store.Response) {
	w.write(t, func(tx *sqldb.Tx) error {
		store.MarkAnswers(tx, v.Brand, v.SubmitTime, time.Now())
		return w.Store.AddResponse(tx, v)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.responses[v.ID] = v
}

// move takes a response out of the measures or puts it back.
func (w *world) move(t testing.TB, r *rand.Rand, id string) {
	w.mu.Lock()
	v, ok := w.responses[id]
	w.mu.Unlock()
	if !ok {
		return
	}
	v.State = []int32{store.ResponseComplete, store.ResponseExcluded, store.ResponseSuperseded}[r.IntN(3)]
	w.write(t, func(tx *sqldb.Tx) error {
		w.Store.MoveResponse(tx, v)
		store.MarkAnswers(tx, v.Brand, v.SubmitTime, time.Now())
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.responses[id] = v
}

// decide stores a decision, or what has become of it.
func (w *world) decide(t testing.TB, r *rand.Rand, id string) {
	w.mu.Lock()
	v, known := w.invitations[id]
	w.mu.Unlock()
	if !known {
		of := r.Int32N(3)
		v = store.Invitation{
			Brand: w.brand, Survey: fmt.Sprint("s", of), ID: id, Subject: 1 + of%2, Customer: "customers/" + id, Occasion: id,
			Channel: 1 + r.Int32N(2), Decision: max(r.Int32N(14)-6, 1), DecideTime: w.some(r), Origin: 1 + r.Int32N(3),
			Rule: []string{"", "r1"}[r.IntN(2)], Attribution: w.attribution(r), Version: 1,
		}
		if v.Decision == 1 {
			v.State = 1
		}
	} else if v.Decision == 1 {
		v.State = 1 + r.Int32N(8)
		switch v.State {
		case 3:
			v.DeliverTime = w.now
		case 4:
			if v.DismissTime = w.now; r.IntN(2) == 0 {
				v.DismissTime, v.DisplayTime = time.Time{}, w.now
			}
		case 5:
			v.StartTime = w.now
		case 6:
			v.CompleteTime = w.now
		}
	}
	w.write(t, func(tx *sqldb.Tx) error {
		if !known {
			w.Store.AddInvitation(tx, v)
		} else {
			v = w.Store.UpdateInvitation(tx, v)
		}
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.invitations[id] = v
}

// roll rolls up all there is to roll up of the brand.
func (w *world) rollAll(t testing.TB) {
	for _, of := range rollup.Sources {
		for more := true; more; {
			var err error
			if more, err = w.roll(t.Context(), w.brand, of, time.Now()); err != nil {
				t.Error(err)
				return
			}
		}
	}
}

// inquiry makes one up.
func (w *world) inquiry(r *rand.Rand) inquiry {
	start := w.now.AddDate(0, 0, -r.IntN(110))
	end := start.AddDate(0, 0, 1+r.IntN(100))
	if r.IntN(2) == 0 {
		start, end = start.Truncate(24*time.Hour), end.Truncate(24*time.Hour).AddDate(0, 0, 1)
	}
	q := inquiry{brand: w.brand, of: rollup.Sources[r.IntN(2)], window: almanac.Range{From: sqldb.Micros(start), To: sqldb.Micros(end)}}
	names := []string{"channel", "stage", "phase", "survey", "partner", "team", "agent", "language", "question", "touchpoint_definition"}
	if q.of == rollup.Invitations {
		names = append(names[:8], "origin", "trigger_rule")
	}
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, d := range names[:r.IntN(4)] {
		q.groups = append(q.groups, newDimension(d))
	}
	if q.of == rollup.Answers && r.IntN(3) == 0 {
		q.choice = true
	}
	if q.of == rollup.Answers && r.IntN(3) == 0 {
		q.strata = []dimension{newDimension("channel"), newDimension("partner")}[:1+r.IntN(2)]
	}
	if r.IntN(3) == 0 {
		q.channels = []int32{1}
	}
	if r.IntN(3) == 0 {
		q.stages = []int32{1, 2}
	}
	if r.IntN(3) == 0 {
		q.surveys = []string{"s0", "s1"}
	}
	if r.IntN(4) == 0 {
		q.subjects = []int32{1}
	}
	return q
}

// A recorder keeps what was counted.
type recorder map[string]int64

func (r recorder) whole(c *count) { r.add("whole", c) }

func (r recorder) group(c *count) error {
	if c.code != rollup.Unrated { // which nobody asks of groups
		r.add("group", c)
	}
	return nil
}

func (r recorder) add(what string, c *count) {
	r[fmt.Sprintf("%s %d %q %q code %d of %s/%s/%s", what, c.subject, c.key, c.stratum, c.code, c.survey, c.question, c.choice)] += c.n
}

// recount counts what the brand was told, one by one and without any of the service.
func (w *world) recount(q *inquiry) recorder {
	all := recorder{}
	inside := func(at time.Time) bool { return q.window.From <= at.UnixMicro() && at.UnixMicro() < q.window.To }
	if q.of == rollup.Invitations {
		for _, v := range w.invitations {
			if !inside(v.DecideTime) {
				continue
			}
			a := v.Attribution
			a.Channel = v.Channel
			c := count{subject: v.Subject, code: rollup.Decision{Number: v.Decision, Depth: depthOf(v), Reported: reported(v)}.Code(), n: 1}
			if unplaced(q, v.Subject, v.Survey, a) != "" {
				continue
			}
			all.whole(&c)
			if len(q.groups) > 0 {
				c.key = place(q.groups, a, v.Survey, v.Language, "", "", strconv.Itoa(int(v.Origin)), v.Rule)
				all.add("group", &c)
			}
		}
		return all
	}
	for _, v := range w.responses {
		if v.State == store.ResponseComplete && inside(v.SubmitTime) {
			w.recountOne(q, &v, all)
		}
	}
	return all
}

func (w *world) recountOne(q *inquiry, v *store.Response, all recorder) {
	c := count{subject: v.Subject, n: 1, stratum: place(q.strata, v.Attribution, v.Survey, "", "", "", "", "")}
	switch unplaced(q, v.Subject, v.Survey, v.Attribution) {
	case "channel":
		c.code = store.NoChannel
		all.whole(&c)
		return
	case "stage":
		c.code = store.NoStage
		all.whole(&c)
		return
	case "other":
		return
	}
	c.code = rollup.Responses
	all.whole(&c)
	groups, unrated := map[groupKey]bool{}, true
	for _, a := range v.Answers {
		words := a.Words != "" || len(a.Choices) > 0
		unrated = unrated && words
		if c.code = rollup.RatingCode(a.Kind, a.Rating); words {
			c.code = rollup.AnswerCode(a.Kind)
		}
		all.whole(&c)
		g := c
		g.key = place(q.groups, v.Attribution, v.Survey, v.Language, a.Question, a.Definition, "", "")
		switch {
		case q.choice && len(a.Choices) > 0:
			g.survey, g.question = v.Survey, a.Question
			all.add("group", &g)
			g.code = rollup.Taken
			for _, g.choice = range a.Choices {
				all.add("group", &g)
			}
		case !q.choice && len(q.groups) > 0:
			all.add("group", &g)
			groups[g.key] = true
		}
	}
	if c.code = rollup.Unrated; unrated {
		all.whole(&c)
	}
	for c.key = range groups {
		c.code = rollup.Responses
		all.add("group", &c)
	}
}

// depthOf says how far an invitation came.
func depthOf(v store.Invitation) rollup.Depth {
	switch {
	case v.Decision != 1:
		return rollup.Invited
	case !v.CompleteTime.IsZero() || v.State == 6:
		return rollup.Completed
	case v.State == 8:
		return rollup.Invited
	case !v.StartTime.IsZero() || v.State == 5:
		return rollup.Started
	case !v.DismissTime.IsZero() || !v.DisplayTime.IsZero() || v.State == 4:
		return rollup.Displayed
	case !v.DeliverTime.IsZero() || v.State == 3:
		return rollup.Delivered
	}
	return rollup.Invited
}

// reported says whether v is known to have arrived, by more than an answer.
func reported(v store.Invitation) bool {
	told := !v.DeliverTime.IsZero() || !v.DisplayTime.IsZero() || !v.DismissTime.IsZero()
	return v.Decision == 1 && v.State != 8 && (told || v.State == 3 || v.State == 4)
}

// unplaced says why something is not asked about, or nothing.
func unplaced(q *inquiry, subject int32, survey string, a store.Attribution) string {
	switch {
	case len(q.subjects) > 0 && !slices.Contains(q.subjects, subject), len(q.surveys) > 0 && !slices.Contains(q.surveys, survey):
		return "other"
	case len(q.channels) > 0 && a.Channel == 0:
		return "channel"
	case len(q.channels) > 0 && !slices.Contains(q.channels, a.Channel):
		return "other"
	case len(q.stages) > 0 && a.Stage == 0:
		return "stage"
	case len(q.stages) > 0 && !slices.Contains(q.stages, a.Stage):
		return "other"
	}
	return ""
}

func place(by []dimension, a store.Attribution, survey, language, question, definition, origin, rule string) (key groupKey) {
	for i, d := range by {
		key[i] = map[string]string{
			"channel": strconv.Itoa(int(a.Channel)), "stage": strconv.Itoa(int(a.Stage)), "phase": strconv.Itoa(int(a.Phase)),
			"survey": survey, "partner": a.Partner, "team": a.Team, "agent": a.Agent, "language": language, "question": question,
			"touchpoint_definition": definition, "origin": origin, "trigger_rule": rule,
		}[d.name]
	}
	return key
}
