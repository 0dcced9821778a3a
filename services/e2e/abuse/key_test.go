package abuse

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// The keys of the suite that wants one.
const (
	root    = "key-for-everything" // any brand
	acmes   = "key-of-acme"
	others  = "key-of-other"
	readers = "key-of-a-reader" // tickets of acme, to read
	viewers = "key-of-a-viewer" // views and surveys of acme, but no tickets
	clerks  = "key-of-a-clerk"  // tickets of acme, but not whatever their version
	mihirs  = "key-of-mihir"    // what acme shows its partner mihir
	deaf    = "key-of-a-scorer" // responses to acme, but not the words in them
	lame    = "key-for-nothing" // of other
)

// keyed is a suite that wants an API key, whose brands have people, a catalog,
// agreements, surveys that were asked and answered, and
// customers with journeys.
func keyed(t *testing.T) *suite {
	t.Helper()
	s := locked(t)
	staff(t, s)
	for _, brand := range []string{acme, "brands/other"} {
		poll(t, s, brand)
		travel(t, s, brand)
		hang(t, s, brand)
		hold(t, s, brand)
	}
	must[*ticketv1.Partner](t, s, &ticketv1.CreatePartnerRequest{Parent: "brands/other", Partner: &ticketv1.Partner{DisplayName: "Used"}, RequestId: usedID})
	must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyRequest) { r.Parent, r.RequestId = "brands/other", usedID }))
	must[*journeyv1.Customer](t, s, customer(func(r *journeyv1.CreateCustomerRequest) { r.Parent, r.RequestId = "brands/other", usedID }))
	must[*gatewayv1.ApiKey](t, s, &gatewayv1.CreateApiKeyRequest{Parent: "brands/other", ApiKey: cut("brands/other"), RequestId: usedID})
	return s
}

// locked is a furnished suite that wants an API key.
func locked(t *testing.T) *suite {
	t.Helper()
	s := start(t, config{auth: lock(t)})
	s.key = root
	furnish(t, s)
	return s
}

// lock knows the keys.
func lock(t *testing.T) rpc.Authenticator {
	t.Helper()
	var list strings.Builder
	for _, k := range [][3]string{
		{root, "*", "*"},
		{acmes, acme, "*"},
		{others, "brands/other", "*"},
		{readers, acme, "tickets:read"},
		{clerks, acme, "tickets:read,tickets:write"},
		{mihirs, acme + "/partners/mihir", "*"},
		{deaf, acme, "responses:read,responses:write,surveys:read"},
		{lame, "brands/other", "nothing:read"},
		{viewers, acme, "views:read,customers:read,responses:read,surveys:read,touchpoints:read,scores:read,signals:read"},
	} {
		fmt.Fprintf(&list, "%x %s %s\n", sha256.Sum256([]byte(k[0])), k[1], k[2])
	}
	auth, err := rpc.Keys(strings.NewReader(list.String()))
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// foreign are calls about what belongs to acme, each of another kind.
func foreign() []proto.Message {
	return append(calls(acme, unmade()), []proto.Message{
		&gatewayv1.GetBrandRequest{Name: acme},
		&gatewayv1.GetServiceViewRequest{Parent: acme},
		&gatewayv1.GetExperienceViewRequest{Parent: acme},
		&gatewayv1.CompareViewsRequest{Parent: acme},
		&gatewayv1.GetCustomerOverviewRequest{Name: ann + "/overview"},
	}...)
}

func readSeven() *ticketv1.GetTicketRequest { return &ticketv1.GetTicketRequest{Name: seven} }

// unauthenticated is a credential that nobody takes.
func unauthenticated(id, name, header string) row {
	return both(id, name, ask{
		req: readSeven(), header: map[string]string{"authorization": header}, code: codes.Unauthenticated, reason: "UNAUTHENTICATED",
	})
}

// keyRows are about who may do what.
func keyRows() []row {
	read := readSeven()
	return []row{
		unauthenticated("K02", "an empty bearer", "Bearer "),
		unauthenticated("K03", "a bearer of 10 KB", "Bearer "+strings.Repeat("x.", 5<<10)),
		unauthenticated("K43", "a key with another last character", "Bearer "+acmes[:len(acmes)-1]+"f"),
		unauthenticated("G53", "Basic", "Basic "+acmes),
		both("G54", "bearer in lower case", ask{req: read, header: map[string]string{"authorization": "bearer " + acmes}}),
		{"G52", "two credentials", twoKeys, web("", "", webRequest{
			method: "GET", path: "/v1/" + seven, header: map[string]string{"Authorization": "Bearer " + acmes + "\nBearer " + root},
		}, 401).rest},
		web("K46", "a key in the query", get("/v1/"+seven+"?key="+acmes), 401),
		both("A37", "a method without its scope", ask{req: newTicket(), key: readers, code: codes.PermissionDenied, reason: "SCOPE_MISSING"}),
		both("A37", "making brands, for a key of one", ask{
			req: &gatewayv1.CreateBrandRequest{BrandId: "mine", Brand: &gatewayv1.Brand{DisplayName: "Mine"}}, key: acmes, code: codes.PermissionDenied,
		}),
		both("K33", "reading with the scope to read", ask{req: read, key: readers}),
		both("A32", "a name in another brand", ask{req: read, key: others, code: notFound, reason: "NOT_FOUND"}),
		both("A32", "a reference into another brand", ask{
			req: newTicket(func(r *ticketv1.CreateTicketRequest) {
				r.Parent, r.Ticket.Customer = "brands/other", ann
			}), key: others, code: notFound,
		}),
		both("T51", "an interaction on another brand's ticket", ask{req: say(), key: others, code: notFound}),
		both("K56", "another brand's view through the gateway", ask{req: &gatewayv1.CompareViewsRequest{Parent: acme}, key: others, code: notFound}),
	}
}

// forgedRows are about what a header claims, and what it must not say.
func forgedRows() []row {
	read := readSeven()
	return []row{
		both("A43", "metadata that names another brand", ask{
			req: read, key: others, code: notFound,
			header: map[string]string{"x-tenant-id": "acme", "x-internal-user": "root", "x-brand": acme},
		}),
		both("A43", "metadata nobody asked for", ask{req: read, key: acmes, header: map[string]string{"x-tenant-id": "other", "x-internal-user": "root"}}),
		both("K44", "a header that names another brand gives no more", ask{
			req: &gatewayv1.ListBrandsRequest{}, key: acmes, header: map[string]string{"x-tenant-id": "other"},
			check: func(t *testing.T, _ *suite, m proto.Message) {
				if list := m.(*gatewayv1.ListBrandsResponse).GetBrands(); len(list) != 1 || list[0].GetName() != acme {
					t.Errorf("brands = %v, want acme alone", list)
				}
			},
		}),
		web("G41", "metadata forged in a header", webRequest{method: "GET", path: "/v1/" + seven, header: map[string]string{
			"Authorization": "Bearer " + acmes, "Grpc-Metadata-X-Tenant-Id": "other",
		}}, 200),
		web("G42", "a credential forged in a header", webRequest{method: "GET", path: "/v1/" + seven, header: map[string]string{
			"Authorization": "Bearer " + acmes, "Grpc-Metadata-Authorization": "Bearer forged",
		}}, 200),
		web("G42", "a credential in a forged header alone", webRequest{method: "GET", path: "/v1/" + seven, header: map[string]string{
			"Grpc-Metadata-Authorization": "Bearer " + acmes,
		}}, 401),
		web("G43", "binary metadata forged in a header", webRequest{method: "GET", path: "/v1/" + seven, header: map[string]string{
			"Authorization": "Bearer " + acmes, "Grpc-Metadata-Grpc-Internal-Foo-Bin": "!!",
		}}, 200),
		web("G47", "an address that claims to be near", webRequest{method: "GET", path: "/v1/" + seven, header: map[string]string{
			"X-Forwarded-For": "127.0.0.1",
		}}, 401),
		each("G68", "a view of somebody who may not see one part", lackingPart),
		{id: "K38", name: "reflection", grpc: unknown("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")},
		{id: "K39", name: "health without a key", grpc: healthy, rest: web("", "", get("/readyz"), 200).rest},
		{id: "K64", name: "no key in the log", grpc: keyless},
	}
}

// foreignRows are every kind of call about what belongs to somebody else.
func foreignRows() []row {
	all := func(id, name string, want ask) row {
		return each(id, name, func(t *testing.T, s *suite, way surface) {
			before := s.settled(t)
			for _, req := range foreign() {
				m, a := methodOf(req), want
				if way == onREST && !onWeb(m) {
					continue
				}
				a.req = req
				t.Run(string(m.Name()), func(t *testing.T) { a.want(t, way, s.send(t, way, a)) })
			}
			s.unchanged(t, before)
		})
	}
	return []row{
		all("A38", "every method without a key", ask{code: codes.Unauthenticated}),
		all("K01", "every method with a forged key", ask{key: "forged", code: codes.Unauthenticated}),
		all("A39", "every method for another brand", ask{key: others, code: notFound}),
	}
}

func twoKeys(t *testing.T, s *suite) {
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+acmes, "authorization", "Bearer "+root)
	_, err := ticketv1.NewTicketServiceClient(s.conn).GetTicket(ctx, &ticketv1.GetTicketRequest{Name: seven})
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("error = %v, want Unauthenticated", err)
	}
}

func lackingPart(t *testing.T, s *suite, way surface) {
	a := ask{req: &gatewayv1.GetCustomerOverviewRequest{Name: ann + "/overview"}, key: viewers}
	got := s.send(t, way, a)
	a.want(t, way, got)
	o, _ := got.msg.(*gatewayv1.CustomerOverview)
	for _, p := range o.GetParts() {
		if lacking := p.GetPart() == gatewayv1.Part_PART_TICKET; lacking != (p.GetState() == gatewayv1.PartState_STATE_DENIED) {
			t.Errorf("part %v", p)
		}
	}
	if len(o.GetTickets()) != 0 || len(o.GetTouchpoints()) == 0 {
		t.Errorf("overview = %v, want touchpoints and no tickets", o)
	}
}

func healthy(t *testing.T, s *suite) {
	res, err := healthv1.NewHealthClient(s.conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || res.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health = %v, %v", res, err)
	}
}

// keyless looks through what the rows before have logged.
func keyless(t *testing.T, s *suite) {
	for _, key := range []string{root, acmes, others, readers, viewers, clerks, mihirs, deaf, lame, "forged"} {
		if strings.Contains(s.log.String(), key) {
			t.Errorf("the log has the key %s", key)
		}
	}
}
