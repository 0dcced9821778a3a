package importer

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Replicas are two that take streams in turn, of which one dies after two of them.
type replicas struct {
	grpc.ClientConnInterface
	turn, died *atomic.Int64
	most       *atomic.Int64 // streams at a time
	open       *atomic.Int64
}

func (r replicas) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	turn := r.turn.Add(1)
	if turn%2 == 0 && turn > 4 { // to the one that is dead
		r.died.Add(1)
		return nil, status.Error(codes.Unavailable, "it is gone")
	}
	r.most.Store(max(r.most.Load(), r.open.Add(1)))
	context.AfterFunc(ctx, func() { r.open.Add(-1) })
	return r.ClientConnInterface.NewStream(ctx, desc, method, opts...)
}

// TestReplicasShareAnImportAndOneDies: blocks go side by side, and those of a replica that is
// gone go to the other, each with its effect once.
func TestReplicasShareAnImportAndOneDies(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("id,who,step,at,stars\n")
	for i := range 2 * chunkRows {
		fmt.Fprintf(&b, "c%d,p%d,open,2024-01-01 10:00,\nc%d,p%d,end,2024-01-02 10:00,\n", i, i%7, i, i%7)
	}
	files := map[string]string{"log.csv": b.String()}
	one, two := start(t), start(t)
	want := mustRun(t, one, folder(t, steps, files)).of("histories")
	shared := replicas{two, new(atomic.Int64), new(atomic.Int64), new(atomic.Int64), new(atomic.Int64)}
	got := mustRun(t, shared, folder(t, steps, files)).of("histories")
	if got.Sent != want.Sent || got.Sent != 2*chunkRows || got.Refused != 0 || got.Repeated != 0 {
		t.Errorf("histories = %+v, want those of one run, %+v", got, want)
	}
	if everything(t, two) != everything(t, one) {
		t.Errorf("there is %s, want %s", everything(t, two), everything(t, one))
	}
	if shared.died.Load() == 0 || shared.most.Load() < 2 {
		t.Errorf("%d streams were refused and %d under way at a time, want some and more than one", shared.died.Load(), shared.most.Load())
	}
}
