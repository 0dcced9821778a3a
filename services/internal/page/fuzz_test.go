package page

import (
	"encoding/base64"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// FuzzDecode reads tokens that somebody made up: as they are, and with the sum that the
// body needs.
func FuzzDecode(f *testing.F) {
	list := func(token string) *ticketv1.ListTicketsRequest {
		return &ticketv1.ListTicketsRequest{Parent: "brands/acme", PageToken: token}
	}
	for _, c := range []cursor{{}, {7, "x"}, {-1, strings.Repeat("é", 99)}} {
		token, err := Encode(list(""), c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(token, `{"Time":7,"ID":"x"}`)
	}
	f.Add("junk!", `{"ID":"\u0000"}`)
	f.Add("", `{"Time":1e99}`)
	f.Add(strings.Repeat("A", 16), "null")
	f.Fuzz(func(t *testing.T, token, body string) {
		sum, err := digest(list(""), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{token, base64.RawURLEncoding.EncodeToString(append(sum, body...))} {
			var got cursor
			err := Decode(list(token), &got)
			if err != nil {
				if status.Code(err) != codes.InvalidArgument {
					t.Fatalf("Decode(%q) = %v, want a fault on page_token", token, err)
				}
				continue
			}
			if strings.ContainsRune(got.ID, 0) {
				t.Fatalf("Decode(%q) = %q, which no row holds", token, got.ID)
			}
			other := list(token)
			other.Parent = "brands/other"
			if err := Decode(other, &got); token != "" && status.Code(err) != codes.InvalidArgument {
				t.Fatalf("Decode(%q) for another brand = %v", token, err)
			}
			again, err := Encode(list(""), got)
			if err != nil {
				t.Fatal(err)
			}
			var same cursor
			if err := Decode(list(again), &same); err != nil || same != got {
				t.Fatalf("%q is %v, and then %v, %v", token, got, same, err)
			}
		}
	})
}
