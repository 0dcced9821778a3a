package rpc

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// serviceConfig is how a client of the suite behaves: it spreads its calls over all
// replicas that say they are ready, and tries again what a replica did not do, unless
// most calls fail anyway. Only UNAVAILABLE is tried again; a mutation must carry a
// request_id for that, see [Dial]. Streams, whose names go in first, last as long as
// they last and are not tried again.
const serviceConfig = `{
	"loadBalancingConfig": [{"round_robin": {}}],
	"healthCheckConfig": {"serviceName": ""},
	"retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
	"methodConfig": [{
		"name": %s
	}, {
		"name": [{}],
		"waitForReady": false,
		"timeout": "30s",
		"retryPolicy": {
			"maxAttempts": 4,
			"initialBackoff": "0.02s",
			"maxBackoff": "0.5s",
			"backoffMultiplier": 2,
			"retryableStatusCodes": ["UNAVAILABLE"]
		}
	}]
}`

// reconnect is how a client looks for a replica that is away: so often that it is found within
// a second of its return, before the next one goes. Where all have the default, which waits
// for up to two minutes, a client may know of no replica although one is back.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
	MinConnectTimeout: 3 * time.Second,
}

const idempotencyKey = "idempotency-key"

// A methodName is a method as a service config names it.
type methodName struct {
	Service string `json:"service"`
	Method  string `json:"method"`
}

// streams returns the streaming methods of the suite.
func streams() []methodName {
	names := []methodName{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if md := methods.Get(j); md.IsStreamingClient() || md.IsStreamingServer() {
					names = append(names, methodName{Service: string(md.Parent().FullName()), Method: string(md.Name())})
				}
			}
		}
		return true
	})
	return names
}

// taken is the metadata that calls made by a handler take over from the call it handles,
// beside the credential. Nothing else a client sends reaches another service. Calls that act
// for somebody are not the client's: they have request_ids of their own.
func taken(ctx context.Context) []string {
	if ctx.Value(actKey{}) != nil {
		return []string{"accept-language"}
	}
	return []string{idempotencyKey, "accept-language"}
}

// ClientConfig is what a client may choose. The zero value works.
type ClientConfig struct {
	Bearer  string      // the credential of calls that are not made by a handler
	Signer  *Signer     // of passes; without one, calls that want a pass bring no credential
	TLS     *tls.Config // nil: without
	Traces  trace.TracerProvider
	Metrics metric.MeterProvider

	restraint *restraint // of the connection
}

// Dial returns a connection to the services at target, without waiting for it: at an address,
// at the addresses of all replicas with commas between, or at a name of DNS that stands for them,
// dns:///NAME:PORT. It gives each mutation that has no request_id one, so that a
// retry has no second effect; the caller's message stays as it is. Calls made with
// the context of a handler carry the credential of the call it handles, or a pass for its
// caller if that is kept here, and say which address that call comes from; those made with
// one of [ActAs] carry a pass. Calls end after 30 seconds and are tried again while a server is
// UNAVAILABLE; streams are not. While a server refuses calls of a brand because it has too many, most that it would
// refuse are not made and fail alike.
func Dial(target string, cfg ClientConfig) (*grpc.ClientConn, error) {
	cfg.restraint = &restraint{}
	names, err := json.Marshal(streams())
	if err != nil {
		return nil, err
	}
	transport := insecure.NewCredentials()
	if cfg.TLS != nil {
		transport = credentials.NewTLS(cfg.TLS)
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDisableServiceConfig(), // that of DNS; ours stays
		grpc.WithDefaultServiceConfig(fmt.Sprintf(serviceConfig, names)),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(reconnect),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithUnaryInterceptor(cfg.unary),
		grpc.WithStreamInterceptor(cfg.stream),
	}
	if cfg.Traces != nil || cfg.Metrics != nil {
		opts = append(opts, grpc.WithStatsHandler(clientStats(cfg.Traces, cfg.Metrics, everyMethod)))
	}
	if strings.Contains(target, ",") {
		opts = append(opts, grpc.WithResolvers(replicas{}))
		target = replicas{}.target(target)
	}
	return grpc.NewClient(target, opts...)
}

func (cfg ClientConfig) unary(ctx context.Context, method string, req, answer any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	brand := behalf(ctx)
	if err := cfg.restraint.ask(brand); err != nil {
		return err
	}
	ctx, err := cfg.outgoing(ctx)
	if err != nil {
		return err
	}
	err = invoke(ctx, method, identified(ctx, req), answer, cc, opts...)
	cfg.restraint.hear(brand, err)
	return err
}

func (cfg ClientConfig) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, err := cfg.outgoing(ctx)
	if err != nil {
		return nil, err
	}
	return streamer(ctx, desc, cc, method, opts...)
}

// outgoing adds what a call takes over from the one being handled, and its credential.
func (cfg ClientConfig) outgoing(ctx context.Context) (context.Context, error) {
	if c, ok := ctx.Value(actKey{}).(*Caller); ok {
		return cfg.vouch(forward(ctx, taken(ctx)...), c)
	}
	id, handling := ctx.Value(callKey{}).(*identity)
	ctx = forward(ctx, taken(ctx)...)
	if handling {
		ctx = metadata.AppendToOutgoingContext(ctx, forwardedFor, id.by.address(ctx))
	}
	out, _ := metadata.FromOutgoingContext(ctx)
	switch {
	case len(out.Get("authorization")) > 0:
		return ctx, nil
	case handling && id.Kept:
		return cfg.vouch(ctx, &id.Caller)
	case handling:
		return forward(ctx, "authorization"), nil
	case cfg.Bearer != "":
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+cfg.Bearer), nil
	}
	return ctx, nil
}

// vouch gives a call a pass for c in place of any other credential.
func (cfg ClientConfig) vouch(ctx context.Context, c *Caller) (context.Context, error) {
	if out, _ := metadata.FromOutgoingContext(ctx); len(out.Get("authorization")) > 0 {
		out = out.Copy()
		out.Delete("authorization")
		ctx = metadata.NewOutgoingContext(ctx, out)
	}
	if cfg.Signer == nil {
		return ctx, nil
	}
	pass, err := cfg.Signer.pass(*c)
	if err != nil {
		return nil, err
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+pass), nil
}

// forward adds to the outgoing metadata of a handler's context what its own call
// came with under the keys, unless the handler chose something else.
func forward(ctx context.Context, keys ...string) context.Context {
	if ctx.Value(callKey{}) == nil {
		return ctx
	}
	out, _ := metadata.FromOutgoingContext(ctx)
	var pairs []string
	for _, key := range keys {
		if len(out.Get(key)) > 0 {
			continue
		}
		for _, value := range metadata.ValueFromIncomingContext(ctx, key) {
			pairs = append(pairs, key, value)
		}
	}
	if len(pairs) == 0 {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// identified returns req, or a shallow copy of it with a new request_id if it has
// an empty one and no idempotency key stands in for it. The ids rise with the time,
// so that a database adds them at the end of its index.
func identified(ctx context.Context, req any) any {
	msg, ok := req.(proto.Message)
	if !ok {
		return req
	}
	m := msg.ProtoReflect()
	fd := m.Descriptor().Fields().ByName("request_id")
	if fd == nil || fd.Kind() != protoreflect.StringKind || m.Get(fd).String() != "" {
		return req
	}
	if out, _ := metadata.FromOutgoingContext(ctx); len(out.Get(idempotencyKey)) > 0 {
		return req
	}
	shallow := m.New()
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		shallow.Set(fd, v)
		return true
	})
	shallow.SetUnknown(m.GetUnknown())
	shallow.Set(fd, protoreflect.ValueOfString(uuid.Must(uuid.NewV7()).String()))
	return shallow.Interface()
}
