package rpc

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// proxies returns networks.
func proxies(networks ...string) (all Proxies) {
	for _, n := range networks {
		all = append(all, netip.MustParsePrefix(n))
	}
	return all
}

func TestAnAddressIsThatOfThePeer(t *testing.T) {
	srv := NewServer(Config{})
	for address, want := range map[net.Addr]string{
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}: "192.0.2.1",
		&net.UnixAddr{Name: "socket"}:                     "",
	} {
		if got := srv.address(peer.NewContext(context.Background(), &peer.Peer{Addr: address})); got != want {
			t.Errorf("peer of %v = %q, want %q", address, got, want)
		}
	}
	if got := srv.address(context.Background()); got != "" {
		t.Errorf("peer of nobody = %q", got)
	}
	if got := Address(context.Background()); got != "" {
		t.Errorf("the address of no call = %q", got)
	}
}

func TestProxiesAreBelievedAsFarAsTheyAreKnown(t *testing.T) {
	known := proxies("10.0.0.0/8", "2001:db8:1::/48")
	for _, tt := range []struct {
		name, host string
		forwarded  []string
		want       string
	}{
		{"nobody's word", "10.0.0.1", nil, "10.0.0.1"},
		{"a proxy's", "10.0.0.1", []string{"192.0.2.1"}, "192.0.2.1"},
		{"a stranger's", "198.51.100.1", []string{"192.0.2.1"}, "198.51.100.1"},
		{"what the client said before the proxy", "10.0.0.1", []string{"203.0.113.7, 192.0.2.1"}, "192.0.2.1"},
		{"the same in two headers", "10.0.0.1", []string{"203.0.113.7", "192.0.2.1"}, "192.0.2.1"},
		{"two proxies", "10.0.0.1", []string{"192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"proxies only", "10.0.0.1", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		{"with a port", "10.0.0.1", []string{"192.0.2.1:4711"}, "192.0.2.1"},
		{"of IPv6", "2001:db8:1::5", []string{"2001:db8::1"}, "2001:db8::1"},
		{"of IPv6 with a port", "10.0.0.1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv4 in IPv6", "::ffff:10.0.0.1", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"no address", "10.0.0.1", []string{"192.0.2.1, unknown"}, "10.0.0.1"},
		{"nothing", "10.0.0.1", []string{""}, "10.0.0.1"},
		{"no host", "", []string{"192.0.2.1"}, ""},
	} {
		if got := known.Origin(tt.host, tt.forwarded); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := Proxies(nil).Origin("10.0.0.1", []string{"192.0.2.1"}); got != "10.0.0.1" {
		t.Errorf("where nobody is believed: %q", got)
	}
}

// TestACallComesFromItsCaller has calls go on to another process, by a handler and as they are.
func TestACallComesFromItsCaller(t *testing.T) {
	const said = "203.0.113.9"
	for _, tt := range []struct {
		name             string
		gateway, service Proxies
		want             string
	}{
		{"nobody is believed", nil, nil, "127.0.0.1"},
		{"the gateway believes a proxy, the service nobody", proxies("127.0.0.0/8"), nil, "127.0.0.1"},
		{"both believe", proxies("127.0.0.0/8"), proxies("0.0.0.0/0"), said},
		{"the service believes the gateway, and that nobody", nil, proxies("0.0.0.0/0"), "127.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			note := tickets{get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
				got = Address(ctx)
				return &ticketv1.Ticket{}, nil
			}}
			conn := dial(t, listen(t, newTickets(Config{Proxies: tt.service}, note)), ClientConfig{})
			forwarding := NewServer(Config{Proxies: tt.gateway})
			forwarding.Forward(&ticketv1.TicketService_ServiceDesc, conn)
			handling := newTickets(Config{Proxies: tt.gateway}, tickets{get: func(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
				return ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, req)
			}})
			for name, srv := range map[string]*Server{"as it is": forwarding, "by a handler": handling} {
				got = ""
				ctx := metadata.AppendToOutgoingContext(t.Context(), forwardedFor, said)
				if _, err := ticketv1.NewTicketServiceClient(connect(t, listen(t, srv))).GetTicket(ctx, get()); err != nil {
					t.Fatal(err)
				}
				if got != tt.want {
					t.Errorf("%s it comes from %q, want %q", name, got, tt.want)
				}
			}
		})
	}
}

func TestACallInsideTheProcessComesFromWhomItIsFor(t *testing.T) {
	var got string
	inner := newTickets(Config{}, tickets{get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		got = Address(ctx)
		return &ticketv1.Ticket{}, nil
	}})
	outer := newTickets(Config{}, tickets{get: func(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
		return ticketv1.NewTicketServiceClient(inner.Local()).GetTicket(ctx, req)
	}})
	call := func(conn grpc.ClientConnInterface, forwarded ...string) string {
		t.Helper()
		got = "nobody called"
		ctx := t.Context()
		for _, host := range forwarded {
			ctx = metadata.AppendToOutgoingContext(ctx, forwardedFor, host)
		}
		if _, err := ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, get()); err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, tt := range []struct{ name, got, want string }{
		{"from the front", call(inner.Local(), "203.0.113.7, 192.0.2.1"), "192.0.2.1"},
		{"from the front by way of a handler", call(outer.Local(), "192.0.2.1"), "192.0.2.1"},
		{"from the process itself", call(inner.Local()), ""},
		{"from a socket by way of a handler", call(connect(t, listen(t, outer)), "192.0.2.1"), "127.0.0.1"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}
