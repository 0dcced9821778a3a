package front

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// errOver ends a stream of which everything is said.
var errOver = errors.New("over")

// tickets answers TicketService with what it was asked, and watchers with what comes
// out of news.
type tickets struct {
	ticketv1.UnimplementedTicketServiceServer
	news chan error // nil for a message, errOver for the end, anything else for one that is an error
	left chan struct{}
}

func (s tickets) WatchTickets(req *ticketv1.WatchTicketsRequest, ss grpc.ServerStreamingServer[ticketv1.WatchTicketsResponse]) error {
	defer func() { s.left <- struct{}{} }()
	for {
		select {
		case err := <-s.news:
			if err == nil {
				err = ss.Send(&ticketv1.WatchTicketsResponse{Change: ticketv1.WatchTicketsResponse_CHANGE_CHANGED, ResumeToken: req.GetResumeToken()})
			}
			if errors.Is(err, errOver) {
				return nil
			}
			if err != nil {
				return err
			}
		case <-ss.Context().Done():
			return ss.Context().Err()
		}
	}
}

func (s tickets) UpdateTicket(_ context.Context, req *ticketv1.UpdateTicketRequest) (*ticketv1.Ticket, error) {
	if mask := req.GetUpdateMask(); mask != nil && len(mask.GetPaths()) == 0 {
		return nil, fault.Invalid(fault.Field{Path: "update_mask", Reason: "mask.empty", Description: "is empty"})
	}
	paths := slices.Clone(req.GetUpdateMask().GetPaths())
	slices.Sort(paths)
	ticket := proto.CloneOf(req.GetTicket())
	ticket.ExternalId = strings.Join(paths, ",")
	return ticket, nil
}

// serveTickets starts a front with tickets on a free port, whose connections wrap has
// changed, and returns it and its address.
func serveTickets(t *testing.T, s tickets, wrap func(net.Listener) net.Listener) (*Server, string) {
	t.Helper()
	srv := rpc.NewServer(rpc.Config{})
	ticketv1.RegisterTicketServiceServer(srv, s)
	f, err := New(t.Context(), srv, Config{})
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f.Serve(wrap(lis)) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		f.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return f, lis.Addr().String()
}

func asIs(lis net.Listener) net.Listener { return lis }

func newTickets() tickets { return tickets{news: make(chan error, 8), left: make(chan struct{}, 8)} }

// open opens the watch at path.
func open(t *testing.T, ctx context.Context, addr, query string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/v1/brands/acme/tickets:watch"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// A chunk is one line of a watch.
type chunk struct {
	Result struct {
		Change      string `json:"change"`
		ResumeToken string `json:"resumeToken"`
	} `json:"result"`
	Error struct {
		Detail string `json:"detail"`
		Reason string `json:"reason"`
	} `json:"error"`
}

func next(t *testing.T, lines *bufio.Reader) chunk {
	t.Helper()
	line, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatalf("a line: %v", err)
	}
	var c chunk
	if err := json.Unmarshal(line, &c); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return c
}

func TestAWatchIsOneJSONValueALine(t *testing.T) {
	s := newTickets()
	_, addr := serveTickets(t, s, asIs)
	s.news <- nil
	res := open(t, t.Context(), addr, "?resumeToken=abc")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("answer = %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	lines := bufio.NewReader(res.Body)
	for range 3 { // each arrives before the next is made
		if got := next(t, lines); got.Result.Change != "CHANGE_CHANGED" || got.Result.ResumeToken != "abc" {
			t.Fatalf("line = %+v, want a change", got)
		}
		s.news <- nil
	}
	next(t, lines)
	s.news <- fault.Stale("x")
	if got := next(t, lines); got.Error.Reason != "STALE" {
		t.Errorf("last line = %+v, want STALE", got)
	}
	if _, err := lines.ReadByte(); err != io.EOF {
		t.Errorf("after the error: %v, want the end", err)
	}
}

func TestAStreamOfNothingIsNoError(t *testing.T) {
	s := newTickets()
	_, addr := serveTickets(t, s, asIs)
	s.news <- errOver
	res := open(t, t.Context(), addr, "")
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK || len(body) > 0 {
		t.Errorf("answer = %d %s, %v, want an empty one", res.StatusCode, body, err)
	}
}

func TestAWatchThatIsRefusedSaysSoInItsStatus(t *testing.T) {
	s := newTickets()
	_, addr := serveTickets(t, s, asIs)
	for _, tt := range []struct {
		query, want string
		code        int
	}{
		{"?colour=red", "colour", 400},
		{"?resumeToken=%00", "resume_token", 400},
	} {
		res := open(t, t.Context(), addr, tt.query)
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != tt.code || !strings.Contains(string(body), tt.want) || res.Header.Get("Content-Type") != problemType {
			t.Errorf("%s = %d %s, %v, want %d with %s", tt.query, res.StatusCode, body, err, tt.code, tt.want)
		}
	}
}

func TestAWatchEndsWithItsClientAndWithTheServer(t *testing.T) {
	s := newTickets()
	f, addr := serveTickets(t, s, asIs)
	s.news <- nil
	ctx, cancel := context.WithCancel(t.Context())
	next(t, bufio.NewReader(open(t, ctx, addr, "").Body))
	cancel()
	<-s.left

	s.news <- nil
	lines := bufio.NewReader(open(t, t.Context(), addr, "").Body)
	next(t, lines)
	began := time.Now()
	f.Shutdown(t.Context())
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Shutdown took %v with a watch open", took)
	}
	if got := next(t, lines); got.Error.Reason != "SHUTTING_DOWN" {
		t.Errorf("last line = %+v, want SHUTTING_DOWN", got)
	}
}

// A limits is a listener that notes how long its last connection may be read and
// written.
type limits struct {
	net.Listener
	read, write *atomic.Int64 // how much longer; 0 without end
}

func (l limits) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return limitedConn{c, l}, nil
}

type limitedConn struct {
	net.Conn
	limits limits
}

func (c limitedConn) SetReadDeadline(at time.Time) error {
	note(c.limits.read, at)
	return c.Conn.SetReadDeadline(at)
}

func (c limitedConn) SetWriteDeadline(at time.Time) error {
	note(c.limits.write, at)
	return c.Conn.SetWriteDeadline(at)
}

func note(limit *atomic.Int64, at time.Time) {
	if at.IsZero() {
		limit.Store(0)
		return
	}
	limit.Store(int64(time.Until(at)))
}

func TestAWatchOutlastsTheTimeLimitsOfOtherRequests(t *testing.T) {
	s := newTickets()
	var read, write atomic.Int64
	_, addr := serveTickets(t, s, func(lis net.Listener) net.Listener { return limits{lis, &read, &write} })
	read.Store(1)
	s.news <- nil
	lines := bufio.NewReader(open(t, t.Context(), addr, "").Body)
	for range 2 {
		next(t, lines)
		if got := read.Load(); got != 0 {
			t.Errorf("the client is taken for gone in %v", time.Duration(got))
		}
		if got := time.Duration(write.Load()); got <= 0 || got > maxWrite {
			t.Errorf("the client has %v to read, want %v", got, maxWrite)
		}
		write.Store(0) // each message has a limit of its own
		s.news <- nil
	}
	next(t, lines)
	s.news <- fault.Stale("x")
	next(t, lines)
}
