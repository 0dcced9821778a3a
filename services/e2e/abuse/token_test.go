package abuse

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// tokened is a suite that takes API keys and the tokens of an issuer.
func tokened(t *testing.T) *suite {
	t.Helper()
	i := newIssuer(t)
	s := start(t, config{auth: rpc.AnyOf(lock(t), i.known(t))})
	s.key, s.issuer = root, i
	furnish(t, s)
	must[*gatewayv1.Brand](t, s, &gatewayv1.CreateBrandRequest{BrandId: "closed", Brand: &gatewayv1.Brand{DisplayName: "Closed"}})
	must[*gatewayv1.Brand](t, s, &gatewayv1.DeleteBrandRequest{Name: "brands/closed"})
	return s
}

// jwt is a row about reading a ticket with a token that mint makes.
func jwt(id, name string, code codes.Code, reason string, mint func(*testing.T, *issuer) string) row {
	return each(id, name, func(t *testing.T, s *suite, way surface) {
		a := ask{req: readSeven(), key: mint(t, s.issuer), code: code, reason: reason}
		a.want(t, way, s.send(t, way, a))
	})
}

// claimed is a row about a token of the issuer that claims something else than a good one.
func claimed(id, name string, code codes.Code, reason string, change ...claim) row {
	return jwt(id, name, code, reason, func(t *testing.T, i *issuer) string { return i.sign(t, change...) })
}

const (
	stranger = codes.Unauthenticated
	denied   = codes.PermissionDenied
)

// claimRows are about what tokens claim.
func claimRows() []row {
	return []row{
		claimed("K17", "another issuer", stranger, "TOKEN_ISSUER", set("iss", "https://login.example")),
		claimed("K17", "no issuer", stranger, "TOKEN_ISSUER", set("iss", nil)),
		claimed("K17", "an issuer with a slash more", stranger, "TOKEN_ISSUER", func(c map[string]any) { c["iss"] = c["iss"].(string) + "/" }),
		claimed("K18", "no audience", stranger, "TOKEN_AUDIENCE", set("aud", nil)),
		claimed("K18", "another audience", stranger, "TOKEN_AUDIENCE", set("aud", "else")),
		claimed("K19", "an audience among others", ok, "", set("aud", []string{"else", "concentric"})),
		claimed("K20", "an end a second ago", ok, "", in("exp", -1)),
		claimed("K21", "an end 31 seconds ago", stranger, "TOKEN_EXPIRED", in("exp", -31)),
		claimed("K22", "no end", stranger, "TOKEN_INVALID", set("exp", nil)),
		claimed("K23", "an end in ten years", stranger, "TOKEN_LIFETIME", in("exp", 10*365*86400)),
		claimed("K24", "a beginning in 31 seconds", stranger, "TOKEN_EARLY", in("nbf", 32)),
		claimed("K25", "issued in an hour", stranger, "TOKEN_EARLY", in("iat", 3600), in("exp", 7200)),
		claimed("K26", "an issuer in a list", stranger, "TOKEN_INVALID", func(c map[string]any) { c["iss"] = []any{c["iss"]} }),
		claimed("K26", "a brand in a list", stranger, "TOKEN_INVALID", set("brand", []string{"acme"})),
		claimed("K26", "an end in a list", stranger, "TOKEN_INVALID", set("exp", []int{1 << 40})),
		claimed("K27", "no brand", denied, "BRAND_CLAIM", set("brand", nil)),
		claimed("K28", "a brand that is closed", denied, "BRAND_DELETED", set("brand", "closed")),
		claimed("K29", "an empty brand", denied, "BRAND_CLAIM", set("brand", "")),
		claimed("K29", "any brand", denied, "BRAND_CLAIM", set("brand", "*")),
		claimed("K29", "a brand with a slash", denied, "BRAND_CLAIM", set("brand", "acme/x")),
		jwt("K30", "two brands", denied, "BRAND_CLAIM", func(t *testing.T, i *issuer) string {
			return i.with(t, jose.ES256, i.keys["ec"], map[string]any{"kid": "ec"}, []byte(`{"brand": "acme", "brand": "other"}`))
		}),
		claimed("K31", "scopes in one text", ok, "", set("scope", "tickets:read tickets:write")),
		claimed("K31", "scopes in a list", ok, "", set("scope", []string{"tickets:write", "tickets:read"})),
		claimed("K32", "a scope that does not exist, beside another", ok, "", set("scope", "admin tickets:read")),
		claimed("K32", "a scope that does not exist alone", denied, "SCOPE_MISSING", set("scope", "admin")),
	}
}

// signatureRows are about who has signed a token, and how.
func signatureRows() []row {
	kid := func(id string) map[string]any { return map[string]any{"kid": id} }
	unsigned := func(id, name, header string) row {
		return jwt(id, name, stranger, "", func(t *testing.T, i *issuer) string { return i.headed(t, header) })
	}
	strange := func(id, name, reason string, header map[string]any) row {
		return jwt(id, name, stranger, reason, func(t *testing.T, i *issuer) string {
			return i.with(t, jose.EdDSA, i.keys["strange"], header, i.claims())
		})
	}
	return []row{
		jwt("K03", "one dot", stranger, "UNAUTHENTICATED", func(t *testing.T, i *issuer) string {
			return i.sign(t)[:strings.LastIndexByte(i.sign(t), '.')]
		}),
		jwt("K03", "three dots", stranger, "UNAUTHENTICATED", func(t *testing.T, i *issuer) string { return i.sign(t) + ".x" }),
		jwt("K03", "a token of 10 KB", stranger, "TOKEN_INVALID", func(t *testing.T, i *issuer) string {
			return i.sign(t, set("x", strings.Repeat("x", 7<<10)))
		}),
		unsigned("K04", "alg none", `{"alg":"none","kid":"ec"}`),
		unsigned("K04", "alg None", `{"alg":"None","kid":"ec"}`),
		unsigned("K04", "alg nOnE", `{"alg":"nOnE","kid":"ec"}`),
		jwt("K05", "HS256 with the public key", stranger, "TOKEN_INVALID", func(t *testing.T, i *issuer) string {
			return i.with(t, jose.HS256, i.public(t), kid("rsa"), i.claims())
		}),
		unsigned("K06", "an RSA algorithm over an EC key", `{"alg":"RS256","kid":"ec"}`),
		jwt("K07", "no signature", stranger, "TOKEN_INVALID", func(t *testing.T, i *issuer) string {
			return i.sign(t)[:strings.LastIndexByte(i.sign(t), '.')+1]
		}),
		jwt("K08", "the signature of another token", stranger, "TOKEN_INVALID", func(t *testing.T, i *issuer) string {
			mine, theirs := i.sign(t), i.sign(t, set("sub", "ben"))
			return mine[:strings.LastIndexByte(mine, '.')] + theirs[strings.LastIndexByte(theirs, '.'):]
		}),
		strange("K09", "good claims that nobody has signed", "TOKEN_KEY", kid("new")),
		strange("K10", "a key that nobody knows", "TOKEN_KEY", kid("newer")),
		strange("K11", "a path for a key", "TOKEN_KEY", kid("../../dev/null")),
		strange("K11", "an address for a key", "TOKEN_KEY", kid("https://evil.example/keys")),
		strange("K11", "an address of keys", "", map[string]any{"kid": "ec", "jku": "https://evil.example/keys", "x5u": "https://evil.example/x"}),
	}
}

// issuedRows are about API keys that a brand has made, and their end.
func issuedRows() []row {
	made := func(t *testing.T, s *suite) *gatewayv1.ApiKey {
		t.Helper()
		return must[*gatewayv1.ApiKey](t, s, &gatewayv1.CreateApiKeyRequest{
			Parent: acme, ApiKey: &gatewayv1.ApiKey{DisplayName: "Mine", Scopes: []string{"tickets:read"}},
		})
	}
	ends := func(id, what, reason string, end func(name string) proto.Message) row {
		return each(id, what, func(t *testing.T, s *suite, way surface) {
			key := made(t, s)
			read := ask{req: readSeven(), key: key.GetSecret()}
			read.want(t, way, s.send(t, way, read))
			s.send(t, onGRPC, ask{req: end(key.GetName()), key: root})
			read.code, read.reason = stranger, reason
			until(t, "the key is refused", func() bool { return s.send(t, way, read).status.Code() != ok })
			read.want(t, way, s.send(t, way, read))
		})
	}
	return []row{
		each("K43", "a key that a brand has made, with another last character", func(t *testing.T, s *suite, way surface) {
			key := made(t, s).GetSecret()
			last := "a"
			if strings.HasSuffix(key, last) {
				last = "b"
			}
			a := ask{req: readSeven(), key: key[:len(key)-1] + last, code: stranger, reason: "UNAUTHENTICATED"}
			a.want(t, way, s.send(t, way, a))
		}),
		each("K44", "a key of acme's beside a header of another brand", func(t *testing.T, s *suite, way surface) {
			key, header := made(t, s).GetSecret(), map[string]string{"x-tenant-id": "other"}
			ask{req: readSeven(), key: key, header: header}.on(way)(t, s)
			ask{req: &ticketv1.GetTicketRequest{Name: "brands/other/tickets/9"}, key: key, header: header, code: notFound}.on(way)(t, s)
		}),
		ends("K45", "a disabled key", "KEY_DISABLED", func(name string) proto.Message {
			return &gatewayv1.UpdateApiKeyRequest{ApiKey: &gatewayv1.ApiKey{Name: name, Disabled: true}}
		}),
		ends("K45", "an expired key", "KEY_EXPIRED", func(name string) proto.Message {
			return &gatewayv1.UpdateApiKeyRequest{ApiKey: &gatewayv1.ApiKey{Name: name, ExpireTime: timestamppb.New(time.Now().Add(100 * time.Millisecond))}}
		}),
		ends("K45", "a rotated key", "UNAUTHENTICATED", func(name string) proto.Message { return &gatewayv1.RotateApiKeyRequest{Name: name} }),
		each("K54", "a pass that nobody has signed", func(t *testing.T, s *suite, way surface) {
			a := ask{req: readSeven(), key: "cp_eyJzIjpbIioiXSwidSI6IngiLCJlIjo5OTk5OTk5OTk5OTk5fQ.AAAA", code: stranger}
			a.want(t, way, s.send(t, way, a))
		}),
		{id: "K64", name: "no token in the log", grpc: func(t *testing.T, s *suite) {
			for _, secret := range []string{"ck_acme", "eyJ", "cp_"} {
				if strings.Contains(s.log.String(), secret) {
					t.Errorf("the log has %s", secret)
				}
			}
		}},
	}
}
