package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

const (
	// feedbackRows is how much feedback a watch reads at a time.
	feedbackRows = 200
	// A snapshot is of so much feedback, said in so long.
	snapshotRows = 1000
	snapshotSpan = 24 * time.Hour
)

// WatchFeedback implements FeedbackService.
func (s *Server) WatchFeedback(req *surveyv1.WatchFeedbackRequest, stream grpc.ServerStreamingServer[surveyv1.WatchFeedbackResponse]) error {
	w := &feedbackWatch{server: s, stream: stream, lookup: feedbackLookup{name.ID(req.GetParent()), req.GetFilter()}}
	var from watch.Position
	err := watch.Aside(func() (err error) { from, err = w.begin(req); return err })
	if err != nil {
		return err
	}
	return s.Hub.Watch(stream.Context(), watch.Request{
		Brand: w.lookup.brand, From: from, Send: w.send,
		Match: func(e *eventv1.Event) bool { return feedbackOf(e) != "" },
	})
}

// A feedbackWatch is one watcher of feedback.
type feedbackWatch struct {
	server *Server
	stream grpc.ServerStreamingServer[surveyv1.WatchFeedbackResponse]
	tokens watch.Tokens
	token  string // of the last message
	where  filter.Clause
	lookup feedbackLookup // about any feedback; without a filter nothing ever leaves it
	sight  watch.Sight
}

// A feedbackLookup is the question that all watchers with the same filter ask when
// something happens.
type feedbackLookup struct{ brand, filter string }

// begin prepares w for a request, sends the snapshot if that is asked for, and returns
// where to go on from.
func (w *feedbackWatch) begin(req *surveyv1.WatchFeedbackRequest) (from watch.Position, err error) {
	picked, err := feedbackFields.Parse(req.GetFilter(), w.lookup.brand)
	if err != nil {
		return "", err
	}
	if w.tokens, err = watch.NewTokens(req); err != nil {
		return "", err
	}
	w.where, w.token = picked.Where(w.server.DB.Postgres()), req.GetResumeToken()
	switch {
	case w.token != "":
		return w.tokens.Decode(w.token)
	case req.GetSnapshot():
		from = w.server.Hub.Now()
		return from, w.snapshot(from)
	}
	return "", nil
}

// snapshot sends the latest feedback as it is, and the token for what happens after from.
func (w *feedbackWatch) snapshot(from watch.Position) error {
	w.sight.Whole = true
	rows, err := w.read(w.stream.Context(), filter.Clause{Text: "event_time >= ?", Args: []any{sqldb.Micros(w.server.now().Add(-snapshotSpan))}}, snapshotRows)
	if err != nil {
		return err
	}
	for _, f := range rows {
		w.sight.See(f.ID)
		if err := w.say(surveyv1.WatchFeedbackResponse_CHANGE_SNAPSHOT, toFeedback(f), ""); err != nil {
			return err
		}
	}
	w.token = w.tokens.Encode(from)
	return w.say(surveyv1.WatchFeedbackResponse_CHANGE_SNAPSHOT_COMPLETE, nil, w.token)
}

// read returns the feedback that matches and for which more holds, newest first.
func (w *feedbackWatch) read(ctx context.Context, more filter.Clause, limit int) ([]store.Feedback, error) {
	return store.FeedbackTable.List(ctx, w.server.DB, table.Listing{
		Brand: w.lookup.brand, Where: []filter.Clause{more, w.where}, By: "event_time DESC, id DESC", Limit: limit,
	})
}

// send tells the watcher how the feedback is that a batch is about.
func (w *feedbackWatch) send(batch watch.Batch) (news bool, err error) {
	token := w.tokens.Encode(batch.At)
	if len(batch.Events) == 0 {
		w.token = token
		return false, w.say(surveyv1.WatchFeedbackResponse_CHANGE_HEARTBEAT, nil, token)
	}
	ids := changedFeedback(batch.Events)
	for some := range slices.Chunk(ids, feedbackRows) {
		rows, err := w.server.feedbackSeen.Ask(w.stream.Context(), w.lookup, batch.Shared(len(ids)),
			func(ctx context.Context) ([]store.Feedback, error) { return w.read(ctx, idAmong(some), len(some)) })
		if err != nil {
			return news, err
		}
		messages := w.messages(some, rows)
		for i, m := range messages {
			if i == len(messages)-1 && some[len(some)-1] == ids[len(ids)-1] {
				w.token = token // the others are not the last of the batch
			}
			if err := w.say(m.GetChange(), m.GetFeedback(), w.token); err != nil {
				return news, err
			}
			news = true
		}
	}
	return news, nil
}

// messages returns what there is to say about ids, of which rows match.
func (w *feedbackWatch) messages(ids []string, rows []store.Feedback) (all []*surveyv1.WatchFeedbackResponse) {
	matching := make(map[string]store.Feedback, len(rows))
	for _, f := range rows {
		matching[f.ID] = f
	}
	for _, id := range ids {
		f, ok := matching[id]
		switch {
		case ok:
			if w.lookup.filter != "" {
				w.sight.See(id)
			}
			all = append(all, &surveyv1.WatchFeedbackResponse{
				Change: surveyv1.WatchFeedbackResponse_CHANGE_CHANGED, Feedback: toFeedback(f),
			})
		case w.lookup.filter == "" || w.sight.Lose(id):
			all = append(all, &surveyv1.WatchFeedbackResponse{
				Change: surveyv1.WatchFeedbackResponse_CHANGE_GONE, Feedback: &surveyv1.Feedback{Name: feedbackName(w.lookup.brand, id)},
			})
		}
	}
	return all
}

func (w *feedbackWatch) say(change surveyv1.WatchFeedbackResponse_Change, f *surveyv1.Feedback, token string) error {
	withhold(w.stream.Context(), f)
	return w.stream.Send(&surveyv1.WatchFeedbackResponse{Change: change, Feedback: f, ResumeToken: token})
}

// changedFeedback returns the ids of the feedback that events are about, each once.
func changedFeedback(events []*eventv1.Event) (ids []string) {
	told := make(map[string]struct{}, len(events))
	for _, e := range events {
		id := name.ID(feedbackOf(e))
		if _, ok := told[id]; !ok {
			told[id] = struct{}{}
			ids = append(ids, id)
		}
	}
	return ids
}

// idAmong holds for the feedback of ids, of which there is one.
func idAmong(ids []string) filter.Clause {
	c := filter.Clause{Text: "id IN (?" + strings.Repeat(", ?", len(ids)-1) + ")"}
	for _, id := range ids {
		c.Args = append(c.Args, id)
	}
	return c
}
