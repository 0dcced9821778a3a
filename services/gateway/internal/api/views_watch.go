package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/watch"
)

const (
	// usualInterval is how long a watch leaves between two views where nothing is said.
	usualInterval = 5 * time.Second

	// maxLook is how long views may take to be computed for a watch.
	maxLook = 5 * time.Second

	// heartbeat is after how long without news a watcher hears so.
	heartbeat = 15 * time.Second
)

// WatchViews implements ViewService. The services tell of changes one by one, and many of
// them leave the figures as they are: so these are what is looked at.
func (v *Views) WatchViews(req *gatewayv1.WatchViewsRequest, stream grpc.ServerStreamingServer[gatewayv1.WatchViewsResponse]) error {
	w := &viewWatch{views: v, req: req, stream: stream}
	if err := w.begin(); err != nil {
		return err
	}
	interval := usualInterval
	if req.GetMinInterval() != nil {
		interval = req.GetMinInterval().AsDuration()
	}
	look, beat := time.NewTicker(interval), time.NewTimer(heartbeat)
	defer look.Stop()
	defer beat.Stop()
	for {
		news, err := true, error(nil)
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-beat.C:
			err = stream.Send(&gatewayv1.WatchViewsResponse{Change: gatewayv1.WatchViewsResponse_CHANGE_HEARTBEAT, ResumeToken: w.token()})
		case <-look.C:
			err = watch.Aside(func() (err error) { news, err = w.look(); return err })
		}
		if err != nil {
			return err
		}
		if news {
			beat.Reset(heartbeat)
		}
	}
}

// A viewWatch is one watcher of views.
type viewWatch struct {
	views  *Views
	req    *gatewayv1.WatchViewsRequest
	stream grpc.ServerStreamingServer[gatewayv1.WatchViewsResponse]
	bound  []byte    // what the request says, but for the token
	seen   []byte    // of what was sent last; nil before
	fine   time.Time // when the views could last be computed
}

const sumSize = 12

// begin sends the views, unless the request goes on from the same figures.
func (w *viewWatch) begin() error {
	m := proto.CloneOf(w.req)
	m.ResumeToken = ""
	sum, err := digest(m)
	if err != nil {
		return err
	}
	w.bound = sum
	if token := w.req.GetResumeToken(); token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(raw) != 2*sumSize || !bytes.Equal(raw[:sumSize], w.bound) {
			return fault.Invalid(fault.Field{
				Path: "resume_token", Reason: "RESUME_TOKEN", Description: "must be a resume_token of a call with the same arguments",
			})
		}
		w.seen = raw[sumSize:]
	}
	return watch.Aside(func() error { _, err := w.look(); return err })
}

// look computes the views and sends them if a figure or the state of a part has changed. It
// bears that all services are out of reach for as long as a heartbeat takes.
func (w *viewWatch) look() (news bool, err error) {
	ctx, cancel := context.WithTimeout(w.stream.Context(), maxLook)
	defer cancel()
	views, err := w.views.CompareViews(ctx, &gatewayv1.CompareViewsRequest{
		Parent: w.req.GetParent(), Window: w.req.GetWindow(), Population: w.req.GetPopulation(), GroupBy: w.req.GetGroupBy(),
	})
	if code := status.Code(err); code == codes.Unavailable && time.Since(w.fine) < heartbeat && w.stream.Context().Err() == nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	w.fine = time.Now()
	sum, err := digest(timeless(views))
	if err != nil || bytes.Equal(sum, w.seen) {
		return false, err
	}
	change := gatewayv1.WatchViewsResponse_CHANGE_UPDATED
	if w.seen == nil {
		change = gatewayv1.WatchViewsResponse_CHANGE_SNAPSHOT
	}
	w.seen = sum
	return true, w.stream.Send(&gatewayv1.WatchViewsResponse{Change: change, Views: views, ResumeToken: w.token()})
}

// token goes on after what was sent last.
func (w *viewWatch) token() string {
	return base64.RawURLEncoding.EncodeToString(bytes.Join([][]byte{w.bound, w.seen}, nil))
}

// timeless returns views without when they were read.
func timeless(views *gatewayv1.CompareViewsResponse) *gatewayv1.CompareViewsResponse {
	same := proto.CloneOf(views)
	if b := same.GetService().GetBasis(); b != nil {
		b.ReadTime = nil
	}
	if b := same.GetExperience().GetBasis(); b != nil {
		b.ReadTime = nil
	}
	for _, p := range same.GetParts() {
		p.ReadTime = nil
	}
	return same
}

// digest returns a short sum of what m says.
func digest(m proto.Message) ([]byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	sum := sha256.Sum256(body)
	return sum[:sumSize], err
}
