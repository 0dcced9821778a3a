package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	// inFlight is how many messages of a stream are on their way at most: received, and
	// the answer not handed over.
	inFlight = 4
	// unreadFor is how long an answer may wait for the client to read.
	unreadFor = 10 * time.Second
)

// IngestTouchpoints implements TouchpointService. While one message is written, the
// next is checked and the answer to the last is sent; each is written after the one
// before, so that what is stored is what was sent up to some message.
func (s *Server) IngestTouchpoints(stream grpc.BidiStreamingServer[journeyv1.IngestTouchpointsRequest, journeyv1.IngestTouchpointsResponse]) error {
	in := &intake{
		server: s, stream: stream, places: make(chan struct{}, inFlight),
		checked: make(chan *batch, inFlight), written: make(chan *journeyv1.IngestTouchpointsResponse, inFlight),
	}
	go func() {
		defer close(in.checked)
		in.ended = guarded(in.receive)
	}()
	go func() {
		defer close(in.written)
		in.err = guarded(in.write)
	}()
	for answer := range in.written {
		if err := in.answer(answer); err != nil {
			return err
		}
		<-in.places
	}
	return in.err
}

// An intake is one call of IngestTouchpoints. It ends with the context of the stream.
type intake struct {
	server  *Server
	stream  grpc.BidiStreamingServer[journeyv1.IngestTouchpointsRequest, journeyv1.IngestTouchpointsResponse]
	places  chan struct{} // one for each message on its way
	checked chan *batch
	written chan *journeyv1.IngestTouchpointsResponse
	ended   error // of receive; read after checked is closed
	err     error // of the call; read after written is closed
}

// guarded runs f and turns a panic into an error: what one client brings about must not
// end the process.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a stream of touchpoints: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// receive checks what comes until the client has said all, or something is wrong. It
// takes no message before there is a place for it.
func (in *intake) receive() error {
	parent := ""
	for {
		select {
		case in.places <- struct{}{}:
		case <-in.stream.Context().Done():
			return in.stream.Context().Err()
		}
		req, err := in.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && parent != "" && req.GetParent() != parent {
			err = fault.Invalid(fault.Field{Path: "parent", Reason: "stream.parent", Description: "must be the same in every message"})
		}
		var b *batch
		if err == nil {
			parent = req.GetParent()
			b, err = in.server.batch(in.stream.Context(), &journeyv1.BatchRecordTouchpointsRequest{Parent: parent, Requests: req.GetRequests()})
		}
		if err != nil {
			return err
		}
		in.checked <- b // it has a place
	}
}

// write stores what has been checked.
func (in *intake) write() error {
	answered := int64(0)
	for b := range in.checked {
		results, err := in.server.recordBatch(in.stream.Context(), b)
		if err != nil {
			return err
		}
		answered += int64(len(results))
		in.written <- &journeyv1.IngestTouchpointsResponse{AnsweredCount: answered, Results: results}
	}
	return in.ended
}

// recordBatch stores a batch in a transaction of its own.
func (s *Server) recordBatch(ctx context.Context, b *batch) ([]*journeyv1.RecordTouchpointResult, error) {
	var answer *journeyv1.BatchRecordTouchpointsResponse
	err := s.db.Write(sqldb.ForBrand(ctx, b.brand), func(tx *sqldb.Tx) (err error) {
		answer, err = s.record(tx, b)
		return err
	})
	if err != nil {
		return nil, err
	}
	b.name(answer)
	return answer.GetResults(), nil
}

// answer sends an answer, and gives up on a client that does not read.
func (in *intake) answer(a *journeyv1.IngestTouchpointsResponse) error {
	sent := make(chan error, 1)
	go func() { sent <- guarded(func() error { return in.stream.Send(a) }) }()
	late := time.NewTimer(in.server.unread)
	defer late.Stop()
	select {
	case err := <-sent:
		return err
	case <-late.C:
		return &fault.Error{
			Code: codes.ResourceExhausted, Reason: "ANSWERS_UNREAD", Retry: time.Second,
			Message: "the client does not read the answers; send again what was not answered",
		}
	}
}
