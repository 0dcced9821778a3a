package bus

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// DeadLetters is the DeadLetterService of one process. It knows each service whose
// [Consumer] names it, while that consumes.
type DeadLetters struct {
	eventv1.UnimplementedDeadLetterServiceServer

	mu       sync.Mutex
	services map[string]*applier
}

// NewDeadLetters returns a DeadLetterService that knows no service yet.
func NewDeadLetters() *DeadLetters { return &DeadLetters{services: map[string]*applier{}} }

func (s *DeadLetters) add(service string, a *applier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services[service] = a
}

func (s *DeadLetters) remove(service string, a *applier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.services[service] == a {
		delete(s.services, service)
	}
}

func (s *DeadLetters) of(service string) (*applier, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.services[name.ID(service)]
	if a == nil {
		return nil, fault.NotFound(service)
	}
	return a, nil
}

// ListDeadLetters implements DeadLetterService.
func (s *DeadLetters) ListDeadLetters(ctx context.Context, req *eventv1.ListDeadLettersRequest) (*eventv1.ListDeadLettersResponse, error) {
	a, err := s.of(req.GetParent())
	if err != nil {
		return nil, err
	}
	cursor := struct {
		Time int64
		ID   string
	}{Time: math.MinInt64}
	if err := page.Decode(req, &cursor); err != nil {
		return nil, err
	}
	size := page.Size(req)
	letters, err := a.list(ctx, cursor.Time, cursor.ID, size+1)
	if err != nil {
		return nil, err
	}
	resp := &eventv1.ListDeadLettersResponse{}
	if len(letters) > size {
		letters = letters[:size]
		cursor.Time, cursor.ID = letters[size-1].created, letters[size-1].id
		if resp.NextPageToken, err = page.Encode(req, cursor); err != nil {
			return nil, err
		}
	}
	for _, l := range letters {
		e, _ := l.event() //nolint:errcheck // a damaged one shows what is known
		resp.DeadLetters = append(resp.DeadLetters, &eventv1.DeadLetter{
			Name: name.Join(req.GetParent(), "deadLetters", l.id), Event: e, Reason: l.reason,
			Attempts: int32(min(l.attempts, math.MaxInt32)), CreateTime: timestamppb.New(sqldb.Time(l.created)), //nolint:gosec // it fits
		})
	}
	return resp, nil
}

// RetryDeadLetter implements DeadLetterService. A letter that waits behind
// another cannot be tried before it.
func (s *DeadLetters) RetryDeadLetter(ctx context.Context, req *eventv1.RetryDeadLetterRequest) (*eventv1.RetryDeadLetterResponse, error) {
	a, l, err := s.letter(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	n, err := a.walk(ctx, l.brand, l.key, l.id)
	switch {
	case err == nil:
		return &eventv1.RetryDeadLetterResponse{AppliedCount: int32(n)}, nil //nolint:gosec // it fits
	case errors.Is(err, errEnd):
		return nil, fault.NotFound(req.GetName())
	case errors.Is(err, errBehind):
		return nil, fault.Precondition("WAITING", req.GetName(), "%s waits behind another dead letter of its key; retry that one", req.GetName())
	case errors.Is(err, errStill):
		return nil, fault.Precondition("STILL_FAILING", req.GetName(), "%s still fails", req.GetName())
	}
	return nil, err
}

// DropDeadLetter implements DeadLetterService. Dropping one that waits leaves
// the others waiting.
func (s *DeadLetters) DropDeadLetter(ctx context.Context, req *eventv1.DropDeadLetterRequest) (*eventv1.DropDeadLetterResponse, error) {
	a, l, err := s.letter(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	head, err := a.drop(ctx, l)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.NotFound(req.GetName())
	}
	if err != nil {
		return nil, err
	}
	resp := &eventv1.DropDeadLetterResponse{}
	if head {
		// The letter is gone, whatever becomes of those behind it.
		n, err := a.walk(ctx, l.brand, l.key, "")
		if err != nil && !errors.Is(err, errStill) {
			return nil, err
		}
		resp.AppliedCount = int32(n) //nolint:gosec // it fits
	}
	return resp, nil
}

func (s *DeadLetters) letter(ctx context.Context, resource string) (*applier, letter, error) {
	a, err := s.of(name.Parent(resource))
	if err != nil {
		return nil, letter{}, err
	}
	l, err := a.find(ctx, name.ID(resource))
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.NotFound(resource)
	}
	return a, l, err
}
