package rpc

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc/peer"
)

func TestAnAddressIsThatOfThePeer(t *testing.T) {
	for address, want := range map[net.Addr]string{
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}: "192.0.2.1",
		&net.UnixAddr{Name: "socket"}:                     "",
	} {
		if got := Address(peer.NewContext(context.Background(), &peer.Peer{Addr: address})); got != want {
			t.Errorf("peer of %v = %q, want %q", address, got, want)
		}
	}
	if got := Address(context.Background()); got != "" {
		t.Errorf("peer of nobody = %q", got)
	}
}
