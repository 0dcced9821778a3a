package main

import (
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
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
	return rpc.Dial(r.Addr, rpc.ClientConfig{Bearer: r.Key})
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
