package watch

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// keep is how long a token is good for: as long as the outbox keeps what comes after
// it, and time to read that.
const keep = 7*24*time.Hour - time.Minute

// A Resumable is a request to watch that may carry a resume_token.
type Resumable interface {
	proto.Message
	GetResumeToken() string
}

// Tokens are the resume tokens of one request. A token is bound to the request that
// it continues: with other arguments it is refused rather than misread.
type Tokens struct{ request []byte }

// NewTokens returns the tokens of req.
func NewTokens(req Resumable) (Tokens, error) {
	m := proto.Clone(req).ProtoReflect()
	m.Clear(m.Descriptor().Fields().ByName("resume_token"))
	m.SetUnknown(nil)
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{append([]byte(m.Descriptor().FullName()+"\x00"), body...)}, nil
}

// Encode returns the token for p.
func (t Tokens) Encode(p Position) string {
	return base64.RawURLEncoding.EncodeToString(append(t.digest(string(p)), p...))
}

const sumSize = 12

func (t Tokens) digest(position string) []byte {
	h := sha256.New()
	h.Write([]byte(position))
	h.Write([]byte{0})
	h.Write(t.request)
	return h.Sum(nil)[:sumSize]
}

// Decode returns the position of a token. One that is no token, or belongs to other
// arguments, is a fault on resume_token; one that is too old is OUT_OF_RANGE, reason
// TOKEN_TOO_OLD.
func (t Tokens) Decode(token string) (Position, error) {
	refuse := fault.Invalid(fault.Field{
		Path: "resume_token", Reason: "RESUME_TOKEN",
		Description: "must be a resume_token of a call with the same arguments",
	})
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < sumSize {
		return "", refuse
	}
	position := string(raw[sumSize:])
	id, err := ulid.ParseStrict(position)
	if err != nil || string(raw[:sumSize]) != string(t.digest(position)) {
		return "", refuse
	}
	now := time.Now()
	if id.Timestamp().Before(now.Add(-keep)) {
		return "", &fault.Error{
			Code: codes.OutOfRange, Reason: "TOKEN_TOO_OLD",
			Message: "resume_token is older than 7 days; begin anew without it",
		}
	}
	return min(Position(position), at(now)), nil
}
