package mapping

import (
	"google.golang.org/protobuf/proto"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// A Kind is a sort of thing that an import makes, as reports call many of them.
type Kind string

// The kinds, in the order in which they depend on each other.
const (
	Brands       Kind = "brands"
	Definitions  Kind = "touchpoint definitions"
	Surveys      Kind = "surveys"
	Rows         Kind = "rows"
	Touchpoints  Kind = "touchpoints"
	Histories    Kind = "histories"
	Feedback     Kind = "feedback"
	Tickets      Kind = "tickets"
	Interactions Kind = "interactions"
	Resolutions  Kind = "resolutions"
	Responses    Kind = "responses"
)

// A kind is what the mapping can make of a row.
type kind struct {
	Kind
	resource   string // the collection in the resource name; empty if it makes none
	of         bool   // it belongs to a ticket
	ofCustomer bool   // it belongs to a customer, who is no field of it
	field      string // its field in the request; empty if it is the request
	body       func() proto.Message
	request    func(m made) proto.Message
}

// made is what was read of a row for one thing.
type made struct {
	parent string // the brand, the ticket or the customer
	id     string // the last segment of its name
	source string // the name of the mapping
	body   proto.Message
}

// kindOf returns the kind that the key of an item names.
func kindOf(key string) (kind, bool) {
	k, ok := map[string]kind{
		"touchpoint": {
			Kind: Touchpoints, resource: "touchpoints", ofCustomer: true, field: "touchpoint",
			body: func() proto.Message { return &journeyv1.Touchpoint{} }, request: touchpoint,
		},
		"history": {
			Kind: Histories, resource: "tickets",
			body: func() proto.Message { return &ticketv1.ImportTicketsRequest{} },
			request: func(m made) proto.Message {
				r := m.body.(*ticketv1.ImportTicketsRequest)
				r.Parent, r.TicketId = m.parent, m.id
				return r
			},
		},
		"feedback": {
			Kind: Feedback, resource: "feedback", field: "feedback",
			body: func() proto.Message { return &surveyv1.Feedback{} },
			request: func(m made) proto.Message {
				return &surveyv1.ImportFeedbackRequest{Parent: m.parent, Feedback: m.body.(*surveyv1.Feedback), FeedbackId: m.id}
			},
		},
		"ticket": {
			Kind: Tickets, resource: "tickets", field: "ticket",
			body: func() proto.Message { return &ticketv1.Ticket{} },
			request: func(m made) proto.Message {
				return &ticketv1.CreateTicketRequest{Parent: m.parent, Ticket: m.body.(*ticketv1.Ticket), TicketId: m.id}
			},
		},
		"interaction": {
			Kind: Interactions, resource: "interactions", of: true, field: "interaction",
			body: func() proto.Message { return &ticketv1.Interaction{} },
			request: func(m made) proto.Message {
				return &ticketv1.CreateInteractionRequest{Parent: m.parent, Interaction: m.body.(*ticketv1.Interaction), InteractionId: m.id}
			},
		},
		"resolution": {
			Kind: Resolutions, of: true,
			body: func() proto.Message { return &ticketv1.ResolveTicketRequest{} },
			request: func(m made) proto.Message {
				r := m.body.(*ticketv1.ResolveTicketRequest)
				r.Name = m.parent
				return r
			},
		},
		"response": {
			Kind: Responses, resource: "responses", field: "response",
			body: func() proto.Message { return &surveyv1.Response{} },
			request: func(m made) proto.Message {
				return &surveyv1.SubmitResponseRequest{Parent: m.parent, Response: m.body.(*surveyv1.Response), ResponseId: m.id}
			},
		},
	}[key]
	return k, ok
}

// touchpoint says where m comes from, unless the mapping does.
func touchpoint(m made) proto.Message {
	t := m.body.(*journeyv1.Touchpoint)
	if t.GetSource() == "" {
		t.Source = m.source
	}
	return &journeyv1.RecordTouchpointRequest{Parent: m.parent, Touchpoint: t, TouchpointId: m.id}
}
