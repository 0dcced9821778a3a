// Package page serves the page on which customers answer a survey: plain HTML that
// needs no script. Showing it records nothing, so that a mail scanner may look;
// sending it submits the answers once.
package page

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// Path is where the pages are: Path + brand + "/" + token for an invitation, and
// Path + brand + "/surveys/" + survey for a public survey.
const Path = "/s/"

// maxForm is how large a form may be: 50 answers of 8 KiB and then some.
const maxForm = 1 << 20

// timeout is how long a page may take.
const timeout = 10 * time.Second

//go:embed page.html
var source string

//go:embed page.css
var style string

// A Server serves the pages. Its fields are set once, before serving.
type Server struct {
	Responses surveyv1.ResponseServiceClient

	template *template.Template
	policy   string
}

// New returns a Server that submits to responses.
func New(responses surveyv1.ResponseServiceClient) *Server {
	sum := sha256.Sum256([]byte(style))
	return &Server{
		Responses: responses,
		template:  template.Must(template.New("page").Parse(source)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
	}
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin") // the token is in the address
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-forwarded-for", host)
	}
	v := &visit{server: s, w: w, r: r.WithContext(ctx), words: wordsFor(language.English)}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	case http.MethodOptions:
		h.Set("Allow", "GET, HEAD, POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", "GET, HEAD, POST, OPTIONS")
		v.say(http.StatusMethodNotAllowed, v.words.Gone)
		return
	}
	if !v.find() {
		v.say(http.StatusNotFound, v.words.Gone)
		return
	}
	v.serve()
}

// A visit is one request for a page.
type visit struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	brand  string // its name
	token  string
	survey string // its name, of a public one
	words  words
	form   *surveyv1.Form
	given  []*surveyv1.Answer // so far, in this form
	saved  []*surveyv1.Answer // earlier, for later
}

// find reads the path.
func (v *visit) find() bool {
	brand, rest, ok := strings.Cut(strings.TrimPrefix(v.r.URL.Path, Path), "/")
	if !ok || brand == "" || rest == "" {
		return false
	}
	v.brand = name.Join("brands", brand)
	if survey, public := strings.CutPrefix(rest, "surveys/"); public {
		v.survey = name.Join(v.brand, "surveys", survey)
	} else {
		v.token = rest
	}
	return true
}

// serve answers the visit.
func (v *visit) serve() {
	if v.r.Method == http.MethodPost {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.r.ParseForm(); err != nil {
			v.say(http.StatusBadRequest, v.words.Trouble)
			return
		}
	}
	if err := v.open(); err != nil {
		v.fail(err)
		return
	}
	v.saved = v.form.GetAnswers()
	if v.r.Method == http.MethodPost {
		v.post()
		return
	}
	v.given = v.answers(v.r.URL.Query()) // a link in a mail may choose beforehand
	v.show(http.StatusOK, nil)
}

// open gets the form: in the language that the link wants, or the invitation, or else
// the browser.
func (v *visit) open() error {
	if tag, err := language.Parse(v.r.URL.Query().Get("lang")); err == nil {
		return v.ask(plain(tag), "")
	}
	if err := v.ask("", ""); err != nil {
		return err
	}
	tags, _, err := language.ParseAcceptLanguage(v.r.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 || v.form.GetLanguage() != v.form.GetSurvey().GetLanguage() || plain(tags[0]) == v.form.GetLanguage() {
		return nil
	}
	return v.ask(plain(tags[0]), "")
}

// post takes what was sent: the next questions, or all of it.
func (v *visit) post() {
	sent := v.r.PostForm
	if sent.Get("nonce") == "" || sent.Get("revision") != v.revision() { // whoever did not see the page, or another one
		v.say(http.StatusBadRequest, v.words.Again)
		return
	}
	v.given = v.answers(sent)
	asked := strings.Fields(sent.Get("asked"))
	if wrong := v.wrong(asked, sent.Has("save")); len(wrong) > 0 {
		v.form.NextQuestions = asked
		v.show(http.StatusBadRequest, wrong)
		return
	}
	if sent.Has("save") {
		v.submit(true)
		return
	}
	if len(asked) > 0 {
		err := v.ask(v.form.GetLanguage(), asked[len(asked)-1])
		if status.Code(err) == codes.InvalidArgument {
			v.again(v.words.Wrong)
			return
		}
		if err != nil {
			v.fail(err)
			return
		}
	}
	if len(v.form.GetNextQuestions()) > 0 {
		v.show(http.StatusOK, nil)
		return
	}
	v.submit(false)
}

// revision is that of the questions, as the form carries it.
func (v *visit) revision() string { return strconv.FormatInt(v.form.GetSurvey().GetRevision(), 10) }

// ask gets the form in a language, with the questions that come after the one shown
// last.
func (v *visit) ask(wanted, after string) error {
	req := &surveyv1.GetFormRequest{Parent: v.brand, Token: v.token, Survey: v.survey, Language: wanted, After: after}
	if after != "" {
		req.Answers = v.given
	}
	form, err := v.server.Responses.GetForm(v.r.Context(), req)
	if err != nil {
		return err
	}
	v.form = form
	if tag, err := language.Parse(form.GetLanguage()); err == nil {
		v.words = wordsFor(tag)
	}
	return nil
}

// plain returns a tag without what the contract has no place for.
func plain(tag language.Tag) string {
	base, _ := tag.Base()
	if region, exact := tag.Region(); exact == language.Exact {
		return base.String() + "-" + region.String()
	}
	return base.String()
}

// submit sends the answers, or saves them for later.
func (v *visit) submit(partial bool) {
	if len(v.given) == 0 {
		v.again(v.words.Nothing)
		return
	}
	req := &surveyv1.SubmitResponseRequest{
		Parent: v.brand, Token: v.token, Partial: partial, Nonce: v.r.PostForm.Get("nonce"),
		Response: &surveyv1.Response{
			Survey: v.survey, Answers: v.given, Language: v.form.GetLanguage(), SurveyRevision: v.form.GetSurvey().GetRevision(),
		},
	}
	_, err := v.server.Responses.SubmitResponse(v.r.Context(), req)
	switch {
	case status.Code(err) == codes.InvalidArgument:
		v.again(v.words.Wrong)
	case err != nil:
		v.fail(err)
	case partial:
		v.say(http.StatusOK, v.words.Saved)
	default:
		thanks := v.form.GetSurvey().GetThanks().GetText()
		if thanks == "" {
			thanks = v.words.Thanks
		}
		v.say(http.StatusOK, thanks)
	}
}

// again begins the form anew, with what was answered and what is wrong with it.
func (v *visit) again(wrong string) {
	if err := v.ask(v.form.GetLanguage(), ""); err != nil {
		v.fail(err)
		return
	}
	v.r.PostForm.Del("seen")
	v.show(http.StatusBadRequest, map[string]string{"": wrong})
}

// fail says in the customer's words what went wrong.
func (v *visit) fail(err error) {
	reason := fault.Reason(err)
	switch {
	case reason == "TOKEN_USED" || reason == "ALREADY_ANSWERED":
		v.say(http.StatusConflict, v.words.Used)
	case reason == "TOKEN_EXPIRED" || reason == "SURVEY_NOT_ACTIVE":
		v.say(http.StatusGone, v.words.Late)
	case reason == "NONCE_REQUIRED":
		v.say(http.StatusBadRequest, v.words.Again)
	case status.Code(err) == codes.NotFound, status.Code(err) == codes.InvalidArgument, status.Code(err) == codes.Unauthenticated:
		v.say(http.StatusNotFound, v.words.Gone)
	case status.Code(err) == codes.ResourceExhausted:
		v.say(http.StatusTooManyRequests, v.words.Trouble)
	default:
		slog.WarnContext(v.r.Context(), "answer page", "code", status.Code(err).String(), "reason", reason)
		v.say(http.StatusServiceUnavailable, v.words.Trouble)
	}
}

// say shows a page of a few words.
func (v *visit) say(code int, text string) {
	v.render(code, view{Words: v.words, Style: template.CSS(style), Language: v.language(), Direction: direction(v.language()), Title: v.title(), Message: text}) //nolint:gosec // our own
}

// render writes a page.
func (v *visit) render(code int, data view) {
	var page strings.Builder
	if err := v.server.template.Execute(&page, data); err != nil {
		slog.ErrorContext(v.r.Context(), "render answer page", "err", err)
		http.Error(v.w, v.words.Trouble, http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", data.Language)
	v.w.WriteHeader(code)
	if _, err := v.w.Write([]byte(page.String())); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
		slog.DebugContext(v.r.Context(), "answer page went nowhere", "err", err)
	}
}

func (v *visit) title() string { return v.form.GetSurvey().GetDisplayName() }

func (v *visit) language() string {
	if l := v.form.GetLanguage(); l != "" {
		return l
	}
	return v.words.Tag
}
