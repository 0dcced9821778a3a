package api

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/watch"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	// watchRows is how many touchpoints a watch reads at a time.
	watchRows = 200
	// A snapshot is of so many touchpoints of so long.
	snapshotRows = 1000
	snapshotSpan = 24 * time.Hour
)

// WatchTouchpoints implements TouchpointService.
func (s *Server) WatchTouchpoints(req *journeyv1.WatchTouchpointsRequest, stream grpc.ServerStreamingServer[journeyv1.WatchTouchpointsResponse]) error {
	w := &touchpointWatch{server: s, stream: stream, lookup: touchpointLookup{name.ID(req.GetParent()), req.GetFilter()}}
	var from watch.Position
	err := watch.Aside(func() (err error) { from, err = w.begin(req); return err })
	if err != nil {
		return err
	}
	return s.hub.Watch(stream.Context(), watch.Request{
		Brand: w.lookup.brand, From: from, Send: w.send,
		Match: func(e *eventv1.Event) bool { return aboutTouchpoints(e) },
	})
}

// aboutTouchpoints reports whether e tells of touchpoints.
func aboutTouchpoints(e *eventv1.Event) bool {
	switch e.GetPayload().(type) {
	case *eventv1.Event_TouchpointsRecorded, *eventv1.Event_TouchpointsChanged, *eventv1.Event_TouchpointRetracted:
		return true
	}
	return false
}

// changedTouchpoints returns the names of the touchpoints that events are about, each
// once.
func changedTouchpoints(events []*eventv1.Event) (names []string) {
	told := map[string]bool{}
	tell := func(name string) {
		if !told[name] {
			told[name] = true
			names = append(names, name)
		}
	}
	for _, e := range events {
		for _, t := range e.GetTouchpointsRecorded().GetTouchpoints() {
			tell(t.GetTouchpoint())
		}
		for _, n := range e.GetTouchpointsChanged().GetTouchpoints() {
			tell(n)
		}
		if t := e.GetTouchpointRetracted().GetTouchpoint(); t != nil {
			tell(t.GetTouchpoint())
		}
	}
	return names
}

// A touchpointWatch is one watcher of touchpoints.
type touchpointWatch struct {
	server *Server
	stream grpc.ServerStreamingServer[journeyv1.WatchTouchpointsResponse]
	lookup touchpointLookup // about any touchpoints
	tokens watch.Tokens
	token  string // of the last message
	where  filter.Clause
	all    bool // there is no filter: nothing leaves it unless it is taken back
	sight  watch.Sight
}

// A touchpointLookup is what a watcher asks about touchpoints that may have changed.
type touchpointLookup struct{ brand, filter string }

// begin prepares w for a request, sends the snapshot if that is asked for, and returns
// where to go on from.
func (w *touchpointWatch) begin(req *journeyv1.WatchTouchpointsRequest) (from watch.Position, err error) {
	picked, err := touchpointFields.Parse(w.lookup.filter, w.lookup.brand)
	if err != nil {
		return "", err
	}
	if w.tokens, err = watch.NewTokens(req); err != nil {
		return "", err
	}
	w.where, w.token, w.all = picked.Where(w.server.db.Postgres()), req.GetResumeToken(), w.lookup.filter == ""
	switch {
	case w.token != "":
		return w.tokens.Decode(w.token)
	case req.GetSnapshot():
		from = w.server.hub.Now()
		return from, w.snapshot(from)
	}
	return "", nil
}

// snapshot sends the latest touchpoints as they are, and the token for what happens
// after from.
func (w *touchpointWatch) snapshot(from watch.Position) error {
	w.sight.Whole = true
	since := sqldb.Micros(w.server.now().Add(-snapshotSpan))
	rows, err := w.read(w.stream.Context(), filter.Clause{Text: "event_time >= ?", Args: []any{since}}, snapshotRows)
	if err != nil {
		return err
	}
	for _, p := range rows {
		w.sight.See(p.GetName())
		if err := w.say(journeyv1.WatchTouchpointsResponse_CHANGE_SNAPSHOT, p, ""); err != nil {
			return err
		}
	}
	w.token = w.tokens.Encode(from)
	return w.say(journeyv1.WatchTouchpointsResponse_CHANGE_SNAPSHOT_COMPLETE, nil, w.token)
}

// read returns the touchpoints that match and for which more holds, newest first.
func (w *touchpointWatch) read(ctx context.Context, more filter.Clause, limit int) ([]*journeyv1.Touchpoint, error) {
	rows, err := w.server.store.List(ctx, store.Listing{
		Brand: w.lookup.brand, Where: []filter.Clause{more, w.where}, By: "event_time DESC, id DESC", Limit: limit,
	})
	if err != nil {
		return nil, err
	}
	all := make([]*journeyv1.Touchpoint, len(rows))
	for i, t := range rows {
		if all[i], err = touchpointToProto(w.lookup.brand, t); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// send tells the watcher how the touchpoints are that a batch is about.
func (w *touchpointWatch) send(batch watch.Batch) (news bool, err error) {
	token := w.tokens.Encode(batch.At)
	if len(batch.Events) == 0 {
		w.token = token
		return false, w.say(journeyv1.WatchTouchpointsResponse_CHANGE_HEARTBEAT, nil, token)
	}
	names := changedTouchpoints(batch.Events)
	for some := range slices.Chunk(names, watchRows) {
		rows, err := w.server.lookups.Ask(w.stream.Context(), w.lookup, batch.Shared(len(names)), func(ctx context.Context) ([]*journeyv1.Touchpoint, error) {
			return w.read(ctx, idAmong(some), len(some))
		})
		if err != nil {
			return news, err
		}
		messages := w.messages(some, rows)
		for i, m := range messages {
			if i == len(messages)-1 && some[len(some)-1] == names[len(names)-1] {
				w.token = token // the others are not the last of the batch
			}
			if err := w.say(m.GetChange(), m.GetTouchpoint(), w.token); err != nil {
				return news, err
			}
			news = true
		}
	}
	return news, nil
}

// messages returns what there is to say about names, of which rows match.
func (w *touchpointWatch) messages(names []string, rows []*journeyv1.Touchpoint) (all []*journeyv1.WatchTouchpointsResponse) {
	matching := make(map[string]*journeyv1.Touchpoint, len(rows))
	for _, p := range rows {
		matching[p.GetName()] = p
	}
	for _, n := range names {
		p, ok := matching[n]
		switch {
		case ok:
			if !w.all {
				w.sight.See(n)
			}
			all = append(all, &journeyv1.WatchTouchpointsResponse{Change: journeyv1.WatchTouchpointsResponse_CHANGE_CHANGED, Touchpoint: p})
		case w.all || w.sight.Lose(n):
			all = append(all, &journeyv1.WatchTouchpointsResponse{
				Change: journeyv1.WatchTouchpointsResponse_CHANGE_GONE, Touchpoint: &journeyv1.Touchpoint{Name: n},
			})
		}
	}
	return all
}

func (w *touchpointWatch) say(change journeyv1.WatchTouchpointsResponse_Change, p *journeyv1.Touchpoint, token string) error {
	return w.stream.Send(&journeyv1.WatchTouchpointsResponse{Change: change, Touchpoint: p, ResumeToken: token})
}

func idAmong(names []string) filter.Clause {
	c := filter.Clause{Text: "id IN (?"}
	for i, n := range names {
		if i > 0 {
			c.Text += ", ?"
		}
		c.Args = append(c.Args, name.ID(n))
	}
	c.Text += ")"
	return c
}
