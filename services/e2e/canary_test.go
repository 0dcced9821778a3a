package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A subject is a customer of whom every field that the contract marks holds something
// that is found nowhere else.
type subject struct {
	number   int
	name     string            // of the customer; the id is a canary, too
	canaries map[string]string // by field
}

// canary returns 24 letters for a field, the same each time.
func (s *subject) canary(field string) string {
	if s.canaries[field] == "" {
		s.canaries[field] = fmt.Sprintf("canary%02dx%015x", s.number, len(s.canaries)+1)
	}
	return s.canaries[field]
}

// mark sets every field of m that holds something of a person to a canary, where it is not
// set or another of its group is.
func (s *subject) mark(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		switch {
		case fd.ContainingOneof() != nil && !fd.ContainingOneof().IsSynthetic() && !m.Has(fd):
		case personal(fd) && fd.IsMap():
			m.Mutable(fd).Map().Set(protoreflect.ValueOfString("key").MapKey(), protoreflect.ValueOfString(s.canary(string(fd.FullName()))))
		case personal(fd) && !strings.Contains(m.Get(fd).String(), "canary"):
			m.Set(fd, protoreflect.ValueOfString(s.canary(string(fd.FullName()))))
		case fd.Kind() != protoreflect.MessageKind || fd.IsMap() || !m.Has(fd):
		case fd.IsList():
			for j := range m.Get(fd).List().Len() {
				s.mark(m.Get(fd).List().Get(j).Message())
			}
		default:
			s.mark(m.Get(fd).Message())
		}
	}
}

// marked returns m with its canaries.
func marked[T proto.Message](s *subject, m T) T {
	s.mark(m.ProtoReflect())
	return m
}

// personal reports whether a field holds something of a person that a caller says: text, and
// no name of something else.
func personal(fd protoreflect.FieldDescriptor) bool {
	value := fd
	if fd.IsMap() {
		value = fd.MapValue()
	}
	if value.Kind() != protoreflect.StringKind || fd.IsList() {
		return false
	}
	pii, _ := proto.GetExtension(fd.Options(), typev1.E_Pii).(typev1.Pii)
	reference, _ := proto.GetExtension(fd.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference)
	behavior, _ := proto.GetExtension(fd.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return pii != typev1.Pii_PII_UNSPECIFIED && reference == nil && !slices.Contains(named, fd.Name()) && told[string(fd.FullName())] == "" &&
		!slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY) && !slices.Contains(behavior, annotations.FieldBehavior_IDENTIFIER)
}

// named are the fields that hold names and ids, which are canaries as such.
var named = []protoreflect.Name{"name", "parent", "customer", "customer_id"}

// told are the marked fields that are not said as such: answers repeat them, or they are
// about somebody else.
var told = map[string]string{
	"concentric.journey.v1.Identity.value_hash":              "a hash of IdentityValue.value",
	"concentric.journey.v1.FirstTouch.touchpoint":            "a name",
	"concentric.journey.v1.FirstTouch.attributes":            "those of a touchpoint",
	"concentric.journey.v1.Touchpoint.retract_reason":        "said in RetractTouchpoint",
	"concentric.ticket.v1.Agent.display_name":                "of who works for the brand",
	"concentric.ticket.v1.Problem.root_cause":                "of the brand",
	"concentric.ticket.v1.TicketEvent.reason":                "said in the request of the event",
	"concentric.survey.v1.Response.Exclusion.reason":         "said in ExcludeResponse",
	"concentric.survey.v1.Sentiment.Override.reason":         "said in OverrideSentiment",
	"concentric.survey.v1.FeedbackAction.assignee":           "said in AssignFeedbackAction",
	"concentric.survey.v1.FeedbackAction.note":               "said in CompleteFeedbackAction",
	"concentric.survey.v1.Invitation.token":                  "made by the service",
	"concentric.survey.v1.GetFormRequest.token":              "made by the service",
	"concentric.survey.v1.AssignFeedbackActionRequest.note":  "kept as that of CompleteFeedbackAction, which takes its place",
	"concentric.survey.v1.SubmitResponseRequest.token":       "made by the service",
	"concentric.survey.v1.SavePartialResponseRequest.token":  "made by the service",
	"concentric.journey.v1.Signal.close_note":                "about many customers, said in a move of the signal",
	"concentric.journey.v1.SignalAction.note":                "about many customers, said in ActOnSignal",
	"concentric.journey.v1.ActOnSignalRequest.note":          "about many customers",
	"concentric.journey.v1.ResolveSignalRequest.note":        "about many customers",
	"concentric.journey.v1.DismissSignalRequest.note":        "about many customers",
	"concentric.survey.v1.IncludeResponseRequest.reason":     "kept as that of ExcludeResponse",
	"concentric.ticket.v1.AssignTicketRequest.reason":        "kept as that of PendTicket",
	"concentric.ticket.v1.CloseTicketRequest.reason":         "kept as that of PendTicket",
	"concentric.ticket.v1.EscalateTicketRequest.reason":      "kept as that of PendTicket",
	"concentric.ticket.v1.HoldTicketRequest.reason":          "kept as that of PendTicket",
	"concentric.ticket.v1.MergeTicketsRequest.reason":        "kept as that of PendTicket",
	"concentric.ticket.v1.ReopenTicketRequest.reason":        "kept as that of PendTicket",
	"concentric.ticket.v1.ResolveTicketRequest.reason":       "kept as that of PendTicket",
	"concentric.ticket.v1.ResumeTicketRequest.reason":        "kept as that of PendTicket",
	"concentric.journey.v1.UnlinkIdentityRequest.value_hash": "a hash",
}

// TestNoByteOfTheErasedIsLeft fills every marked field through the public calls for some
// people, erases half of them, and looks for them in every file and row.
func TestNoByteOfTheErasedIsLeft(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *suite) {
		c := s.grpc()
		brand := c.brand(t)
		survey := must(c.surveys.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{Parent: brand, Survey: &surveyv1.Survey{
			DisplayName: "Two questions", Subject: typev1.Subject_SUBJECT_SERVICE, Scope: surveyv1.Survey_SCOPE_INTERACTION,
			Questions: []*surveyv1.Question{
				{QuestionId: "q", Kind: surveyv1.Question_KIND_CES_EASE},
				{QuestionId: "more", Kind: surveyv1.Question_KIND_OPEN, Text: "Anything else?"},
			},
		}}))(t)
		people := make([]*subject, 4)
		for i := range people {
			p := &subject{number: i, canaries: map[string]string{}}
			people[i], p.name = p, brand+"/customers/"+p.canary("id")
			c.leave(t, p, survey)
		}
		covered(t, people[0])
		before := c.figures(t, brand)
		for i, p := range people[:2] {
			c.plan(t, p.name, i == 1)
			c.erase(t, p.name, i == 1)
		}
		for _, p := range people {
			found := s.find(t, p)
			if p.number < 2 && len(found) > 0 {
				t.Errorf("%s of customer %d, who was erased, are left", found, p.number)
			}
			if p.number >= 2 && len(found) == 0 {
				t.Errorf("nothing is left of customer %d, who was not erased", p.number)
			}
		}
		same(t, c.figures(t, brand)[0], before[0])
		same(t, c.figures(t, brand)[1], before[1])
		for _, p := range people[2:] {
			all := c.export(t, p.name)
			for field, canary := range p.canaries {
				if !strings.Contains(all, canary) && field != "concentric.journey.v1.IdentityValue.value" {
					t.Errorf("the export lacks %s", field)
				}
			}
		}
		if s.bus != nil {
			s.repeat(t)
			for _, p := range people[:2] {
				if found := s.find(t, p); len(found) > 0 {
					t.Errorf("%s of customer %d are back after everything was told again", found, p.number)
				}
			}
		}
	})
}

// leave has a customer do everything that leaves something.
func (c *clients) leave(t *testing.T, p *subject, survey *surveyv1.Survey) {
	t.Helper()
	brand, id := brandOf(p.name), p.name[strings.LastIndexByte(p.name, '/')+1:]
	must(c.customers.CreateCustomer(t.Context(), marked(p, &journeyv1.CreateCustomerRequest{
		Parent: brand, CustomerId: id, Customer: &journeyv1.Customer{}, Identities: []*journeyv1.IdentityValue{{
			Type: journeyv1.IdentityType_IDENTITY_TYPE_EMAIL, Value: p.canary("concentric.journey.v1.IdentityValue.value") + "@example.org",
		}},
	})))(t)
	must(c.customers.UpdateConsent(t.Context(), marked(p, &journeyv1.UpdateConsentRequest{
		Name: p.name, Consents: []*journeyv1.Consent{{Purpose: "surveys", Granted: true}},
	})))(t)
	for i := range 2 {
		touchpoint := must(c.touchpoints.RecordTouchpoint(t.Context(), marked(p, &journeyv1.RecordTouchpointRequest{
			Parent: p.name, TouchpointId: fmt.Sprintf("visit-%d-%d", p.number, i), Touchpoint: &journeyv1.Touchpoint{
				Definition: brand + "/touchpointDefinitions/website-visit", EventTime: timestamppb.New(noon), EventId: fmt.Sprint(p.number, "/", i),
			},
		})))(t)
		if i == 1 {
			must(c.touchpoints.RetractTouchpoint(t.Context(), marked(p, &journeyv1.RetractTouchpointRequest{Name: touchpoint.GetName()})))(t)
		}
	}
	ticket := must(c.tickets.CreateTicket(t.Context(), marked(p, &ticketv1.CreateTicketRequest{Parent: brand, Ticket: &ticketv1.Ticket{
		Customer: p.name, IssueKind: ticketv1.Ticket_ISSUE_KIND_BILLING, Channel: typev1.Channel_CHANNEL_PHONE, OpenTime: timestamppb.New(noon),
		CauseTouchpoint: p.name + "/touchpoints/visit-" + fmt.Sprint(p.number) + "-0",
	}})))(t)
	call := must(c.interactions.CreateInteraction(t.Context(), marked(p, &ticketv1.CreateInteractionRequest{
		Parent: ticket.GetName(), RequestId: "7c9e6679-7425-40de-944b-0000000000" + fmt.Sprintf("%02d", p.number), Interaction: &ticketv1.Interaction{
			Kind: ticketv1.Interaction_KIND_CALL, Direction: ticketv1.Interaction_DIRECTION_OUTBOUND, Actor: ticketv1.Interaction_ACTOR_AGENT,
			StartTime: timestamppb.New(noon.Add(time.Hour)), EndTime: timestamppb.New(noon.Add(time.Hour)),
		},
	})))(t)
	must(c.tickets.PendTicket(t.Context(), marked(p, &ticketv1.PendTicketRequest{Name: ticket.GetName()})))(t)
	must(c.selfService.CreateSelfServiceSession(t.Context(), marked(p, &ticketv1.CreateSelfServiceSessionRequest{
		Parent: brand, SelfServiceSession: &ticketv1.SelfServiceSession{
			Customer: p.name, Kind: ticketv1.SelfServiceSession_KIND_KNOWLEDGE_BASE, Channel: typev1.Channel_CHANNEL_WEB, StartTime: timestamppb.New(noon),
			EndTime: timestamppb.New(noon.Add(time.Minute)),
		},
	})))(t)
	response := must(c.responses.SubmitResponse(t.Context(), marked(p, &surveyv1.SubmitResponseRequest{Parent: brand, Response: &surveyv1.Response{
		Survey: survey.GetName(), Customer: p.name, SubmitTime: timestamppb.New(noon.Add(2 * time.Hour)),
		Attribution: &surveyv1.Attribution{Interaction: call.GetName()},
		Answers: []*surveyv1.Answer{
			{QuestionId: "q", Value: &surveyv1.Answer_Rating{Rating: 6}},
			{QuestionId: "more", Value: &surveyv1.Answer_Text{}},
		},
	}})))(t)
	must(c.responses.ExcludeResponse(t.Context(), marked(p, &surveyv1.ExcludeResponseRequest{Name: response.GetName()})))(t)
	feedback := must(c.feedback.CreateFeedback(t.Context(), marked(p, &surveyv1.CreateFeedbackRequest{Parent: brand, Feedback: &surveyv1.Feedback{
		Customer: p.name, Source: surveyv1.Feedback_SOURCE_EMAIL, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED,
		EventTime: timestamppb.New(noon), Language: "en",
	}})))(t)
	must(c.feedback.OverrideSentiment(t.Context(), marked(p, &surveyv1.OverrideSentimentRequest{
		Name: feedback.GetName(), Label: surveyv1.Sentiment_LABEL_NEGATIVE,
	})))(t)
	must(c.feedback.AssignFeedbackAction(t.Context(), marked(p, &surveyv1.AssignFeedbackActionRequest{
		Name: feedback.GetName(), Owner: typev1.Function_FUNCTION_PRODUCT,
	})))(t)
	must(c.feedback.CompleteFeedbackAction(t.Context(), marked(p, &surveyv1.CompleteFeedbackActionRequest{
		Name: feedback.GetName(), Outcome: surveyv1.FeedbackAction_OUTCOME_FIXED,
	})))(t)
	must(c.invitations.UpdateOptOut(t.Context(), marked(p, &surveyv1.UpdateOptOutRequest{OptOut: &surveyv1.OptOut{Name: p.name + "/optOut", OptedOut: true}})))(t)
	c.visited(t, p.name, 2) // the visit and the call
}

// covered fails for each field that the contract marks and nobody has filled.
func covered(t *testing.T, p *subject) {
	t.Helper()
	var walk func(protoreflect.MessageDescriptors)
	walk = func(all protoreflect.MessageDescriptors) {
		for i := range all.Len() {
			m := all.Get(i)
			for j := range m.Fields().Len() {
				fd := m.Fields().Get(j)
				if field := string(fd.FullName()); personal(fd) && p.canaries[field] == "" {
					t.Errorf("%s is marked and holds no canary", field)
				}
			}
			walk(m.Messages())
		}
	}
	for _, m := range []proto.Message{
		&ticketv1.Ticket{}, &ticketv1.CreateTicketRequest{}, &ticketv1.Interaction{}, &ticketv1.TicketEvent{}, &ticketv1.SelfServiceSession{},
		&ticketv1.Agent{}, &ticketv1.Problem{}, &ticketv1.CreateInteractionRequest{}, &surveyv1.Response{}, &surveyv1.SubmitResponseRequest{},
		&surveyv1.Feedback{}, &surveyv1.CreateFeedbackRequest{}, &surveyv1.Invitation{}, &surveyv1.OptOut{}, &journeyv1.Customer{},
		&journeyv1.CreateCustomerRequest{}, &journeyv1.Touchpoint{}, &journeyv1.RecordTouchpointRequest{}, &journeyv1.Signal{}, &journeyv1.GetSignalRequest{},
	} {
		walk(m.ProtoReflect().Descriptor().ParentFile().Messages())
	}
}

// figures returns what the brand's tickets and answers add up to.
func (c *clients) figures(t *testing.T, brand string) []proto.Message {
	t.Helper()
	service := must(c.service.QueryServiceMetrics(t.Context(), &ticketv1.QueryServiceMetricsRequest{Parent: brand, GroupBy: []string{"channel"}}))(t)
	answers := must(c.answers.QuerySurveyMetrics(t.Context(), &surveyv1.QuerySurveyMetricsRequest{Parent: brand, GroupBy: []string{"survey"}}))(t)
	return []proto.Message{
		&ticketv1.QueryServiceMetricsResponse{Measures: service.GetMeasures(), Groups: service.GetGroups()},
		&surveyv1.QuerySurveyMetricsResponse{Measures: answers.GetMeasures(), Groups: answers.GetGroups()},
	}
}

// find returns the fields of a customer whose canaries are in a file, a row or a log of the
// suite. Events name customers for a week, and hold nothing else of them.
func (s *suite) find(t *testing.T, p *subject) []string {
	t.Helper()
	found := map[string]bool{}
	look := func(where string, text []byte, bus bool) {
		for field, canary := range p.canaries {
			if bus && field == "id" {
				continue
			}
			if bytes.Contains(text, []byte(canary)) || bytes.Contains(text, []byte(hex.EncodeToString([]byte(canary)))) {
				found[field+" in "+where] = true
			}
		}
	}
	files := func(dir string, bus bool) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // it has gone
			}
			if text, err := os.ReadFile(path); err == nil {
				look(filepath.Base(path), text, bus || strings.Contains(path, "jetstream"))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if s.bus == nil {
		files(s.data, false)
	} else {
		files(s.bus.dir, true)
	}
	for _, name := range all {
		part := s.parts[name]
		look("the log of "+name, []byte(part.log.String()), false)
		if part.db != "" {
			for table, text := range dump(t, part.db) {
				look(name+"."+table, text, false)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// dump returns the rows of each table of a PostgreSQL database as text.
func dump(t *testing.T, url string) map[string][]byte {
	t.Helper()
	db, err := sqldb.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	read := func(query string, each func(string)) {
		rows, err := db.Read().QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			each(text)
		}
	}
	var tables []string
	read(`SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`, func(n string) { tables = append(tables, n) })
	texts := map[string][]byte{}
	for _, table := range tables {
		read(`SELECT r::text FROM "`+table+`" r`, func(row string) { texts[table] = append(append(texts[table], row...), '\n') })
	}
	return texts
}

// repeat has everything that is on the bus told again to services that remember none of it.
func (s *suite) repeat(t *testing.T) {
	t.Helper()
	for _, name := range []string{"survey", "journey"} {
		s.parts[name].stop(t)
		db, err := sqldb.Open(t.Context(), s.parts[name].db)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(`DELETE FROM inbox`); return err })
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := nats.Connect(s.bus.server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	listeners := map[string]int{"CONCENTRIC_TICKET": 2, "CONCENTRIC_SURVEY": 1, "CONCENTRIC_JOURNEY": 1} // of those two
	again := func(n string) bool { return strings.HasPrefix(n, "survey-") || strings.HasPrefix(n, "journey-") }
	for source := range listeners {
		stream, err := js.Stream(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		for n := range stream.ConsumerNames(t.Context()).Name() {
			if again(n) {
				if err := stream.DeleteConsumer(t.Context(), n); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	s.start(t, "survey", "journey")
	eventually(t, func() error {
		for source, want := range listeners {
			stream, err := js.Stream(t.Context(), source)
			if err != nil {
				return err
			}
			heard := 0
			for info := range stream.ListConsumers(t.Context()).Info() {
				if !again(info.Name) {
					continue
				}
				if heard++; info.NumPending > 0 || info.NumAckPending > 0 {
					return fmt.Errorf("%s has more for %s", source, info.Name)
				}
			}
			if heard < want {
				return fmt.Errorf("%s has %d listeners", source, heard)
			}
		}
		return nil
	})
}
