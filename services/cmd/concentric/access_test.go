package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// contract returns every method of the suite.
func contract() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				if strings.HasPrefix(string(f.Package()), "concentric.") {
					all = append(all, f.Services().Get(i).Methods().Get(j))
				}
			}
		}
		return true
	})
	return all
}

func accessOf(m protoreflect.MethodDescriptor) *typev1.Access {
	access, _ := proto.GetExtension(m.Options(), typev1.E_Access).(*typev1.Access)
	return access
}

// scoped returns a file with a key for each scope there is, and with keys for everything,
// for nothing, and for a partner.
func scoped(t *testing.T) string {
	t.Helper()
	var scopes []string
	for _, m := range contract() {
		scopes = append(scopes, accessOf(m).GetScope())
	}
	slices.Sort(scopes)
	var list strings.Builder
	for _, scope := range slices.Compact(scopes) {
		fmt.Fprintf(&list, "%x brands/acme %s\n", sha256.Sum256([]byte("may "+scope)), scope)
	}
	fmt.Fprintf(&list, "%x * *\n%x brands/acme nothing:read\n%x brands/acme/partners/bpo *\n",
		sha256.Sum256([]byte("root")), sha256.Sum256([]byte("lame")), sha256.Sum256([]byte("partner")))
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// try calls a method with a credential and an empty message, and returns what stands in
// the way: a code and a reason.
func try(t *testing.T, conn grpc.ClientConnInterface, m protoreflect.MethodDescriptor, bearer string) (codes.Code, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if bearer != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+bearer)
	}
	req, answer := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: m.IsStreamingClient(), ServerStreams: m.IsStreamingServer()},
		fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()))
	if err == nil {
		if err = stream.SendMsg(req); err == nil || errors.Is(err, io.EOF) {
			_ = stream.CloseSend() //nolint:errcheck // the answer says it
			err = stream.RecvMsg(answer)
		}
	}
	s := status.Convert(err)
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return s.Code(), info.GetReason()
		}
	}
	return s.Code(), ""
}

// TestEveryMethodIsClosedToThoseWithoutItsScope calls each method of the contracts, as the
// binary serves them, without a credential, with one of no use, with the scope and nothing
// else, and with everything for a partner or a customer alone.
func TestEveryMethodIsClosedToThoseWithoutItsScope(t *testing.T) {
	conn := connect(t, upWith(t, &upCmd{common: common{Data: t.TempDir()}, callers: callers{Keys: scoped(t)}}), "")
	app, err := gatewayv1.NewApiKeyServiceClient(conn).CreateApiKey(
		metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer root"), &gatewayv1.CreateApiKeyRequest{
			Parent: "brands/acme", ApiKey: &gatewayv1.ApiKey{DisplayName: "App", Customer: "brands/acme/customers/ann", Scopes: []string{"collect:read", "collect:write"}},
		})
	if err != nil {
		t.Fatal(err)
	}
	all := contract()
	if len(all) < 190 {
		t.Fatalf("the contracts have %d methods, want some 190", len(all))
	}
	bound := []string{"SCOPE_MISSING", "PARTNER_BOUND", "CUSTOMER_BOUND"}
	for _, m := range all {
		t.Run(string(m.FullName()), func(t *testing.T) {
			access := accessOf(m)
			closed := func(who, bearer string, code codes.Code, reasons ...string) {
				t.Helper()
				if got, reason := try(t, conn, m, bearer); got != code || !slices.Contains(reasons, reason) {
					t.Errorf("%s: %v %s, want %v %v", who, got, reason, code, reasons)
				}
			}
			open := func(who, bearer string) {
				t.Helper()
				if got, reason := try(t, conn, m, bearer); got == codes.Unauthenticated || got == codes.Unimplemented || slices.Contains(bound, reason) {
					t.Errorf("%s: %v %s, want it past the door", who, got, reason)
				}
			}
			if access.GetScope() == "" {
				t.Fatal("the method says nothing about access")
			}
			if !access.GetCapability() {
				closed("without a credential", "", codes.Unauthenticated, "UNAUTHENTICATED")
			}
			closed("with a forged credential", "forged", codes.Unauthenticated, "UNAUTHENTICATED")
			closed("without the scope", "lame", codes.PermissionDenied, "SCOPE_MISSING")
			open("with the scope", "may "+access.GetScope())
			open("with everything", "root")
			if access.GetPartner() {
				open("for a partner", "partner")
			} else {
				closed("for a partner", "partner", codes.PermissionDenied, "PARTNER_BOUND")
			}
			if !access.GetCustomer() {
				closed("for a customer", app.GetSecret(), codes.PermissionDenied, "SCOPE_MISSING", "CUSTOMER_BOUND")
			} else {
				open("for a customer", app.GetSecret())
			}
		})
	}
}
