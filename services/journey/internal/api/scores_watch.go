package api

import (
	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/watch"
)

// watchScores is how many stored scores a watch reads at a time.
const watchScores = 200

// WatchScores implements ScoringService.
func (s *Server) WatchScores(req *journeyv1.WatchScoresRequest, stream grpc.ServerStreamingServer[journeyv1.WatchScoresResponse]) error {
	w := &scoreWatch{server: s, stream: stream, brand: name.ID(req.GetParent())}
	var from watch.Position
	err := watch.Aside(func() (err error) { from, err = w.begin(req); return err })
	if err != nil {
		return err
	}
	return s.hub.Watch(stream.Context(), watch.Request{
		Brand: w.brand, From: from, Send: w.send,
		Match: func(e *eventv1.Event) bool {
			p := e.GetScoreChanged()
			return p != nil && (len(w.only) == 0 || w.only[name.ID(p.GetCustomer())])
		},
	})
}

// A scoreWatch is one watcher of scores.
type scoreWatch struct {
	server *Server
	stream grpc.ServerStreamingServer[journeyv1.WatchScoresResponse]
	brand  string
	only   map[string]bool // customers; all if empty
	tokens watch.Tokens
	token  string // of the last message
}

// begin prepares w for a request, sends the snapshot unless it goes on from a token, and
// returns where to go on from.
func (w *scoreWatch) begin(req *journeyv1.WatchScoresRequest) (from watch.Position, err error) {
	if len(req.GetCustomers()) > 0 {
		w.only = make(map[string]bool, len(req.GetCustomers()))
	}
	for _, c := range req.GetCustomers() {
		root, err := w.server.store.Root(w.stream.Context(), w.brand, name.ID(c))
		if err != nil {
			return "", err
		}
		w.only[root] = name.Brand(c) == w.brand
	}
	if w.tokens, err = watch.NewTokens(req); err != nil {
		return "", err
	}
	if w.token = req.GetResumeToken(); w.token != "" {
		return w.tokens.Decode(w.token)
	}
	from = w.server.hub.Now()
	return from, w.snapshot(from)
}

// snapshot sends the stored scores, and the token for what happens after from.
func (w *scoreWatch) snapshot(from watch.Position) error {
	after := filter.Clause{Text: "TRUE"}
	for {
		rows, err := w.server.store.ListScores(w.stream.Context(), w.brand, []filter.Clause{after, w.among()}, "id", watchScores)
		if err != nil {
			return err
		}
		for i := range rows {
			m := &journeyv1.WatchScoresResponse{
				Change: journeyv1.WatchScoresResponse_CHANGE_SNAPSHOT, Score: storedToProto(w.brand, &rows[i]),
			}
			if err := w.stream.Send(m); err != nil {
				return err
			}
		}
		if len(rows) < watchScores {
			w.token = w.tokens.Encode(from)
			return w.stream.Send(&journeyv1.WatchScoresResponse{
				Change: journeyv1.WatchScoresResponse_CHANGE_SNAPSHOT_COMPLETE, ResumeToken: w.token,
			})
		}
		after = filter.Clause{Text: "id > ?", Args: []any{rows[len(rows)-1].Customer}}
	}
}

// among picks the customers that are watched.
func (w *scoreWatch) among() filter.Clause {
	if len(w.only) == 0 {
		return filter.Clause{Text: "TRUE"}
	}
	c := filter.Clause{Text: "id IN ("}
	for id, of := range w.only {
		if !of {
			continue // another brand's
		}
		if len(c.Args) > 0 {
			c.Text += ", "
		}
		c.Text += "?"
		c.Args = append(c.Args, id)
	}
	if len(c.Args) == 0 {
		return filter.Clause{Text: "FALSE"}
	}
	c.Text += ")"
	return c
}

// send tells the watcher what a batch says: the events have it all.
func (w *scoreWatch) send(batch watch.Batch) (news bool, err error) {
	token := w.tokens.Encode(batch.At)
	if len(batch.Events) == 0 {
		w.token = token
		return false, w.stream.Send(&journeyv1.WatchScoresResponse{Change: journeyv1.WatchScoresResponse_CHANGE_HEARTBEAT, ResumeToken: token})
	}
	for i, e := range batch.Events {
		if i == len(batch.Events)-1 {
			w.token = token // the others are not the last of the batch
		}
		m := changedScore(e.GetScoreChanged())
		m.ResumeToken = w.token
		if err := w.stream.Send(m); err != nil {
			return news, err
		}
		news = true
	}
	return news, nil
}

// changedScore returns the message of an event.
func changedScore(p *eventv1.ScoreChanged) *journeyv1.WatchScoresResponse {
	value, lower, upper := p.GetValue(), p.GetLower(), p.GetUpper()
	return &journeyv1.WatchScoresResponse{
		Change: journeyv1.WatchScoresResponse_CHANGE_CHANGED, PreviousValue: p.PreviousValue,
		Score: &journeyv1.StoredScore{
			Name: name.Join(p.GetCustomer(), "score"),
			Estimate: &typev1.Estimate{
				Value: &value, Lower: &lower, Upper: &upper, ConfidenceLevel: measure.Confidence,
				Method: typev1.Method_METHOD_DELTA, Unit: typev1.Unit_UNIT_POINTS,
			},
			WeakestStage: p.GetWeakestStage(), AsOfTime: p.GetAsOfTime(), ScoringModelRevision: p.GetScoringModelRevision(),
		},
	}
}
