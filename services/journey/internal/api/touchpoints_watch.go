package api

import (
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
	w := &touchpointWatch{server: s, stream: stream, brand: name.ID(req.GetParent())}
	var from watch.Position
	err := watch.Aside(func() (err error) { from, err = w.begin(req); return err })
	if err != nil {
		return err
	}
	return s.hub.Watch(stream.Context(), watch.Request{
		Brand: w.brand, From: from, Send: w.send,
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
	brand  string
	tokens watch.Tokens
	token  string // of the last message
	where  filter.Clause
	all    bool // there is no filter: nothing leaves it unless it is taken back
	sight  touchpointSight
}

// begin prepares w for a request, sends the snapshot if that is asked for, and returns
// where to go on from.
func (w *touchpointWatch) begin(req *journeyv1.WatchTouchpointsRequest) (from watch.Position, err error) {
	picked, err := touchpointFields.Parse(req.GetFilter(), w.brand)
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

// snapshot sends the latest touchpoints as they are, and the token for what happens
// after from.
func (w *touchpointWatch) snapshot(from watch.Position) error {
	w.sight.whole = true
	since := sqldb.Micros(w.server.now().Add(-snapshotSpan))
	rows, err := w.read(filter.Clause{Text: "event_time >= ?", Args: []any{since}}, snapshotRows)
	if err != nil {
		return err
	}
	for _, t := range rows {
		p, err := touchpointToProto(w.brand, t)
		if err != nil {
			return err
		}
		w.sight.see(p.GetName())
		if err := w.say(journeyv1.WatchTouchpointsResponse_CHANGE_SNAPSHOT, p, ""); err != nil {
			return err
		}
	}
	w.token = w.tokens.Encode(from)
	return w.say(journeyv1.WatchTouchpointsResponse_CHANGE_SNAPSHOT_COMPLETE, nil, w.token)
}

// read returns the touchpoints that match and for which more holds, newest first.
func (w *touchpointWatch) read(more filter.Clause, limit int) ([]store.Touchpoint, error) {
	return w.server.store.List(w.stream.Context(), store.Listing{
		Brand: w.brand, Where: []filter.Clause{more, w.where}, By: "event_time DESC, id DESC", Limit: limit,
	})
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
		var rows []store.Touchpoint
		err := watch.Aside(func() (err error) { rows, err = w.read(idAmong(some), len(some)); return err })
		if err != nil {
			return news, err
		}
		messages, err := w.messages(some, rows)
		if err != nil {
			return news, err
		}
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
func (w *touchpointWatch) messages(names []string, rows []store.Touchpoint) (all []*journeyv1.WatchTouchpointsResponse, err error) {
	matching := make(map[string]*journeyv1.Touchpoint, len(rows))
	for _, t := range rows {
		p, err := touchpointToProto(w.brand, t)
		if err != nil {
			return nil, err
		}
		matching[p.GetName()] = p
	}
	for _, n := range names {
		p, ok := matching[n]
		switch {
		case ok:
			if !w.all {
				w.sight.see(n)
			}
			all = append(all, &journeyv1.WatchTouchpointsResponse{Change: journeyv1.WatchTouchpointsResponse_CHANGE_CHANGED, Touchpoint: p})
		case w.all || w.sight.lose(n):
			all = append(all, &journeyv1.WatchTouchpointsResponse{
				Change: journeyv1.WatchTouchpointsResponse_CHANGE_GONE, Touchpoint: &journeyv1.Touchpoint{Name: n},
			})
		}
	}
	return all, nil
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

// maxSight bounds what is remembered of one watcher, to a few hundred kilobytes.
const maxSight = 1 << 12

// A touchpointSight remembers which touchpoints a watcher has, so that it hears once of
// each that leaves a filter, and nothing of those it never had. Above [maxSight], and
// where a watch had no snapshot, it does not know of all: then the watcher may hear of one
// it never had, or twice of the same. The zero value knows of none.
type touchpointSight struct {
	whole bool            // what is not in has is not with the watcher
	has   map[string]bool // by name; false: it heard that the touchpoint is gone
}

// see notes that the watcher has a touchpoint.
func (s *touchpointSight) see(name string) { s.note(name, true) }

// lose notes that the watcher has a touchpoint no longer, and reports whether that is
// news.
func (s *touchpointSight) lose(name string) bool {
	has, ok := s.has[name]
	if !has && (ok || s.whole) {
		return false
	}
	if s.whole {
		delete(s.has, name)
	} else {
		s.note(name, false)
	}
	return true
}

func (s *touchpointSight) note(name string, has bool) {
	if _, ok := s.has[name]; !ok && len(s.has) >= maxSight {
		s.has, s.whole = nil, false
	}
	if s.has == nil {
		s.has = map[string]bool{}
	}
	s.has[name] = has
}
