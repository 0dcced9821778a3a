package survey_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func TestAnswersAreSavedForLater(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		v := ask(nps, ease, open)
		v.Questions[1].Required = true
		name := c.open(t, "s", v)
		asked := c.invite(t, name, 0)
		save := c.with(t, asked.GetToken(), rate(nps, 0), say("so far"))
		save.Partial = true
		first := c.submit(t, save)
		if first.GetState() != surveyv1.Response_STATE_PARTIAL || first.GetEtag() != "1" {
			t.Errorf("saved = %v, want a partial response", first)
		}
		if form := c.form(t, asked.GetToken()); len(form.GetAnswers()) != 2 || form.GetAnswers()[1].GetText() != "so far" || form.GetAnswers()[0].GetValue() == nil {
			t.Errorf("answers of the form = %v, want those saved", form.GetAnswers())
		}
		if v := c.invitation(t, asked); v.GetState() != surveyv1.Invitation_STATE_STARTED || v.GetResponse() != "" {
			t.Errorf("invitation = %v, want it started and without a response", v)
		}
		save.Response.Answers = []*surveyv1.Answer{rate(nps, 2)}
		if again := c.submit(t, save); again.GetName() != first.GetName() || len(again.GetAnswers()) != 1 || again.GetEtag() != "2" {
			t.Errorf("saved again = %v, want it in the place of %s", again, first.GetName())
		}
		for filter, want := range map[string]int{"": 0, "state = PARTIAL": 1, "state != PARTIAL": 0} {
			list, err := c.ListResponses(as(t.Context(), "*"), &surveyv1.ListResponsesRequest{Parent: acme, Filter: filter})
			if err != nil || len(list.GetResponses()) != want {
				t.Errorf("filter %q lists %v, %v, want %d", filter, list.GetResponses(), err, want)
			}
		}
		if n := c.rows(t, "answer"); n != 0 {
			t.Errorf("%d answers count, want none", n)
		}
		done := c.with(t, asked.GetToken(), rate(nps, 3))
		_, err := c.SubmitResponse(t.Context(), done)
		if got := wrong(err); len(got) != 1 || got[0] != "response.answers" {
			t.Errorf("without what is required: %v, want a complaint about the answers", err)
		}
		done.Response.Answers = append(done.GetResponse().GetAnswers(), rate(ease, 1))
		other := proto.CloneOf(done)
		other.ResponseId = "another"
		_, err = c.SubmitResponse(t.Context(), other)
		if got := wrong(err); len(got) != 1 || got[0] != "response_id" {
			t.Errorf("under another id: %v, want a complaint about it", err)
		}
		got := c.submit(t, done)
		if got.GetName() != first.GetName() || got.GetState() != surveyv1.Response_STATE_COMPLETE || got.GetEtag() != "3" || !proto.Equal(got.GetCreateTime(), first.GetCreateTime()) {
			t.Errorf("response = %v, want %s completed", got, first.GetName())
		}
		read, err := c.GetResponse(as(t.Context(), "*"), &surveyv1.GetResponseRequest{Name: got.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "response read", read, got)
		save.Response.Answers = []*surveyv1.Answer{rate(nps, 9)}
		_, err = c.SubmitResponse(t.Context(), save)
		refused(t, "saving after that", err, codes.FailedPrecondition, "TOKEN_USED")
	})
}

// invitation reads v again.
func (c client) invitation(t *testing.T, v *surveyv1.Invitation) *surveyv1.Invitation {
	t.Helper()
	got, err := c.GetInvitation(as(t.Context(), "*"), &surveyv1.GetInvitationRequest{Name: v.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWhatOnlyInvitationsHaveIsRefusedWithoutOne(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		v := ask(nps)
		v.Anonymous = true
		hidden, name := c.open(t, "hidden", v), c.open(t, "s", ask(nps))
		for what, change := range map[string]func(*surveyv1.SubmitResponseRequest){
			"partial":   func(r *surveyv1.SubmitResponseRequest) { r.Partial = true },
			"supersede": func(r *surveyv1.SubmitResponseRequest) { r.Supersede = true },
		} {
			plain, unseen := submission(name, rate(nps, 1)), c.with(t, c.invite(t, hidden, len(what)).GetToken(), rate(nps, 1))
			for where, req := range map[string]*surveyv1.SubmitResponseRequest{"without an invitation": plain, "anonymously": unseen} {
				change(req)
				_, err := c.SubmitResponse(as(t.Context(), "*"), req)
				if got := wrong(err); len(got) != 1 || got[0] != what {
					t.Errorf("%s %s: %v, want a complaint about it", what, where, err)
				}
			}
		}
		none := submission("", rate(nps, 1))
		_, err := c.SubmitResponse(as(t.Context(), "*"), none)
		if got := wrong(err); len(got) != 1 || got[0] != "response.survey" {
			t.Errorf("no survey: %v, want a complaint about it", err)
		}
	})
}

func TestALaterAnswerTakesThePlaceOfTheFirst(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		heard := c.listen(t, "response_submitted", "response_excluded")
		v := c.decide(t, occasion(name, 0))
		answer := func(rating int32, at int, id string) *surveyv1.SubmitResponseRequest {
			req := submission(name, rate(nps, rating))
			req.Response.Invitation, req.Response.SubmitTime, req.Supersede, req.ResponseId = v.GetName(), stamp(at), true, id
			return req
		}
		const day = 24 * 60 // minutes
		old := c.submit(t, answer(0, 1, "old"))
		late := answer(10, 1+day, "late")
		late.Response.SubmitTime = timestamppb.New(stamp(1 + day).AsTime().Add(time.Microsecond))
		_, err := c.SubmitResponse(t.Context(), late)
		refused(t, "a day and a microsecond later", err, codes.FailedPrecondition, "SUPERSEDE_TOO_LATE")
		late.Supersede = false
		_, err = c.SubmitResponse(t.Context(), late)
		refused(t, "without saying so", err, codes.FailedPrecondition, "ALREADY_ANSWERED")
		fresh := c.submit(t, answer(10, 1+day, "new"))
		if fresh.GetSupersedes() != old.GetName() || fresh.GetState() != surveyv1.Response_STATE_COMPLETE {
			t.Errorf("response = %v, want it to supersede %s", fresh, old.GetName())
		}
		gone, err := c.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: old.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		want := proto.CloneOf(old)
		want.State, want.SupersededBy, want.Etag = surveyv1.Response_STATE_SUPERSEDED, fresh.GetName(), "2"
		same(t, "the old response", gone, want)
		read, err := c.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: v.GetName()})
		if err != nil || read.GetResponse() != fresh.GetName() || !proto.Equal(read.GetCompleteTime(), stamp(1)) {
			t.Errorf("invitation = %v, %v, want the new response and the old time", read, err)
		}
		if list := c.walk(t, &surveyv1.ListResponsesRequest{Parent: acme}); list != "w" {
			t.Errorf("responses %s are listed, want new", list)
		}
		if got := c.counted(t); got != "new:10" {
			t.Errorf("answers %s count, want new:10", got)
		}
		rating := func(rating int32) []*eventv1.Rating {
			return []*eventv1.Rating{{Target: interaction(0), Rating: rating, Min: 0, Max: 10}}
		}
		hear(t, "the first", heard, told(old, rating(0)))
		hearOut(t, heard, gone, interaction(0))
		hear(t, "the second", heard, told(fresh, rating(10)))
	})
}

// hearOut fails unless the next event is that r measures target no more.
func hearOut(t *testing.T, heard <-chan *eventv1.Event, r *surveyv1.Response, target string) {
	t.Helper()
	got := <-heard
	hear(t, "the exclusion", one(got), &eventv1.Event{
		Brand: acme, Key: r.GetCustomer(), EventTime: got.GetEventTime(), Payload: &eventv1.Event_ResponseExcluded{ResponseExcluded: &eventv1.ResponseExcluded{
			Response: r.GetName(), Survey: r.GetSurvey(), Customer: r.GetCustomer(), Targets: []string{target}, SubmitTime: r.GetSubmitTime(),
			Version: int64(r.GetEtag()[0] - '0'),
		}},
	})
	if age := time.Since(got.GetEventTime().AsTime()); age < 0 || age > time.Minute {
		t.Errorf("it happened %v ago, want now", age)
	}
}

func one(e *eventv1.Event) <-chan *eventv1.Event {
	c := make(chan *eventv1.Event, 1)
	c <- e
	return c
}

// counted returns the answers that count, as response:rating.
func (c client) counted(t *testing.T) string {
	t.Helper()
	rows, err := c.db.Read().QueryContext(t.Context(), `SELECT response, rating FROM answer WHERE counted = 1 ORDER BY response`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var response, rating string
		if err := rows.Scan(&response, &rating); err != nil {
			t.Fatal(err)
		}
		all = append(all, response+":"+rating)
	}
	return strings.Join(all, " ")
}

func TestNothingLeadsFromAnAnonymousAnswerToTheCustomer(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		v := ask(nps, open)
		v.Anonymous = true
		name := c.open(t, "s", v)
		asked := c.invite(t, name, 0)
		before := c.rows(t, "outbox")
		req := c.with(t, asked.GetToken(), of(rate(nps, 0), ann+"/touchpoints/own"), say("hm"))
		req.Response.Duration = durationpb.New(time.Minute)
		got := c.submit(t, req)
		day := timestamppb.New(time.Now().UTC().Truncate(24 * time.Hour))
		want := &surveyv1.Response{
			Name: got.GetName(), Survey: name, Answers: []*surveyv1.Answer{rate(nps, 0), {QuestionId: "open"}}, TextWithheld: true,
			SubmitTime: day, CreateTime: day, Subject: v.GetSubject(), State: surveyv1.Response_STATE_COMPLETE, SurveyRevision: 1,
			Duration: durationpb.New(time.Minute), Etag: "1",
		}
		same(t, "answer", got, want)
		if n := len(got.GetName()); n != len(acme+"/responses/")+36 {
			t.Errorf("name = %s, want an id that says nothing", got.GetName())
		}
		var customer, invitation, ticket, interaction, touchpoint, own string
		var at int64
		err := c.db.Read().QueryRowContext(t.Context(), `
			SELECT COALESCE(r.customer, ''), COALESCE(r.invitation, ''), r.ticket, r.interaction, r.touchpoint, a.touchpoint, a.submit_time
			FROM response r JOIN answer a ON a.response = r.id WHERE a.position = 0`).
			Scan(&customer, &invitation, &ticket, &interaction, &touchpoint, &own, &at)
		if err != nil || customer+invitation+ticket+interaction+touchpoint+own != "" || at != sqldb.Micros(day.AsTime()) {
			t.Errorf("the row says %q at %d, %v, want nothing of the customer", customer+invitation+ticket+interaction+touchpoint+own, at, err)
		}
		read := c.invitation(t, asked)
		if read.GetState() != surveyv1.Invitation_STATE_COMPLETED || read.GetResponse() != "" || !proto.Equal(read.GetCompleteTime(), day) {
			t.Errorf("invitation = %v, want it completed on the day and no more", read)
		}
		if n := c.rows(t, "outbox"); n != before {
			t.Errorf("%d events, want none", n-before)
		}
		_, err = c.SubmitResponse(t.Context(), req)
		refused(t, "once more", err, codes.FailedPrecondition, "TOKEN_USED")
		_, err = c.ExcludeResponse(as(t.Context(), "*"), &surveyv1.ExcludeResponseRequest{Name: got.GetName(), Reason: "a joke"})
		if n := c.rows(t, "outbox"); n != before || err != nil {
			t.Errorf("%d events after its exclusion, %v, want none", n-before, err)
		}
	})
}

func TestAnAnswerIsReplacedThoughTheInvitationHasExpired(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(nps)
		v.ExpireAfter = durationpb.New(time.Hour)
		name := c.create(t, "s", v)
		asked := c.decide(t, occasion(name, 0))
		answer := func(at int, supersede bool) *surveyv1.SubmitResponseRequest {
			req := submission(name, rate(nps, 3))
			req.Response.Invitation, req.Response.SubmitTime, req.Supersede = asked.GetName(), stamp(at), supersede
			return req
		}
		_, err := c.SubmitResponse(t.Context(), answer(61, true))
		refused(t, "a first answer that is late", err, codes.FailedPrecondition, "TOKEN_EXPIRED")
		old := c.submit(t, answer(59, false))
		if got := c.submit(t, answer(61, true)); got.GetSupersedes() != old.GetName() {
			t.Errorf("response = %v, want it to supersede %s", got, old.GetName())
		}
	})
}

func TestNothingHappensToAnInvitationBeforeIt(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		const day = 24 * 60
		req := occasion(c.create(t, "s", ask(nps)), 0)
		asked := c.decide(t, req)
		decided := asked.GetDecideTime().AsTime()
		event := func(before time.Duration) (*surveyv1.Invitation, error) {
			return c.RecordInvitationEvent(t.Context(), &surveyv1.RecordInvitationEventRequest{
				Name: asked.GetName(), Event: surveyv1.InvitationEvent_INVITATION_EVENT_DISPLAYED, EventTime: timestamppb.New(decided.Add(-before)),
			})
		}
		_, err := event(day*time.Minute + time.Microsecond)
		refused(t, "more than a day before", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		for _, before := range []time.Duration{-time.Minute, day * time.Minute} {
			got, err := event(before)
			if want := decided.Add(max(-before, 0)); err != nil || !got.GetDisplayTime().AsTime().Equal(want) {
				t.Errorf("displayed %v before the invitation: %v, %v, want it at %v", before, got, err, want)
			}
		}
	})
}
