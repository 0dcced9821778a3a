package abuse

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
)

// pageRows are about the page behind a link.
func pageRows() []row {
	return []row{
		paged("S36", "a mail scanner that follows the link", func(t *testing.T, s *suite, link string) {
			for range 10 {
				if body := s.browse(t, http.MethodGet, link, nil, 200); !strings.Contains(body, `name="q.how"`) {
					t.Errorf("the page shows\n%s", body)
				}
			}
			s.browse(t, http.MethodGet, link+"?q.how=9", nil, 200) // from a mail with the scale in it
		}),
		paged("S37", "who only asks what there is", func(t *testing.T, s *suite, link string) {
			s.browse(t, http.MethodHead, link, nil, 200)
			s.browse(t, http.MethodOptions, link, nil, 204)
			s.browse(t, http.MethodPut, link, nil, 405)
			s.browse(t, http.MethodDelete, link, nil, 405)
		}),
		// A nonce of the page is needed, of the very link.
		paged("S38", "a scanner that posts the form", func(t *testing.T, s *suite, link string) {
			s.browse(t, http.MethodPost, link, url.Values{"q.how": {"9"}}, 400)
			s.browse(t, http.MethodPost, link, form("forged"), 400)
			s.browse(t, http.MethodPost, link, form(s.filled(t, s.link(t)).GetNonce()), 400)
		}),
		paged("S39", "the page of an expired link", func(t *testing.T, s *suite, _ string) {
			s.browse(t, http.MethodGet, linkOf(s.expiring(t, -time.Second)), nil, 410)
		}),
		paged("S40", "a page that was shown in time and sent too late", func(t *testing.T, s *suite, _ string) {
			v := s.expiring(t, 2*time.Second)
			nonce := s.filled(t, v).GetNonce()
			s.expired(t, v)
			s.browse(t, http.MethodPost, linkOf(v), form(nonce), 410)
		}),
		paged("S42", "the link below another brand", func(t *testing.T, s *suite, link string) {
			s.browse(t, http.MethodGet, strings.Replace(link, "/acme/", "/other/", 1), nil, 404)
		}),
		paged("S43", "a link that was cut off, doubled or written in capitals", func(t *testing.T, s *suite, link string) {
			token := link[strings.LastIndexByte(link, '/')+1:]
			for _, bad := range []string{token[1:], token + token, strings.ToUpper(token), ""} {
				s.browse(t, http.MethodGet, "/s/acme/"+bad, nil, 404)
			}
		}),
		paged("S44", "a link with something behind it", func(t *testing.T, s *suite, link string) {
			for _, more := range []string{"%00", "%0A", "/", "%20"} {
				s.browse(t, http.MethodGet, link+more, nil, 404)
			}
		}),
		{id: "S34", name: "a page that is sent twice", rest: sentTwice},
		{id: "K63", name: "no token in the log", rest: tokenless},
	}
}

// paged is a row about the page of an invitation, which must leave nothing but
// invitations of its own.
func paged(id, name string, do func(t *testing.T, s *suite, link string)) row {
	return row{id: id, name: name, rest: func(t *testing.T, s *suite) {
		v := s.link(t)
		before := s.settled(t)
		do(t, s, linkOf(v))
		s.answered(t, before, 0)
		now := must[*surveyv1.Invitation](t, s, &surveyv1.GetInvitationRequest{Name: v.GetName()})
		if now.GetState() != surveyv1.Invitation_STATE_PENDING || now.GetEtag() != v.GetEtag() {
			t.Errorf("invitation = %v, want it as it was", now)
		}
	}}
}

func linkOf(v *surveyv1.Invitation) string { return "/s/acme/" + v.GetToken() }

// form is what the page of the survey nps sends.
func form(nonce string) url.Values {
	return url.Values{"nonce": {nonce}, "revision": {"1"}, "seen": {""}, "asked": {"how ease why"}, "q.how": {"9"}}
}

// browse does what a browser does, and returns the page.
func (s *suite) browse(t *testing.T, method, path string, form url.Values, want int) string {
	t.Helper()
	code, body := s.fetch(t, t.Context(), webRequest{
		method: method, path: path, body: form.Encode(), header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	})
	if code != want {
		t.Errorf("%s %.60s = %d, want %d\n%s", method, path, code, want, body)
	}
	return string(body)
}

func sentTwice(t *testing.T, s *suite) {
	v := s.link(t)
	before, nonce := s.settled(t), s.filled(t, v).GetNonce()
	s.browse(t, http.MethodPost, linkOf(v), form(nonce), 200)
	s.browse(t, http.MethodPost, linkOf(v), form(nonce), 409)
	s.answered(t, before, 1)
}

// tokenless looks through what the rows before have logged.
func tokenless(t *testing.T, s *suite) {
	log := s.log.String()
	for _, token := range s.tokens {
		if strings.Contains(log, token) {
			t.Fatal("the log has a token")
		}
	}
	if len(s.tokens) == 0 {
		t.Error("there were no tokens")
	}
}
