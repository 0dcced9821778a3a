package api

import (
	"context"
	"slices"

	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// watchRows is how many responses a watch reads at a time.
const watchRows = 200

// WatchResponses implements ResponseService.
func (s *Server) WatchResponses(req *surveyv1.WatchResponsesRequest, stream grpc.ServerStreamingServer[surveyv1.WatchResponsesResponse]) error {
	b := &board{server: s, stream: stream, brand: name.ID(req.GetParent()), survey: req.GetSurvey()}
	var from watch.Position
	err := watch.Aside(func() (err error) { from, err = b.begin(req); return err })
	if err != nil {
		return err
	}
	return s.Hub.Watch(stream.Context(), watch.Request{
		Brand: b.brand, From: from, Send: b.send,
		Match: func(e *eventv1.Event) bool {
			return aboutResponse(e) != "" && (req.GetSurvey() == "" || surveyOf(e) == req.GetSurvey())
		},
	})
}

// A board is what one watcher of responses has before its eyes.
type board struct {
	server *Server
	stream grpc.ServerStreamingServer[surveyv1.WatchResponsesResponse]
	brand  string
	survey string // empty for all
	tokens watch.Tokens
	token  string // of the last message
}

// A responseLookup is the question that all watchers of the same ask when something
// happens.
type responseLookup struct{ brand, survey string }

// begin prepares b for a request, sends the snapshot if that is asked for, and returns
// where to go on from: nowhere for what is committed from now on.
func (b *board) begin(req *surveyv1.WatchResponsesRequest) (from watch.Position, err error) {
	if b.tokens, err = watch.NewTokens(req); err != nil {
		return "", err
	}
	if b.survey != "" {
		if _, err := b.server.Store.Survey(b.stream.Context(), b.brand, name.ID(b.survey)); err != nil {
			return "", resource.Explain(b.survey, err)
		}
	}
	if b.token = req.GetResumeToken(); b.token != "" {
		return b.tokens.Decode(b.token)
	}
	if !req.GetSnapshot() {
		return "", nil
	}
	from = b.server.Hub.Now()
	return from, b.snapshot(req, from)
}

// snapshot sends the latest responses, and the token for what happens after from.
func (b *board) snapshot(req *surveyv1.WatchResponsesRequest, from watch.Position) error {
	f := store.Filter{Brand: b.brand, Limit: snapshotRows, Where: []filter.Clause{
		settled, {Text: "submit_time >= ?", Args: []any{sqldb.Micros(b.server.now().Add(-snapshotSpan))}},
	}}
	if req.GetSurvey() != "" {
		f.Survey = name.ID(req.GetSurvey())
	}
	rows, err := b.server.Store.Responses(b.stream.Context(), f)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := b.say(surveyv1.WatchResponsesResponse_CHANGE_SNAPSHOT, toResponse(r)); err != nil {
			return err
		}
	}
	b.token = b.tokens.Encode(from)
	return b.say(surveyv1.WatchResponsesResponse_CHANGE_SNAPSHOT_COMPLETE, nil)
}

// send tells the watcher how the responses are that a batch is about.
func (b *board) send(batch watch.Batch) (news bool, err error) {
	token := b.tokens.Encode(batch.At)
	if len(batch.Events) == 0 {
		b.token = token
		return false, b.say(surveyv1.WatchResponsesResponse_CHANGE_HEARTBEAT, nil)
	}
	var ids []string
	for _, e := range batch.Events {
		if id := name.ID(aboutResponse(e)); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for some := range slices.Chunk(ids, watchRows) {
		rows, err := b.server.responsesSeen.Ask(b.stream.Context(), responseLookup{b.brand, b.survey}, batch.Shared(len(ids)),
			func(ctx context.Context) ([]store.Response, error) { return b.read(ctx, some) })
		if err != nil {
			return news, err
		}
		for i, r := range rows {
			if i == len(rows)-1 && some[len(some)-1] == ids[len(ids)-1] {
				b.token = token // the others are not the last of the batch
			}
			if err := b.say(surveyv1.WatchResponsesResponse_CHANGE_CHANGED, toResponse(r)); err != nil {
				return news, err
			}
			news = true
		}
	}
	return news, nil
}

// read returns the responses of ids in their order.
func (b *board) read(ctx context.Context, ids []string) ([]store.Response, error) {
	rows, err := b.server.Store.Responses(ctx, store.Filter{Brand: b.brand, IDs: ids, Limit: len(ids)})
	slices.SortFunc(rows, func(x, y store.Response) int { return slices.Index(ids, x.ID) - slices.Index(ids, y.ID) })
	return rows, err
}

func (b *board) say(change surveyv1.WatchResponsesResponse_Change, r *surveyv1.Response) error {
	m := &surveyv1.WatchResponsesResponse{Change: change, Response: readable(b.stream.Context(), r), ResumeToken: b.token}
	return b.stream.Send(m)
}

// surveyOf returns the survey of the response that e is about.
func surveyOf(e *eventv1.Event) string {
	if s := e.GetResponseSubmitted(); s != nil {
		return s.GetSurvey()
	}
	return e.GetResponseExcluded().GetSurvey()
}
