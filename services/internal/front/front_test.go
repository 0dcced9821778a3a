package front

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/metadata"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// brands answers AdminService with what it was asked.
type brands struct {
	gatewayv1.UnimplementedAdminServiceServer
}

func (brands) CreateBrand(_ context.Context, req *gatewayv1.CreateBrandRequest) (*gatewayv1.Brand, error) {
	if req.GetBrandId() == "taken" {
		return nil, fault.Exists("brands/taken")
	}
	return &gatewayv1.Brand{Name: "brands/" + req.GetBrandId(), DisplayName: req.GetRequestId()}, nil
}

func (brands) GetBrand(ctx context.Context, req *gatewayv1.GetBrandRequest) (*gatewayv1.Brand, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	var seen []string
	for key, values := range md {
		if strings.HasPrefix(key, "x-tenant") || key == "authorization" || key == "x-internal" {
			seen = append(seen, fmt.Sprint(key, values))
		}
	}
	return &gatewayv1.Brand{Name: req.GetName(), DisplayName: strings.Join(seen, ",")}, nil
}

// serve starts a front on a free port and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	srv := rpc.NewServer(rpc.Config{})
	gatewayv1.RegisterAdminServiceServer(srv, brands{})
	f, err := New(t.Context(), srv, Config{})
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

// call makes one HTTP call and returns its status and body.
func call(t *testing.T, method, url, body string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if h := header.Get("Host"); h != "" {
		req.Host = h
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestGRPCAndHTTPShareThePort(t *testing.T) {
	addr := serve(t)
	conn, err := rpc.Dial(addr, rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b, err := gatewayv1.NewAdminServiceClient(conn).GetBrand(t.Context(), &gatewayv1.GetBrandRequest{Name: "brands/acme"})
	if err != nil || b.GetName() != "brands/acme" {
		t.Errorf("gRPC GetBrand = %v, %v", b, err)
	}
	if code, body := call(t, "GET", "http://"+addr+"/v1/brands/acme", "", nil); code != 200 || !strings.Contains(body, `"brands/acme"`) {
		t.Errorf("REST GetBrand = %d %s", code, body)
	}
}

func TestREST(t *testing.T) {
	base := "http://" + serve(t)
	asJSON := http.Header{"Content-Type": {"application/json"}}
	for _, tt := range []struct {
		name, method, path, body string
		header                   http.Header
		code                     int
		want                     string
	}{
		{"health", "GET", "/healthz", "", nil, 200, "ok"},
		{"ready", "GET", "/readyz", "", nil, 200, "ok"},
		{"a create", "POST", "/v1/brands?brand_id=acme", `{"displayName":"Acme"}`, asJSON, 200, `"brands/acme"`},
		{
			"the idempotency key is the request id", "POST", "/v1/brands?brand_id=acme", `{"displayName":"Acme"}`,
			http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"0B54F3C2-9D5E-4A43-8F8E-0D3A5C1F7E11"}},
			200, "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e11",
		},
		{
			"an idempotency key beside another request id", "POST", "/v1/brands?brand_id=acme&request_id=7c9e6679-7425-40de-944b-e07fc1f90ae7", `{"displayName":"Acme"}`,
			http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"0B54F3C2-9D5E-4A43-8F8E-0D3A5C1F7E11"}},
			400, "request_id",
		},
		{"a conflict", "POST", "/v1/brands?brand_id=taken", `{"displayName":"Acme"}`, asJSON, 409, "ALREADY_EXISTS"},
		{"a broken rule names its field", "POST", "/v1/brands?brand_id=acme", `{"displayName":""}`, asJSON, 400, `brand.display_name`},
		{"an unknown field", "POST", "/v1/brands?brand_id=acme", `{"displayNam":"Acme"}`, asJSON, 400, `unknownfield\"displayNam\"","code":"INVALID_ARGUMENT","reason":"BAD_FIELD"`},
		{"a number that is none", "GET", "/v1/brands?page_size=many", "", nil, 400, "BAD_FIELD"},
		{"data after the body", "POST", "/v1/brands?brand_id=acme", `{"displayName":"Acme"} {}`, asJSON, 400, "BAD_JSON"},
		{"invalid UTF-8", "POST", "/v1/brands?brand_id=acme", "{\"displayName\":\"\xff\"}", asJSON, 400, ""},
		{"NUL", "POST", "/v1/brands?brand_id=acme", `{"displayName":"a\u0000b"}`, asJSON, 400, "display_name"},
		{"no JSON content type", "POST", "/v1/brands?brand_id=acme", `{"displayName":"Acme"}`, http.Header{"Content-Type": {"text/plain"}}, 415, "NOT_JSON"},
		{"a compressed body", "POST", "/v1/brands?brand_id=acme", "x", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, 415, "ENCODED"},
		{"a body over 4 MiB", "POST", "/v1/brands?brand_id=acme", `"` + strings.Repeat("x", 4<<20) + `"`, asJSON, 413, "TOO_LARGE"},
		{"a body over 1 MiB, where no batch is expected", "POST", "/v1/brands?brand_id=acme", `"` + strings.Repeat("x", 1<<20) + `"`, asJSON, 413, "1MiB"},
		{"another character set", "POST", "/v1/brands?brand_id=acme", `{"displayName":"Acme"}`, http.Header{"Content-Type": {"application/json; charset=utf-16"}}, 415, "NOT_JSON"},
		{"a parameter below one that has nothing below it", "GET", "/v1/brands?page_size.a=1", "", nil, 400, "page_size.a"},
		{"a header without end", "GET", "/v1/brands/acme", "", http.Header{"X-Much": {strings.Repeat("a", 64<<10)}}, 431, ""},
		{"a service that is not here", "GET", "/v1/brands/acme/tickets", "", nil, 501, ""},
		{"an unknown path", "GET", "/v1/nothing", "", nil, 404, "NO_SUCH_PATH"},
		{"a path outside the API", "GET", "/etc/passwd", "", nil, 404, "NO_SUCH_PATH"},
		{"a wrong method", "PUT", "/v1/brands/acme", "", asJSON, 405, "METHOD_NOT_ALLOWED"},
		{"a method override is no method", "POST", "/v1/brands/acme", "{}", http.Header{"Content-Type": {"application/json"}, "X-Http-Method-Override": {"GET"}}, 405, ""},
		{"a foreign host", "GET", "/v1/brands/acme", "", http.Header{"Host": {"evil.example"}}, 421, "FOREIGN_HOST"},
		{"a foreign origin", "GET", "/v1/brands/acme", "", http.Header{"Origin": {"http://evil.example"}}, 403, "FOREIGN_ORIGIN"},
		{"an unknown query parameter", "GET", "/v1/brands?pageSiz=2", "", nil, 400, "BAD_FIELD"},
		{
			"metadata in headers goes nowhere", "GET", "/v1/brands/acme", "",
			http.Header{"Grpc-Metadata-X-Tenant-Id": {"victim"}, "X-Tenant-Id": {"victim"}, "Grpc-Metadata-Authorization": {"Bearer forged"}},
			200, `{"name":"brands/acme","displayName":"",`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, body := call(t, tt.method, base+tt.path, tt.body, tt.header)
			if code != tt.code || !strings.Contains(strings.ReplaceAll(body, " ", ""), tt.want) {
				t.Errorf("%s %s = %d %s, want %d with %s", tt.method, tt.path, code, body, tt.code, tt.want)
			}
		})
	}
}

func TestAServerThatIsNotReadySaysSo(t *testing.T) {
	srv := rpc.NewServer(rpc.Config{})
	f, err := New(t.Context(), srv, Config{})
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f.Serve(lis) }()
	if code, _ := call(t, "GET", "http://"+lis.Addr().String()+"/readyz", "", nil); code != 503 {
		t.Errorf("readyz = %d, want 503", code)
	}
	http.DefaultClient.CloseIdleConnections()
	f.Shutdown(t.Context())
	if err := <-done; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

// A flaky listener fails now and then as one does that is out of file descriptors.
type flaky struct {
	net.Listener
	failures atomic.Int32
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func TestAFailedAcceptPasses(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{Listener: lis}
	f.failures.Store(3)
	g, h := split(f, nil)
	defer g.Close()
	go func() {
		conn, err := net.Dial("tcp", lis.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "GET") //nolint:errcheck // seen below
	}()
	conn, err := h.Accept()
	if err != nil {
		t.Fatalf("Accept after failures = %v", err)
	}
	conn.Close()
}

func TestASlowFirstByteHoldsUpNobody(t *testing.T) {
	addr := serve(t)
	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if code, _ := call(t, "GET", "http://"+addr+"/healthz", "", nil); code != 200 {
		t.Errorf("healthz beside a silent connection = %d", code)
	}
	// The preface may come byte by byte; so may a request that only begins like it.
	slow, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	for _, part := range []string{"P", "O", "ST /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"} {
		if _, err := io.WriteString(slow, part); err != nil {
			t.Fatal(err)
		}
	}
	line, err := bufio.NewReader(slow).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 4") {
		t.Errorf("a POST byte by byte = %q, %v, want an HTTP answer", line, err)
	}
}
