package abuse

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// A bearer adds a credential to each call.
type bearer struct {
	grpc.ClientConnInterface
	key string
}

// Invoke makes a call with the credential.
func (b bearer) Invoke(ctx context.Context, method string, req, answer any, opts ...grpc.CallOption) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+b.key)
	return b.ClientConnInterface.Invoke(ctx, method, req, answer, opts...)
}

// NewStream begins a stream with the credential.
func (b bearer) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+b.key)
	return b.ClientConnInterface.NewStream(ctx, desc, method, opts...)
}
