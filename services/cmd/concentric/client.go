package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// remote are the flags of a command that calls a running suite.
type remote struct {
	common

	Key string `help:"API key, where the suite asks for one." placeholder:"KEY"`
}

// dial connects to the suite. The caller closes the connection.
func (r remote) dial() (*grpc.ClientConn, error) {
	var opts []grpc.DialOption
	if r.Key != "" {
		opts = append(opts, grpc.WithPerRPCCredentials(bearer(r.Key)))
	}
	return rpc.Dial(r.Addr, opts...)
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

// A bearer is an API key sent with every call.
type bearer string

var _ credentials.PerRPCCredentials = bearer("")

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials. A suite is on
// the loopback until there is TLS.
func (b bearer) RequireTransportSecurity() bool { return false }

// terminal reports whether f is one.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
