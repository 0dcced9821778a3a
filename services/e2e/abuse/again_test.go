package abuse

import (
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
)

// againRows do all that can be done, twice. They come last: not much is left of a brand
// after them.
func againRows() []row {
	return []row{each("A03", "the same request again, on every method", everyTwice)}
}

// everyTwice makes a call of each method for a brand and then the same again, which gives
// the same answer and changes nothing. Of the calls some are refused, as what they are
// about has gone with another: those are refused again.
func everyTwice(t *testing.T, s *suite, way surface) {
	brand, key := acme, acmes
	if way == onGRPC {
		brand, key = "brands/other", others
	}
	done := 0
	for _, req := range calls(brand, s.made[brand]) {
		m, id := methodOf(req), fieldOf(req.ProtoReflect(), "request_id")
		if id == nil || way == onREST && !onWeb(m) || begins(req) {
			continue
		}
		t.Run(string(m.Name()), func(t *testing.T) {
			req.ProtoReflect().Set(id, protoText(uuid.NewString()))
			first := s.send(t, way, ask{req: req, key: key})
			before := s.settled(t)
			second := s.send(t, way, ask{req: req, key: key})
			if first.status.Code() != second.status.Code() || first.status.Code() == ok && !proto.Equal(first.msg, second.msg) {
				t.Errorf("the second answer is %v %v, want the first, %v %v", second.status, second.msg, first.status, first.msg)
			}
			if first.status.Code() == ok {
				done++
			}
			s.unchanged(t, before)
		})
	}
	if done < 60 {
		t.Errorf("%d methods did something, want more", done)
	}
}
