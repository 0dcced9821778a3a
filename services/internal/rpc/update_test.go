package rpc

import (
	"context"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// updates is a TicketService that takes updates.
type updates struct {
	ticketv1.UnimplementedTicketServiceServer
}

func (updates) UpdateTicket(_ context.Context, req *ticketv1.UpdateTicketRequest) (*ticketv1.Ticket, error) {
	return req.GetTicket(), nil
}

func TestAnUpdateActsOnTheResourceItBrings(t *testing.T) {
	srv := NewServer(Config{Auth: keys(t)})
	ticketv1.RegisterTicketServiceServer(srv, updates{})
	const own = "brands/acme/tickets/7"
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, tt := range []struct {
			name   string
			ticket *ticketv1.Ticket
			code   codes.Code
			reason string
			field  string
		}{
			{"a part of a ticket", &ticketv1.Ticket{Name: own, Subject: "Refund"}, codes.OK, "", ""},
			{"another brand's", &ticketv1.Ticket{Name: "brands/other/tickets/7"}, codes.NotFound, "NOT_FOUND", ""},
			{"a reference to another brand's", &ticketv1.Ticket{Name: own, Customer: "brands/other/customers/ann"}, codes.NotFound, "NOT_FOUND", ""},
			{"no ticket", nil, codes.InvalidArgument, "INVALID_ARGUMENT", "ticket.name"},
			{"no name", &ticketv1.Ticket{Subject: "Refund"}, codes.InvalidArgument, "INVALID_ARGUMENT", "ticket.name"},
			{"a malformed name of another brand", &ticketv1.Ticket{Name: "brands/other/junk"}, codes.InvalidArgument, "INVALID_ARGUMENT", "ticket.name"},
			{"a NUL", &ticketv1.Ticket{Name: own, Subject: "\x00"}, codes.InvalidArgument, "INVALID_ARGUMENT", "ticket.subject"},
			{"an unknown enum value", &ticketv1.Ticket{Name: own, Priority: 99}, codes.InvalidArgument, "INVALID_ARGUMENT", "ticket.priority"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				req := &ticketv1.UpdateTicketRequest{Ticket: tt.ticket, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"subject"}}}
				got, err := ticketv1.NewTicketServiceClient(conn).UpdateTicket(as(t.Context(), acmeKey), req)
				s := refused(t, err, tt.code, tt.reason)
				if err == nil && !proto.Equal(got, tt.ticket) {
					t.Errorf("the handler got %v, want %v", got, tt.ticket)
				}
				if fields := detail[*errdetails.BadRequest](s).GetFieldViolations(); tt.field != "" && (len(fields) != 1 || fields[0].GetField() != tt.field) {
					t.Errorf("violations = %v, want one of %s", fields, tt.field)
				}
			})
		}
	})
}

func TestTheMergedResourceIsHeldToTheWholeContract(t *testing.T) {
	merged := create().GetTicket()
	merged.Name = "brands/acme/tickets/7"
	if err := NewValidator().Message(merged); err != nil {
		t.Errorf("Message = %v, want nil", err)
	}
	merged.Subject = ""
	refused(t, NewValidator().Message(merged), codes.InvalidArgument, "INVALID_ARGUMENT")
}
