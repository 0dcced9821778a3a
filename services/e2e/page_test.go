package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// TestACallIsAskedAboutByItself follows a rule from an agent's call over the page that
// the customer answers on to the measure of the call's touchpoint, and back.
func TestACallIsAskedAboutByItself(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *suite) {
		c := s.grpc()
		brand := c.brand(t)
		ann := brand + "/customers/ann"
		survey := must(c.surveys.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{
			Parent: brand, SurveyId: "effort", Survey: afterCall(),
		}))(t)
		must(c.surveys.CreateTriggerRule(t.Context(), &surveyv1.CreateTriggerRuleRequest{
			Parent: brand, TriggerRuleId: "calls", TriggerRule: &surveyv1.TriggerRule{
				DisplayName: "After every call", Survey: survey.GetName(),
				Trigger: &surveyv1.TriggerRule_Interaction{Interaction: &surveyv1.TriggerRule_InteractionTrigger{}},
			},
		}))(t)
		ticket := c.open(t, ann, typev1.Channel_CHANNEL_PHONE, time.Now())
		call := c.talk(t, ticket)
		c.talk(t, ticket) // inside the quiet period of the first

		decided := c.decided(t, survey.GetName(), 2)
		if n := decided[surveyv1.Invitation_DECISION_SENT] * decided[surveyv1.Invitation_DECISION_QUIET_PERIOD]; n != 1 {
			t.Fatalf("the decisions about two calls are %v, want one to ask and one to be quiet", decided)
		}
		invitation := c.pending(t, ann)
		if got := invitation.GetAttribution(); got.GetPartner() != call.GetPartner() || got.GetAgent() != call.GetAgent() || got.GetTicket() != ticket.GetName() {
			t.Errorf("the invitation belongs to %v, want to what the call was", got)
		}
		link := s.web() + "/s/" + strings.TrimPrefix(brand, "brands/") + "/" + invitation.GetToken()
		s.looked(t, link)
		if got := c.pending(t, ann); got.GetState() != surveyv1.Invitation_STATE_PENDING {
			t.Errorf("after the page was looked at the invitation is %v, want PENDING", got.GetState())
		}
		response := s.answered(t, c, link, invitation)
		touchpoint := c.touched(t, ann, invitation.GetInteraction())
		if got := c.measured(t, touchpoint); got.GetResponse() != response || got.GetMeasurement().GetRating() != 2 {
			t.Errorf("the call's touchpoint is %v, want it measured by %s", got, response)
		}
		c.takenOutAndPutBack(t, response, touchpoint)
	})
}

// talk records a call of the partner mihir that has just ended.
func (c *clients) talk(t *testing.T, ticket *ticketv1.Ticket) *ticketv1.Interaction {
	t.Helper()
	brand, now := brandOf(ticket.GetName()), timestamppb.Now()
	return must(c.interactions.CreateInteraction(t.Context(), &ticketv1.CreateInteractionRequest{
		Parent: ticket.GetName(), Interaction: &ticketv1.Interaction{
			Kind: ticketv1.Interaction_KIND_CALL, Direction: ticketv1.Interaction_DIRECTION_OUTBOUND, Actor: ticketv1.Interaction_ACTOR_AGENT,
			Agent: brand + "/agents/uma", Partner: brand + "/partners/mihir", StartTime: now, EndTime: now,
		},
	}))(t)
}

// afterCall asks how easy it was and, if it was not, why.
func afterCall() *surveyv1.Survey {
	three := int32(3)
	return &surveyv1.Survey{
		DisplayName: "After your call", Subject: typev1.Subject_SUBJECT_SERVICE, Scope: surveyv1.Survey_SCOPE_INTERACTION,
		QuietPeriod: durationpb.New(24 * time.Hour),
		Questions: []*surveyv1.Question{
			{
				QuestionId: "ease", Kind: surveyv1.Question_KIND_CES_EASE, Required: true, Translations: german("Wie leicht war es?"),
				Branches: []*surveyv1.Question_Branch{{MaxRating: &three, QuestionId: "what"}, {QuestionId: "more"}},
			},
			{QuestionId: "what", Kind: surveyv1.Question_KIND_MULTI, Text: "What was hard?", Translations: german("Was war schwer?"), Choices: []*surveyv1.Question_Choice{
				{ChoiceId: "wait", Text: "The wait", Translations: german("Das Warten")},
				{ChoiceId: "twice", Text: "Saying it <twice> & again", Translations: german("Alles zweimal sagen")},
			}},
			{QuestionId: "more", Kind: surveyv1.Question_KIND_OPEN, Text: "Anything else?", Translations: german("Noch etwas?")},
		},
	}
}

func german(text string) map[string]string { return map[string]string{"de": text} }

// decided waits for n decisions about a survey and counts them.
func (c *clients) decided(t *testing.T, survey string, n int) map[surveyv1.Invitation_Decision]int {
	t.Helper()
	var counts map[surveyv1.Invitation_Decision]int
	eventually(t, func() error {
		page, err := c.invitations.ListInvitations(t.Context(), &surveyv1.ListInvitationsRequest{Parent: survey})
		if err != nil {
			return err
		}
		counts = map[surveyv1.Invitation_Decision]int{}
		for _, i := range page.GetInvitations() {
			counts[i.GetDecision()]++
		}
		if len(page.GetInvitations()) != n {
			return fmt.Errorf("%d decisions, want %d", len(page.GetInvitations()), n)
		}
		return nil
	})
	return counts
}

// pending waits for the one invitation that a customer can be shown.
func (c *clients) pending(t *testing.T, customer string) *surveyv1.Invitation {
	t.Helper()
	var found *surveyv1.Invitation
	eventually(t, func() error {
		all, err := c.invitations.ListPendingInvitations(t.Context(), &surveyv1.ListPendingInvitationsRequest{Customer: customer})
		if err != nil {
			return err
		}
		if len(all.GetInvitations()) != 1 || all.GetInvitations()[0].GetToken() == "" {
			return fmt.Errorf("pending: %v, want one with a token", all)
		}
		found = all.GetInvitations()[0]
		return nil
	})
	return found
}

// touched waits for the touchpoint that stands for an interaction.
func (c *clients) touched(t *testing.T, customer, interaction string) (name string) {
	t.Helper()
	eventually(t, func() error {
		page, err := c.touchpoints.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: customer})
		for _, p := range page.GetTouchpoints() {
			if p.GetInteraction() == interaction && p.GetResponse() != "" {
				name = p.GetName()
				return nil
			}
		}
		return fmt.Errorf("no measured touchpoint of %s: %v", interaction, err)
	})
	return name
}

// looked opens a link as people and mail scanners do.
func (s *suite) looked(t *testing.T, link string) {
	t.Helper()
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodGet} {
		code, body, header := browse(t, method, link, nil, "de-AT, en;q=0.5")
		if code != http.StatusOK && code != http.StatusNoContent {
			t.Errorf("%s = %d", method, code)
		}
		if method != http.MethodGet {
			continue
		}
		if !strings.Contains(body, "Wie leicht war es?") || !strings.Contains(body, `lang="de"`) || strings.Contains(body, "Was war schwer?") {
			t.Errorf("the page shows\n%s", body)
		}
		if strings.Contains(body, "<script") || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") || header.Get("Cache-Control") != "no-store" {
			t.Errorf("the page comes with %v", header)
		}
	}
	for bad, want := range map[string]int{link[:len(link)-1]: 404, link + "x": 404, link + "%00": 404, strings.ToUpper(link[:4]) + link[4:] + "/": 404} {
		if code, _, _ := browse(t, http.MethodGet, bad, nil, ""); code != want {
			t.Errorf("%s = %d, want %d", bad, code, want)
		}
	}
}

// hidden finds the hidden inputs of a page.
var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// filled returns the form of a page with more values.
func filled(body string, more url.Values) url.Values {
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(body, -1) {
		form.Add(m[1], m[2])
	}
	for key, values := range more {
		form[key] = values
	}
	return form
}

// answered answers on the page, sixteen times at once, and returns the one response.
func (s *suite) answered(t *testing.T, c *clients, link string, invitation *surveyv1.Invitation) string {
	t.Helper()
	_, first, _ := browse(t, http.MethodGet, link, nil, "en")
	if code, _, _ := browse(t, http.MethodPost, link, url.Values{"q.ease": {"2"}}, "en"); code != http.StatusBadRequest {
		t.Errorf("a form that nobody was shown = %d, want 400", code)
	}
	if code, body, _ := browse(t, http.MethodPost, link, filled(first, nil), "en"); code != http.StatusBadRequest || !strings.Contains(body, `role="alert"`) {
		t.Errorf("an empty form = %d\n%s", code, body)
	}
	code, second, _ := browse(t, http.MethodPost, link, filled(first, url.Values{"q.ease": {"2"}}), "en")
	if code != http.StatusOK || !strings.Contains(second, "What was hard?") || !strings.Contains(second, "Saying it &lt;twice&gt; &amp; again") {
		t.Fatalf("the second page = %d\n%s", code, second)
	}
	saved := filled(second, url.Values{"q.what": {"wait"}, "save": {"1"}})
	if code, body, _ := browse(t, http.MethodPost, link, saved, "en"); code != http.StatusOK || !strings.Contains(body, "Saved.") {
		t.Errorf("saving = %d\n%s", code, body)
	}
	// The customer comes back and takes another branch: what was said on the first is left out.
	_, first, _ = browse(t, http.MethodGet, link, nil, "en")
	if !strings.Contains(first, `value="2" checked`) {
		t.Errorf("what was saved is not there\n%s", first)
	}
	_, other, _ := browse(t, http.MethodPost, link, filled(first, url.Values{"q.ease": {"7"}}), "en")
	if strings.Contains(other, "q.what") || !strings.Contains(other, "Anything else?") {
		t.Errorf("the other branch shows\n%s", other)
	}
	if code, body, _ := browse(t, http.MethodPost, link, filled(other, url.Values{"q.more": {strings.Repeat("я", 4097)}}), "en"); code != http.StatusBadRequest || !strings.Contains(body, "too long") {
		t.Errorf("8,194 bytes of words = %d\n%s", code, body)
	}
	last := filled(second, url.Values{"q.what": {"wait", "twice"}, "q.more": {"Nothing."}})
	var (
		mu    sync.Mutex
		codes = map[int]int{}
		wg    sync.WaitGroup
	)
	for range 16 {
		wg.Go(func() {
			code, _, _ := browse(t, http.MethodPost, link, last, "en")
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	wg.Wait()
	if codes[http.StatusOK] != 1 || codes[http.StatusConflict] != 15 {
		t.Errorf("sixteen submissions at once = %v, want one taken and fifteen told that it is answered", codes)
	}
	page := must(c.responses.ListResponses(t.Context(), &surveyv1.ListResponsesRequest{Parent: brandOf(invitation.GetName())}))(t)
	if len(page.GetResponses()) != 1 {
		t.Fatalf("there are %d responses, want 1", len(page.GetResponses()))
	}
	r := page.GetResponses()[0]
	if r.GetCustomer() != invitation.GetCustomer() || r.GetInvitation() != invitation.GetName() || len(r.GetAnswers()) != 3 ||
		r.GetAttribution().GetPartner() != invitation.GetAttribution().GetPartner() || r.GetAttribution().GetInteraction() != invitation.GetInteraction() {
		t.Errorf("the response is %v", r)
	}
	now := must(c.invitations.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: invitation.GetName()}))(t)
	if now.GetState() != surveyv1.Invitation_STATE_COMPLETED || now.GetResponse() != r.GetName() || now.GetToken() != "" {
		t.Errorf("the invitation is %v", now)
	}
	return r.GetName()
}

// takenOutAndPutBack excludes a response and includes it again.
func (c *clients) takenOutAndPutBack(t *testing.T, response, touchpoint string) {
	t.Helper()
	must(c.responses.ExcludeResponse(t.Context(), &surveyv1.ExcludeResponseRequest{Name: response, Reason: "a test call"}))(t)
	c.waitFor(t, touchpoint, "")
	back := must(c.responses.IncludeResponse(t.Context(), &surveyv1.IncludeResponseRequest{Name: response, Reason: "it was real"}))(t)
	if len(back.GetExclusions()) != 2 || back.GetState() != surveyv1.Response_STATE_COMPLETE {
		t.Errorf("put back it is %v", back)
	}
	c.waitFor(t, touchpoint, response)
}

// waitFor waits until the touchpoint is measured by the response, or by none.
func (c *clients) waitFor(t *testing.T, touchpoint, response string) {
	t.Helper()
	eventually(t, func() error {
		p, err := c.touchpoints.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: touchpoint})
		if err == nil && p.GetResponse() != response {
			err = fmt.Errorf("measured by %q, want %q", p.GetResponse(), response)
		}
		return err
	})
}

// browse is what a browser without scripts does.
func browse(t *testing.T, method, link string, form url.Values, languages string) (code int, body string, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, link, strings.NewReader(form.Encode()))
	if err != nil {
		t.Error(err)
		return 0, "", nil
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "http://"+req.URL.Host)
	}
	req.Header.Set("Accept-Language", languages)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0, "", nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(text), res.Header
}
