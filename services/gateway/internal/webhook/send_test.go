package webhook

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// open lets messages go to servers of a test.
var open = Guard{Open: true}

func TestWhatAnEndpointAnswers(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	secret := NewSecret()
	verifier, err := standard.NewWebhook(secret.Text())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	handle := func(path string, answer func(http.ResponseWriter)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = verifier.Verify(body, r.Header)
			}
			if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("the message is not good: %v, %s, %v", err, r.Method, r.Header)
			}
			answer(w)
		})
	}
	handle("/ok", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) })
	handle("/gone", func(w http.ResponseWriter) { w.WriteHeader(http.StatusGone) })
	handle("/busy", func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	handle("/moved", func(w http.ResponseWriter) {
		w.Header().Set("Location", other.URL)
		w.WriteHeader(http.StatusFound)
	})
	handle("/much", func(w http.ResponseWriter) {
		for range 1 << 10 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	handle("/cut", func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		panic(http.ErrAbortHandler)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s := NewSender(open, nil)
	t.Cleanup(s.Close)
	for _, tc := range []struct {
		path string
		want Result
	}{
		{"/ok", Result{Outcome: Answered, Status: 204}},
		{"/gone", Result{Outcome: Answered, Status: 410}},
		{"/busy", Result{Outcome: Answered, Status: 429, RetryAfter: time.Hour}},
		{"/moved", Result{Outcome: Answered, Status: 302}},
		{"/much", Result{Outcome: Answered, Status: 200}},
		{"/cut", Result{Outcome: Answered, Status: 200}},
		{"/nothing", Result{Outcome: Answered, Status: 404}},
	} {
		got := s.Send(t.Context(), server.URL+tc.path, "01jd", []byte("{}"), []Secret{secret})
		if got.Latency <= 0 {
			t.Errorf("%s took no time", tc.path)
		}
		got.Latency = 0
		if got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.path, got, tc.want)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

func TestAnEndpointThatDoesNotAnswer(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hang.Close)
	t.Cleanup(hang.CloseClientConnections)
	s := NewSender(open, nil)
	t.Cleanup(s.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got := s.Send(ctx, hang.URL, "01jd", nil, nil); got.Outcome != Timeout || got.Status != 0 {
		t.Errorf("an endpoint that hangs: %+v", got)
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	if got := s.Send(t.Context(), closed.URL, "01jd", nil, nil); got.Outcome != Unreachable {
		t.Errorf("an endpoint that is not there: %+v", got)
	}
	tls := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(tls.Close)
	if got := s.Send(t.Context(), tls.URL, "01jd", nil, nil); got.Outcome != BadTLS {
		t.Errorf("an endpoint whose certificate nobody knows: %+v", got)
	}
	roots := x509.NewCertPool()
	roots.AddCert(tls.Certificate())
	trusting := NewSender(open, roots)
	t.Cleanup(trusting.Close)
	if got := trusting.Send(t.Context(), tls.URL, "01jd", nil, nil); !got.Delivered() {
		t.Errorf("an endpoint with a good certificate: %+v", got)
	}
}

// TestNothingReachesAnAddressThatIsNotPublic has a name point home once the address has
// been checked, and an environment that names a proxy.
func TestNothingReachesAnAddressThatIsNotPublic(t *testing.T) {
	var config net.ListenConfig
	home, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { home.Close() })
	var connections atomic.Int32
	go func() {
		for {
			conn, err := home.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			conn.Close()
		}
	}()
	t.Setenv("HTTPS_PROXY", "http://"+home.Addr().String())
	t.Setenv("HTTP_PROXY", "http://"+home.Addr().String())
	guard := Guard{Resolver: newResolver(t, func(question int) []string {
		if question == 0 {
			return []string{"93.184.215.14"}
		}
		return []string{"127.0.0.1"}
	})}
	u, err := guard.Parse("https://hooks.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	if err := guard.Check(t.Context(), u); err != nil {
		t.Fatalf("at first the host is public: %v", err)
	}
	s := NewSender(guard, nil)
	t.Cleanup(s.Close)
	if got := s.Send(t.Context(), u.String(), "01jd", nil, nil); got.Outcome != RefusedAddress {
		t.Errorf("a host that points home: %+v", got)
	}
	_, port, err := net.SplitHostPort(home.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"https://127.0.0.1:" + port, "https://127.0.0.1", "http://" + home.Addr().String()} {
		if got := s.Send(t.Context(), address, "01jd", nil, nil); got.Outcome != RefusedAddress {
			t.Errorf("%s: %+v", address, got)
		}
	}
	if err := s.control("tcp", home.Addr().String(), nil); err == nil || !strings.Contains(err.Error(), "not public") {
		t.Errorf("the last look before the connection lets it pass: %v", err)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("there were %d connections", n)
	}
}
