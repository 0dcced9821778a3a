package rpc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/quota"
)

// places returns those that calls of the method are handled in.
func (m *method) places() *places {
	if m.watches {
		return &m.server.streams
	}
	return &m.server.limit
}

// admit lets a call of a known caller go on, unless its quota is used up or its brand has
// too many places. Pair with part after success.
func (m *method) admit(ctx context.Context, all *places, c Caller) error {
	if m.server.quotas != nil && c.Brand != "" && m.server.carried(ctx) == nil {
		if err := m.charge(ctx, c.Brand); err != nil {
			return err
		}
	}
	if r := reserved(ctx); r != nil && r.claim() {
		if r.share == shareOf(c) {
			return nil
		}
		all.part(r.share) // the credential is another brand's by now
	}
	err := all.join(ctx, shareOf(c))
	if err == nil {
		return nil
	}
	if credential, alone := only(metadata.ValueFromIncomingContext(ctx, "authorization")); alone {
		m.server.shed.note(credential, shareOf(c))
	}
	return err
}

// shareOf returns whose share a call uses: those of all brands' callers are one, and so
// are those of nobody.
func shareOf(c Caller) string {
	if c.Anonymous {
		return "-" // no brand is called that
	}
	return c.Brand
}

// charge uses up one call of the brand's quota and says on the answer what is left.
func (m *method) charge(ctx context.Context, brand string) error {
	s, limited := m.server.quotas.Take(brand, m.class)
	if !limited {
		return nil
	}
	// Nobody can be told without a stream, and the details of an error say it once more.
	_ = grpc.SetHeader(ctx, metadata.MD{ //nolint:errcheck // see above
		"ratelimit-limit":     {strconv.Itoa(s.Limit)},
		"ratelimit-remaining": {strconv.Itoa(s.Remaining)},
		"ratelimit-reset":     {strconv.Itoa(seconds(s.Reset))},
	})
	if s.Retry == 0 {
		return nil
	}
	m.server.charged[m.class].Add(1)
	limit := fmt.Sprintf("%d calls a second of the class %s", s.Limit, m.class)
	return &fault.Error{
		Code: codes.ResourceExhausted, Reason: "QUOTA_EXCEEDED", Retry: s.Retry,
		Message:  "the brand may make " + limit + "; come back later",
		Metadata: map[string]string{"quota": m.class.String(), "limit": strconv.Itoa(s.Limit)},
		Quota:    &fault.Quota{Subject: name.Join("brands", brand), Description: limit},
	}
}

// seconds rounds up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// classify returns the class of the method: everything that changes something has a
// request_id, and what does not has none.
func (m *method) classify() quota.Class {
	service, short, _ := strings.Cut(strings.TrimPrefix(m.name, "/"), "/")
	switch {
	case strings.HasSuffix(service, ".CollectService"):
		return quota.Collect
	case m.watches:
		return quota.Watch
	case m.sends || m.limit == maxBatch || strings.HasPrefix(short, "Batch"):
		return quota.Batch
	case m.input != nil && m.input.Fields().ByName(protoreflect.Name("request_id")) != nil:
		return quota.Write
	}
	return quota.Read
}
