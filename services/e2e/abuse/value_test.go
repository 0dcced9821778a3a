package abuse

import (
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func protoText(s string) protoreflect.Value { return protoreflect.ValueOfString(s) }

// valueRows are about single values that no contract takes.
func valueRows() []row {
	return []row{
		both("A19", "a list over its limit", ask{
			req: &surveyv1.QuerySurveyMetricsRequest{Parent: acme, GroupBy: []string{"channel", "stage", "phase", "survey"}}, code: invalid, field: "group_by",
		}),
		grpcOnly("A19", "a million elements", ask{ // as a query they are refused with the header: see G40
			req: &ticketv1.ListTicketsRequest{Parent: acme, States: make([]ticketv1.Ticket_State, 1e6)}, code: invalid, field: "states",
		}),
		both("A20", "an unknown enum value", ask{
			req: newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Channel = 9999 }), code: invalid, field: "ticket.channel",
		}),
		both("A20", "an unknown value in a field of the server's", ask{
			req: newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.State = 77 }), code: invalid, field: "ticket.state",
		}),
		both("A21", "a oneof that is not set", ask{
			req:  submit(func(r *surveyv1.SubmitResponseRequest) { r.Response.Answers[0].Value = nil }),
			code: invalid, field: "response.answers[0].value",
		}),
		{ // a body that is missing is an empty ticket
			"A21", "a message that is missing",
			ask{req: newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket = nil }), code: invalid, field: "ticket"}.on(onGRPC),
			ask{req: newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket = nil }), code: invalid, field: "ticket.customer"}.on(onREST),
		},
		grpcOnly("A23", "a time before the year 1", ask{
			req: newTicket(func(r *ticketv1.CreateTicketRequest) {
				r.Ticket.OpenTime = &timestamppb.Timestamp{Seconds: math.MinInt64}
			}),
			code: invalid, field: "ticket.open_time",
		}),
		both("A23", "a time before 1970", ask{
			req:  newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = &timestamppb.Timestamp{Seconds: -1} }),
			code: invalid, field: "ticket.open_time",
		}),
		web("A23", "a time of the year 10000", post("/v1/brands/acme/tickets", `{"open_time":"10000-01-01T00:00:00Z"}`), 400),
		both("A24", "a negative quiet period", ask{
			req:  newSurvey(func(r *surveyv1.CreateSurveyRequest) { r.Survey.QuietPeriod = durationpb.New(-time.Second) }),
			code: invalid, field: "survey.quiet_period",
		}),
		both("A25", "a weight that is no number", weigh(math.NaN())),
		both("A25", "an infinite weight", weigh(math.Inf(1))),
		both("A25", "a rate below every number", ask{
			req:  newSurvey(func(r *surveyv1.CreateSurveyRequest) { r.Survey.SamplingRate = proto.Float64(math.Inf(-1)) }),
			code: invalid, field: "survey.sampling_rate",
		}),
		both("A26", "the smallest int32 as a page size", ask{
			req: &ticketv1.ListTicketsRequest{Parent: acme, PageSize: math.MinInt32}, code: invalid, field: "page_size",
		}),
		both("A26", "the largest int32 as a page size", ask{req: &ticketv1.ListTicketsRequest{Parent: acme, PageSize: math.MaxInt32}}),
		both("A26", "the largest int32 as a rating", ask{
			req:  submit(func(r *surveyv1.SubmitResponseRequest) { r.Response.Answers[0] = rating("how", math.MaxInt32) }),
			code: invalid, field: "response.answers[0].rating",
		}),
		grpcOnly("A26", "the largest int64 as seconds", ask{ // the largest that JSON can write is A23's
			req: newSurvey(func(r *surveyv1.CreateSurveyRequest) {
				r.Survey.QuietPeriod = &durationpb.Duration{Seconds: math.MaxInt64}
			}),
			code: invalid, field: "survey.quiet_period",
		}),
	}
}

// textRows are about texts, names and pages.
func textRows() []row {
	return []row{
		both("A27", "a NUL in a text", ask{
			req: newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Subject = "a\x00b" }), code: invalid, field: "ticket.subject",
		}),
		both("A27", "a NUL in the key of a map", ask{
			req:  newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Attributes = map[string]string{"a\x00": "b"} }),
			code: invalid, field: `ticket.attributes["a` + "\\x00" + `"]`,
		}),
		both("A27", "a NUL in a brand's name", ask{
			req:  &gatewayv1.CreateBrandRequest{BrandId: "nul", Brand: &gatewayv1.Brand{DisplayName: "a\x00"}},
			code: invalid, field: "brand.display_name",
		}),
		both("A28", "100,000 combining marks", ask{
			req:  newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Subject = "a" + strings.Repeat("\u0301", 100_000) }),
			code: invalid, field: "ticket.subject",
		}),
		each("A29", "an event id in NFC and NFD is one event", oneEvent),
		both("A29", "the value of an attribute is kept in NFC", ask{
			req: newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Attributes = map[string]string{"site": "Cafe\u0301"} }),
			check: func(t *testing.T, _ *suite, m proto.Message) {
				if got := m.(*ticketv1.Ticket).GetAttributes()["site"]; got != "Caf\u00e9" {
					t.Errorf("site = %q, want it in NFC", got)
				}
			},
		}),
		both("A33", "a name with more segments", ask{
			req: &ticketv1.ListTicketsRequest{Parent: acme, Customer: ann + "/score"}, code: invalid, field: "customer",
		}),
		both("A33", "a parent with more segments", ask{ // on REST no path is that long
			req: newTicket(func(r *ticketv1.CreateTicketRequest) { r.Parent = seven }), code: invalid, field: "", http: 404,
		}),
		both("A34", "junk for a page token of tickets", ask{req: &ticketv1.ListTicketsRequest{Parent: acme, PageToken: "junk"}, code: invalid, field: "page_token"}),
		both("A34", "junk for a page token of interactions", ask{req: &ticketv1.ListInteractionsRequest{Parent: seven, PageToken: "junk"}, code: invalid, field: "page_token"}),
		both("A34", "junk for a page token of responses", ask{req: &surveyv1.ListResponsesRequest{Parent: acme, PageToken: "junk"}, code: invalid, field: "page_token"}),
		both("A34", "junk for a page token of touchpoints", ask{req: &journeyv1.ListTouchpointsRequest{Parent: ann, PageToken: "junk"}, code: invalid, field: "page_token"}),
		both("A34", "junk for a page token of brands", ask{req: &gatewayv1.ListBrandsRequest{PageToken: "junk"}, code: invalid, field: "page_token"}),
		both("A35", "a negative page size of responses", ask{req: &surveyv1.ListResponsesRequest{Parent: acme, PageSize: -1}, code: invalid, field: "page_size"}),
		both("A35", "a negative page size of touchpoints", ask{req: &journeyv1.ListTouchpointsRequest{Parent: ann, PageSize: -1}, code: invalid, field: "page_size"}),
		both("A35", "a negative page size of brands", ask{req: &gatewayv1.ListBrandsRequest{PageSize: -1}, code: invalid, field: "page_size"}),
	}
}

// weigh creates a touchpoint definition of that weight.
func weigh(weight float64) ask {
	return ask{
		req:  newDefinition(func(r *journeyv1.CreateTouchpointDefinitionRequest) { r.TouchpointDefinition.Weight = &weight }),
		code: invalid, field: "touchpoint_definition.weight",
	}
}

func oneEvent(t *testing.T, s *suite, way surface) {
	before := s.settled(t)
	var names []string
	for _, id := range []string{"Caf\u00e9 " + way.digit(), "Cafe\u0301 " + way.digit()} {
		got := s.send(t, way, ask{req: record(func(r *journeyv1.RecordTouchpointRequest) { r.Touchpoint.EventId = id })})
		ask{}.want(t, way, got)
		names = append(names, got.msg.(*journeyv1.Touchpoint).GetName())
	}
	if n := s.rows(t)["journey.touchpoint"] - before["journey.touchpoint"]; n != 1 || names[0] != names[1] {
		t.Errorf("%d touchpoints, %q, want one", n, names)
	}
}
