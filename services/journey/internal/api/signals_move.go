package api

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// AcknowledgeSignal implements SignalService.
func (s *Server) AcknowledgeSignal(ctx context.Context, req *journeyv1.AcknowledgeSignalRequest) (*journeyv1.Signal, error) {
	return s.moveSignal(ctx, req, signal.Acknowledged, func(v *store.Signal, now time.Time) { v.Acknowledged = now })
}

// ActOnSignal implements SignalService.
func (s *Server) ActOnSignal(ctx context.Context, req *journeyv1.ActOnSignalRequest) (*journeyv1.Signal, error) {
	definition := name.ID(req.GetTouchpointDefinition())
	if definition != "" {
		if _, err := s.catalog.find(ctx, name.Brand(req.GetName()), definition); err != nil {
			return nil, err
		}
	}
	return s.moveSignal(ctx, req, signal.Actioned, func(v *store.Signal, now time.Time) {
		if v.Acknowledged.IsZero() {
			v.Acknowledged = now
		}
		v.Acted, v.Action = now, store.SignalAction{Kind: int32(req.GetKind()), Note: req.GetNote(), Definition: definition}
	})
}

// ResolveSignal implements SignalService.
func (s *Server) ResolveSignal(ctx context.Context, req *journeyv1.ResolveSignalRequest) (*journeyv1.Signal, error) {
	return s.moveSignal(ctx, req, signal.Resolved, func(v *store.Signal, now time.Time) { v.Closed, v.CloseNote = now, req.GetNote() })
}

// DismissSignal implements SignalService.
func (s *Server) DismissSignal(ctx context.Context, req *journeyv1.DismissSignalRequest) (*journeyv1.Signal, error) {
	return s.moveSignal(ctx, req, signal.Dismissed, func(v *store.Signal, now time.Time) { v.Closed, v.CloseNote = now, req.GetNote() })
}

// A signalMove names a signal to be moved.
type signalMove interface {
	once.Request
	GetName() string
	GetEtag() string
}

// moveSignal takes the signal that req names to a state, if it may go there, and notes
// what goes with that.
func (s *Server) moveSignal(ctx context.Context, req signalMove, to signal.State, note func(*store.Signal, time.Time)) (*journeyv1.Signal, error) {
	n := req.GetName()
	return once.Do(ctx, s.db, name.Brand(n), req, func(tx *sqldb.Tx) (*journeyv1.Signal, error) {
		v, err := s.signals().Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		if !v.State.May(to) {
			return nil, illegalMove(n, v.State)
		}
		note(&v, s.signalNow())
		if v, err = s.moved(tx, v, to); err != nil {
			return nil, err
		}
		return toSignal(v), nil
	})
}

// moved writes a locked signal in its new state and tells of it.
func (s *Server) moved(tx *sqldb.Tx, v store.Signal, to signal.State) (store.Signal, error) {
	v.State, v.UpdateTime = to, s.signalNow()
	v, err := store.Signals.Update(tx, v)
	if err != nil {
		return v, resource.Explain(signalName(v.Brand, v.ID), err)
	}
	s.tellSignal(tx, v, false)
	return v, nil
}

// signalNow is the time as the store keeps it.
func (s *Server) signalNow() time.Time { return sqldb.Time(sqldb.Micros(s.now())) }

// tellSignal tells other services and watchers of a signal that is new, or has moved on.
func (s *Server) tellSignal(tx *sqldb.Tx, v store.Signal, opened bool) {
	s.outbox.Emit(tx, &eventv1.Event{
		Brand: name.Join("brands", v.Brand), Key: signalName(v.Brand, v.ID), EventTime: timestamppb.New(v.UpdateTime),
		Payload: &eventv1.Event_SignalChanged{SignalChanged: &eventv1.SignalChanged{
			Signal: signalName(v.Brand, v.ID), SignalRule: signalRuleName(v.Brand, v.Rule), FunctionOwner: typev1.Function(v.Owner),
			Opened: opened, Closed: v.State.Closed(),
		}},
	})
}

// illegalMove says in which state the signal is and where people may take it from there.
func illegalMove(n string, state signal.State) error {
	var moves []string
	for _, to := range state.Moves() {
		if to != signal.Expired {
			moves = append(moves, journeyv1.Signal_State(to).String())
		}
	}
	allowed, is := strings.Join(moves, ", "), journeyv1.Signal_State(state).String()
	message := n + " is in " + is
	if allowed == "" {
		message += ", which is final"
	} else {
		message += "; it may only go to " + allowed
	}
	return &fault.Error{
		Code: codes.FailedPrecondition, Reason: "ILLEGAL_TRANSITION", Message: message,
		Metadata: map[string]string{"name": n, "state": is, "allowed": allowed},
	}
}
