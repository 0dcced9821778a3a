package api

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/glance"
)

// Plain implements rpc.Glancer for submissions that say no more than most do: to check
// them rule by rule takes longer than all that is done for them before the store.
func (s *Server) Plain(req proto.Message) bool {
	sub, ok := req.(*surveyv1.SubmitResponseRequest)
	return ok && plainSubmission(sub)
}

func plainSubmission(req *surveyv1.SubmitResponseRequest) bool {
	brand, ok := strings.CutPrefix(req.GetParent(), "brands/")
	switch r := req.GetResponse(); {
	case !ok || !glance.Word(brand, "-") || r == nil || req.GetToken() != "" || req.GetNonce() != "":
		return false
	case req.GetResponseId() != "" && !glance.Word(req.GetResponseId(), "_-"):
		return false
	case req.GetRequestId() != "" && !plainUUID(req.GetRequestId()):
		return false
	default:
		return plainResponse(brand, r) && plainAnswers(brand, r) && plainAttribution(brand, r.GetAttribution())
	}
}

// plainResponse is about all of a response but its answers and its attribution.
func plainResponse(brand string, r *surveyv1.Response) bool {
	switch {
	case r.GetName() != "" || r.GetSubject() != 0 || r.GetCreateTime() != nil || r.GetState() != 0 || r.GetSupersedes() != "":
		return false
	case r.GetSupersededBy() != "" || len(r.GetExclusions()) > 0 || r.GetEtag() != "" || r.GetSurveyRevision() < 0:
		return false
	case r.GetSurvey() != "" && !glance.Ref(r.GetSurvey(), brand, "surveys"):
		return false
	case r.GetCustomer() != "" && !glance.Ref(r.GetCustomer(), brand, "customers"):
		return false
	case r.GetInvitation() != "" && !glance.Ref(r.GetInvitation(), brand, "surveys", "invitations"):
		return false
	case r.GetSubmitTime() != nil && !glance.Time(r.GetSubmitTime()):
		return false
	case r.GetLanguage() != "" && !plainLanguage(r.GetLanguage()):
		return false
	}
	const most = 366 * 24 * 60 * 60
	d := r.GetDuration() // 0 without
	return d.GetSeconds() >= 0 && d.GetSeconds() < most && d.GetNanos() >= 0 && d.GetNanos() < 1e9 && glance.Attributes(r.GetAttributes())
}

func plainAnswers(brand string, r *surveyv1.Response) bool {
	if len(r.GetAnswers()) == 0 || len(r.GetAnswers()) > 50 {
		return false
	}
	for _, a := range r.GetAnswers() {
		if !glance.Key(a.GetQuestionId()) || a.GetTouchpoint() != "" && !glance.Ref(a.GetTouchpoint(), brand, "customers", "touchpoints") {
			return false
		}
		switch v := a.GetValue().(type) {
		case *surveyv1.Answer_Rating:
		case *surveyv1.Answer_Text:
			if v.Text == "" || len(v.Text) > 8192 || strings.IndexByte(v.Text, 0) >= 0 || !utf8.ValidString(v.Text) {
				return false
			}
		case *surveyv1.Answer_Expectation:
			if v.Expectation == 0 || !glance.Defined(typev1.Expectation_name, v.Expectation) {
				return false
			}
		default: // choices, or none
			return false
		}
	}
	return true
}

func plainAttribution(brand string, a *surveyv1.Attribution) bool {
	if a == nil {
		return true
	}
	switch {
	case a.GetTicket() != "" && !glance.Ref(a.GetTicket(), brand, "tickets"):
		return false
	case a.GetInteraction() != "" && !glance.Ref(a.GetInteraction(), brand, "tickets", "interactions"):
		return false
	case a.GetTicket() != "" && a.GetInteraction() != "" && !strings.HasPrefix(a.GetInteraction(), a.GetTicket()+"/"):
		return false
	case a.GetTouchpoint() != "" && !glance.Ref(a.GetTouchpoint(), brand, "customers", "touchpoints"):
		return false
	case a.GetAgent() != "" && !glance.Ref(a.GetAgent(), brand, "agents"):
		return false
	case a.GetTeam() != "" && !glance.Ref(a.GetTeam(), brand, "teams"):
		return false
	case a.GetPartner() != "" && !glance.Ref(a.GetPartner(), brand, "partners"):
		return false
	}
	return glance.Defined(typev1.Channel_name, a.GetChannel()) && glance.Defined(typev1.Stage_name, a.GetStage()) &&
		glance.Defined(typev1.Phase_name, a.GetPhase())
}

// plainUUID reports whether s is a UUID in the form that the server brings request_ids into,
// and not of zeros.
func plainUUID(s string) bool {
	if len(s) != 36 || s == "00000000-0000-0000-0000-000000000000" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// plainLanguage reports whether s is two or three letters.
func plainLanguage(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return len(s) == 2 || len(s) == 3
}
