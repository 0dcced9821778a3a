package front

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	h := handler(t)
	for _, tt := range []struct {
		name, method, path, body string
		want                     violation // its detail is the beginning of one
	}{
		{"an unknown field", "POST", "/tickets", `{"subjekt":"x"}`, violation{"subjekt", "is no field", "UNKNOWN_FIELD"}},
		{"a field twice", "POST", "/tickets", `{"subject":"x","subject":"y"}`, violation{"subject", "is there twice", "DUPLICATE_FIELD"}},
		{"a name that is none", "POST", "/tickets", `{"priority":"HIGH"}`, violation{"priority", "takes one of PRIORITY_", "BAD_VALUE"}},
		{"a number for words", "POST", "/tickets", `{"subject":1}`, violation{"subject", "cannot have this value", "BAD_VALUE"}},
		{"an unknown parameter", "GET", "/tickets?pageSiz=1", "", violation{"pageSiz", "is no field", "UNKNOWN_FIELD"}},
		{"a parameter's number that is none", "GET", "/tickets?pageSize=many", "", violation{"page_size", "cannot have this value", "BAD_VALUE"}},
		{"a value for a moment", "POST", "/tickets", `{"createTime":"yesterday"}`, violation{}},
		{"no object", "POST", "/tickets", `[]`, violation{}},
	} {
		req := httptest.NewRequest(tt.method, "http://localhost/v1/brands/acme"+tt.path, strings.NewReader(tt.body))
		req.Header.Set("Content-Type", "application/json")
		res := httptest.NewRecorder()
		h.ServeHTTP(res, req)
		var p problem
		if err := json.Unmarshal(res.Body.Bytes(), &p); err != nil || res.Code != http.StatusBadRequest || p.Reason != "BAD_FIELD" {
			t.Errorf("%s: %d %s, %v, want a BAD_FIELD", tt.name, res.Code, res.Body, err)
			continue
		}
		if tt.want == (violation{}) {
			if len(p.Errors) > 0 {
				t.Errorf("%s: errors = %v, want none", tt.name, p.Errors)
			}
			continue
		}
		if len(p.Errors) != 1 || p.Errors[0].Field != tt.want.Field || p.Errors[0].Reason != tt.want.Reason || !strings.HasPrefix(p.Errors[0].Detail, tt.want.Detail) {
			t.Errorf("%s: errors = %v, want %v", tt.name, p.Errors, tt.want)
		}
	}
}
