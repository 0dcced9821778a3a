package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A ring is a replica of a gateway that wants a credential, and its keys.
type ring struct {
	gatewayv1.ApiKeyServiceClient
	gatewayv1.AdminServiceClient

	callers rpc.Authenticator
	work    func(context.Context)
}

// newRing starts a replica on db. It knows root, who may do everything, and acme, who may
// do so in one brand.
func newRing(t *testing.T, db *sqldb.DB) ring {
	t.Helper()
	g, err := gateway.New(t.Context(), db, gateway.Upstreams{}, gateway.Config{SecretKey: secretKey})
	if err != nil {
		t.Fatal(err)
	}
	known := func(_ context.Context, bearer string) (rpc.Caller, error) {
		switch bearer {
		case "root":
			return rpc.Caller{Scopes: []string{"*"}, Subject: "keys/root"}, nil
		case "acme":
			return rpc.Caller{Brand: "acme", Scopes: []string{"*"}, Subject: "keys/acme"}, nil
		}
		return rpc.Caller{}, rpc.Unauthenticated()
	}
	srv := rpc.NewServer(rpc.Config{Auth: known})
	g.Register(srv)
	srv.Authenticate(g.Callers)
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	conn := srv.Local()
	return ring{gatewayv1.NewApiKeyServiceClient(conn), gatewayv1.NewAdminServiceClient(conn), g.Callers(known), g.Work}
}

// eachRing runs f on both databases.
func eachRing(t *testing.T, f func(t *testing.T, db *sqldb.DB, r ring)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		f(t, db, newRing(t, db))
	})
}

// as returns a context whose calls bring the credential.
func as(t *testing.T, bearer string) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+bearer)
}

// cut makes a key of acme.
func (r ring) cut(t *testing.T, id string, spoil ...func(*gatewayv1.CreateApiKeyRequest)) *gatewayv1.ApiKey {
	t.Helper()
	key, err := r.CreateApiKey(as(t, "acme"), newKey(id, spoil...))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newKey(id string, spoil ...func(*gatewayv1.CreateApiKeyRequest)) *gatewayv1.CreateApiKeyRequest {
	req := &gatewayv1.CreateApiKeyRequest{
		Parent: "brands/acme", ApiKeyId: id, ApiKey: &gatewayv1.ApiKey{DisplayName: "Shop", Scopes: []string{"apikeys:admin", "tickets:read"}},
	}
	for _, s := range spoil {
		s(req)
	}
	return req
}

// refused checks the code and the reason of err.
func refused(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	s, got := status.Convert(err), ""
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			got = info.GetReason()
		}
	}
	if s.Code() != code || got != reason {
		t.Errorf("%s = %v %s (%s), want %v %s", what, s.Code(), got, s.Message(), code, reason)
	}
}

func TestNobodyGetsAKeyForAnErasedCustomer(t *testing.T) {
	eachRing(t, func(t *testing.T, db *sqldb.DB, _ ring) {
		forget(t, db, "brands/acme/customers/ann")
		r := newRing(t, db)
		of := func(customer string) *gatewayv1.CreateApiKeyRequest {
			return newKey("k-"+customer, func(req *gatewayv1.CreateApiKeyRequest) {
				req.ApiKey.Customer, req.ApiKey.Scopes = "brands/acme/customers/"+customer, []string{"collect:write"}
			})
		}
		_, err := r.CreateApiKey(as(t, "acme"), of("ann"))
		refused(t, "a key of an erased customer", err, codes.FailedPrecondition, "CUSTOMER_ERASED")
		if _, err := r.CreateApiKey(as(t, "acme"), of("bob")); err != nil {
			t.Errorf("a key of somebody else: %v", err)
		}
	})
}

func TestAKeyIsToldOnceAndKeptByNobody(t *testing.T) {
	eachRing(t, func(t *testing.T, db *sqldb.DB, r ring) {
		req := newKey("shop", func(r *gatewayv1.CreateApiKeyRequest) { r.RequestId = "7c9e6679-7425-40de-944b-e07fc1f90ae7" })
		key, err := r.CreateApiKey(as(t, "acme"), req)
		if err != nil {
			t.Fatal(err)
		}
		secret := key.GetSecret()
		if !strings.HasPrefix(secret, "ck_acme_shop_") || key.GetCreator() != "keys/acme" || key.GetLastUseTime() != nil {
			t.Errorf("the key is %v", key)
		}
		if again, err := r.CreateApiKey(as(t, "acme"), req); err != nil || !proto.Equal(again, key) {
			t.Errorf("a repeat answers %v, %v, want %v", again, err, key)
		}
		got, err := r.GetApiKey(as(t, secret), &gatewayv1.GetApiKeyRequest{Name: key.GetName()})
		if err != nil || got.GetSecret() != "" {
			t.Errorf("with the key itself: %v, %v, want it without its secret", got, err)
		}
		list, err := r.ListApiKeys(as(t, secret), &gatewayv1.ListApiKeysRequest{Parent: "brands/acme"})
		if err != nil || len(list.GetApiKeys()) != 1 || list.GetApiKeys()[0].GetSecret() != "" {
			t.Errorf("the list is %v, %v, want the key without its secret", list, err)
		}
		_, err = r.CreateBrand(as(t, secret), &gatewayv1.CreateBrandRequest{BrandId: "x", Brand: &gatewayv1.Brand{DisplayName: "X"}})
		refused(t, "without the scope", err, codes.PermissionDenied, "SCOPE_MISSING")
		_, err = r.ListApiKeys(as(t, secret), &gatewayv1.ListApiKeysRequest{Parent: "brands/other"})
		refused(t, "in another brand", err, codes.NotFound, "NOT_FOUND")
		dry := newKey("dry", func(r *gatewayv1.CreateApiKeyRequest) { r.ValidateOnly = true })
		if key, err := r.CreateApiKey(as(t, "acme"), dry); err != nil || key.GetSecret() != "" {
			t.Errorf("when nothing is made the answer is %v, %v, want no secret", key, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.work(ctx) // which notes what was used before it ends
		got, err = r.GetApiKey(as(t, "acme"), &gatewayv1.GetApiKeyRequest{Name: key.GetName()})
		if err != nil || time.Since(got.GetLastUseTime().AsTime()) > time.Minute || got.GetEtag() != key.GetEtag() {
			t.Errorf("after its use the key is %v, %v, want a last use and the same etag", got, err)
		}
		for _, stored := range dump(t, db) {
			if strings.Contains(stored, secret) || strings.Contains(stored, secret[len("ck_acme_shop_"):]) {
				t.Errorf("the database keeps the secret: %q", stored)
			}
		}
	})
}

// dump returns what could hold a secret.
func dump(t *testing.T, db *sqldb.DB) (all []string) {
	t.Helper()
	for _, query := range []string{`SELECT hash, previous_hash, id FROM api_key`, `SELECT response, digest, request_id FROM request`} {
		rows, err := db.Read().QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var a, b, c []byte
			if err := rows.Scan(&a, &b, &c); err != nil {
				t.Fatal(err)
			}
			all = append(all, string(a), string(b), string(c))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 6 {
		t.Fatalf("the database keeps %d values, want a key and an answer", len(all))
	}
	return all
}

func TestNobodyGivesAKeyMoreThanTheyMayDo(t *testing.T) {
	eachRing(t, func(t *testing.T, _ *sqldb.DB, r ring) {
		clerk := r.cut(t, "clerk").GetSecret()
		strong := r.cut(t, "strong", func(r *gatewayv1.CreateApiKeyRequest) { r.ApiKey.Scopes = []string{"*"} })
		weak := r.cut(t, "weak", func(r *gatewayv1.CreateApiKeyRequest) { r.ApiKey.Scopes = []string{"tickets:read"} })
		for _, scope := range []string{"*", "tickets:write"} {
			_, err := r.CreateApiKey(as(t, clerk), newKey("more", func(r *gatewayv1.CreateApiKeyRequest) { r.ApiKey.Scopes = []string{"tickets:read", scope} }))
			refused(t, "making a key for "+scope, err, codes.PermissionDenied, "SCOPE_MISSING")
			_, err = r.UpdateApiKey(as(t, clerk), &gatewayv1.UpdateApiKeyRequest{ApiKey: &gatewayv1.ApiKey{Name: weak.GetName(), Scopes: []string{scope}}})
			refused(t, "giving a key "+scope, err, codes.PermissionDenied, "SCOPE_MISSING")
			// One that rests is enabled by somebody else one day, and its secret is known then.
			_, err = r.CreateApiKey(as(t, clerk), newKey("resting", func(r *gatewayv1.CreateApiKeyRequest) {
				r.ApiKey.Scopes, r.ApiKey.Disabled = []string{scope}, true
			}))
			refused(t, "making a disabled key for "+scope, err, codes.PermissionDenied, "SCOPE_MISSING")
			_, err = r.UpdateApiKey(as(t, clerk), &gatewayv1.UpdateApiKeyRequest{ApiKey: &gatewayv1.ApiKey{Name: weak.GetName(), Scopes: []string{scope}, Disabled: true}})
			refused(t, "disabling a key and giving it "+scope, err, codes.PermissionDenied, "SCOPE_MISSING")
		}
		_, err := r.RotateApiKey(as(t, clerk), &gatewayv1.RotateApiKeyRequest{Name: strong.GetName()})
		refused(t, "taking a stronger key", err, codes.PermissionDenied, "SCOPE_MISSING")
		_, err = r.CreateApiKey(as(t, clerk), newKey("less", func(r *gatewayv1.CreateApiKeyRequest) { r.ApiKey.Scopes = []string{"tickets:read"} }))
		if err != nil {
			t.Errorf("making a weaker key: %v", err)
		}
		able := func(disabled bool) error {
			_, err := r.UpdateApiKey(as(t, clerk), &gatewayv1.UpdateApiKeyRequest{
				ApiKey: &gatewayv1.ApiKey{Name: strong.GetName(), Disabled: disabled}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"disabled"}},
			})
			return err
		}
		if err := able(true); err != nil {
			t.Errorf("disabling a stronger key: %v", err)
		}
		refused(t, "enabling a stronger key", able(false), codes.PermissionDenied, "SCOPE_MISSING")
		if _, err := r.DeleteApiKey(as(t, clerk), &gatewayv1.DeleteApiKeyRequest{Name: strong.GetName()}); err != nil {
			t.Errorf("deleting a stronger key: %v", err)
		}
	})
}

func TestAKeyEnds(t *testing.T) { // K45
	eachRing(t, func(t *testing.T, _ *sqldb.DB, r ring) {
		use := func(key *gatewayv1.ApiKey) error {
			_, err := r.callers(t.Context(), key.GetSecret())
			return err
		}
		update := func(key *gatewayv1.ApiKey, path string) {
			t.Helper()
			_, err := r.UpdateApiKey(as(t, "acme"), &gatewayv1.UpdateApiKeyRequest{ApiKey: key, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{path}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		key := r.cut(t, "shop")
		calls := func() error {
			_, err := r.ListApiKeys(as(t, key.GetSecret()), &gatewayv1.ListApiKeysRequest{Parent: "brands/acme"})
			return err
		}
		if err := calls(); err != nil {
			t.Fatal(err)
		}
		key.Disabled = true
		update(key, "disabled")
		refused(t, "a disabled key", calls(), codes.Unauthenticated, "KEY_DISABLED")
		key.Disabled = false
		key.Etag = ""
		update(key, "disabled")
		if err := calls(); err != nil {
			t.Errorf("enabled again: %v", err)
		}
		key.ExpireTime = timestamppb.New(time.Now().Add(200 * time.Millisecond))
		update(key, "expire_time")
		eventually(t, "the key has expired", func() bool { return calls() != nil })
		refused(t, "an expired key", calls(), codes.Unauthenticated, "KEY_EXPIRED")
		key.ExpireTime = nil
		update(key, "expire_time")
		if err := calls(); err != nil {
			t.Errorf("good for ever: %v", err)
		}
		if _, err := r.DeleteApiKey(as(t, "acme"), &gatewayv1.DeleteApiKeyRequest{Name: key.GetName()}); err != nil {
			t.Fatal(err)
		}
		refused(t, "a deleted key", calls(), codes.Unauthenticated, "UNAUTHENTICATED")

		past := newKey("past", func(r *gatewayv1.CreateApiKeyRequest) {
			r.ApiKey.ExpireTime = timestamppb.New(time.Now().Add(-time.Second))
		})
		_, err := r.CreateApiKey(as(t, "acme"), past)
		refused(t, "a key for yesterday", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		other := r.cut(t, "other")
		for _, bad := range []string{
			other.GetSecret()[:len(other.GetSecret())-1], other.GetSecret() + "x", "ck_acme_nobody_x", "ck_acme_other_", strings.Replace(other.GetSecret(), "ck_", "pk_", 1),
		} {
			refused(t, bad, use(&gatewayv1.ApiKey{Secret: bad}), codes.Unauthenticated, "UNAUTHENTICATED") // K43
		}
	})
}

func TestTheOldKeyIsGoodForTheGracePeriod(t *testing.T) {
	eachRing(t, func(t *testing.T, _ *sqldb.DB, r ring) {
		use := func(secret string) error {
			_, err := r.callers(t.Context(), secret)
			return err
		}
		rotate := func(grace time.Duration, id string) *gatewayv1.ApiKey {
			t.Helper()
			key, err := r.RotateApiKey(as(t, "acme"), &gatewayv1.RotateApiKeyRequest{
				Name: "brands/acme/apiKeys/shop", GracePeriod: durationpb.New(grace), RequestId: id,
			})
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
		first := r.cut(t, "shop").GetSecret()
		second := rotate(time.Hour, "1f0f6a2c-6a3e-4e0e-9a51-7f6f0d1c2b31")
		if again := rotate(time.Hour, "1f0f6a2c-6a3e-4e0e-9a51-7f6f0d1c2b31"); !proto.Equal(again, second) {
			t.Errorf("a repeat answers %v, want %v", again, second)
		}
		if err := use(first); err != nil {
			t.Errorf("the old key within the grace period: %v", err)
		}
		third := rotate(200*time.Millisecond, "")
		refused(t, "the key before the old one", use(first), codes.Unauthenticated, "UNAUTHENTICATED")
		eventually(t, "the grace period is over", func() bool { return use(second.GetSecret()) != nil })
		refused(t, "the old key afterwards", use(second.GetSecret()), codes.Unauthenticated, "KEY_EXPIRED")
		if err := use(third.GetSecret()); err != nil {
			t.Errorf("the new key: %v", err)
		}
		fourth := rotate(0, "")
		refused(t, "the old key without a grace period", use(third.GetSecret()), codes.Unauthenticated, "UNAUTHENTICATED")
		if err := use(fourth.GetSecret()); err != nil || fourth.GetPreviousExpireTime() != nil {
			t.Errorf("the new key %v: %v", fourth, err)
		}
		for _, grace := range []time.Duration{-time.Second, 7*24*time.Hour + time.Second} {
			_, err := r.RotateApiKey(as(t, "acme"), &gatewayv1.RotateApiKeyRequest{Name: "brands/acme/apiKeys/shop", GracePeriod: durationpb.New(grace)})
			refused(t, fmt.Sprint("a grace period of ", grace), err, codes.InvalidArgument, "INVALID_ARGUMENT")
		}
	})
}

func TestAKeyOfAPartnerOrACustomerActsForNobodyElse(t *testing.T) {
	eachRing(t, func(t *testing.T, _ *sqldb.DB, r ring) {
		partner := r.cut(t, "bpo", func(r *gatewayv1.CreateApiKeyRequest) { r.ApiKey.Partner = "brands/acme/partners/bpo_1" })
		app := r.cut(t, "app", func(r *gatewayv1.CreateApiKeyRequest) {
			r.ApiKey.Customer, r.ApiKey.Scopes = "brands/acme/customers/ann", []string{"collect:write"}
		})
		for _, tt := range []struct {
			key    *gatewayv1.ApiKey
			prefix string
			want   rpc.Caller
		}{
			{partner, "ck_acme_bpo_", rpc.Caller{Brand: "acme", Partner: "bpo_1", Scopes: []string{"apikeys:admin", "tickets:read"}, Subject: "apiKeys/bpo", Kept: true}},
			{app, "pk_acme_app_", rpc.Caller{Brand: "acme", Customer: "brands/acme/customers/ann", Scopes: []string{"collect:write"}, Subject: "apiKeys/app", Kept: true}},
		} {
			got, err := r.callers(t.Context(), tt.key.GetSecret())
			if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) || !strings.HasPrefix(tt.key.GetSecret(), tt.prefix) {
				t.Errorf("%s is of %+v, %v, want %+v", tt.prefix, got, err, tt.want)
			}
		}
		_, err := r.ListApiKeys(as(t, partner.GetSecret()), &gatewayv1.ListApiKeysRequest{Parent: "brands/acme"})
		refused(t, "keys of the brand, for a partner", err, codes.PermissionDenied, "PARTNER_BOUND")
		for what, spoil := range map[string]func(*gatewayv1.ApiKey){
			"everything, for a customer":         func(k *gatewayv1.ApiKey) { k.Customer, k.Scopes = "brands/acme/customers/ann", []string{"*"} },
			"tickets, for a customer":            func(k *gatewayv1.ApiKey) { k.Customer = "brands/acme/customers/ann" },
			"both a partner and a customer":      func(k *gatewayv1.ApiKey) { k.Customer, k.Partner = app.GetCustomer(), partner.GetPartner() },
			"no scope":                           func(k *gatewayv1.ApiKey) { k.Scopes = nil },
			"a scope twice":                      func(k *gatewayv1.ApiKey) { k.Scopes = []string{"tickets:read", "tickets:read"} },
			"a scope of two words":               func(k *gatewayv1.ApiKey) { k.Scopes = []string{"tickets:read tickets:write"} },
			"everything that begins with a word": func(k *gatewayv1.ApiKey) { k.Scopes = []string{"tickets:*"} },
		} {
			_, err := r.CreateApiKey(as(t, "acme"), newKey("bad", func(r *gatewayv1.CreateApiKeyRequest) { spoil(r.ApiKey) }))
			refused(t, what, err, codes.InvalidArgument, "INVALID_ARGUMENT")
		}
		_, err = r.UpdateApiKey(as(t, "acme"), &gatewayv1.UpdateApiKeyRequest{ApiKey: &gatewayv1.ApiKey{Name: app.GetName(), Scopes: []string{"tickets:read"}}})
		refused(t, "tickets, for an app", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		for _, foreign := range []func(*gatewayv1.ApiKey){
			func(k *gatewayv1.ApiKey) { k.Partner = "brands/other/partners/bpo" },
			func(k *gatewayv1.ApiKey) {
				k.Customer, k.Scopes = "brands/other/customers/ann", []string{"collect:write"}
			},
		} {
			_, err := r.CreateApiKey(as(t, "acme"), newKey("bad", func(r *gatewayv1.CreateApiKeyRequest) { foreign(r.ApiKey) }))
			refused(t, "somebody of another brand", err, codes.NotFound, "NOT_FOUND")
		}
	})
}

func TestAnotherReplicaObeysWithinTenSeconds(t *testing.T) {
	eachRing(t, func(t *testing.T, db *sqldb.DB, r ring) {
		other := newRing(t, db)
		key := r.cut(t, "shop")
		if _, err := other.callers(t.Context(), key.GetSecret()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := r.DeleteApiKey(as(t, "acme"), &gatewayv1.DeleteApiKeyRequest{Name: key.GetName()}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.callers(t.Context(), key.GetSecret()); err == nil {
			t.Error("the replica that deleted the key takes it")
		}
		eventually(t, "the other replica refuses the key", func() bool {
			_, err := other.callers(t.Context(), key.GetSecret())
			return err != nil
		})
		if took := time.Since(start); took > 11*time.Second {
			t.Errorf("the other replica took %v", took)
		}
	})
}

func TestACredentialOfADeletedBrandIsRefused(t *testing.T) { // K28
	eachRing(t, func(t *testing.T, _ *sqldb.DB, r ring) {
		brand, err := r.CreateBrand(as(t, "root"), &gatewayv1.CreateBrandRequest{BrandId: "acme", Brand: &gatewayv1.Brand{DisplayName: "Acme"}})
		if err != nil {
			t.Fatal(err)
		}
		key := r.cut(t, "shop").GetSecret()
		calls := func(bearer string) error {
			_, err := r.ListApiKeys(as(t, bearer), &gatewayv1.ListApiKeysRequest{Parent: "brands/acme"})
			return err
		}
		names := func(deleted bool) (all []string) {
			list, err := r.ListBrands(as(t, "root"), &gatewayv1.ListBrandsRequest{ShowDeleted: deleted})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range list.GetBrands() {
				all = append(all, b.GetName())
			}
			return all
		}
		_, err = r.DeleteBrand(as(t, "acme"), &gatewayv1.DeleteBrandRequest{Name: brand.GetName()})
		refused(t, "deleting one's own brand", err, codes.PermissionDenied, "BRAND_BOUND")
		gone, err := r.DeleteBrand(as(t, "root"), &gatewayv1.DeleteBrandRequest{Name: brand.GetName(), Etag: brand.GetEtag()})
		if err != nil || gone.GetDeleteTime() == nil || gone.GetEtag() == brand.GetEtag() {
			t.Fatalf("deleted: %v, %v", gone, err)
		}
		for _, bearer := range []string{key, "acme"} {
			refused(t, "a credential of a deleted brand", calls(bearer), codes.PermissionDenied, "BRAND_DELETED")
		}
		if err := calls("root"); err != nil {
			t.Errorf("for any brand: %v", err)
		}
		if got := names(false); len(got) != 0 {
			t.Errorf("the list has %v, want none", got)
		}
		if got := names(true); !slices.Equal(got, []string{"brands/acme"}) {
			t.Errorf("the list with deleted ones has %v, want acme", got)
		}
		_, err = r.DeleteBrand(as(t, "root"), &gatewayv1.DeleteBrandRequest{Name: brand.GetName()})
		refused(t, "deleting it again", err, codes.FailedPrecondition, "DELETED")
		if _, err = r.UndeleteBrand(as(t, "root"), &gatewayv1.UndeleteBrandRequest{Name: brand.GetName()}); err != nil {
			t.Fatal(err)
		}
		for _, bearer := range []string{key, "acme"} {
			if err := calls(bearer); err != nil {
				t.Errorf("after the brand came back: %v", err)
			}
		}
		_, err = r.UndeleteBrand(as(t, "root"), &gatewayv1.UndeleteBrandRequest{Name: brand.GetName()})
		refused(t, "undeleting it again", err, codes.FailedPrecondition, "NOT_DELETED")
	})
}

func TestABrandIsRenamed(t *testing.T) {
	eachRing(t, func(t *testing.T, _ *sqldb.DB, r ring) {
		brand, err := r.CreateBrand(as(t, "root"), &gatewayv1.CreateBrandRequest{BrandId: "acme", Brand: &gatewayv1.Brand{DisplayName: "Acme"}})
		if err != nil {
			t.Fatal(err)
		}
		update := func(b *gatewayv1.Brand, paths ...string) (*gatewayv1.Brand, error) {
			return r.UpdateBrand(as(t, "acme"), &gatewayv1.UpdateBrandRequest{Brand: b, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
		}
		renamed, err := update(&gatewayv1.Brand{Name: brand.GetName(), DisplayName: "Acme Ltd", Etag: brand.GetEtag()}, "display_name")
		if err != nil || renamed.GetDisplayName() != "Acme Ltd" || !renamed.GetUpdateTime().AsTime().After(brand.GetUpdateTime().AsTime()) {
			t.Errorf("renamed: %v, %v", renamed, err)
		}
		_, err = update(&gatewayv1.Brand{Name: brand.GetName(), DisplayName: "Late", Etag: brand.GetEtag()}, "display_name")
		refused(t, "an old etag", err, codes.Aborted, "STALE")
		_, err = update(&gatewayv1.Brand{Name: brand.GetName(), DisplayName: " "}, "display_name")
		refused(t, "no name", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		_, err = update(&gatewayv1.Brand{Name: brand.GetName()}, "delete_time")
		refused(t, "deleting by an update", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		_, err = update(&gatewayv1.Brand{Name: "brands/other", DisplayName: "Other"}, "display_name")
		refused(t, "another brand", err, codes.NotFound, "NOT_FOUND")
		got, err := r.GetBrand(as(t, "acme"), &gatewayv1.GetBrandRequest{Name: brand.GetName()})
		if err != nil || !proto.Equal(got, renamed) {
			t.Errorf("the brand is %v, %v, want %v", got, err, renamed)
		}
	})
}
