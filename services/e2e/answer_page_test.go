package e2e

import (
	_ "embed"
	"fmt"
	"net/http"
	"strings"
	"testing"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// faults finds what people cannot see, reach or understand on a page.
//
//go:embed testdata/faults.js
var faults string

// A questionnaire is a survey with a customer to ask.
type questionnaire struct {
	*clients
	t             *testing.T
	web           string
	brand, survey string
}

// every asks questions of every kind that is shown in a way of its own.
func every() *surveyv1.Survey {
	in := func(de, ar string) map[string]string { return map[string]string{"de": de, "ar": ar} }
	return &surveyv1.Survey{
		DisplayName: "After your call", Subject: typev1.Subject_SUBJECT_EXPERIENCE, Scope: surveyv1.Survey_SCOPE_RELATIONSHIP,
		Questions: []*surveyv1.Question{
			{QuestionId: "recommend", Kind: surveyv1.Question_KIND_NPS, Required: true, Text: "How likely are you to recommend us?", Translations: in("Wie wahrscheinlich ist es, dass Sie uns weiterempfehlen?", "ما مدى احتمال أن توصي بنا؟"), Branches: []*surveyv1.Question_Branch{{QuestionId: "met"}}},
			{QuestionId: "met", Kind: surveyv1.Question_KIND_EXPECTATION, Text: "How was it?", Translations: in("Wie war es?", "كيف كان؟")},
			{QuestionId: "why", Kind: surveyv1.Question_KIND_MULTI, Text: "What mattered?", Translations: in("Was war wichtig?", "ما المهم؟"), Choices: []*surveyv1.Question_Choice{
				{ChoiceId: "wait", Text: "The wait", Translations: in("Das Warten", "الانتظار")},
				{ChoiceId: "words", Text: "The words", Translations: in("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "الكلمات")},
			}},
			{QuestionId: "more", Kind: surveyv1.Question_KIND_OPEN, Text: "Anything else?", Translations: in("Noch etwas?", "أي شيء آخر؟")},
		},
	}
}

// asking makes a brand that asks.
func asking(t *testing.T) *questionnaire {
	t.Helper()
	s := single(t)
	q := &questionnaire{clients: s.grpc(), t: t, web: s.web()}
	q.brand = q.clients.brand(t)
	q.survey = must(q.surveys.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{Parent: q.brand, SurveyId: "all", Survey: every()}))(t).GetName()
	return q
}

// link asks a customer and returns the invitation and where to answer.
func (q *questionnaire) link(customer string) (*surveyv1.Invitation, string) {
	q.t.Helper()
	i := must(q.invitations.CreateInvitation(q.t.Context(), &surveyv1.CreateInvitationRequest{
		Parent: q.survey, Invitation: &surveyv1.Invitation{Customer: q.brand + "/customers/" + customer, Channel: typev1.Channel_CHANNEL_EMAIL},
	}))(q.t)
	return i, q.web + "/s/" + strings.TrimPrefix(q.brand, "brands/") + "/" + i.GetToken()
}

// answers returns what a customer has answered.
func (q *questionnaire) answers(customer string) []*surveyv1.Response {
	q.t.Helper()
	all := must(q.responses.ListResponses(q.t.Context(), &surveyv1.ListResponsesRequest{Parent: q.brand}))(q.t).GetResponses()
	var theirs []*surveyv1.Response
	for _, r := range all {
		if r.GetCustomer() == q.brand+"/customers/"+customer {
			theirs = append(theirs, r)
		}
	}
	return theirs
}

// shows fails unless the page says want.
func (p *tab) shows(want ...string) {
	p.t.Helper()
	text := p.text()
	for _, w := range want {
		if !strings.Contains(text, w) {
			p.t.Errorf("the page says %q, want %q", text, w)
		}
	}
}

// sound fails if people cannot see, reach or understand something on the page.
func (p *tab) sound(where string) {
	p.t.Helper()
	var found []string
	p.ask(faults, &found)
	if len(found) > 0 {
		p.t.Errorf("%s: %s", where, strings.Join(found, "; "))
	}
	p.shoot(strings.ReplaceAll(where, " ", "-"))
}

// TestASurveyIsAnsweredInABrowser answers in Chromium, as people do and as they do not mean to.
func TestASurveyIsAnsweredInABrowser(t *testing.T) {
	b, q := chromium(t), asking(t)
	t.Run("looking records nothing", func(t *testing.T) { q.looks(t, b.tab(t, 1024, 800)) })
	t.Run("a keyboard is enough, without scripts", func(t *testing.T) { q.types(t, b.tab(t, 1024, 800)) })
	t.Run("two clicks are one answer", func(t *testing.T) { q.clicksTwice(t, b.tab(t, 1024, 800)) })
	t.Run("going back is no second answer", func(t *testing.T) { q.goesBack(t, b.tab(t, 1024, 800)) })
	t.Run("links that lead nowhere", func(t *testing.T) { q.strays(t, b.tab(t, 360, 640)) })
	t.Run("everybody can read it", func(t *testing.T) { q.reads(t, b) })
}

func (q *questionnaire) looks(t *testing.T, p *tab) {
	invitation, link := q.link("looks")
	p.open(link)
	p.shows("After your call", "How likely are you to recommend us?")
	p.after(func() { p.do("Page.reload", nil, nil) })
	p.open("about:blank")
	p.open(link)
	p.shows("How likely")
	now := must(q.invitations.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: invitation.GetName()}))(t)
	if now.GetState() != surveyv1.Invitation_STATE_PENDING || len(q.answers("looks")) != 0 {
		t.Errorf("after looking it is %v, with %v", now.GetState(), q.answers("looks"))
	}
}

func (q *questionnaire) types(t *testing.T, p *tab) {
	_, link := q.link("types")
	p.do("Emulation.setScriptExecutionDisabled", object{"value": true}, nil)
	p.open(link)
	p.press("Tab", "Tab")
	p.after(func() { p.press("Enter") }) // nothing is chosen yet
	p.shows("Please answer this question.")
	p.sound("an error")
	p.press("Tab", "Space", "ArrowRight", "ArrowRight", "Tab")
	p.after(func() { p.press("Enter") })
	p.shows("How was it?", "What mattered?", "Anything else?")
	p.press("Tab", "Space", "ArrowDown", "Tab", "Space", "Tab", "Tab")
	p.do("Input.insertText", object{"text": "It was <b>fine</b> & ready."}, nil)
	p.press("Tab")
	p.after(func() { p.press("Enter") })
	p.shows("Thank you.")
	p.sound("thanks")
	got := q.answers("types")
	if len(got) != 1 || len(got[0].GetAnswers()) != 4 || got[0].GetAnswers()[0].GetRating() != 2 || got[0].GetAnswers()[3].GetText() != "It was <b>fine</b> & ready." {
		t.Errorf("the answers are %v", got)
	}
}

// last goes to the last page of the form.
func (p *tab) last(link string) {
	p.t.Helper()
	p.open(link)
	p.click("[id=q-recommend-9]", 1)
	p.after(func() { p.click("button", 1) })
	p.shows("What mattered?")
}

func (q *questionnaire) clicksTwice(t *testing.T, p *tab) {
	_, link := q.link("twice")
	p.last(link)
	p.after(func() { p.click("button", 2) })
	eventually(t, func() error { // the second page may be on its way
		var whole bool
		p.ask(`document.readyState === "complete"`, &whole)
		if text := p.text(); !whole || !strings.Contains(text, "Thank you") {
			return fmt.Errorf("the page says %q", text)
		}
		return nil
	})
	if got := q.answers("twice"); len(got) != 1 {
		t.Errorf("there are %d answers, want 1", len(got))
	}
}

func (q *questionnaire) goesBack(t *testing.T, p *tab) {
	_, link := q.link("back")
	p.last(link)
	p.after(func() { p.click("button", 1) })
	p.shows("Thank you.")
	p.after(func() { p.do("Page.reload", nil, nil) }) // and sends the form again
	p.shows("answered already")
	p.open(link)
	p.shows("answered already")
	var history struct {
		CurrentIndex int
		Entries      []struct {
			ID  int
			URL string
		}
	}
	p.do("Page.getNavigationHistory", nil, &history)
	for i := history.CurrentIndex - 1; i > 0; i-- {
		p.after(func() { p.do("Page.navigateToHistoryEntry", object{"entryId": history.Entries[i].ID}, nil) })
	}
	if got := q.answers("back"); len(got) != 1 {
		t.Errorf("there are %d answers, want 1", len(got))
	}
}

func (q *questionnaire) strays(t *testing.T, p *tab) {
	cancelled, gone := q.link("gone")
	must(q.invitations.CancelInvitation(t.Context(), &surveyv1.CancelInvitationRequest{Name: cancelled.GetName()}))(t)
	_, good := q.link("stray")
	elsewhere := q.clients.brand(t)
	for name, address := range map[string]string{
		"cancelled": gone, "cut off": good[:len(good)-3], "of another brand": strings.Replace(good, strings.TrimPrefix(q.brand, "brands/"), strings.TrimPrefix(elsewhere, "brands/"), 1),
		"of no survey": q.web + "/s/nobody/surveys/none", "of nothing": q.web + "/s/",
	} {
		p.open(address)
		text := p.text()
		if (!strings.Contains(text, "This link leads nowhere") && !strings.Contains(text, "This survey is closed")) || len(text) > 100 {
			t.Errorf("a link %s says %q", name, text)
		}
		p.sound("a link " + name)
		code, _, header := browse(t, http.MethodGet, address, nil, "en")
		if code != http.StatusNotFound && code != http.StatusGone {
			t.Errorf("a link %s is answered with %d", name, code)
		}
		sealed(t, name, header)
	}
}

// sealed fails unless the headers keep the link to itself.
func sealed(t *testing.T, where string, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "X-Content-Type-Options": "nosniff",
		// Not no-referrer: with that, browsers hide the origin of a form that is sent from
		// the server it comes from, too. To other sites it says as little.
		"Referrer-Policy": "same-origin",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", where, name, got, want)
		}
	}
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s: the policy is %q, want %q", where, policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || h.Get("Set-Cookie") != "" {
		t.Errorf("%s: it comes with %q and %q", where, policy, h.Get("Set-Cookie"))
	}
}

// reads looks at both pages on screens of all kinds, by day and night, and from right to left.
func (q *questionnaire) reads(t *testing.T, b *browser) {
	_, link := q.link("reads")
	_, _, header := browse(t, http.MethodGet, link, nil, "en")
	sealed(t, "the form", header)
	for _, tt := range []struct {
		name, language, first, direction string
		width                            int
		scheme                           string
	}{
		{"a desk", "en", "How likely", "ltr", 1280, "light"},
		{"a desk at night", "en", "How likely", "ltr", 1280, "dark"},
		{"a small phone", "de", "Wie wahrscheinlich", "ltr", 320, "light"},
		{"a phone at night", "de", "Wie wahrscheinlich", "ltr", 360, "dark"},
		{"a phone from right to left", "ar", "ما مدى", "rtl", 360, "light"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := b.tab(t, tt.width, 700)
			p.do("Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": tt.scheme}}}, nil)
			p.open(link + "?lang=" + tt.language)
			p.shows(tt.first)
			var page struct {
				Lang, Dir   string
				First, Last float64
			}
			p.ask(`({Lang: document.documentElement.lang, Dir: getComputedStyle(document.querySelector("form")).direction,
				First: document.querySelector("[id=q-recommend-0]").getBoundingClientRect().x, Last: document.querySelector("[id=q-recommend-1]").getBoundingClientRect().x})`, &page)
			if page.Lang != tt.language || page.Dir != tt.direction || (page.First > page.Last) != (tt.direction == "rtl") {
				t.Errorf("the page is %+v, want %s from %s", page, tt.language, tt.direction)
			}
			p.sound(tt.name)
			p.click("[id=q-recommend-9]", 1)
			p.sound(tt.name + " chosen")
			p.after(func() { p.click("button", 1) })
			p.click("[id=q-met-2]", 1)
			p.sound(tt.name + " then")
		})
	}
}
