package api

import (
	"slices"

	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// WatchSignals implements SignalService.
func (s *Server) WatchSignals(req *journeyv1.WatchSignalsRequest, stream grpc.ServerStreamingServer[journeyv1.WatchSignalsResponse]) error {
	w := &signalWatch{server: s, stream: stream, brand: name.ID(req.GetParent())}
	var from watch.Position
	err := watch.Aside(func() (err error) { from, err = w.begin(req); return err })
	if err != nil {
		return err
	}
	return s.hub.Watch(stream.Context(), watch.Request{
		Brand: w.brand, From: from, Send: w.send,
		Match: func(e *eventv1.Event) bool { return e.GetSignalChanged() != nil },
	})
}

// A signalWatch is one watcher of signals.
type signalWatch struct {
	server *Server
	stream grpc.ServerStreamingServer[journeyv1.WatchSignalsResponse]
	brand  string
	tokens watch.Tokens
	token  string // of the last message
	where  filter.Clause
	all    bool // there is no filter: nothing ever leaves it
	sight  watch.Sight
}

// begin prepares w for a request, sends the snapshot if that is asked for, and returns
// where to go on from.
func (w *signalWatch) begin(req *journeyv1.WatchSignalsRequest) (from watch.Position, err error) {
	picked, err := signalFields.Parse(req.GetFilter(), w.brand)
	if err != nil {
		return "", err
	}
	if w.tokens, err = watch.NewTokens(req); err != nil {
		return "", err
	}
	w.where, w.token, w.all = picked.Where(w.server.db.Postgres()), req.GetResumeToken(), req.GetFilter() == ""
	switch {
	case w.token != "":
		return w.tokens.Decode(w.token)
	case req.GetSnapshot():
		from = w.server.hub.Now()
		return from, w.snapshot(from)
	}
	return "", nil
}

// snapshot sends the signals that are not closed, and the token for what happens after
// from.
func (w *signalWatch) snapshot(from watch.Position) error {
	rows, err := w.read(filter.Clause{Text: "refresh_time IS NOT NULL"}, snapshotRows)
	if err != nil {
		return err
	}
	for _, v := range rows {
		p := toSignal(v)
		w.sight.See(p.GetName())
		if err := w.say(journeyv1.WatchSignalsResponse_CHANGE_SNAPSHOT, p, ""); err != nil {
			return err
		}
	}
	w.token = w.tokens.Encode(from)
	return w.say(journeyv1.WatchSignalsResponse_CHANGE_SNAPSHOT_COMPLETE, nil, w.token)
}

// read returns the signals that match and for which more holds, newest first.
func (w *signalWatch) read(more filter.Clause, limit int) ([]store.Signal, error) {
	return store.Signals.List(w.stream.Context(), w.server.db, table.Listing{
		Brand: w.brand, Where: []filter.Clause{more, w.where}, By: "create_time DESC, id DESC", Limit: limit,
	})
}

// send tells the watcher how the signals are that a batch is about.
func (w *signalWatch) send(batch watch.Batch) (news bool, err error) {
	token := w.tokens.Encode(batch.At)
	if len(batch.Events) == 0 {
		w.token = token
		return false, w.say(journeyv1.WatchSignalsResponse_CHANGE_HEARTBEAT, nil, token)
	}
	var names []string
	for _, e := range batch.Events {
		if n := e.GetSignalChanged().GetSignal(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for some := range slices.Chunk(names, watchRows) {
		var rows []store.Signal
		err := watch.Aside(func() (err error) { rows, err = w.read(idAmong(some), len(some)); return err })
		if err != nil {
			return news, err
		}
		messages := w.messages(some, rows)
		for i, m := range messages {
			if i == len(messages)-1 && some[len(some)-1] == names[len(names)-1] {
				w.token = token // the others are not the last of the batch
			}
			if err := w.say(m.GetChange(), m.GetSignal(), w.token); err != nil {
				return news, err
			}
			news = true
		}
	}
	return news, nil
}

// messages returns what there is to say about names, of which rows match.
func (w *signalWatch) messages(names []string, rows []store.Signal) (all []*journeyv1.WatchSignalsResponse) {
	matching := make(map[string]*journeyv1.Signal, len(rows))
	for _, v := range rows {
		p := toSignal(v)
		matching[p.GetName()] = p
	}
	for _, n := range names {
		p, ok := matching[n]
		switch {
		case ok:
			if !w.all {
				w.sight.See(n)
			}
			all = append(all, &journeyv1.WatchSignalsResponse{Change: journeyv1.WatchSignalsResponse_CHANGE_CHANGED, Signal: p})
		case w.all || w.sight.Lose(n):
			all = append(all, &journeyv1.WatchSignalsResponse{
				Change: journeyv1.WatchSignalsResponse_CHANGE_GONE, Signal: &journeyv1.Signal{Name: n},
			})
		}
	}
	return all
}

func (w *signalWatch) say(change journeyv1.WatchSignalsResponse_Change, p *journeyv1.Signal, token string) error {
	return w.stream.Send(&journeyv1.WatchSignalsResponse{Change: change, Signal: p, ResumeToken: token})
}
