package api

import (
	"context"
	"strconv"
	"time"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// BatchRecordTouchpoints implements TouchpointService.
//
// The answer that is remembered for the request_id leaves out the names that
// follow from the request: a thousand of them would cost as much as the
// touchpoints themselves.
func (s *Server) BatchRecordTouchpoints(ctx context.Context, req *journeyv1.BatchRecordTouchpointsRequest) (*journeyv1.BatchRecordTouchpointsResponse, error) {
	b, err := s.batch(ctx, req)
	if err != nil {
		return nil, err
	}
	answer, err := once.Do(ctx, s.db, b.brand, req, func(tx *sqldb.Tx) (*journeyv1.BatchRecordTouchpointsResponse, error) {
		return s.record(tx, b)
	})
	if err != nil {
		return nil, err
	}
	b.name(answer)
	return answer, nil
}

// record stores what of b is good and tells others of what is new.
func (s *Server) record(tx *sqldb.Tx, b *batch) (*journeyv1.BatchRecordTouchpointsResponse, error) {
	s.date(b.good)
	recorded, err := s.store.Record(tx, b.brand, b.good)
	if err != nil {
		return nil, err
	}
	s.announce(tx, b.brand, recorded, b.refs)
	return b.answer(recorded), nil
}

// date gives touchpoints the time at which they are stored. It is taken in the transaction
// that stores them: a request may have waited for its turn. On PostgreSQL those of two
// batches may be dated in another order than they commit, as most of a batch is written
// before it is its turn; all that depends on the order of record times, what was known at
// some time, is off by no more than a transaction takes.
func (s *Server) date(touchpoints []store.Touchpoint) {
	now := sqldb.Micros(s.now())
	for i := range touchpoints {
		touchpoints[i].RecordTime = now
	}
}

// A batch is a request whose items have been checked.
type batch struct {
	brand string
	good  []store.Touchpoint
	refs  []*eventv1.TouchpointRef // of each of them: made before it is the request's turn to write
	at    []int                    // the position in the request of each of them
	bad   []*statuspb.Status       // by position; nil where there is nothing to refuse
}

func (s *Server) batch(ctx context.Context, req *journeyv1.BatchRecordTouchpointsRequest) (*batch, error) {
	items := req.GetRequests()
	b := &batch{
		brand: name.Brand(req.GetParent()), good: make([]store.Touchpoint, 0, len(items)),
		refs: make([]*eventv1.TouchpointRef, 0, len(items)),
		at:   make([]int, 0, len(items)), bad: make([]*statuspb.Status, len(items)),
	}
	known, err := s.catalog.of(ctx, b.brand)
	if err != nil {
		return nil, err
	}
	now, references := s.now(), make([]reference, len(items)) // at once: a thousand by themselves take longer
	for i, item := range items {
		fallback := ""
		if req.GetRequestId() != "" && item.GetTouchpoint().GetEventId() == "" {
			fallback = req.GetRequestId() + "/" + strconv.Itoa(i)
		}
		t, kind, err := s.item(ctx, known, item, fallback, now)
		switch status.Code(err) {
		case codes.OK:
			b.good, b.refs, b.at = append(b.good, t), append(b.refs, references[i].to(b.brand, kind, &t)), append(b.at, i)
		case codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition:
			b.bad[i] = status.Convert(err).Proto()
		default: // nothing the item can help
			return nil, err
		}
	}
	return b, nil
}

// item checks one request of a batch as if it had come alone.
func (s *Server) item(ctx context.Context, known definitions, req *journeyv1.RecordTouchpointRequest, fallback string, now time.Time) (t store.Touchpoint, kind typev1.TouchpointKind, err error) {
	if !plain(req) {
		if err := s.validator.Message(req); err != nil {
			return t, 0, err
		}
	}
	if name.Brand(req.GetParent()) != known.brand {
		return t, 0, fault.NotFound(req.GetParent())
	}
	if req.GetRequestId() != "" {
		return t, 0, belongsToBatch("request_id")
	}
	if req.GetValidateOnly() {
		return t, 0, belongsToBatch("validate_only")
	}
	return s.touchpoint(ctx, known, req, fallback, now)
}

func belongsToBatch(field string) error {
	return fault.Invalid(fault.Field{
		Path: field, Reason: "BATCH_ITEM", Description: "must be empty in a batch, whose own " + field + " counts for all",
	})
}

// answer says what became of each item. Names that b.name knows are left to it.
func (b *batch) answer(recorded []store.Recorded) *journeyv1.BatchRecordTouchpointsResponse {
	answer := &journeyv1.BatchRecordTouchpointsResponse{Results: make([]*journeyv1.RecordTouchpointResult, len(b.bad))}
	results := make([]journeyv1.RecordTouchpointResult, len(b.bad)) // at once: a thousand by themselves take longer
	for i, bad := range b.bad {
		results[i].Outcome, results[i].Error = journeyv1.RecordTouchpointResult_OUTCOME_REFUSED, bad
		answer.Results[i] = &results[i]
	}
	for n := range recorded {
		result, r := &results[b.at[n]], &recorded[n]
		result.Outcome = journeyv1.RecordTouchpointResult_OUTCOME_RECORDED
		if err := taken(b.brand, &b.good[n], r); err != nil {
			result.Outcome, result.Error = journeyv1.RecordTouchpointResult_OUTCOME_REFUSED, status.Convert(err).Proto()
		} else if t := &r.Touchpoint; !r.New {
			result.Outcome = journeyv1.RecordTouchpointResult_OUTCOME_REPEATED
			if t.ID != b.good[n].ID || t.Customer != b.good[n].Customer {
				result.Name = touchpointName(b.brand, t.Customer, t.ID)
			}
		}
	}
	return answer
}

// name fills in the names that answer has left out.
func (b *batch) name(answer *journeyv1.BatchRecordTouchpointsResponse) {
	for n, i := range b.at {
		result := answer.GetResults()[i]
		if result.GetName() == "" && result.GetOutcome() != journeyv1.RecordTouchpointResult_OUTCOME_REFUSED {
			result.Name = b.refs[n].GetTouchpoint()
		}
	}
}
