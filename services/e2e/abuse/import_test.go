package abuse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// importRows are about histories of other systems, which come by gRPC alone.
func importRows() []row {
	return []row{
		{id: "T65", name: "closed before it was opened", grpc: refusedRow(invalid, func(r *ticketv1.ImportTicketsRequest) {
			r.Events = []*ticketv1.TicketEvent{{Kind: ticketv1.TicketEvent_KIND_CLOSED, EventTime: after(-1)}}
		})},
		{id: "T66", name: "an id in use, with other content", grpc: refusedRow(exists, func(r *ticketv1.ImportTicketsRequest) { r.TicketId = "8" })},
		{id: "T66", name: "a row again, with other content", grpc: importedTwice},
		{id: "T67", name: "10,001 rows", grpc: tooManyRows},
	}
}

// foreignRow is the history of a ticket that was never touched.
func foreignRow(id string) *ticketv1.ImportTicketsRequest {
	return &ticketv1.ImportTicketsRequest{Parent: acme, TicketId: id, Ticket: newTicket().GetTicket()}
}

// imported sends rows until the server has heard enough.
func (s *suite) imported(ctx context.Context, rows ...*ticketv1.ImportTicketsRequest) (*ticketv1.ImportTicketsResponse, error) {
	stream, err := ticketv1.NewTicketServiceClient(s.conn).ImportTickets(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if err := stream.Send(r); errors.Is(err, io.EOF) {
			break // CloseAndRecv says why
		} else if err != nil {
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}

// refusedRow sends a bad row between two good ones, which are stored.
func refusedRow(code codes.Code, spoil func(*ticketv1.ImportTicketsRequest)) test {
	return func(t *testing.T, s *suite) {
		before := s.settled(t)
		bad := spoiled(foreignRow(fmt.Sprint("bad-", code)), []func(*ticketv1.ImportTicketsRequest){spoil})
		got, err := s.imported(t.Context(), foreignRow("first-"+strings.ToLower(code.String())), bad, foreignRow("last-"+strings.ToLower(code.String())))
		if err != nil || got.GetImportedCount() != 2 || got.GetRefusedCount() != 1 || len(got.GetResults()) != 1 {
			t.Fatalf("import = %v, %v, want two stored and one refused", got, err)
		}
		if r := got.GetResults()[0]; r.GetIndex() != 1 || codes.Code(r.GetError().GetCode()) != code {
			t.Errorf("result = %v, want %v for the row in the middle", r, code)
		}
		if n := s.rows(t)["ticket.ticket"] - before["ticket.ticket"]; n != 2 {
			t.Errorf("%d tickets, want 2", n)
		}
	}
}

// importedTwice: what is there is left as it is.
func importedTwice(t *testing.T, s *suite) {
	if _, err := s.imported(t.Context(), foreignRow("twice")); err != nil {
		t.Fatal(err)
	}
	before := s.settled(t)
	same, err := s.imported(t.Context(), foreignRow("twice"))
	if err != nil || same.GetUnchangedCount() != 1 {
		t.Errorf("the same again = %v, %v, want it unchanged", same, err)
	}
	other := foreignRow("twice")
	other.Ticket.Subject = "Other"
	got, err := s.imported(t.Context(), other)
	if err != nil || got.GetRefusedCount() != 1 || codes.Code(got.GetResults()[0].GetError().GetCode()) != exists {
		t.Errorf("with other content = %v, %v, want it refused as there already", got, err)
	}
	s.unchanged(t, before)
}

// tooManyRows rehearses it: the 10,000 before it are stored as they come.
func tooManyRows(t *testing.T, s *suite) {
	before := s.settled(t)
	rows := make([]*ticketv1.ImportTicketsRequest, 10_001)
	for i := range rows {
		rows[i] = foreignRow(fmt.Sprint("many-", i))
		rows[i].ValidateOnly = true
	}
	_, err := s.imported(t.Context(), rows...)
	ask{code: invalid, field: "ticket"}.want(t, onGRPC, answer{status: status.Convert(err)})
	s.unchanged(t, before)
}
