package main

import (
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/certs"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// remote are the flags of a command that calls a running suite.
type remote struct {
	common

	Key string `help:"API key, where the suite asks for one." placeholder:"KEY"`
	CA  string `name:"ca" help:"Authorities, PEM, of the certificate of a suite with TLS; system for those of this machine." placeholder:"FILE"`
}

// dial connects to the suite. The caller closes the connection. The address may be written
// as that of a page: with https:// the suite has TLS.
func (r remote) dial() (*grpc.ClientConn, error) {
	cfg, file := rpc.ClientConfig{Bearer: r.Key}, r.CA
	addr, secure := strings.CutPrefix(r.Addr, "https://")
	addr = strings.TrimSuffix(strings.TrimPrefix(addr, "http://"), "/")
	if secure || file != "" {
		if file == "system" {
			file = ""
		}
		var err error
		if cfg.TLS, err = certs.Client(file, nil); err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
	}
	return rpc.Dial(addr, cfg)
}

// explain says what to do about an error that a person will meet.
func (r remote) explain(err error) error {
	if status.Code(err) == codes.Unavailable && strings.Contains(status.Convert(err).Message(), "connection refused") {
		return fmt.Errorf("nothing answers at %s; start the suite with `concentric up`, or name its address with --addr", r.Addr)
	}
	if s, ok := status.FromError(err); ok && err != nil {
		return fmt.Errorf("%s: %s", s.Code(), s.Message())
	}
	return err
}

// terminal reports whether f is one.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
