package survey_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey"
)

// prompt is the request to ask ann deliberately, now.
func prompt(survey, id string) *surveyv1.CreateInvitationRequest {
	return &surveyv1.CreateInvitationRequest{Parent: survey, InvitationId: id, Invitation: &surveyv1.Invitation{Customer: ann, Channel: phone}}
}

func (c client) prompt(t *testing.T, req *surveyv1.CreateInvitationRequest) *surveyv1.Invitation {
	t.Helper()
	got, err := c.CreateInvitation(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// soon is later than any test decides on an invitation: nothing happens to one before that.
var soon = time.Now().Add(30 * time.Minute).Truncate(time.Microsecond)

// ahead is so many minutes after that.
func ahead(minutes int) *timestamppb.Timestamp {
	return timestamppb.New(soon.Add(time.Duration(minutes) * time.Minute))
}

// record records an event so many minutes ahead.
func (c client) record(t *testing.T, name string, event surveyv1.InvitationEvent, minutes int) (*surveyv1.Invitation, error) {
	t.Helper()
	return c.RecordInvitationEvent(t.Context(), &surveyv1.RecordInvitationEventRequest{Name: name, Event: event, EventTime: ahead(minutes)})
}

func (c client) cancel(t *testing.T, name, etag string) (*surveyv1.Invitation, error) {
	t.Helper()
	return c.CancelInvitation(t.Context(), &surveyv1.CancelInvitationRequest{Name: name, Etag: etag})
}

// pending returns what ann can be shown.
func (c client) pending(t *testing.T, channel typev1.Channel) []*surveyv1.Invitation {
	t.Helper()
	got, err := c.ListPendingInvitations(t.Context(), &surveyv1.ListPendingInvitationsRequest{Customer: ann, Channel: channel})
	if err != nil {
		t.Fatal(err)
	}
	return got.GetInvitations()
}

func TestAnInvitationIsMadeDeliberately(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(nps)
		v.SamplingRate, v.ExpireAfter = proto.Float64(1e-9), durationpb.New(time.Hour)
		name := c.create(t, "s", v)
		req := prompt(name, "mine")
		req.Invitation.Language, req.Invitation.Attribution = "pt-BR", &surveyv1.Attribution{
			Interaction: call, Touchpoint: ann + "/touchpoints/1", Agent: acme + "/agents/bo", Team: acme + "/teams/night",
			Partner: acme + "/partners/mihir", Channel: chat, Stage: typev1.Stage_STAGE_RETENTION, Phase: typev1.Phase_PHASE_PRODUCT_USE,
		}
		req.DecideTime = timestamppb.New(time.Now().Add(-time.Minute).Truncate(time.Microsecond))
		got := c.prompt(t, req)
		want := &surveyv1.Invitation{
			Name: name + "/invitations/mine", Customer: ann, Interaction: call, Channel: phone, Decision: sent, DecideTime: req.GetDecideTime(),
			State: surveyv1.Invitation_STATE_PENDING, Origin: surveyv1.Invitation_ORIGIN_MANUAL, SurveyRevision: 1, Language: "pt-BR",
			Attribution: proto.CloneOf(req.GetInvitation().GetAttribution()), AvailableTime: req.GetDecideTime(), Token: got.GetToken(), Etag: "1",
			ExpireTime: timestamppb.New(req.GetDecideTime().AsTime().Add(time.Hour)),
		}
		want.Attribution.Ticket = acme + "/tickets/1"
		same(t, "invitation", got, want)
		read, err := c.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: got.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		want.Token = ""
		same(t, "invitation read", read, want)
		_, err = c.CreateInvitation(t.Context(), prompt(name, "mine"))
		refused(t, "the id again", err, codes.AlreadyExists, "ALREADY_EXISTS")
		for field, change := range map[string]func(*surveyv1.Invitation){
			"invitation.attribution.interaction": func(v *surveyv1.Invitation) { v.Interaction, v.Attribution.Interaction = call, call+"2" },
			"invitation.attribution.ticket":      func(v *surveyv1.Invitation) { v.Interaction, v.Attribution.Ticket = call, acme+"/tickets/2" },
			"invitation.attribution.touchpoint":  func(v *surveyv1.Invitation) { v.Attribution.Touchpoint = bob + "/touchpoints/1" },
		} {
			req := prompt(name, "")
			req.Invitation.Attribution = &surveyv1.Attribution{}
			change(req.GetInvitation())
			_, err := c.CreateInvitation(t.Context(), req)
			refused(t, field, err, codes.InvalidArgument, "INVALID_ARGUMENT")
			if got := wrong(err); !slices.Equal(got, []string{field}) {
				t.Errorf("complaints about %v, want %s", got, field)
			}
		}
	})
}

func TestATokenIsToldAgainAndNowhereKept(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		req := prompt(name, "")
		req.RequestId = uuid.NewString()
		first := c.prompt(t, req)
		same(t, "the same call again", c.prompt(t, req), first)
		if got := c.pending(t, 0); len(got) != 1 || len(got[0].GetToken()) != 43 || got[0].GetToken() != first.GetToken() {
			t.Errorf("pending = %v, want the one with its token", got)
		}
		listed, err := c.ListInvitations(t.Context(), &surveyv1.ListInvitationsRequest{Parent: name})
		if err != nil || listed.GetInvitations()[0].GetToken() != "" {
			t.Errorf("listed = %v, %v, want it without its token", listed, err)
		}
		for _, table := range []string{"invitation", "request", "outbox"} {
			if c.holds(t, table, first.GetToken()) {
				t.Errorf("the token is kept in the table %s", table)
			}
		}
		tried := prompt(name, "tried")
		tried.ValidateOnly = true
		if got := c.prompt(t, tried); got.GetToken() != "" || got.GetDecision() != sent {
			t.Errorf("what was only tried = %v, want it without a token", got)
		}
		// With another key tokens cannot be told.
		other, err := survey.New(t.Context(), c.db, survey.Config{TokenKey: make([]byte, survey.TokenKeySize)})
		if err != nil {
			t.Fatal(err)
		}
		if got := connect(t, other, c.db).prompt(t, req); got.GetName() != first.GetName() || got.GetToken() != "" {
			t.Errorf("the same call again with another key = %v, want it without a token", got)
		}
		if got := connect(t, other, c.db).pending(t, 0); len(got) != 1 || got[0].GetToken() != "" {
			t.Errorf("pending with another key = %v, want it without a token", got)
		}
	})
}

// holds reports whether a row of a table has the text in it.
func (c client) holds(t *testing.T, table, text string) bool {
	t.Helper()
	rows, err := c.db.Read().QueryContext(t.Context(), `SELECT * FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; rows.Next(); n++ {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new([]byte)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if bytes.Contains(*v.(*[]byte), []byte(text)) {
				return true
			}
		}
	}
	if n == 0 {
		t.Errorf("the table %s is empty", table)
	}
	return false
}

func TestEventsMoveAnInvitationInAnyOrder(t *testing.T) {
	const (
		handed    = surveyv1.InvitationEvent_INVITATION_EVENT_SENT
		delivered = surveyv1.InvitationEvent_INVITATION_EVENT_DELIVERED
		displayed = surveyv1.InvitationEvent_INVITATION_EVENT_DISPLAYED
		started   = surveyv1.InvitationEvent_INVITATION_EVENT_STARTED
		dismissed = surveyv1.InvitationEvent_INVITATION_EVENT_DISMISSED
		bounced   = surveyv1.InvitationEvent_INVITATION_EVENT_BOUNCED
	)
	type event struct {
		is surveyv1.InvitationEvent
		at int // minutes ahead
	}
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		for i, tt := range []struct {
			name   string
			events []event
			want   *surveyv1.Invitation // its state and times
		}{
			{"nothing", nil, &surveyv1.Invitation{State: surveyv1.Invitation_STATE_PENDING}},
			{"one after the other", []event{{handed, 1}, {delivered, 2}, {displayed, 3}, {started, 4}}, &surveyv1.Invitation{
				State: surveyv1.Invitation_STATE_STARTED, SendTime: ahead(1), DeliverTime: ahead(2), DisplayTime: ahead(3), StartTime: ahead(4),
			}},
			{"out of order", []event{{started, 4}, {handed, 1}, {displayed, 3}}, &surveyv1.Invitation{
				State: surveyv1.Invitation_STATE_STARTED, SendTime: ahead(1), DisplayTime: ahead(3), StartTime: ahead(4),
			}},
			{"several times", []event{{delivered, 5}, {delivered, 3}, {delivered, 9}}, &surveyv1.Invitation{
				State: surveyv1.Invitation_STATE_DELIVERED, DeliverTime: ahead(3),
			}},
			{"bounced", []event{{handed, 1}, {bounced, 3}, {bounced, 2}, {delivered, 4}}, &surveyv1.Invitation{
				State: surveyv1.Invitation_STATE_BOUNCED, SendTime: ahead(1), DeliverTime: ahead(4), EndTime: ahead(2),
			}},
			{"bounced after it was seen", []event{{displayed, 1}, {bounced, 3}}, &surveyv1.Invitation{
				State: surveyv1.Invitation_STATE_DISPLAYED, DisplayTime: ahead(1),
			}},
			{"closed", []event{{displayed, 1}, {dismissed, 3}}, &surveyv1.Invitation{
				State: surveyv1.Invitation_STATE_DISPLAYED, DisplayTime: ahead(1), DismissTime: ahead(3),
			}},
		} {
			made := c.prompt(t, prompt(name, fmt.Sprint("i", i)))
			got := made
			for _, e := range tt.events {
				var err error
				if got, err = c.record(t, made.GetName(), e.is, e.at); err != nil {
					t.Fatal(err)
				}
			}
			want := proto.CloneOf(made)
			proto.Merge(want, tt.want)
			want.Etag, got.Etag, got.Token = "", "", made.GetToken()
			same(t, tt.name, got, want)
		}
		again, err := c.record(t, name+"/invitations/i1", handed, 7) // which changes nothing
		before, err2 := c.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: name + "/invitations/i1"})
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		same(t, "after what was known", again, before)
		if again.GetEtag() != "5" {
			t.Errorf("etag = %s, want one for each event that changed something", again.GetEtag())
		}
	})
}

func TestWhatIsOverDoesNotMove(t *testing.T) {
	const dismissed, displayed = surveyv1.InvitationEvent_INVITATION_EVENT_DISMISSED, surveyv1.InvitationEvent_INVITATION_EVENT_DISPLAYED
	each(t, func(t *testing.T, c client) {
		v := ask(nps)
		v.Channels = []typev1.Channel{phone}
		name := c.create(t, "s", v)
		illegal := func(what string, err error) {
			t.Helper()
			refused(t, what, err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")
		}
		silent := prompt(name, "silent")
		silent.Invitation.Channel = chat
		_, err := c.record(t, c.prompt(t, silent).GetName(), displayed, 1)
		illegal("an event of what was not sent", err)
		_, err = c.cancel(t, name+"/invitations/silent", "")
		illegal("canceling what was not sent", err)

		made := c.prompt(t, prompt(name, "a"))
		seen, err := c.record(t, made.GetName(), displayed, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.cancel(t, made.GetName(), made.GetEtag())
		refused(t, "canceling an old version", err, codes.Aborted, "STALE")
		cancelled, err := c.cancel(t, made.GetName(), seen.GetEtag())
		if err != nil || cancelled.GetState() != surveyv1.Invitation_STATE_CANCELLED || cancelled.GetEndTime() == nil {
			t.Errorf("canceled = %v, %v, want it so", cancelled, err)
		}
		again, err := c.cancel(t, made.GetName(), "")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "canceled again", again, cancelled)
		_, err = c.record(t, made.GetName(), displayed, 1)
		illegal("an event of what is canceled", err)
		if got := c.pending(t, 0); len(got) != 0 {
			t.Errorf("pending = %v, want nothing", got)
		}

		made = c.prompt(t, prompt(name, "b"))
		if _, err := c.record(t, made.GetName(), dismissed, 1); err != nil { // S57
			t.Fatal(err)
		}
		c.set(t, `UPDATE invitation SET state = 6 WHERE id = $1`, "b")
		_, err = c.record(t, made.GetName(), dismissed, 0) // S58
		illegal("closing what is answered", err)
		_, err = c.cancel(t, made.GetName(), "")
		illegal("canceling what is answered", err)
		if got, err := c.record(t, made.GetName(), displayed, 0); err != nil || got.GetState() != surveyv1.Invitation_STATE_COMPLETED || got.GetDisplayTime() == nil {
			t.Errorf("seen, heard of after the answer = %v, %v, want it noted", got, err)
		}
		for _, n := range []string{name + "/invitations/none", acme + "/surveys/none/invitations/b"} {
			_, err = c.record(t, n, displayed, 1)
			refused(t, n, err, codes.NotFound, "NOT_FOUND")
			_, err = c.cancel(t, n, "")
			refused(t, n, err, codes.NotFound, "NOT_FOUND")
		}
	})
}

// set runs a statement.
func (c client) set(t *testing.T, query string, args ...any) {
	t.Helper()
	if err := c.db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(query, args...); return err }); err != nil {
		t.Fatal(err)
	}
}

func TestABatchOfEventsIsRecordedOneByOne(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		a, b := c.prompt(t, prompt(name, "a")).GetName(), c.prompt(t, prompt(name, "b")).GetName()
		if _, err := c.cancel(t, b, ""); err != nil {
			t.Fatal(err)
		}
		one := func(n string, event surveyv1.InvitationEvent) *surveyv1.RecordInvitationEventRequest {
			return &surveyv1.RecordInvitationEventRequest{Name: n, Event: event, EventTime: ahead(1)}
		}
		late, tried, known := one(a, 1), one(a, 1), one(a, 1)
		late.EventTime, tried.ValidateOnly, known.RequestId = timestamppb.New(time.Now().Add(25*time.Hour)), true, uuid.NewString()
		req := &surveyv1.BatchRecordInvitationEventsRequest{Parent: acme, RequestId: uuid.NewString(), Requests: []*surveyv1.RecordInvitationEventRequest{
			one(a, 1), one(b, 1), one(a, 3), one(name+"/invitations/none", 1), one("brands/other/surveys/s/invitations/a", 1),
			{},
			one(a, 99),
			late, tried, known, one(a, 2),
		}}
		got, err := c.BatchRecordInvitationEvents(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		want := []codes.Code{
			codes.OK, codes.FailedPrecondition, codes.OK, codes.NotFound, codes.NotFound, codes.InvalidArgument, codes.InvalidArgument,
			codes.InvalidArgument, codes.InvalidArgument, codes.InvalidArgument, codes.OK,
		}
		for i, r := range got.GetResults() {
			if code := codes.Code(r.GetError().GetCode()); code != want[i] || (r.GetInvitation() == nil) != (code != codes.OK) {
				t.Errorf("event %d: %v, want %v", i, r, want[i])
			}
		}
		last, err := c.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: a})
		if err != nil || last.GetState() != surveyv1.Invitation_STATE_DISPLAYED || last.GetSendTime() == nil || last.GetDeliverTime() == nil {
			t.Errorf("in the end = %v, %v, want it sent, delivered and seen", last, err)
		}
		same(t, "the last result", got.GetResults()[10].GetInvitation(), last)
		again, err := c.BatchRecordInvitationEvents(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the same again", again, got)
		req.Requests = req.Requests[:1]
		_, err = c.BatchRecordInvitationEvents(t.Context(), req)
		refused(t, "the id for others", err, codes.AlreadyExists, "IDEMPOTENCY_MISMATCH")
	})
}

func TestInvitationsAreListedByWhatTheyAre(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(nps)
		v.Channels = []typev1.Channel{phone}
		first, second := c.create(t, "a", v), c.create(t, "b", ask(nps))
		var names []string
		for i, survey := range []string{first, second, first, second, first} {
			req := occasion(survey, i)
			if i == 4 {
				req.Channel, req.Customer = chat, bob
			}
			names = append(names, c.decide(t, req).GetName())
		}
		if _, err := c.cancel(t, names[2], ""); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			parent, filter string
			want           []int
		}{
			{acme + "/surveys/-", "", []int{4, 3, 2, 1, 0}},
			{first, "", []int{4, 2, 0}},
			{second, "", []int{3, 1}},
			{acme + "/surveys/-", `customer = "` + bob + `"`, []int{4}},
			{acme + "/surveys/-", `customer != "` + bob + `"`, []int{3, 2, 1, 0}},
			{acme + "/surveys/-", "decision = CHANNEL_UNSUPPORTED", []int{4}},
			{acme + "/surveys/-", "state = CANCELLED", []int{2}},
			{acme + "/surveys/-", "channel = PHONE AND origin = CHECK", []int{3, 2, 1, 0}},
			{acme + "/surveys/-", `trigger_rule = "` + acme + `/triggerRules/x"`, nil},
			{acme + "/surveys/-", "decide_time >= 2013-01-07T12:02:00Z", []int{4, 3, 2}},
			{"brands/other/surveys/-", "", nil},
		} {
			var got []int
			req := &surveyv1.ListInvitationsRequest{Parent: tt.parent, Filter: tt.filter, PageSize: 2}
			for range 4 {
				answer, err := c.ListInvitations(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range answer.GetInvitations() {
					got = append(got, slices.Index(names, v.GetName()))
				}
				if req.PageToken = answer.GetNextPageToken(); req.GetPageToken() == "" {
					break
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s, %q: %v, want %v", tt.parent, tt.filter, got, tt.want)
			}
		}
		_, err := c.ListInvitations(t.Context(), &surveyv1.ListInvitationsRequest{Parent: first, Filter: "token = x"})
		refused(t, "a filter by token", err, codes.InvalidArgument, "INVALID_ARGUMENT")
	})
}

func TestWhoHasSaidNoIsNotAsked(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		plain := c.create(t, "plain", ask(nps))
		v := ask(nps)
		v.ConsentRequired = true
		consenting := c.create(t, "consenting", v)
		const optedOut, noConsent = surveyv1.Invitation_DECISION_OPTED_OUT, surveyv1.Invitation_DECISION_NO_CONSENT
		granted, denied := surveyv1.OptOut_CONSENT_GRANTED, surveyv1.OptOut_CONSENT_REFUSED
		for i, tt := range []struct {
			said              *surveyv1.OptOut
			plain, consenting surveyv1.Invitation_Decision
		}{
			{nil, sent, noConsent},
			{&surveyv1.OptOut{Consent: granted}, sent, sent},
			{&surveyv1.OptOut{Consent: denied}, noConsent, noConsent},
			{&surveyv1.OptOut{OptedOut: true, Consent: granted}, optedOut, optedOut},
			{&surveyv1.OptOut{OptedOut: true, Consent: denied}, optedOut, optedOut},
			{&surveyv1.OptOut{Channels: []typev1.Channel{chat}, Consent: granted}, sent, sent},
			{&surveyv1.OptOut{Channels: []typev1.Channel{chat, phone}, Consent: granted}, optedOut, optedOut},
			{&surveyv1.OptOut{}, sent, noConsent},
		} {
			name := ann + "/optOut"
			if tt.said != nil {
				tt.said.Name = name
				said, err := c.UpdateOptOut(t.Context(), &surveyv1.UpdateOptOutRequest{OptOut: tt.said, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}})
				if err != nil {
					t.Fatal(err)
				}
				read, err := c.GetOptOut(t.Context(), &surveyv1.GetOptOutRequest{Name: name})
				if err != nil {
					t.Fatal(err)
				}
				same(t, "what ann has said", read, said)
				if said.GetUpdateTime() == nil || said.GetEtag() != fmt.Sprint(i) {
					t.Errorf("what ann has said = %v, want it dated, in version %d", said, i)
				}
			}
			for survey, want := range map[string]surveyv1.Invitation_Decision{plain: tt.plain, consenting: tt.consenting} {
				if got := c.decide(t, occasion(survey, i)).GetDecision(); got != want {
					t.Errorf("%v: %s decides %v, want %v", tt.said, survey, got, want)
				}
			}
		}
	})
}

func TestAnOptOutIsChangedByWhatWasRead(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := ann + "/optOut"
		empty, err := c.GetOptOut(t.Context(), &surveyv1.GetOptOutRequest{Name: name})
		if err != nil || empty.GetName() != name || empty.GetUpdateTime() != nil || empty.GetEtag() == "" {
			t.Errorf("what nobody has said = %v, %v, want nothing", empty, err)
		}
		change := func(v *surveyv1.OptOut, paths ...string) (*surveyv1.OptOut, error) {
			v.Name = name
			req := &surveyv1.UpdateOptOutRequest{OptOut: v}
			if paths != nil {
				req.UpdateMask = &fieldmaskpb.FieldMask{Paths: paths}
			}
			return c.UpdateOptOut(t.Context(), req)
		}
		first, err := change(&surveyv1.OptOut{OptedOut: true, Channels: []typev1.Channel{chat}, Etag: empty.GetEtag()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = change(&surveyv1.OptOut{Consent: surveyv1.OptOut_CONSENT_GRANTED, Etag: empty.GetEtag()})
		refused(t, "an old version", err, codes.Aborted, "STALE")
		got, err := change(&surveyv1.OptOut{OptedOut: true, Consent: surveyv1.OptOut_CONSENT_GRANTED, Etag: first.GetEtag()}, "consent", "channels")
		if err != nil || !got.GetOptedOut() || got.GetConsent() != surveyv1.OptOut_CONSENT_GRANTED || len(got.GetChannels()) != 0 {
			t.Errorf("changed = %v, %v, want consent and no channels, opted out as before", got, err)
		}
		_, err = change(&surveyv1.OptOut{}, "update_time")
		refused(t, "its time", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		if _, err := change(&surveyv1.OptOut{Channels: []typev1.Channel{99}}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("an unknown channel: %v, want INVALID_ARGUMENT", err)
		}
	})
}
