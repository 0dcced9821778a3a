package rpc

import (
	"fmt"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// An inbound is a message on its way from the transport to a method. The codec
// leaves its verdict in err and tells gRPC that all is well: an error of a codec
// would go out as INTERNAL before the server can say what is wrong.
type inbound struct {
	msg   any
	limit int // bytes
	err   error
}

// receive reads the next message of the call into msg.
func (m *method) receive(msg any, recv func(any) error) error {
	in := inbound{msg: msg, limit: m.limit}
	if err := recv(&in); err != nil {
		return err
	}
	return in.err
}

// A codec is gRPC's own, but for inbound messages.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(grpcproto.Name)} }

// A Prepared is a message on its way to many: it is encoded once. It is sent with the SendMsg
// of a server's stream, and may be sent concurrently.
type Prepared struct {
	msg   proto.Message
	bytes []byte
}

// Prepare returns m as it is now, which must not change any more.
func Prepare(m proto.Message) (*Prepared, error) {
	bytes, err := proto.Marshal(m)
	return &Prepared{m, bytes}, err
}

// Marshal encodes v unless that is done.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if p, ok := v.(*Prepared); ok {
		return mem.BufferSlice{mem.SliceBuffer(p.bytes)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal refuses what is too large before it decodes it. Requests of more than
// gRPC's own limit never come here and are RESOURCE_EXHAUSTED.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*inbound)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if data.Len() > in.limit {
		in.err = &fault.Error{
			Code: codes.InvalidArgument, Reason: "MESSAGE_TOO_LARGE",
			Message:  fmt.Sprintf("the message has %d bytes; the method takes at most %d", data.Len(), in.limit),
			Metadata: map[string]string{"limit": fmt.Sprint(in.limit)},
		}
		return nil
	}
	if err := c.CodecV2.Unmarshal(data, in.msg); err != nil {
		in.err = &fault.Error{
			Code: codes.InvalidArgument, Reason: "MALFORMED_MESSAGE",
			Message: "the message cannot be decoded: it is cut off, nested too deeply or not UTF-8",
		}
	}
	return nil
}

// A cloner moves messages inside the process. It needs no limit: whoever calls
// from inside took the message from somewhere that has one.
type cloner struct{ inprocgrpc.ProtoCloner }

// Clone returns a copy of in.
func (c cloner) Clone(in any) (any, error) {
	if p, ok := in.(*Prepared); ok {
		in = p.msg
	}
	return c.ProtoCloner.Clone(in)
}

// Copy copies in to out.
func (c cloner) Copy(out, in any) error {
	if w, ok := out.(*inbound); ok {
		out = w.msg
	}
	to, from := messageOf(out), messageOf(in)
	if to == nil || from == nil || to.Descriptor() != from.Descriptor() {
		return c.ProtoCloner.Copy(out, in)
	}
	proto.Reset(to.Interface())
	proto.Merge(to.Interface(), from.Interface())
	return nil
}
