package rpc

import (
	"strings"

	"google.golang.org/grpc/resolver"
)

// replicas resolves a list of addresses, HOST:PORT,HOST:PORT, to the replicas there: for
// where no name stands for all of them.
type replicas struct{}

// target returns how a list is written for a client.
func (r replicas) target(list string) string { return r.Scheme() + ":///" + list }

// Scheme implements [resolver.Builder].
func (replicas) Scheme() string { return "replicas" }

// Build implements [resolver.Builder]. Each replica has the certificate of its own address.
func (r replicas) Build(target resolver.Target, conn resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	var state resolver.State
	for address := range strings.SplitSeq(target.Endpoint(), ",") {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address, ServerName: address}}})
	}
	return r, conn.UpdateState(state)
}

// ResolveNow implements [resolver.Resolver]. A list stays what it is.
func (replicas) ResolveNow(resolver.ResolveNowOptions) {}

// Close implements [resolver.Resolver].
func (replicas) Close() {}
