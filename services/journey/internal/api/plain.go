package api

import (
	"strings"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// plain reports whether a request surely keeps its contract: it says no more than most do,
// in letters of ASCII. To check the rules one by one takes a third of all that the server
// does for a touchpoint. What is not plain may keep the contract as well.
func plain(req *journeyv1.RecordTouchpointRequest) bool {
	brand, customer, ok := strings.Cut(strings.TrimPrefix(req.GetParent(), "brands/"), "/customers/")
	if !ok || !strings.HasPrefix(req.GetParent(), "brands/") || !word(brand, "-") || !word(customer, "_-") {
		return false
	}
	if req.GetRequestId() != "" || req.GetTouchpointId() != "" && !word(req.GetTouchpointId(), "_-") {
		return false
	}
	t := req.GetTouchpoint()
	of, definition, ok := strings.Cut(strings.TrimPrefix(t.GetDefinition(), "brands/"), "/touchpointDefinitions/")
	switch {
	case !ok || of != brand || !strings.HasPrefix(t.GetDefinition(), "brands/") || !word(definition, "_-"):
		return false
	case t.GetName() != "" || t.GetTicket() != "" || t.GetInteraction() != "" || t.GetResponse() != "" || t.GetRetractReason() != "":
		return false
	case t.GetRecordTime() != nil || t.GetRetractTime() != nil:
		return false
	case t.GetSource() != "" && (t.GetSource()[0] <= '9' || !word(t.GetSource(), "_.-")):
		return false
	case len(t.GetEventId()) > 200 || !printable(t.GetEventId()):
		return false
	}
	return plainTime(t) && plainCodes(t) && plainFigures(t) && plainAttributes(t.GetAttributes())
}

func plainTime(t *journeyv1.Touchpoint) bool {
	const years = 7258118400 // until 2200
	at := t.GetEventTime()
	return at != nil && at.GetSeconds() >= 0 && at.GetSeconds() < years && at.GetNanos() >= 0 && at.GetNanos() < 1e9
}

func plainCodes(t *journeyv1.Touchpoint) bool {
	return defined(typev1.Channel_name, t.GetChannel()) && defined(typev1.Stage_name, t.GetStage()) &&
		defined(typev1.Phase_name, t.GetPhase()) && defined(typev1.Expectation_name, t.GetExpectation()) &&
		defined(typev1.Emotion_name, t.GetEmotion())
}

func defined[E ~int32](names map[int32]string, code E) bool {
	_, ok := names[int32(code)]
	return code == 0 || ok
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

func plainAttributes(attributes map[string]string) bool {
	if len(attributes) > 20 {
		return false
	}
	for key, value := range attributes {
		if len(key) > 40 || !word(key, "_") || key[0] <= '9' || value == "" || len(value) > 200 || !printable(value) {
			return false
		}
	}
	return true
}

// word reports whether s is one of 1 to 63 lower-case letters, digits and, but for the
// first, others.
func word(s, others string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (i == 0 || strings.IndexByte(others, c) < 0) {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 63
}

// printable reports whether s is of ASCII without control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
