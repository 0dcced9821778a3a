package survey_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// listen runs the service and returns what others hear from it, of all kinds if none is
// given.
func (c client) listen(t *testing.T, kinds ...string) <-chan *eventv1.Event {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	db := sqldbtest.Open(t, sqldbtest.SQLite(t))
	if err := bus.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	heard := make(chan *eventv1.Event, 100)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.service.Run(ctx, b); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		err := b.Consume(ctx, bus.Consumer{
			Service: "journey", From: []string{"survey"}, DB: db, Kinds: kinds,
			Handle: func(tx *sqldb.Tx, e *eventv1.Event) error {
				tx.AfterCommit(func() { heard <- e })
				return nil
			},
		})
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		b.Close()
	})
	return heard
}

// hear fails unless the next event is want with an id.
func hear(t *testing.T, what string, heard <-chan *eventv1.Event, want *eventv1.Event) {
	t.Helper()
	select {
	case got := <-heard:
		if want.Id = got.GetId(); want.GetId() == "" || !proto.Equal(got, want) {
			t.Errorf("%s: heard\n%v, want\n%v", what, got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: nothing was heard", what)
	}
}

// of lets an answer rate a touchpoint of its own.
func of(a *surveyv1.Answer, touchpoint string) *surveyv1.Answer {
	a.Touchpoint = touchpoint
	return a
}

func TestASubmittedResponseIsHeardOf(t *testing.T) {
	v1 := surveyv1.Question_KIND_CES_V1
	own, whole := ann+"/touchpoints/own", ann+"/touchpoints/whole"
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(open, nps, v1, ease))
		heard := c.listen(t, "response_submitted")
		for _, tt := range []struct {
			name    string
			to      *surveyv1.Attribution
			answers []*surveyv1.Answer
			want    []*eventv1.Rating
		}{
			{"nothing is measured", &surveyv1.Attribution{Ticket: acme + "/tickets/1"}, []*surveyv1.Answer{rate(nps, 0)}, nil},
			{"words measure nothing", &surveyv1.Attribution{Interaction: call}, []*surveyv1.Answer{of(say("no"), own)}, nil},
			{
				"the interaction", &surveyv1.Attribution{Interaction: call},
				[]*surveyv1.Answer{say("no"), rate(nps, 0)},
				[]*eventv1.Rating{{Target: call, Rating: 0, Min: 0, Max: 10}},
			},
			{
				"the touchpoint before the interaction", &surveyv1.Attribution{Interaction: call, Touchpoint: whole},
				[]*surveyv1.Answer{rate(v1, 1)},
				[]*eventv1.Rating{{Target: whole, Rating: 1, Min: 1, Max: 5, LowerIsBetter: true}},
			},
			{
				"only the question asked first", &surveyv1.Attribution{Interaction: call},
				[]*surveyv1.Answer{rate(ease, 7), rate(v1, 5)},
				[]*eventv1.Rating{{Target: call, Rating: 5, Min: 1, Max: 5, LowerIsBetter: true}},
			},
			{
				"each its own, and the first other one the whole", &surveyv1.Attribution{Touchpoint: whole},
				[]*surveyv1.Answer{rate(ease, 7), rate(v1, 5), of(rate(nps, 9), own)},
				[]*eventv1.Rating{
					{Target: own, Rating: 9, Min: 0, Max: 10},
					{Target: whole, Rating: 5, Min: 1, Max: 5, LowerIsBetter: true},
				},
			},
			{
				"its own without any attribution", nil,
				[]*surveyv1.Answer{of(rate(nps, 9), own), of(rate(ease, 1), own+"2")},
				[]*eventv1.Rating{{Target: own, Rating: 9, Min: 0, Max: 10}, {Target: own + "2", Rating: 1, Min: 1, Max: 7}},
			},
		} {
			for _, customer := range []string{"", ann} {
				req := submission(name, tt.answers...)
				req.Response.Attribution, req.Response.Customer, req.Response.SubmitTime = tt.to, customer, stamp(3)
				if customer == "" && strings.Contains(req.String(), "touchpoints/") {
					continue
				}
				hear(t, tt.name, heard, told(c.submit(t, req), tt.want))
			}
		}
	})
}

// told is what others hear of r.
func told(r *surveyv1.Response, ratings []*eventv1.Rating) *eventv1.Event {
	e := &eventv1.Event{Brand: acme, Key: r.GetCustomer(), EventTime: r.GetSubmitTime(), Payload: &eventv1.Event_ResponseSubmitted{
		ResponseSubmitted: &eventv1.ResponseSubmitted{
			Response: r.GetName(), Survey: r.GetSurvey(), Subject: r.GetSubject(), SubmitTime: r.GetSubmitTime(),
			Customer: r.GetCustomer(), Ratings: ratings, Version: 1,
		},
	}}
	if r.GetCustomer() == "" {
		e.Key = r.GetName()
	}
	return e
}

// TestAResponseMeasuresWhatItIsAbout has surveys of each scope answered in each way
// a response comes to a touchpoint.
func TestAResponseMeasuresWhatItIsAbout(t *testing.T) {
	own, whole := ann+"/touchpoints/own", ann+"/touchpoints/whole"
	each(t, func(t *testing.T, c client) {
		heard := c.listen(t, "response_submitted")
		for scope := surveyv1.Survey_SCOPE_INTERACTION; scope <= surveyv1.Survey_SCOPE_RELATIONSHIP; scope++ {
			v := ask(ease, nps)
			v.Scope = scope
			v.Questions[0].TouchpointDefinition = acme + "/touchpointDefinitions/wait"
			name := c.create(t, fmt.Sprint("s", int(scope)), v)
			about := func(target string) []*eventv1.Rating { // the NPS is asked about nothing in particular
				return []*eventv1.Rating{{Target: target, Rating: 9, Min: 0, Max: 10}}
			}
			interaction := func(target string) []*eventv1.Rating {
				if scope != surveyv1.Survey_SCOPE_INTERACTION {
					return nil
				}
				return about(target)
			}
			asked := c.decide(t, occasion(name, int(scope)))
			for _, tt := range []struct {
				name       string
				to         *surveyv1.Attribution
				invitation string
				answers    []*surveyv1.Answer
				want       []*eventv1.Rating
			}{
				{"an interaction", &surveyv1.Attribution{Interaction: call}, "", []*surveyv1.Answer{rate(ease, 7), rate(nps, 9)}, interaction(call)},
				{"the invitation's interaction", nil, asked.GetName(), []*surveyv1.Answer{rate(ease, 7), rate(nps, 9)}, interaction(asked.GetInteraction())},
				{"a touchpoint", &surveyv1.Attribution{Interaction: call, Touchpoint: whole}, "", []*surveyv1.Answer{rate(ease, 7), rate(nps, 9)}, about(whole)},
				{"a question about a definition", &surveyv1.Attribution{Interaction: call, Touchpoint: whole}, "", []*surveyv1.Answer{rate(ease, 7)}, nil},
				{
					"each answer its own", &surveyv1.Attribution{Interaction: call}, "",
					[]*surveyv1.Answer{of(rate(ease, 7), own), of(rate(nps, 9), whole)},
					append([]*eventv1.Rating{{Target: own, Rating: 7, Min: 1, Max: 7}}, about(whole)...),
				},
			} {
				req := submission(name, tt.answers...)
				req.Response.Attribution, req.Response.Invitation, req.Response.Customer = tt.to, tt.invitation, ann
				req.Response.SubmitTime = stamp(5)
				hear(t, fmt.Sprint(scope, ", ", tt.name), heard, told(c.submit(t, req), tt.want))
			}
		}
	})
}
