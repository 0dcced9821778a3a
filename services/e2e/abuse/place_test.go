package abuse

import (
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// placeRows are about places in a list or a watch, and whose they are.
func placeRows() []row {
	return []row{
		each("K57", "a page token of another brand, on every list", foreignPage),
		each("K62", "the place in another brand's watch, on every watch", foreignPlace),
	}
}

// foreignPage: whoever has a place in acme's list finds nothing there in another's.
func foreignPage(t *testing.T, s *suite, way surface) {
	tokens := 0
	for i, req := range calls(acme, s.made[acme]) {
		r, m := req.ProtoReflect(), methodOf(req)
		size, place := fieldOf(r, "page_size"), fieldOf(r, "page_token")
		if size == nil || place == nil {
			continue
		}
		r.Set(size, protoreflect.ValueOfInt32(1))
		page := s.send(t, way, ask{req: req, key: acmes})
		ask{}.want(t, way, page)
		next := page.msg.ProtoReflect()
		token := next.Get(fieldOf(next, "next_page_token"))
		if token.String() == "" {
			continue // there is but one
		}
		tokens++
		t.Run(string(m.Name()), func(t *testing.T) {
			other := calls("brands/other", s.made["brands/other"])[i]
			other.ProtoReflect().Set(size, protoreflect.ValueOfInt32(1))
			other.ProtoReflect().Set(place, token)
			a := ask{req: other, key: others, code: invalid, field: "page_token"}
			a.want(t, way, s.send(t, way, a))
		})
	}
	if tokens < 10 {
		t.Errorf("%d lists have a second page, want more to try", tokens)
	}
}

func fieldOf(m protoreflect.Message, name protoreflect.Name) protoreflect.FieldDescriptor {
	return m.Descriptor().Fields().ByName(name)
}

// foreignPlace tries the same with every watch that begins with what is there, and with
// places that are none.
func foreignPlace(t *testing.T, s *suite, way surface) {
	for i, req := range calls(acme, s.made[acme]) {
		m := methodOf(req)
		change := m.Output().Fields().ByName("change")
		if !m.IsStreamingServer() || change == nil || change.Enum().Values().ByName("CHANGE_SNAPSHOT_COMPLETE") == nil {
			continue
		}
		t.Run(string(m.Name()), func(t *testing.T) {
			token := s.place(t, m, req)
			for _, bad := range []string{token, "junk", token + token} {
				other := calls("brands/other", s.made["brands/other"])[i]
				other.ProtoReflect().Set(fieldOf(other.ProtoReflect(), "resume_token"), protoText(bad))
				a := ask{req: other, key: others, code: invalid, field: "resume_token"}
				a.want(t, way, s.send(t, way, a))
			}
		})
	}
}

// place watches until there is a place to go on from, and returns that.
func (s *suite) place(t *testing.T, m protoreflect.MethodDescriptor, req proto.Message) (token string) {
	t.Helper()
	if f := fieldOf(req.ProtoReflect(), "snapshot"); f != nil {
		req.ProtoReflect().Set(f, protoreflect.ValueOfBool(true))
	}
	method := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	stream, err := bearer{s.conn, acmes}.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, method)
	if err == nil {
		err = stream.SendMsg(req)
	}
	if err == nil {
		err = stream.CloseSend()
	}
	for err == nil && token == "" {
		got := newMessage(m.Output())
		if err = stream.RecvMsg(got); err == nil {
			token = got.ProtoReflect().Get(fieldOf(got.ProtoReflect(), "resume_token")).String()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return token
}
