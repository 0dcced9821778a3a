package front

import "testing"

func TestThePathOfEveryMethodHasAShape(t *testing.T) {
	all := contractRoutes()
	shapes := all.shapes()
	for _, r := range all {
		if shapes[r.method+" "+r.shape] != r.service {
			t.Errorf("%s %s is not in the index", r.method, r.shape)
		}
	}
}

func TestTheShapeOfAPath(t *testing.T) {
	for _, tt := range []struct{ path, want string }{
		{"/v1/brands", "GET /v1/brands"},
		{"/v1/brands/acme", "GET /v1/brands/*"},
		{"/v1/brands/acme/tickets", "GET /v1/brands/*/tickets"},
		{"/v1/brands/acme/tickets:watch", "GET /v1/brands/*/tickets:watch"},
		{"/v1/brands/acme/tickets/7", "GET /v1/brands/*/tickets/*"},
		{"/v1/brands/acme/tickets/7:resolve", "GET /v1/brands/*/tickets/*:resolve"},
		{"/v1/brands/acme/tickets/a:b/interactions", "GET /v1/brands/*/tickets/*/interactions"},
		{"/v1/brands/acme/customers/ann/score", "GET /v1/brands/*/customers/*/score"},
		{"/", "GET /"},
		{"", "GET "},
	} {
		if got := string(shape(nil, "GET", tt.path)); got != tt.want {
			t.Errorf("shape of %q = %q, want %q", tt.path, got, tt.want)
		}
	}
}
