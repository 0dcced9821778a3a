package front

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// protocols are the ways of a client that does not speak gRPC itself.
func protocols() map[string][]connecthttp.Option {
	return map[string][]connecthttp.Option{
		"Connect":              nil,
		"Connect JSON":         {connecthttp.WithProtoJSON()},
		"Connect, compressed":  {connecthttp.WithSendGzip()},
		"gRPC-Web":             {connecthttp.WithGRPCWeb()},
		"gRPC-Web JSON":        {connecthttp.WithGRPCWeb(), connecthttp.WithProtoJSON()},
		"gRPC-Web, compressed": {connecthttp.WithGRPCWeb(), connecthttp.WithSendGzip()},
	}
}

func client(addr string, opts ...connecthttp.Option) *connect.Client {
	return connect.NewClient(connecthttp.NewTransport(http.DefaultClient, "http://"+addr, opts...))
}

func unarySpec(method string) connect.Spec { return connect.Spec{Procedure: method} }

// wantFault fails the test unless err has the reason.
func wantFault(t *testing.T, err error, code connect.Code, reason string) {
	t.Helper()
	e, ok := errors.AsType[*connect.Error](err)
	if !ok || e.Code() != code {
		t.Fatalf("error = %v, want %v", err, code)
	}
	for _, packed := range e.Details() {
		if d, err := connectproto.UnmarshalErrorDetail(packed); err == nil {
			if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetReason() == reason {
				return
			}
		}
	}
	t.Errorf("details of %v do not have the reason %s", err, reason)
}

func TestACallByEachProtocol(t *testing.T) {
	addr := serve(t)
	for name, opts := range protocols() {
		t.Run(name, func(t *testing.T) {
			c := client(addr, opts...)
			ctx, info := connect.NewClientContext(t.Context())
			info.RequestHeader().Set("X-Tenant-Id", "victim")
			info.RequestHeader().Set("Idempotency-Key", "0B54F3C2-9D5E-4A43-8F8E-0D3A5C1F7E11")
			got := &gatewayv1.Brand{}
			req := &gatewayv1.CreateBrandRequest{BrandId: "acme", Brand: &gatewayv1.Brand{DisplayName: "Acme"}}
			if err := c.CallUnary(ctx, unarySpec(gatewayv1.AdminService_CreateBrand_FullMethodName), req, got); err != nil {
				t.Fatal(err)
			}
			if got.GetName() != "brands/acme" || got.GetDisplayName() != "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e11" {
				t.Errorf("answer = %v, want the brand with the key as its request_id", got)
			}
			if err := c.CallUnary(ctx, unarySpec(gatewayv1.AdminService_GetBrand_FullMethodName), &gatewayv1.GetBrandRequest{Name: "brands/acme"}, got); err != nil || got.GetDisplayName() != "" {
				t.Errorf("headers that reached the service = %q, %v, want none", got.GetDisplayName(), err)
			}
			req.BrandId = "taken"
			wantFault(t, c.CallUnary(t.Context(), unarySpec(gatewayv1.AdminService_CreateBrand_FullMethodName), req, got), connect.CodeAlreadyExists, "ALREADY_EXISTS")
			req.Brand.DisplayName = ""
			wantFault(t, c.CallUnary(t.Context(), unarySpec(gatewayv1.AdminService_CreateBrand_FullMethodName), req, got), connect.CodeInvalidArgument, "INVALID_ARGUMENT")
			req.Brand.DisplayName = strings.Repeat("x", maxMessage)
			wantFault(t, c.CallUnary(t.Context(), unarySpec(gatewayv1.AdminService_CreateBrand_FullMethodName), req, got), connect.CodeResourceExhausted, "TOO_LARGE")
			err := c.CallUnary(t.Context(), unarySpec(ticketv1.TicketService_GetTicket_FullMethodName), &ticketv1.GetTicketRequest{Name: "brands/acme/tickets/7"}, &ticketv1.Ticket{})
			if connect.CodeOf(err) != connect.CodeUnimplemented {
				t.Errorf("a service that is not here: %v, want unimplemented", err)
			}
		})
	}
}

func TestAWatchByEachProtocol(t *testing.T) {
	for name, opts := range protocols() {
		t.Run(name, func(t *testing.T) {
			s := newTickets()
			f, addr := serveTickets(t, s, asIs)
			watch := func(token string) connect.ClientStream {
				stream, err := client(addr, opts...).CallServerStream(t.Context(), connect.Spec{Procedure: ticketv1.TicketService_WatchTickets_FullMethodName, StreamType: connect.StreamTypeServer},
					&ticketv1.WatchTicketsRequest{Parent: "brands/acme", ResumeToken: token})
				if err != nil {
					t.Fatal(err)
				}
				return stream
			}
			stream := watch("abc")
			got := &ticketv1.WatchTicketsResponse{}
			for range 3 { // each arrives before the next is made
				s.news <- nil
				if err := stream.Receive(got); err != nil || got.GetResumeToken() != "abc" {
					t.Fatalf("message = %v, %v", got, err)
				}
			}
			s.news <- fault.Stale("x")
			wantFault(t, stream.Receive(got), connect.CodeAborted, "STALE")
			<-s.left

			wantFault(t, watch("\x00").Receive(got), connect.CodeInvalidArgument, "INVALID_ARGUMENT")

			stream = watch("")
			s.news <- nil
			if err := stream.Receive(got); err != nil {
				t.Fatal(err)
			}
			if err := stream.Close(); err != nil {
				t.Fatal(err)
			}
			<-s.left // the service is told that the client has gone

			stream = watch("")
			s.news <- nil
			if err := stream.Receive(got); err != nil {
				t.Fatal(err)
			}
			f.Shutdown(t.Context())
			wantFault(t, stream.Receive(got), connect.CodeUnavailable, "SHUTTING_DOWN")
		})
	}
}

// imports answers ImportTickets with how many messages came.
type imports struct {
	ticketv1.UnimplementedTicketServiceServer
}

func (imports) ImportTickets(stream grpc.ClientStreamingServer[ticketv1.ImportTicketsRequest, ticketv1.ImportTicketsResponse]) error {
	n := int64(0)
	for {
		switch _, err := stream.Recv(); {
		case errors.Is(err, io.EOF):
			return stream.SendAndClose(&ticketv1.ImportTicketsResponse{ImportedCount: n})
		case err != nil:
			return err
		}
		if n++; n == 100 {
			return fault.Stale("x")
		}
	}
}

func TestAStreamOfTheClient(t *testing.T) {
	addr := serveOne(t, func(srv *rpc.Server) { ticketv1.RegisterTicketServiceServer(srv, imports{}) })
	for name, opts := range protocols() {
		t.Run(name, func(t *testing.T) {
			send := func(n int) (*ticketv1.ImportTicketsResponse, error) {
				stream, err := client(addr, opts...).CallClientStream(t.Context(), connect.Spec{Procedure: ticketv1.TicketService_ImportTickets_FullMethodName, StreamType: connect.StreamTypeClient})
				if err != nil {
					t.Fatal(err)
				}
				defer stream.Close() //nolint:errcheck // the call is over
				for range n {
					if err := stream.Send(&ticketv1.ImportTicketsRequest{Parent: "brands/acme"}); err != nil {
						break // Receive says why
					}
				}
				if err := stream.CloseSend(); err != nil {
					t.Fatal(err)
				}
				got := &ticketv1.ImportTicketsResponse{}
				return got, stream.Receive(got)
			}
			if got, err := send(7); err != nil || got.GetImportedCount() != 7 {
				t.Errorf("answer to 7 messages = %v, %v", got, err)
			}
			_, err := send(150)
			wantFault(t, err, connect.CodeAborted, "STALE")
		})
	}
}

// serveOne starts a front with what register adds, and returns its address.
func serveOne(t *testing.T, register func(*rpc.Server)) string {
	t.Helper()
	srv := rpc.NewServer(rpc.Config{})
	register(srv)
	return serveWith(t, srv, Config{})
}

// serveWith starts a front of srv on a free port and returns its address.
func serveWith(t testing.TB, srv *rpc.Server, cfg Config) string {
	t.Helper()
	f, err := New(t.Context(), srv, cfg)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f.Serve(lis) }()
	f.SetReady(true)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		f.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return lis.Addr().String()
}

func TestWhatIsNoCallOnThePathOfOne(t *testing.T) {
	base := "http://" + serve(t)
	const path = gatewayv1.AdminService_GetBrand_FullMethodName
	for _, tt := range []struct {
		name, method, path, kind, body string
		code                           int
		want                           string
	}{
		{"a GET", "GET", path, "", "", 405, "METHOD_NOT_ALLOWED"},
		{"text", "POST", path, "text/plain", "x", 415, "UNKNOWN_PROTOCOL"},
		{"another character set", "POST", path, "application/json; charset=utf-16", "{}", 415, "UNKNOWN_PROTOCOL"},
		{"gRPC by HTTP/1.1", "POST", path, "application/grpc", "", 505, "NEEDS_HTTP2"},
		{"an unknown method, no call", "GET", "/concentric.gateway.v1.AdminService/Nope", "", "", 404, "NO_SUCH_PATH"},
		{"an unknown method", "POST", "/concentric.gateway.v1.AdminService/Nope", "application/json", "{}", 501, "unimplemented"},
		{"an unknown service", "POST", "/concentric.gateway.v1.NopeService/Nope", "application/json", "{}", 404, "NO_SUCH_PATH"},
		{"Connect by hand", "POST", path, "application/json", `{"name":"brands/acme"}`, 200, `"brands/acme"`},
		{"an unknown field", "POST", path, "application/json", `{"nam":"brands/acme"}`, 400, "nam"},
		{"no JSON", "POST", path, "application/json", `{`, 400, "invalid_argument"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, body := call(t, tt.method, base+tt.path, tt.body, http.Header{"Content-Type": {tt.kind}})
			if code != tt.code || !strings.Contains(body, tt.want) {
				t.Errorf("answer = %d %s, want %d with %s", code, body, tt.code, tt.want)
			}
		})
	}
}

// limited answers every call with what its limits are, and refuses some.
type limited struct {
	gatewayv1.UnimplementedAdminServiceServer
}

func (limited) GetBrand(ctx context.Context, req *gatewayv1.GetBrandRequest) (*gatewayv1.Brand, error) {
	if err := grpc.SetHeader(ctx, metadata.Pairs("ratelimit-limit", "100", "ratelimit-remaining", "7", "ratelimit-reset", "30", "x-internal", "secret")); err != nil {
		return nil, err
	}
	if req.GetName() == "brands/busy" {
		return nil, &fault.Error{Code: 8, Reason: "QUOTA", Message: "too many calls", Retry: 1500 * time.Millisecond}
	}
	return &gatewayv1.Brand{Name: req.GetName()}, nil
}

func TestLimitsBecomeHeaders(t *testing.T) {
	base := "http://" + serveOne(t, func(srv *rpc.Server) { gatewayv1.RegisterAdminServiceServer(srv, limited{}) })
	for _, brand := range []string{"acme", "busy"} {
		for _, way := range []string{"REST", "Connect"} {
			t.Run(way+" "+brand, func(t *testing.T) {
				req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/v1/brands/"+brand, nil)
				if way == "Connect" {
					req, err = http.NewRequestWithContext(t.Context(), "POST", base+gatewayv1.AdminService_GetBrand_FullMethodName, strings.NewReader(`{"name":"brands/`+brand+`"}`))
					req.Header.Set("Content-Type", "application/json")
				}
				if err != nil {
					t.Fatal(err)
				}
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				h := res.Header
				if h.Get("RateLimit-Limit") != "100" || h.Get("RateLimit-Remaining") != "7" || h.Get("RateLimit-Reset") != "30" || h.Get("X-Internal") != "" {
					t.Errorf("headers = %v", h)
				}
				if brand == "busy" && (res.StatusCode != 429 || way == "REST" && h.Get("Retry-After") != "2") {
					t.Errorf("refusal = %d, retry after %q", res.StatusCode, h.Get("Retry-After"))
				}
			})
		}
	}
}

func TestAProblemSaysWhatTheStatusSays(t *testing.T) {
	base := "http://" + serve(t)
	code, body := call(t, "POST", base+"/v1/brands?brand_id=acme", `{"displayName":""}`, http.Header{"Content-Type": {"application/json"}})
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	if code != 400 || p.Status != 400 || p.Type != "https://concentric.dev/problems/invalid-argument" || p.Title != "Invalid argument" ||
		p.Code != "INVALID_ARGUMENT" || p.Reason != "INVALID_ARGUMENT" || p.Detail == "" || len(p.Errors) != 1 || p.Errors[0].Field != "brand.display_name" || p.Errors[0].Reason == "" {
		t.Errorf("answer = %d %s", code, body)
	}
}
