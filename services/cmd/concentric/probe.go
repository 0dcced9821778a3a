package main

import (
	"context"
	"fmt"
	"net"

	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// probe answers health checks at an address of their own, if there is one, until the suite
// is closed.
func (s *suite) probe(ctx context.Context, addr string) error {
	if addr == "" {
		return nil
	}
	var config net.ListenConfig
	lis, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("--health-addr: %w", err)
	}
	s.front.SetReady(false) // until it serves
	server := s.rpc.Probes()
	s.closers = append(s.closers, func() error { server.Stop(); return nil })
	go func() {
		if err := server.Serve(rpc.Limit(lis)); err != nil {
			s.log.Error("health checks ended", "err", err)
		}
	}()
	return nil
}
