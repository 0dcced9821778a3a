package abuse

import (
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/api/annotations"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/mask"
)

// A spot is a place in a request for the name of something.
type spot struct {
	fields   []protoreflect.FieldDescriptor // on the way and at its end
	segments []string                       // of the names it takes
}

// String returns the path of the spot.
func (p spot) String() string {
	var names []string
	for _, f := range p.fields {
		names = append(names, string(f.Name()))
	}
	return strings.Join(names, ".")
}

// spots finds the places in messages of a type where a caller puts names.
func spots(md protoreflect.MessageDescriptor, way []protoreflect.FieldDescriptor) (found []spot) {
	resource, id, _, update := mask.Request(md)
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		fields := append(slices.Clone(way), f)
		if update && f == resource {
			r := proto.GetExtension(f.Message().Options(), annotations.E_Resource).(*annotations.ResourceDescriptor)
			found = append(found, spot{append(slices.Clone(fields), id), strings.Split(r.GetPattern()[0], "/")})
		}
		behavior, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
		switch {
		case slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY), slices.Contains(behavior, annotations.FieldBehavior_IDENTIFIER), f.IsMap():
			// nobody reads it
		case f.Message() != nil && strings.HasPrefix(string(f.Message().FullName()), "concentric."):
			found = append(found, spots(f.Message(), fields)...)
		default:
			if pattern := patternOf(f); strings.HasPrefix(pattern, "^brands/") {
				found = append(found, spot{fields, strings.Split(pattern, "/")})
			}
		}
	}
	return found
}

// patternOf returns the pattern that the contract has for a text, or for each of a list.
func patternOf(f protoreflect.FieldDescriptor) string {
	rules, err := protovalidate.ResolveFieldRules(f)
	if err != nil || f.Kind() != protoreflect.StringKind {
		return ""
	}
	if f.IsList() {
		rules = rules.GetRepeated().GetItems()
	}
	return rules.GetString().GetPattern()
}

// known are the ids of what both brands have, by collection.
var known = map[string]string{
	"customers": "ann", "touchpoints": "visit", "tickets": "7", "interactions": "i", "partners": "mihir", "teams": "night", "agents": "bo",
	"issueTypes": "late", "problems": "outage", "schedules": "desk", "slaPolicies": "gold", "selfServiceSessions": "chat",
	"surveys": "nps", "triggerRules": "calls", "invitations": "asked", "responses": "said", "feedback": "heard",
	"touchpointDefinitions": "website-visit", "journeyMaps": "plan", "industryProfiles": "inn", "scoringModels": "quick", "signalRules": "late",
	"apiKeys": "shop", "targets": "shop", "legalHolds": "file",
}

// name returns the name of something of acme's that fits the spot.
func (p spot) name(s *suite) string {
	segments := []string{acme}
	for i := 2; i+1 < len(p.segments); i += 2 {
		collection := p.segments[i]
		switch collection {
		case "operations":
			return s.made[acme].operation
		case "privacyOperations":
			return s.made[acme].erasure
		case "erasureReceipts":
			return receiptOf(s.made[acme].erasure)
		case "scoringOperations":
			return s.made[acme].recompute
		case "signals":
			return s.made[acme].signal
		}
		segments = append(segments, collection, known[collection])
	}
	if len(p.segments)%2 != 0 { // there is one of each
		segments = append(segments, strings.TrimSuffix(p.segments[len(p.segments)-1], "$"))
	}
	return strings.Join(segments, "/")
}

// fill puts value into the spot of req.
func (p spot) fill(req proto.Message, value string) {
	m, last := req.ProtoReflect(), len(p.fields)-1
	for _, f := range p.fields[:last] {
		if !f.IsList() {
			m = m.Mutable(f).Message()
			continue
		}
		if m.Get(f).List().Len() == 0 {
			m.Mutable(f).List().AppendMutable()
		}
		m = m.Mutable(f).List().Get(0).Message()
	}
	f := p.fields[last]
	m.Clear(f)
	if f.IsList() {
		m.Mutable(f).List().Append(protoText(value))
		return
	}
	m.Set(f, protoText(value))
}

// isolationRows try every method of the ticket, the survey and the journey service with
// every name of another brand's, and with every ticket of nobody but the brand.
func isolationRows() []row {
	return []row{
		each("A32", "names of another brand, wherever one may be", foreignNames),
		each("A32", "names of two brands, for who may act for both", mixedNames),
		each("T49", "a ticket that is not the partner's, whatever is done with it", foreignTickets),
	}
}

// foreignNames: whoever acts for one brand and names something of another is told
// that it does not exist, and has changed nothing.
func foreignNames(t *testing.T, s *suite, way surface) {
	for i, req := range calls("brands/other", s.made["brands/other"]) {
		m := methodOf(req)
		if way == onREST && !onWeb(m) {
			continue
		}
		t.Run(string(m.Name()), func(t *testing.T) {
			before := s.settled(t)
			if !m.IsStreamingServer() { // a watch may have nothing to say for long, and does not end
				ask{}.want(t, way, s.send(t, way, ask{req: dry(req), key: others}))
			}
			for _, p := range spots(m.Input(), nil) {
				t.Run(p.String(), func(t *testing.T) {
					req := calls("brands/other", s.made["brands/other"])[i]
					p.fill(req, p.name(s))
					s.denied(t, way, ask{req: req, key: others, code: notFound})
				})
			}
			s.unchanged(t, before) // nor by looking, or by rehearsing
		})
	}
}

// mixedNames: what a request is about and what it refers to are of one brand, whoever
// asks.
func mixedNames(t *testing.T, s *suite, way surface) {
	before := s.settled(t)
	for i, req := range calls("brands/other", s.made["brands/other"]) {
		m := methodOf(req)
		if way == onREST && !onWeb(m) {
			continue
		}
		for _, p := range spots(m.Input(), nil) {
			if p.isSubject() {
				continue
			}
			t.Run(string(m.Name())+"."+p.String(), func(t *testing.T) {
				req := calls("brands/other", s.made["brands/other"])[i]
				p.fill(req, p.name(s))
				s.denied(t, way, ask{req: req, key: root, code: notFound})
			})
		}
	}
	s.unchanged(t, before)
}

// isSubject reports whether the spot is for the name of what a request is about, rather
// than of what it refers to.
func (p spot) isSubject() bool {
	path := p.String()
	pending := p.fields[0].Parent().FullName() == (&surveyv1.ListPendingInvitationsRequest{}).ProtoReflect().Descriptor().FullName()
	return path == "name" || path == "parent" || strings.HasSuffix(path, ".name") || pending
}

// dry returns req as a rehearsal, if there is one.
func dry(req proto.Message) proto.Message {
	m := proto.Clone(req).ProtoReflect()
	if f := m.Descriptor().Fields().ByName("validate_only"); f != nil {
		m.Set(f, protoreflect.ValueOfBool(true))
	}
	return m.Interface()
}

// denied fails unless what a asks for is refused, as a whole or each of its parts.
func (s *suite) denied(t *testing.T, way surface, a ask) {
	t.Helper()
	got := s.send(t, way, a)
	if got.status.Code() != codes.OK {
		a.want(t, way, got)
		return
	}
	parts := statuses(got.msg.ProtoReflect())
	for _, part := range parts {
		if codes.Code(part.GetCode()) != a.code {
			t.Errorf("a part is %v, want it %v", part, a.code)
		}
	}
	if len(parts) == 0 {
		t.Errorf("answered with %v, want it refused", got.msg)
	}
}

// statuses finds what became of the parts of a batch.
func statuses(m protoreflect.Message) (found []*statuspb.Status) {
	if s, ok := m.Interface().(*statuspb.Status); ok {
		return []*statuspb.Status{s}
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				found = append(found, statuses(v.List().Get(i).Message())...)
			}
		default:
			found = append(found, statuses(v.Message())...)
		}
		return true
	})
	return found
}

// foreignTickets: for who acts for a partner, the tickets of others do not exist, and
// of what is not for partners there is nothing to be seen at all.
func foreignTickets(t *testing.T, s *suite, way surface) {
	for _, req := range calls(acme, s.made[acme]) {
		m := methodOf(req)
		if way == onREST && !onWeb(m) {
			continue
		}
		access := proto.GetExtension(m.Options(), typev1.E_Access).(*typev1.Access)
		a := ask{req: req, key: mihirs, code: codes.PermissionDenied, reason: "PARTNER_BOUND"}
		if access.GetPartner() {
			if a.code, a.reason = notFound, ""; !aboutTicket(req) {
				continue
			}
		}
		t.Run(string(m.Name()), a.on(way).of(s))
	}
}

// of binds a test to a suite.
func (f test) of(s *suite) func(*testing.T) { return func(t *testing.T) { f(t, s) } }

// aboutTicket reports whether req names a ticket that it is about.
func aboutTicket(req proto.Message) bool {
	r := req.ProtoReflect()
	if u, ok := req.(*ticketv1.UpdateTicketRequest); ok {
		return u.GetTicket().GetName() != ""
	}
	for _, field := range []protoreflect.Name{"name", "parent"} {
		if f := r.Descriptor().Fields().ByName(field); f != nil && strings.Contains(r.Get(f).String(), "/tickets/") {
			return true
		}
	}
	_, batch := req.(*ticketv1.BatchGetTicketsRequest)
	return batch
}

// onWeb reports whether the method is on REST.
func onWeb(m protoreflect.MethodDescriptor) bool {
	return proto.HasExtension(m.Options(), annotations.E_Http)
}

// TestNoMethodIsForgotten: calls has one of each method of the ticket, the survey and
// the journey service.
func TestNoMethodIsForgotten(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	for _, req := range calls(acme, unmade()) {
		seen[methodOf(req).FullName()] = true
	}
	for _, f := range []protoreflect.FileDescriptor{
		ticketv1.File_concentric_ticket_v1_ticket_service_proto, ticketv1.File_concentric_ticket_v1_interaction_service_proto,
		ticketv1.File_concentric_ticket_v1_catalog_service_proto, ticketv1.File_concentric_ticket_v1_directory_service_proto,
		ticketv1.File_concentric_ticket_v1_sla_service_proto, ticketv1.File_concentric_ticket_v1_self_service_service_proto,
		ticketv1.File_concentric_ticket_v1_service_metrics_service_proto, ticketv1.File_concentric_ticket_v1_operation_service_proto,
		surveyv1.File_concentric_survey_v1_survey_service_proto, surveyv1.File_concentric_survey_v1_invitation_service_proto,
		surveyv1.File_concentric_survey_v1_response_service_proto, surveyv1.File_concentric_survey_v1_feedback_service_proto,
		surveyv1.File_concentric_survey_v1_survey_metrics_service_proto,
		journeyv1.File_concentric_journey_v1_customer_service_proto, journeyv1.File_concentric_journey_v1_touchpoint_service_proto,
		journeyv1.File_concentric_journey_v1_journey_map_service_proto, journeyv1.File_concentric_journey_v1_scoring_service_proto,
		journeyv1.File_concentric_journey_v1_operation_service_proto, journeyv1.File_concentric_journey_v1_insight_service_proto,
		journeyv1.File_concentric_journey_v1_signal_service_proto, gatewayv1.File_concentric_gateway_v1_api_key_service_proto,
		gatewayv1.File_concentric_gateway_v1_operation_service_proto, gatewayv1.File_concentric_gateway_v1_privacy_service_proto,
		gatewayv1.File_concentric_gateway_v1_target_service_proto,
	} {
		methods := f.Services().Get(0).Methods()
		for i := range methods.Len() {
			if n := methods.Get(i).FullName(); !seen[n] {
				t.Errorf("%s is held to nothing", n)
			}
		}
	}
}
