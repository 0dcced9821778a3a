package page

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

type cursor struct {
	Time int64
	ID   string
}

func TestTokenIsBoundToItsRequest(t *testing.T) {
	req := &ticketv1.ListTicketsRequest{Parent: "brands/acme", Customer: "brands/acme/customers/ann", PageSize: 2}
	token, err := Encode(req, cursor{7, "x"})
	if err != nil {
		t.Fatal(err)
	}
	flipped := []byte(token)
	flipped[len(flipped)-2] ^= 1
	for _, tt := range []struct {
		name string
		req  *ticketv1.ListTicketsRequest
		want codes.Code
	}{
		{"the same arguments", &ticketv1.ListTicketsRequest{Parent: "brands/acme", Customer: "brands/acme/customers/ann", PageToken: token}, codes.OK},
		{"another page size", &ticketv1.ListTicketsRequest{Parent: "brands/acme", Customer: "brands/acme/customers/ann", PageSize: 9, PageToken: token}, codes.OK},
		{"no token", &ticketv1.ListTicketsRequest{Parent: "brands/acme"}, codes.OK},
		{"another customer", &ticketv1.ListTicketsRequest{Parent: "brands/acme", Customer: "brands/acme/customers/bob", PageToken: token}, codes.InvalidArgument},
		{"another brand", &ticketv1.ListTicketsRequest{Parent: "brands/other", Customer: "brands/acme/customers/ann", PageToken: token}, codes.InvalidArgument},
		{"junk", &ticketv1.ListTicketsRequest{Parent: "brands/acme", PageToken: "junk!"}, codes.InvalidArgument},
		{"a short token", &ticketv1.ListTicketsRequest{Parent: "brands/acme", PageToken: "abcd"}, codes.InvalidArgument},
		{"a flipped bit", &ticketv1.ListTicketsRequest{Parent: "brands/acme", Customer: "brands/acme/customers/ann", PageToken: string(flipped)}, codes.InvalidArgument},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got cursor
			err := Decode(tt.req, &got)
			if status.Code(err) != tt.want {
				t.Fatalf("Decode = %v, want %v", err, tt.want)
			}
			if err == nil && tt.req.GetPageToken() != "" && got != (cursor{7, "x"}) {
				t.Errorf("cursor = %v, want {7 x}", got)
			}
		})
	}
}

func TestACursorHoldsNoNUL(t *testing.T) {
	for id, want := range map[string]codes.Code{"x\x00": codes.InvalidArgument, `\u0000`: codes.OK} {
		req := &ticketv1.ListTicketsRequest{Parent: "brands/acme"}
		token, err := Encode(req, []any{7, map[string]string{"id": id}})
		if err != nil {
			t.Fatal(err)
		}
		req.PageToken = token
		var got []any
		if err := Decode(req, &got); status.Code(err) != want {
			t.Errorf("Decode of a cursor with %q = %v, want %v", id, err, want)
		}
	}
}

func TestAPageFitsIntoAnAnswer(t *testing.T) {
	of := func(n, bytes int) []*ticketv1.Ticket {
		all := make([]*ticketv1.Ticket, n)
		for i := range all {
			all[i] = &ticketv1.Ticket{Subject: strings.Repeat("x", bytes)}
		}
		return all
	}
	for _, tt := range []struct{ rows, bytes, size, want int }{
		{0, 0, 9, 0}, {9, 1, 9, 9}, {10, 1, 9, 9}, {9, 1 << 20, 9, 3}, {2, 5 << 20, 9, 1}, {1, 5 << 20, 9, 1},
	} {
		if got := Fit(&ticketv1.ListTicketsRequest{PageSize: int32(tt.size)}, of(tt.rows, tt.bytes)); got != tt.want {
			t.Errorf("of %d messages of %d bytes, %d asked for, %d fit, want %d", tt.rows, tt.bytes, tt.size, got, tt.want)
		}
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[int32]int{0: 50, 1: 1, 200: 200, 201: 200, 1 << 30: 200} {
		if got := Size(&ticketv1.ListTicketsRequest{PageSize: in}); got != want {
			t.Errorf("Size(%d) = %d, want %d", in, got, want)
		}
	}
}
