package rpc

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

const getTicket = ticketv1.TicketService_GetTicket_FullMethodName

// tapped reports whether the server refuses a call with the credential before there is a stream.
func tapped(t *testing.T, s *Server, method, credential string) bool {
	t.Helper()
	header := metadata.MD{}
	if credential != "" {
		header.Set("authorization", credential)
	}
	_, err := s.tap(t.Context(), &tap.Info{FullMethodName: method, Header: header})
	if err != nil {
		refused(t, err, codes.Unavailable, "OVERLOADED")
	}
	return err != nil
}

// busy returns a server with eight places, some of them acme's.
func busy(t *testing.T, acme int) *Server {
	t.Helper()
	s := NewServer(Config{MaxInFlight: 8})
	ticketv1.RegisterTicketServiceServer(s, tickets{})
	for range acme {
		if err := s.limit.join(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestAFloodIsRefusedBeforeItHasAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := busy(t, 8)
		for i := range few {
			if tapped(t, s, getTicket, "acme's") {
				t.Fatalf("the call is refused before it has a stream after %d refusals, want %d", i, few)
			}
			s.shed.note("acme's", "acme")
		}
		if !tapped(t, s, getTicket, "acme's") || s.limit.refused.Load() != 1 {
			t.Error("a flood is let in, or not counted")
		}
		for what, let := range map[string]bool{
			"another credential": tapped(t, s, getTicket, "beta's"),
			"health":             tapped(t, s, "/grpc.health.v1.Health/Check", "acme's"),
			"a watch":            tapped(t, s, ticketv1.TicketService_WatchTickets_FullMethodName, "acme's"),
		} {
			if let {
				t.Errorf("%s is refused", what)
			}
		}
		for range few {
			s.shed.note("", "acme")
		}
		two := &tap.Info{FullMethodName: getTicket, Header: metadata.MD{"authorization": {"acme's", "beta's"}}}
		if _, err := s.tap(t.Context(), two); err != nil || !tapped(t, s, getTicket, "") {
			t.Errorf("a call with two credentials is taken for one without: %v", err)
		}
		if err := s.limit.join(t.Context(), "beta"); err != nil {
			t.Errorf("another brand finds no place: %v", err)
		}
		time.Sleep(flooding + time.Millisecond)
		if tapped(t, s, getTicket, "acme's") {
			t.Error("a credential is still known that has paused")
		}
	})
}

func TestACallOfAFloodHasItsPlaceBeforeItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := busy(t, 7)
		for range few {
			s.shed.note("acme's", "acme")
		}
		info := &tap.Info{FullMethodName: getTicket, Header: metadata.Pairs("authorization", "acme's")}
		ctx, end := context.WithCancel(t.Context())
		ctx, err := s.tap(ctx, info)
		if err != nil || reserved(ctx) == nil {
			t.Fatalf("a call for which there is a place: %v, reserved = %v", err, reserved(ctx))
		}
		if !tapped(t, s, getTicket, "acme's") {
			t.Error("two calls are let in for one place")
		}
		end() // without having come to its method
		synctest.Wait()
		if n := s.limit.now.Load(); n != 7 {
			t.Errorf("%d places are held after the call ended, want 7", n)
		}
		ctx, end = context.WithCancel(t.Context())
		if ctx, err = s.tap(ctx, info); err != nil {
			t.Fatal(err)
		}
		m := s.methods[getTicket]
		if err := m.admit(ctx, &s.limit, Caller{Brand: "acme"}); err != nil || s.limit.now.Load() != 8 {
			t.Errorf("the call finds %d places held, %v; want its own to be the eighth", s.limit.now.Load(), err)
		}
		end()
		synctest.Wait()
		if n := s.limit.now.Load(); n != 8 {
			t.Errorf("%d places are held once the method gives its own back, want 8", n)
		}
	})
}

func TestAPlaceOfAnotherBrandIsGivenBackForOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := busy(t, 1)
		ctx, end := context.WithCancel(t.Context())
		ctx = reserve(ctx, &s.limit, "acme")
		if err := s.methods[getTicket].admit(ctx, &s.limit, Caller{Brand: "beta"}); err != nil {
			t.Fatal(err)
		}
		end()
		synctest.Wait()
		if n, of := s.limit.now.Load(), s.limit.held; n != 1 || of["beta"] != 1 {
			t.Errorf("%d places are held, by %v; want one by beta", n, of)
		}
	})
}

func TestAConnectionThatOthersUseIsNotSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := busy(t, 8)
		from := newClientAddr(&net.TCPAddr{})
		ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: from})
		call := func(method string, credentials ...string) error {
			_, err := s.tap(ctx, &tap.Info{FullMethodName: method, Header: metadata.MD{"authorization": credentials}})
			return err
		}
		flood := func(credentials ...string) {
			t.Helper()
			for range few {
				s.shed.note(append(credentials, "")[0], "acme")
			}
			for range 2 {
				refused(t, call(getTicket, credentials...), codes.Unavailable, "OVERLOADED")
			}
		}
		for _, tt := range []struct {
			what   string
			calls  func()
			slowed bool
		}{
			{"a flood alone", func() { flood("acme's") }, true},
			{"a probe beside it", func() { flood("acme's"); _ = call("/grpc.health.v1.Health/Check") }, true},
			{"a call of another credential", func() { flood("acme's"); _ = call(getTicket, "beta's") }, false},
			{"a flood that goes on after it", func() { _ = call(getTicket, "beta's"); flood("acme's") }, false},
			{"a call without a credential", func() { flood("acme's"); _ = call(getTicket) }, false},
			{"a flood alone without a credential", func() { _ = call(getTicket); time.Sleep(company); flood() }, true},
		} {
			tt.calls()
			if got := from.flooding(); got != tt.slowed {
				t.Errorf("%s: the connection is slowed down: %v, want %v", tt.what, got, tt.slowed)
			}
			_ = call(getTicket, "acme's")
			time.Sleep(company)
		}
	})
}

func TestAFloodedConnectionIsReadSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c := &limitedConn{Conn: server, leave: func() {}, from: newClientAddr(server.RemoteAddr())}
		written := make(chan struct{})
		go func() {
			defer close(written)
			for range 4 {
				if _, err := client.Write([]byte("call")); err != nil {
					t.Error(err)
				}
			}
		}()
		read := func(room int) time.Duration {
			t.Helper()
			began := time.Now()
			if _, err := c.Read(make([]byte, room)); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		if got := read(8); got != 0 {
			t.Errorf("a read took %v while nothing was refused, want nothing", got)
		}
		c.from.refused(time.Now())
		if first, second := read(8), read(4); first != 0 || second != pause {
			t.Errorf("reads after a refusal took %v and %v, want nothing and %v", first, second, pause)
		}
		if got := read(8); got != 0 {
			t.Errorf("a read took %v where the last one had no room for more, want nothing", got)
		}
		<-written
		time.Sleep(flooding)
		if c.from.flooding() {
			t.Error("a client is still slowed down that was not refused for long")
		}
	})
}

func TestNobodyHasAStreamWhereThereIsNoPlaceForAnyBrand(t *testing.T) {
	s := busy(t, 0)
	for i := range 10 {
		if err := s.limit.join(t.Context(), fmt.Sprint("b", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range few + 1 {
		if tapped(t, s, getTicket, "") != (i == few) {
			t.Errorf("after %d calls that found no place another one has no stream: %v", i, i < few)
		}
		s.shed.note(anybody, "")
	}
}

func TestAConnectionRemembersAllThatRefusalsSay(t *testing.T) {
	var (
		r    refusals
		b    bytes.Buffer
		e    = hpack.NewEncoder(&b)
		size = 0 // of the last time that each was said
	)
	_ = r.next()
	for range 2 {
		size = 0
		for _, err := range r.all {
			details, mistake := proto.Marshal(status.Convert(err).Proto())
			if mistake != nil {
				t.Fatal(mistake)
			}
			b.Reset()
			for name, value := range map[string]string{
				"content-type": "application/grpc", "grpc-status": "14", "grpc-message": status.Convert(err).Message(),
				"grpc-status-details-bin": base64.RawStdEncoding.EncodeToString(details),
			} {
				if err := e.WriteField(hpack.HeaderField{Name: name, Value: value}); err != nil {
					t.Fatal(err)
				}
			}
			size += b.Len()
		}
	}
	if size > 8*len(r.all) {
		t.Errorf("the headers of %d refusals have %d bytes once all have been sent, want 8 each at most", len(r.all), size)
	}
}

func TestManyCredentialsTakeBoundedMemory(t *testing.T) {
	var s shed
	for i := range 3 * maxShed {
		s.note(fmt.Sprint(i), "acme")
	}
	if len(s.known) > maxShed {
		t.Errorf("%d credentials are known, want at most %d", len(s.known), maxShed)
	}
}

// BenchmarkOverload is what a refusal costs both sides, by the method and before there is a stream.
func BenchmarkOverload(b *testing.B) {
	for _, bb := range []struct {
		name  string
		times int // that a call of the credential was refused before
	}{{"by the method", -1 << 40}, {"before a stream", few}} {
		b.Run(bb.name, func(b *testing.B) {
			entered, release := make(chan struct{}), make(chan struct{})
			srv := newTickets(Config{MaxInFlight: 4}, getting(func(context.Context) error {
				entered <- struct{}{}
				<-release
				return nil
			}))
			c := ticketv1.NewTicketServiceClient(connect(b, listen(b, srv)))
			for range 4 {
				go func() { _, _ = c.GetTicket(context.WithoutCancel(b.Context()), get()) }()
				<-entered
			}
			srv.shed.known = map[string]flooder{"": {times: bb.times, until: time.Now().Add(time.Hour)}}
			spend(b, func(ctx context.Context) error {
				if _, err := c.CreateTicket(ctx, create()); err == nil {
					return context.Canceled
				}
				return nil
			})
			close(release)
		})
	}
}
