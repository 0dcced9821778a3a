package api

import (
	"strings"

	"google.golang.org/protobuf/proto"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/glance"
)

// Plain implements rpc.Glancer for what is asked of a score, which is mostly its name.
func (s *Server) Plain(req proto.Message) bool {
	get, ok := req.(*journeyv1.GetScoreRequest)
	return ok && plainScore(get)
}

func plainScore(req *journeyv1.GetScoreRequest) bool {
	customer, ok := strings.CutSuffix(req.GetName(), "/score")
	brand, _, _ := strings.Cut(strings.TrimPrefix(customer, "brands/"), "/")
	if !ok || !glance.Word(brand, "-") || !glance.Ref(customer, brand, "customers") {
		return false
	}
	return (req.AsOfTime == nil || glance.Time(req.GetAsOfTime())) && (req.ReadTime == nil || glance.Time(req.GetReadTime()))
}

// plain reports whether a request surely keeps its contract: it says no more than most do,
// in letters of ASCII. To check the rules one by one takes a third of all that the server
// does for a touchpoint. What is not plain may keep the contract as well.
func plain(req *journeyv1.RecordTouchpointRequest) bool {
	brand, customer, ok := strings.Cut(strings.TrimPrefix(req.GetParent(), "brands/"), "/customers/")
	if !ok || !strings.HasPrefix(req.GetParent(), "brands/") || !glance.Word(brand, "-") || !glance.Word(customer, "_-") {
		return false
	}
	if req.GetRequestId() != "" || req.GetTouchpointId() != "" && !glance.Word(req.GetTouchpointId(), "_-") {
		return false
	}
	t := req.GetTouchpoint()
	of, definition, ok := strings.Cut(strings.TrimPrefix(t.GetDefinition(), "brands/"), "/touchpointDefinitions/")
	switch {
	case !ok || of != brand || !strings.HasPrefix(t.GetDefinition(), "brands/") || !glance.Word(definition, "_-"):
		return false
	case t.GetName() != "" || t.GetTicket() != "" || t.GetInteraction() != "" || t.GetResponse() != "" || t.GetRetractReason() != "":
		return false
	case t.GetRecordTime() != nil || t.GetRetractTime() != nil:
		return false
	case t.GetSource() != "" && (t.GetSource()[0] <= '9' || !glance.Word(t.GetSource(), "_.-")):
		return false
	case len(t.GetEventId()) > 200 || !glance.Printable(t.GetEventId()):
		return false
	}
	return glance.Time(t.GetEventTime()) && plainCodes(t) && plainFigures(t) && glance.Attributes(t.GetAttributes())
}

func plainCodes(t *journeyv1.Touchpoint) bool {
	return glance.Defined(typev1.Channel_name, t.GetChannel()) && glance.Defined(typev1.Stage_name, t.GetStage()) &&
		glance.Defined(typev1.Phase_name, t.GetPhase()) && glance.Defined(typev1.Expectation_name, t.GetExpectation()) &&
		glance.Defined(typev1.Emotion_name, t.GetEmotion())
}

func plainFigures(t *journeyv1.Touchpoint) bool {
	if m := t.GetMeasurement(); m != nil &&
		(m.GetMin() < 0 || m.GetMin() >= m.GetMax() || m.GetMax() > 1000 || m.GetRating() < m.GetMin() || m.GetRating() > m.GetMax()) {
		return false
	}
	if o := t.GetObserved(); !(o >= -1e12 && o <= 1e12) { // NaN is not between
		return false
	}
	v := t.GetValue()
	if v == nil {
		return true
	}
	code := v.GetCurrencyCode()
	return v.GetMinorUnits() >= -1e15 && v.GetMinorUnits() <= 1e15 && len(code) == 3 &&
		min(code[0], code[1], code[2]) >= 'A' && max(code[0], code[1], code[2]) <= 'Z'
}
