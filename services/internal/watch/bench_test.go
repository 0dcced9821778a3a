package watch

import (
	"context"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkFanOut hands events to watchers and waits until all have them: one at a
// time to 1,000, beside a steady stream to one.
func BenchmarkFanOut(b *testing.B) {
	for _, bb := range []struct {
		name            string
		watchers, batch int
	}{{"1 to 1000", 1000, 1}, {"stream", 1, 1000}} {
		b.Run(bb.name, func(b *testing.B) {
			h := hub(b, sqldbtest.SQLite(b))
			var wg sync.WaitGroup
			stop := crowd(b, h, bb.watchers, &wg)
			defer stop()
			events := make([]*eventv1.Event, bb.batch)
			for i := range events {
				events[i] = event(acme, "k")
			}
			began := used(b)
			for b.Loop() {
				wg.Add(bb.watchers * bb.batch)
				h.mu.Lock()
				t := h.tail
				h.mu.Unlock()
				t.handOut(events)
				wg.Wait()
			}
			messages := float64(b.N * bb.watchers * bb.batch)
			b.ReportMetric(messages/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(float64((used(b)-began).Nanoseconds())/messages, "cpu-ns/message")
		})
	}
}

// BenchmarkIdleWatcher says what 1,000 watchers without news hold.
func BenchmarkIdleWatcher(b *testing.B) {
	const n = 1000
	h := hub(b, sqldbtest.SQLite(b))
	before, most := inUse(), int64(0)
	for b.Loop() {
		stop := crowd(b, h, n, &sync.WaitGroup{})
		most = max(most, inUse())
		stop()
	}
	b.ReportMetric(float64(most-before)/n, "bytes/watcher")
}

// used returns the processor time that the process has used.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func inUse() int64 {
	for range 3 { // what has finalizers and pools goes late
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// crowd has n watchers that count the events they are sent down from wg.
func crowd(b *testing.B, h *Hub, n int, wg *sync.WaitGroup) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running, ready sync.WaitGroup
	ready.Add(n)
	for range n {
		running.Go(func() {
			first := true
			_ = h.Watch(ctx, Request{Brand: acme, Match: all, Send: func(batch Batch) (bool, error) {
				if first {
					first = false
					ready.Done()
				}
				wg.Add(-len(batch.Events))
				return true, nil
			}})
		})
	}
	ready.Wait()
	return func() { cancel(); running.Wait() }
}
