package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// margin is what a composed call keeps of its deadline to put its answer
// together, and share is the part of the rest that a first round of two may use.
const (
	margin = 75 * time.Millisecond
	share  = 3
)

// parts collects what became of each part of one composed answer.
type parts struct {
	mu      sync.Mutex
	states  map[gatewayv1.Part]*gatewayv1.PartState
	stale   map[gatewayv1.Part]bool // those that have not heard of what they should
	refused error                   // what a part said that refused the question
}

// A question is what one part is asked. Answer is called with a context that ends
// before the composed call must answer, and returns when the part read its data.
type question struct {
	part   gatewayv1.Part
	answer func(ctx context.Context) (*timestamppb.Timestamp, error)
}

// ask puts the questions at the same time and waits for all, at most for the
// given part of the time that is left. A part that failed is not asked again.
func (p *parts) ask(ctx context.Context, divisor int, questions ...question) {
	if deadline, ok := ctx.Deadline(); ok {
		left := (time.Until(deadline) - margin) / time.Duration(divisor)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	questions = slices.DeleteFunc(slices.Clone(questions), func(q question) bool { return !p.ok(q.part) })
	put := func(q question) {
		read, err := q.answer(ctx)
		p.note(q.part, read, err)
	}
	var wg sync.WaitGroup
	for i, q := range questions {
		if i == len(questions)-1 { // the last one needs no goroutine
			put(q)
			break
		}
		wg.Go(func() {
			grow(i)
			put(q)
		})
	}
	wg.Wait()
}

// grow makes the stack of a goroutine as large as a call needs it, at once and while there is
// nothing on it to move. Growing by doubling took a quarter of the time of a view.
//
//go:noinline
func grow(i int) byte {
	var room [14 << 10]byte
	return room[i]
}

// ok reports whether the part has not failed so far.
func (p *parts) ok(part gatewayv1.Part) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.states[part]
	return s == nil || there(s)
}

// there reports whether a part in the state s is in the answer.
func there(s *gatewayv1.PartState) bool {
	return s.GetState() == gatewayv1.PartState_STATE_OK || s.GetState() == gatewayv1.PartState_STATE_STALE
}

// lag notes that the part has not heard of what it should.
func (p *parts) lag(part gatewayv1.Part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stale == nil {
		p.stale = map[gatewayv1.Part]bool{}
	}
	p.stale[part] = true
}

func (p *parts) note(part gatewayv1.Part, read *timestamppb.Timestamp, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.states == nil {
		p.states = map[gatewayv1.Part]*gatewayv1.PartState{}
	}
	old := p.states[part]
	if old != nil && !there(old) {
		return // the first failure is the one that counts
	}
	s := state(part, read, err)
	switch s.GetState() {
	case gatewayv1.PartState_STATE_FAILED, gatewayv1.PartState_STATE_DENIED:
		p.refused = err
	case gatewayv1.PartState_STATE_OK:
		if p.stale[part] {
			s.State, s.Message = gatewayv1.PartState_STATE_STALE, "the service has not heard of all of min_revisions yet"
		}
		if before := old.GetReadTime(); read == nil || before != nil && before.AsTime().Before(read.AsTime()) {
			s.ReadTime = before // no part is fresher than the oldest of what it said
		}
	}
	p.states[part] = s
}

func state(part gatewayv1.Part, read *timestamppb.Timestamp, err error) *gatewayv1.PartState {
	s := &gatewayv1.PartState{Part: part, State: gatewayv1.PartState_STATE_OK}
	st := status.Convert(err)
	if over := status.FromContextError(err); over.Code() != codes.Unknown { // what the gateway itself read
		st = over
	}
	switch st.Code() {
	case codes.OK:
		s.ReadTime = read
	case codes.Unavailable:
		s.State, s.Message = gatewayv1.PartState_STATE_UNAVAILABLE, "the service cannot be reached"
	case codes.DeadlineExceeded, codes.Canceled:
		s.State, s.Message = gatewayv1.PartState_STATE_TIMEOUT, "the service did not answer in time"
	case codes.PermissionDenied, codes.Unauthenticated:
		s.State, s.Message = gatewayv1.PartState_STATE_DENIED, st.Message()
	case codes.Internal, codes.Unknown, codes.DataLoss, codes.Unimplemented:
		s.State, s.Message = gatewayv1.PartState_STATE_FAILED, "the service answered with an error"
	default:
		s.State, s.Message = gatewayv1.PartState_STATE_FAILED, st.Message()
	}
	return s
}

// list returns the states in the order of the parts, or a fault if none is OK.
func (p *parts) list() ([]*gatewayv1.PartState, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var (
		all  []*gatewayv1.PartState
		some bool
	)
	for _, s := range p.states {
		all = append(all, s)
		some = some || there(s)
	}
	slices.SortFunc(all, func(a, b *gatewayv1.PartState) int { return int(a.GetPart() - b.GetPart()) })
	switch {
	case some:
		return all, nil
	case p.refused != nil && !p.asleep():
		return nil, p.refused
	default:
		return nil, &fault.Error{
			Code: codes.Unavailable, Reason: "ALL_PARTS_MISSING", Retry: 100 * time.Millisecond,
			Message:  "none of the services that make up the answer could be reached in time",
			Metadata: named(all),
		}
	}
}

// named returns what became of each part, by its name.
func named(states []*gatewayv1.PartState) map[string]string {
	m := make(map[string]string, len(states))
	for _, s := range states {
		m[s.GetPart().String()] = s.GetState().String()
	}
	return m
}

// asleep reports whether a part was out of reach. The caller holds the lock.
func (p *parts) asleep() bool {
	for _, s := range p.states {
		if s.GetState() == gatewayv1.PartState_STATE_UNAVAILABLE || s.GetState() == gatewayv1.PartState_STATE_TIMEOUT {
			return true
		}
	}
	return false
}
