package front

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestThePatchOfAResource(t *testing.T) {
	_, addr := serveTickets(t, newTickets(), asIs)
	for _, tt := range []struct {
		name, query, body string
		code              int
		want              string // the mask that the service got, or what the error says
	}{
		{"a mask in the query", "?updateMask=subject,priority", `{"subject":"a"}`, 200, "priority,subject"},
		{"in the spelling of JSON", "?updateMask=openTime,attributes.tenure,color", `{}`, 200, "attributes.tenure,color,open_time"},
		{"in the spelling of the contract", "?update_mask=open_time", `{}`, 200, "open_time"},
		{"a star", "?updateMask=*", `{}`, 200, "*"},
		{"a mask of nothing", "?updateMask=", `{"subject":"a"}`, 400, "mask.empty"},
		{"no mask: the fields of the body", "", `{"subject":"a","avoidable":false}`, 200, "avoidable,subject"},
		{"no mask: fields as a whole", "", `{"attributes":{"tenure":"a"},"openTime":"2026-01-01T00:00:00Z","redressSteps":[]}`, 200, "attributes,open_time,redress_steps"},
		{"no mask: what was read and sent back", "", `{"name":"brands/acme/tickets/7","etag":"1","state":"STATE_OPEN","subject":"a"}`, 200, "subject"},
		{"no mask and nothing to change", "", `{"etag":"1"}`, 400, "mask.empty"},
		{"no mask and no fields", "", `{}`, 400, "mask.empty"},
		{"no mask and no body", "", "", 400, "mask.empty"},
		{"two masks", "?updateMask=subject&updateMask=priority", `{}`, 400, "update_mask"},
		{"an unknown parameter", "?mask=subject", `{}`, 400, "mask"},
		{"an unknown field", "", `{"color":"red"}`, 400, "color"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, body := call(t, http.MethodPatch, "http://"+addr+"/v1/brands/acme/tickets/7"+tt.query, tt.body, http.Header{"Content-Type": {"application/json"}})
			if code != tt.code {
				t.Fatalf("answer = %d %s, want %d", code, body, tt.code)
			}
			if code != 200 {
				if !strings.Contains(body, tt.want) {
					t.Errorf("answer = %s, want %s in it", body, tt.want)
				}
				return
			}
			var got struct{ Name, ExternalID string }
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			if got.ExternalID != tt.want || got.Name != "brands/acme/tickets/7" {
				t.Errorf("mask = %q of %s, want %q of brands/acme/tickets/7", got.ExternalID, got.Name, tt.want)
			}
		})
	}
}

func TestARefusedMethodSaysWhichOnesThereAre(t *testing.T) {
	_, addr := serveTickets(t, newTickets(), asIs)
	for _, tt := range []struct{ method, path, want string }{
		{"PUT", "/v1/brands/acme/tickets/7", "DELETE, GET, PATCH"},
		{"DELETE", "/v1/brands/acme/tickets", "GET, POST"},
		{"PUT", "/v1/brands/acme/tickets/7:resolve", "DELETE, GET, PATCH, POST"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+addr+tt.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := res.Header.Get("Allow"); res.StatusCode != http.StatusMethodNotAllowed || got != tt.want {
			t.Errorf("%s %s = %d with Allow %q, want 405 with %q", tt.method, tt.path, res.StatusCode, got, tt.want)
		}
	}
}

func TestIfMatchIsTheEtag(t *testing.T) {
	_, addr := serveTickets(t, newTickets(), asIs)
	for _, tt := range []struct {
		name, body, match string
		code              int
		want              string // the etag that the service got, or what the error says
	}{
		{"an etag in quotes", `{"subject":"a"}`, `"3"`, 200, `"etag":"3"`},
		{"the same in the body", `{"subject":"a","etag":"3"}`, `"3"`, 200, `"etag":"3"`},
		{"another in the body", `{"subject":"a","etag":"4"}`, `"3"`, 400, "differs"},
		{"without quotes", `{"subject":"a"}`, "3", 400, "IF_MATCH"},
		{"a weak one", `{"subject":"a"}`, `W/"3"`, 400, "IF_MATCH"},
		{"several", `{"subject":"a"}`, `"3", "4"`, 400, "IF_MATCH"},
		{"any", `{"subject":"a"}`, "*", 400, "IF_MATCH"},
		{"none", `{"subject":"a"}`, `""`, 400, "IF_MATCH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, body := call(t, http.MethodPatch, "http://"+addr+"/v1/brands/acme/tickets/7", tt.body,
				http.Header{"Content-Type": {"application/json"}, "If-Match": {tt.match}})
			if code != tt.code || !strings.Contains(strings.ReplaceAll(body, " ", ""), tt.want) {
				t.Errorf("answer = %d %s, want %d with %s", code, body, tt.code, tt.want)
			}
		})
	}
}
