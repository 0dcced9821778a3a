package api

import (
	"context"

	"google.golang.org/grpc"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/intake"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// What an import of feedback writes in one transaction, and the longest id that it
// speaks of.
const (
	feedbackChunk = 500
	maxFeedbackID = 63
)

// ImportFeedback implements FeedbackService. What is stored stays when the call fails
// later on: send the rest again, the rows that are there change nothing.
func (s *Server) ImportFeedback(stream grpc.ClientStreamingServer[surveyv1.ImportFeedbackRequest, surveyv1.ImportFeedbackResponse]) error {
	in := feedbackImport{server: s, resp: &surveyv1.ImportFeedbackResponse{}}
	if err := intake.Each(stream, "feedback", in.take); err != nil {
		return err
	}
	if err := in.flush(stream.Context()); err != nil {
		return err
	}
	return stream.SendAndClose(in.resp)
}

// A feedbackImport is one call of ImportFeedback.
type feedbackImport struct {
	server *Server
	first  *surveyv1.ImportFeedbackRequest // whose parent and validate_only hold for all
	chunk  []feedbackRow
	resp   *surveyv1.ImportFeedbackResponse
	told   intake.Told
}

// A feedbackRow is one row of an import and what became of it.
type feedbackRow struct {
	index     int64
	id        string // as the row names it; empty if it does not
	feedback  store.Feedback
	err       error // why it is refused
	unchanged bool
}

// take adds a row to the chunk, which it flushes when it is full.
func (in *feedbackImport) take(ctx context.Context, index int64, row *surveyv1.ImportFeedbackRequest) error {
	if index == 0 {
		in.first = row
	}
	r := feedbackRow{index: index, id: row.GetFeedbackId()}
	r.feedback, r.err = in.server.importedFeedback(row)
	if in.chunk = append(in.chunk, r); len(in.chunk) < feedbackChunk {
		return nil
	}
	return in.flush(ctx)
}

// importedFeedback reads a row, or says what is wrong with it.
func (s *Server) importedFeedback(row *surveyv1.ImportFeedbackRequest) (store.Feedback, error) {
	if err := s.Validator.Message(row); err != nil {
		return store.Feedback{}, err
	}
	switch {
	case row.GetFeedback().GetEventTime() == nil:
		return store.Feedback{}, fault.Invalid(fault.Field{Path: "feedback.event_time", Reason: "required", Description: "must be set"})
	case row.GetFeedbackId() == "" && row.GetFeedback().GetExternalId() == "":
		return store.Feedback{}, fault.Invalid(fault.Field{
			Path: "feedback.external_id", Reason: "required", Description: "must be set where feedback_id is not",
		})
	}
	return s.newFeedback(name.ID(row.GetParent()), row.GetFeedbackId(), row.GetFeedback())
}

// flush stores the chunk and says what became of its rows.
func (in *feedbackImport) flush(ctx context.Context) error {
	if len(in.chunk) == 0 {
		return nil
	}
	var done []feedbackRow
	err := intake.Store(ctx, in.server.DB, in.first.GetValidateOnly(), func(tx *sqldb.Tx) (err error) {
		done, err = in.server.importFeedback(tx, in.chunk)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range done {
		in.count(r)
	}
	in.chunk = nil
	return nil
}

// count adds r to the answer.
func (in *feedbackImport) count(r feedbackRow) {
	switch {
	case r.unchanged:
		in.resp.UnchangedCount++
		return
	case r.err == nil:
		in.resp.ImportedCount++
		return
	}
	in.resp.RefusedCount++
	said := &surveyv1.ImportFeedbackResult{Index: r.index, Error: intake.Status(r.err)}
	if r.id != "" && len(r.id) <= maxFeedbackID {
		said.Feedback = feedbackName(name.ID(in.first.GetParent()), r.id)
	}
	in.told.Add(said, said.GetError())
	in.resp.Results = append(in.resp.Results, said)
}

// importFeedback stores rows. The error is one that no row can help.
func (s *Server) importFeedback(tx *sqldb.Tx, chunk []feedbackRow) ([]feedbackRow, error) {
	done := append([]feedbackRow(nil), chunk...)
	var ids []string
	external, brand := map[int32][]string{}, ""
	for _, r := range chunk {
		if r.err != nil {
			continue
		}
		brand = r.feedback.Brand
		if r.id != "" {
			ids = append(ids, r.id)
		}
		if r.feedback.ExternalID != "" {
			external[r.feedback.Source] = append(external[r.feedback.Source], r.feedback.ExternalID)
		}
	}
	found, err := store.FeedbackByKey(tx, brand, ids, external)
	if err != nil {
		return nil, err
	}
	there := newFeedbackKeys(found)
	for i := range done {
		r := &done[i]
		if r.err != nil {
			continue
		}
		if r.unchanged, r.err = there.meet(*r); r.err != nil || r.unchanged {
			continue
		}
		f := r.feedback
		if r.err = s.refuse(f.Brand, f.Customer); r.err != nil {
			continue
		}
		store.InsertFeedback(tx, f)
		s.Outbox.Emit(tx, feedbackCreated(f))
		there.add(store.FeedbackKey{ID: f.ID, Source: f.Source, ExternalID: f.ExternalID, Digest: f.Digest})
	}
	return done, nil
}

// The feedbackKeys are the feedback that is there already, by id and by source and external id.
type feedbackKeys struct {
	byID       map[string]store.FeedbackKey
	byExternal map[externalID]store.FeedbackKey
}

// An externalID is what a source calls a feedback.
type externalID struct {
	source int32
	id     string
}

func newFeedbackKeys(found []store.FeedbackKey) feedbackKeys {
	k := feedbackKeys{map[string]store.FeedbackKey{}, map[externalID]store.FeedbackKey{}}
	for _, f := range found {
		k.add(f)
	}
	return k
}

func (k feedbackKeys) add(f store.FeedbackKey) {
	k.byID[f.ID] = f
	if f.ExternalID != "" {
		k.byExternal[externalID{f.Source, f.ExternalID}] = f
	}
}

// meet reports whether a row is there already, or why it cannot be.
func (k feedbackKeys) meet(r feedbackRow) (unchanged bool, err error) {
	f := r.feedback
	if same, taken := k.byID[f.ID]; taken {
		if same.Digest == f.Digest {
			return true, nil
		}
		return false, fault.Exists(feedbackName(f.Brand, f.ID))
	}
	same, taken := k.byExternal[externalID{f.Source, f.ExternalID}]
	switch {
	case !taken:
		return false, nil
	case same.Digest == f.Digest && r.id == "":
		return true, nil
	}
	return false, externalIDTaken(feedbackName(f.Brand, same.ID))
}
