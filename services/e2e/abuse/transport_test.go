package abuse

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

const getTicket = ticketv1.TicketService_GetTicket_FullMethodName

// transportRows are about what carries the messages.
func transportRows() []row {
	return []row{
		{id: "A40", name: "an unknown encoding", grpc: answeredBy("12", map[string]string{"Grpc-Encoding": "reversed"})},
		{id: "A44", name: "binary metadata that is no base64", grpc: answeredBy("13", map[string]string{"X-Odd-Bin": "!!!"})},
		{"A42", "17 KiB of metadata", fat, web("", "", webRequest{ // net/http reads some more than its limit of 16
			method: "GET", path: "/v1/" + seven, header: map[string]string{"X-Much": strings.Repeat("a", 64<<10)},
		}, 431).rest},
		{"A45", "an unknown method", unknown("/concentric.ticket.v1.TicketService/Nope"), web("", "", post("/v1/"+seven+":nope", "{}"), 405).rest},
		{"A46", "an unknown service", unknown("/concentric.none.v1.NoneService/Get"), web("", "", get("/v2/brands"), 404).rest},
		{"A47", "another content type", wrongType, web("", "", webRequest{
			method: "POST", path: "/v1/" + acme + "/tickets", body: "{}", header: map[string]string{"Content-Type": "text/plain"},
		}, 415).rest},
		// The port speaks HTTP/1.1 as well, for REST, Connect and gRPC-Web, and never for gRPC.
		web("A48", "gRPC by HTTP/1.1", webRequest{
			method: "POST", path: createTicket, body: "", header: map[string]string{"Content-Type": "application/grpc"},
		}, 505),
		{"A49", "500 idle connections", idle(onGRPC), idle(onREST)}, // more than the limit: services/internal/rpc/abuse_test.go
		{id: "A50", name: "1,001 streams on one connection", grpc: crowd},
		{id: "A51", name: "a ping again and again", grpc: pings},
		{id: "K36", name: "a path without a slash", grpc: noSlash},
		{id: "K37", name: "two slashes", grpc: unknown("/" + getTicket)},
		{id: "K37", name: "a slash at the end", grpc: unknown(getTicket + "/")},
		{id: "K37", name: "capitals", grpc: unknown(strings.ToUpper(getTicket))},
		{id: "K40", name: "channelz", grpc: unknown("/grpc.channelz.v1.Channelz/GetServers")},
		web("K40", "pprof", get("/debug/pprof/"), 404),
	}
}

// frame is a message with the prefix of gRPC.
func frame(compressed byte, message []byte) string {
	return string(binary.BigEndian.AppendUint32([]byte{compressed}, uint32(len(message)))) + string(message)
}

// An http2Answer is what a call that no client of gRPC makes is answered.
type http2Answer struct {
	code       int
	grpcStatus string
}

// http2 posts a body to the path by HTTP/2 without TLS.
func (s *suite) http2(t *testing.T, path, body string, header map[string]string) http2Answer {
	t.Helper()
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	if code := res.Header.Get("Grpc-Status"); code != "" {
		return http2Answer{res.StatusCode, code}
	}
	return http2Answer{res.StatusCode, res.Trailer.Get("Grpc-Status")}
}

// answeredBy sends a good message with bad headers.
func answeredBy(grpcStatus string, header map[string]string) test {
	return func(t *testing.T, s *suite) {
		compressed := byte(0)
		if header["Grpc-Encoding"] != "" {
			compressed = 1
		}
		if got := s.http2(t, createTicket, frame(compressed, encode(newTicket())), header); got.grpcStatus != grpcStatus {
			t.Errorf("answer = %v, want grpc-status %s", got, grpcStatus)
		}
	}
}

func unknown(method string) test {
	return func(t *testing.T, s *suite) {
		err := s.conn.Invoke(t.Context(), method, &ticketv1.GetTicketRequest{Name: seven}, &ticketv1.Ticket{})
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("error = %v, want Unimplemented", err)
		}
	}
}

func fat(t *testing.T, s *suite) {
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-much", strings.Repeat("a", 17<<10))
	if _, err := ticketv1.NewTicketServiceClient(s.conn).GetTicket(ctx, &ticketv1.GetTicketRequest{Name: seven}); err == nil {
		t.Error("the call was accepted")
	}
}

func wrongType(t *testing.T, s *suite) {
	if got := s.http2(t, getTicket, "hi", map[string]string{"Content-Type": "text/plain"}); got.code != http.StatusUnsupportedMediaType {
		t.Errorf("answer = %v, want 415", got)
	}
}

// idle leaves connections open, half of them silent and half with a greeting, and
// asks as if there were none.
func idle(way surface) test {
	return func(t *testing.T, s *suite) {
		for i := range 500 {
			c, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if i%2 == 0 {
				if _, err := io.WriteString(c, greeting); err != nil {
					t.Fatal(err)
				}
			}
		}
		a := ask{req: &ticketv1.GetTicketRequest{Name: seven}}
		a.want(t, way, s.send(t, way, a))
	}
}

// crowd opens more streams than a connection may have: they wait for each other.
func crowd(t *testing.T, s *suite) {
	c := ticketv1.NewTicketServiceClient(dial(t, s.addr))
	var wg sync.WaitGroup
	for range 1001 {
		wg.Go(func() {
			if _, err := c.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: seven}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// greeting is how a client of HTTP/2 begins: the preface and empty settings.
const greeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// by greets the server on a connection of its own, sends frames and returns what
// comes back until enough has come or the server closes.
func (s *suite) by(t *testing.T, frames string, enough func([]byte) bool) []byte {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, greeting+frames); err != nil {
		t.Fatal(err)
	}
	var got []byte
	buf := make([]byte, 4096)
	for !enough(got) {
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			break
		}
	}
	return got
}

func pings(t *testing.T, s *suite) {
	const ping = "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"
	got := s.by(t, strings.Repeat(ping, 10), func(got []byte) bool { return bytes.Contains(got, []byte("too_many_pings")) })
	if !bytes.Contains(got, []byte("too_many_pings")) {
		t.Errorf("the server says %q, want GOAWAY for too many pings", got)
	}
}

// noSlash sends the header of a call whose path has no slash in front, each name
// and value in HPACK's plainest form.
func noSlash(t *testing.T, s *suite) {
	var block []byte
	for _, h := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", getTicket[1:]},
		{":authority", "localhost"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		block = append(block, 0, byte(len(h[0])))
		block = append(append(block, h[0]...), byte(len(h[1])))
		block = append(block, h[1]...)
	}
	headers := []byte{0, byte(len(block) >> 8), byte(len(block)), 1, 5, 0, 0, 0, 1} // END_STREAM and END_HEADERS
	unimplemented := []byte("\x0212")                                               // the value of grpc-status
	got := s.by(t, string(append(headers, block...)), func(got []byte) bool { return bytes.Contains(got, unimplemented) })
	if !bytes.Contains(got, unimplemented) {
		t.Errorf("the server says %q, want UNIMPLEMENTED", got)
	}
}
