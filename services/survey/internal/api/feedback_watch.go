package api

import (
	"slices"
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
	w := &feedbackWatch{server: s, stream: stream, brand: name.ID(req.GetParent())}
	var from watch.Position
	err := watch.Aside(func() (err error) { from, err = w.begin(req); return err })
	if err != nil {
		return err
	}
	return s.Hub.Watch(stream.Context(), watch.Request{
		Brand: w.brand, From: from, Send: w.send,
		Match: func(e *eventv1.Event) bool { return feedbackOf(e) != "" },
	})
}

// A feedbackWatch is one watcher of feedback.
type feedbackWatch struct {
	server *Server
	stream grpc.ServerStreamingServer[surveyv1.WatchFeedbackResponse]
	brand  string
	tokens watch.Tokens
	token  string // of the last message
	where  filter.Clause
	all    bool // there is no filter: nothing ever leaves it
	sight  feedbackSight
}

// begin prepares w for a request, sends the snapshot if that is asked for, and returns
// where to go on from.
func (w *feedbackWatch) begin(req *surveyv1.WatchFeedbackRequest) (from watch.Position, err error) {
	picked, err := feedbackFields.Parse(req.GetFilter(), w.brand)
	if err != nil {
		return "", err
	}
	if w.tokens, err = watch.NewTokens(req); err != nil {
		return "", err
	}
	w.where, w.token, w.all = picked.Where(w.server.DB.Postgres()), req.GetResumeToken(), req.GetFilter() == ""
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
	w.sight.whole = true
	rows, err := w.read(filter.Clause{Text: "event_time >= ?", Args: []any{sqldb.Micros(w.server.now().Add(-snapshotSpan))}}, snapshotRows)
	if err != nil {
		return err
	}
	for _, f := range rows {
		w.sight.see(f.ID)
		if err := w.say(surveyv1.WatchFeedbackResponse_CHANGE_SNAPSHOT, toFeedback(f), ""); err != nil {
			return err
		}
	}
	w.token = w.tokens.Encode(from)
	return w.say(surveyv1.WatchFeedbackResponse_CHANGE_SNAPSHOT_COMPLETE, nil, w.token)
}

// read returns the feedback that matches and for which more holds, newest first.
func (w *feedbackWatch) read(more filter.Clause, limit int) ([]store.Feedback, error) {
	return store.FeedbackTable.List(w.stream.Context(), w.server.DB, table.Listing{
		Brand: w.brand, Where: []filter.Clause{more, w.where}, By: "event_time DESC, id DESC", Limit: limit,
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
		var rows []store.Feedback
		err := watch.Aside(func() (err error) { rows, err = w.read(idAmong(some), len(some)); return err })
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
			if !w.all {
				w.sight.see(id)
			}
			all = append(all, &surveyv1.WatchFeedbackResponse{
				Change: surveyv1.WatchFeedbackResponse_CHANGE_CHANGED, Feedback: toFeedback(f),
			})
		case w.all || w.sight.lose(id):
			all = append(all, &surveyv1.WatchFeedbackResponse{
				Change: surveyv1.WatchFeedbackResponse_CHANGE_GONE, Feedback: &surveyv1.Feedback{Name: feedbackName(w.brand, id)},
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

func idAmong(ids []string) filter.Clause {
	c := filter.Clause{Text: "id IN (?"}
	for i, id := range ids {
		if i > 0 {
			c.Text += ", ?"
		}
		c.Args = append(c.Args, id)
	}
	c.Text += ")"
	return c
}

// maxFeedbackSight bounds what is remembered of one watcher, to a few hundred kilobytes.
const maxFeedbackSight = 1 << 12

// A feedbackSight remembers which feedback a watcher has, so that it hears once of each
// that leaves a filter, and nothing of those it never had. Above [maxFeedbackSight], and
// where a watch had no snapshot, it does not know of all: then the watcher may hear of one
// it never had, or twice of the same. The zero value knows of none.
type feedbackSight struct {
	whole bool            // what is not in has is not with the watcher
	has   map[string]bool // by id; false: it heard that the feedback is gone
}

// see notes that the watcher has a feedback.
func (s *feedbackSight) see(id string) { s.note(id, true) }

// lose notes that the watcher has a feedback no longer, and reports whether that is news.
func (s *feedbackSight) lose(id string) bool {
	has, ok := s.has[id]
	if !has && (ok || s.whole) {
		return false
	}
	if s.whole {
		delete(s.has, id)
	} else {
		s.note(id, false)
	}
	return true
}

func (s *feedbackSight) note(id string, has bool) {
	if _, ok := s.has[id]; !ok && len(s.has) >= maxFeedbackSight {
		s.has, s.whole = nil, false
	}
	if s.has == nil {
		s.has = map[string]bool{}
	}
	s.has[id] = has
}
