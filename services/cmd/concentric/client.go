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

// host returns the address without what makes it that of a page, and whether the suite
// there has TLS: with https:// or --ca.
func (r remote) host() (addr string, secure bool) {
	addr, secure = strings.CutPrefix(r.Addr, "https://")
	return strings.TrimSuffix(strings.TrimPrefix(addr, "http://"), "/"), secure || r.CA != ""
}

// page returns the address of a page of the suite.
func (r remote) page(path string) string {
	addr, secure := r.host()
	if secure {
		return "https://" + addr + path
	}
	return "http://" + addr + path
}

// dial connects to the suite. The caller closes the connection.
func (r remote) dial() (*grpc.ClientConn, error) {
	cfg, file := rpc.ClientConfig{Bearer: r.Key}, r.CA
	addr, secure := r.host()
	if secure {
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
