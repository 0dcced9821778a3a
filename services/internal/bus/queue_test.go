package bus

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// offering offers tasks until one of them is taken, as who works is not there at once.
func offering(t *testing.T, q *Queue, taken *atomic.Int64, tasks ...string) {
	t.Helper()
	before := taken.Load()
	eventually(t, "a task taken", func() bool {
		if err := q.Offer(t.Context(), tasks); err != nil {
			t.Log(err)
		}
		return taken.Load() > before
	})
}

// TestATaskIsOneReplicasUntilThatDies cuts one off in the middle of a task, which the other
// gets; tasks that are done come to nobody again.
func TestATaskIsOneReplicasUntilThatDies(t *testing.T) {
	t.Parallel()
	s := listen(t, t.TempDir(), -1)
	w := wireTo(t, s.Addr().String())
	cutOff, other := NewQueue("things"), NewQueue("things")
	var (
		taken atomic.Int64
		mu    sync.Mutex
		did   = map[string]int{}
	)
	held := make(chan struct{})
	stop := background(t, func(ctx context.Context) error {
		return open(t, Config{URL: "nats://" + w.listener.Addr().String()}).Work(ctx, cutOff, func(ctx context.Context, _ string) time.Duration {
			taken.Add(1)
			select {
			case held <- struct{}{}:
			case <-ctx.Done():
			}
			<-ctx.Done()
			return 0
		})
	})
	offering(t, cutOff, &taken, "in hand")
	<-held
	background(t, func(ctx context.Context) error {
		return open(t, Config{URL: s.ClientURL()}).Work(ctx, other, func(_ context.Context, task string) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			did[task]++
			taken.Add(1)
			if task == "later" && did[task] == 1 {
				return 100 * time.Millisecond
			}
			return 0
		})
	})
	w.cut()
	stop()
	begin := time.Now()
	tasks := []string{"later"}
	for i := range 50 {
		tasks = append(tasks, fmt.Sprint("task ", i))
	}
	offering(t, other, &taken, tasks...)
	eventually(t, "all tasks done", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(did) == 52 && did["later"] == 2
	})
	if late := time.Since(begin); late > 3*taskWait {
		t.Errorf("what the dead one had in hand came after %v", late)
	}
	mu.Lock()
	defer mu.Unlock()
	for task, n := range did {
		if n != 1 && task != "later" {
			t.Errorf("%q came %d times", task, n)
		}
	}
}

// TestAQueueComesBackWithItsTasksOfferedAgain deletes the stream beneath it.
func TestAQueueComesBackWithItsTasksOfferedAgain(t *testing.T) {
	b, q := embedded(t), NewQueue("things")
	if err := q.Offer(t.Context(), []string{"nobody works"}); err != nil {
		t.Errorf("an offer while nobody works: %v", err)
	}
	var taken atomic.Int64
	background(t, func(ctx context.Context) error {
		return b.Work(ctx, q, func(context.Context, string) time.Duration { taken.Add(1); return 0 })
	})
	offering(t, q, &taken, "a task")
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		if err := js.DeleteStream(ctx, workStream("things")); err != nil {
			t.Error(err)
		}
	})
	offering(t, q, &taken, "a task")
	if err := b.Work(t.Context(), NewQueue("no.name"), nil); err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("work without a name: %v", err)
	}
}
