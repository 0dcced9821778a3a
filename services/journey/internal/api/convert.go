package api

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"
	"strings"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

func definitionName(brand, id string) string {
	return "brands/" + brand + "/touchpointDefinitions/" + id
}

func touchpointName(brand, customer, id string) string {
	return "brands/" + brand + "/customers/" + customer + "/touchpoints/" + id
}

// local returns a name without its brand, as the store keeps references; "" stays "".
func local(brand, full string) string {
	if full == "" {
		return ""
	}
	return strings.TrimPrefix(full, "brands/"+brand+"/")
}

// global is the reverse; "" stays "".
func global(brand, local string) string {
	if local == "" {
		return ""
	}
	return name.Join("brands", brand, local)
}

func stamp(us int64) *timestamppb.Timestamp { return timestamppb.New(sqldb.Time(us)) }

// touchpointFromProto leaves the identity and the record time to the caller. What p does
// not say, its definition does.
func touchpointFromProto(brand, customer string, p *journeyv1.Touchpoint, d plan.Definition) (store.Touchpoint, error) {
	t := store.Touchpoint{
		Customer: customer, Definition: d.ID, EventTime: sqldb.Micros(p.GetEventTime().AsTime()),
		Source: p.GetSource(), EventID: norm.NFC.String(p.GetEventId()),
		Channel: p.GetChannel(), Stage: p.GetStage(), Phase: p.GetPhase(), Expectation: p.GetExpectation(),
		Ticket: local(brand, p.GetTicket()), Interaction: local(brand, p.GetInteraction()), Emotion: p.GetEmotion(),
		Value: store.Money{Minor: p.GetValue().GetMinorUnits(), Currency: p.GetValue().GetCurrencyCode()},
	}
	if m := p.GetMeasurement(); m != nil {
		t.Rating = store.Rating{
			Value: int64(m.GetRating()), Min: int64(m.GetMin()), Max: int64(m.GetMax()), LowerIsBetter: m.GetLowerIsBetter(),
		}
	}
	if p.Observed != nil {
		t.Observed = store.Quantity{Value: p.GetObserved() + 0, Given: true} // no -0
	}
	if len(p.GetAttributes()) > 0 {
		attributes := make(map[string]string, len(p.GetAttributes()))
		for key, value := range p.GetAttributes() {
			attributes[key] = norm.NFC.String(value)
		}
		text, err := json.Marshal(attributes) // keys in order
		if err != nil {
			return t, err
		}
		t.Attributes = string(text)
	}
	t.Digest = digest(&t)
	define(&t, d)
	return t, nil
}

// digest is of what a caller says about an event: of all but whose it is, and before
// its definition, which may change, fills in the rest. It is never 0.
func digest(t *store.Touchpoint) int64 {
	text := append(make([]byte, 0, 256), t.Definition...)
	for _, s := range [...]string{t.Ticket, t.Interaction, t.Attributes, t.Value.Currency} {
		text = append(append(text, 0), s...)
	}
	text = append(text, 0)
	for _, n := range [...]int64{
		t.EventTime, int64(t.Channel), int64(t.Stage), int64(t.Phase), int64(t.Expectation), int64(t.Emotion),
		t.Rating.Value, t.Rating.Min, t.Rating.Max, truth(t.Rating.LowerIsBetter), t.Value.Minor,
		int64(math.Float64bits(t.Observed.Value)), truth(t.Observed.Given), //nolint:gosec // any 64 bits will do
	} {
		text = binary.AppendVarint(text, n)
	}
	h := fnv.New64a()
	h.Write(text)                      //nolint:errcheck // never fails
	return max(int64(h.Sum64()>>1), 1) //nolint:gosec // 63 bits
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// define fills in what the definition of t says.
func define(t *store.Touchpoint, d plan.Definition) {
	t.Definition, t.Service, t.Weight = d.ID, d.Service, d.Weight
	if t.Channel == 0 {
		t.Channel = d.Channel
	}
	if t.Stage == 0 {
		t.Stage = d.Stage
	}
	if t.Phase == 0 {
		t.Phase = d.Phase
	}
	if t.Expectation == 0 && t.Observed.Given {
		t.Expectation = d.Expected.Outcome(t.Observed.Value)
	}
}

func touchpointToProto(brand string, t store.Touchpoint) (*journeyv1.Touchpoint, error) {
	p := &journeyv1.Touchpoint{
		Name:       touchpointName(brand, t.Customer, t.ID),
		Definition: definitionName(brand, t.Definition),
		EventTime:  stamp(t.EventTime), RecordTime: stamp(t.RecordTime), Source: t.Source, EventId: t.EventID,
		Channel: t.Channel, Stage: t.Stage, Phase: t.Phase, Expectation: t.Expectation,
		Ticket: global(brand, t.Ticket), Interaction: global(brand, t.Interaction), IsService: t.Service,
		Emotion: t.Emotion, RetractReason: t.Reason,
	}
	if t.Response != "" {
		p.Response = name.Join("brands", brand, "responses", t.Response)
	}
	if t.Rating.Given() {
		p.Measurement = &journeyv1.Measurement{
			Rating: int32(t.Rating.Value), Min: int32(t.Rating.Min), Max: int32(t.Rating.Max), //nolint:gosec // 0 to 1,000
			LowerIsBetter: t.Rating.LowerIsBetter,
		}
	}
	if t.Value.Currency != "" {
		p.Value = &journeyv1.Money{MinorUnits: t.Value.Minor, CurrencyCode: t.Value.Currency}
	}
	if t.Observed.Given {
		p.Observed = &t.Observed.Value
	}
	if t.RetractTime != 0 {
		p.RetractTime = stamp(t.RetractTime)
	}
	if t.Attributes != "" {
		if err := json.Unmarshal([]byte(t.Attributes), &p.Attributes); err != nil {
			return nil, err
		}
	}
	return p, nil
}
