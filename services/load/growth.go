package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// Sizes of what growth is measured with.
const (
	growCustomers = 100_000
	growEach      = 3 // touchpoints
	recomputed    = 20_000
	burst         = 500_000
)

// growth measures what one node holds and how figures grow with replicas, and prints
// the table of docs/growth.md. It takes some minutes.
func growth(ctx context.Context, l *lab, out io.Writer) error {
	fmt.Fprintln(out, "| what | with 1 replica | with 2 | a unit of work |\n|---|---|---|---|")
	for _, measure := range []func(context.Context, *lab, io.Writer) error{ingestGrowth, recomputeGrowth} {
		if err := measure(ctx, l, out); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "\n| what | figure |\n|---|---|")
	for _, measure := range []func(context.Context, *lab, io.Writer) error{memoryGrowth, burstGrowth} {
		if err := measure(ctx, l, out); err != nil {
			return err
		}
	}
	return nil
}

// A work is what replicas of the journey service did together.
type work struct {
	n             int // units
	took          time.Duration
	server, store time.Duration // of processor time
}

func (w work) rate() float64 { return float64(w.n) / w.took.Seconds() }

func (w work) cpu() float64 { return microseconds(w.server+w.store) / float64(w.n) }

// workOf runs do, which returns how many units it did, and measures it.
func (e *estate) workOf(ctx context.Context, do func(context.Context) (int, error)) (w work, err error) {
	server, err1 := e.cpu("journey")
	store, err2 := e.store.cpu()
	if err := errors.Join(err1, err2); err != nil {
		return w, err
	}
	began := time.Now()
	if w.n, err = do(ctx); err != nil {
		return w, err
	}
	w.took = time.Since(began)
	w.server, err1 = e.cpu("journey")
	w.store, err2 = e.store.cpu()
	w.server -= server
	w.store -= store
	return w, errors.Join(err1, err2)
}

// twice does the same on an estate with one replica of the journey service, and on another with two.
func twice(ctx context.Context, l *lab, do func(context.Context, *estate) (work, error)) (all [2]work, err error) {
	for n := range all {
		e, err := l.newEstate(ctx, "journey")
		if err != nil {
			return all, err
		}
		for range n + 1 {
			if _, err = e.add(ctx, "journey"); err != nil {
				break
			}
		}
		if err == nil {
			all[n], err = do(ctx, e)
		}
		if err = errors.Join(err, e.close()); err != nil {
			return all, err
		}
	}
	return all, nil
}

// ingestGrowth has four streams of batches go to one replica and to two.
func ingestGrowth(ctx context.Context, l *lab, out io.Writer) error {
	all, err := twice(ctx, l, func(ctx context.Context, e *estate) (work, error) {
		if err := e.fill(ctx, 20, 100); err != nil { // warm
			return work{}, err
		}
		return e.workOf(ctx, func(ctx context.Context) (int, error) {
			const batches = 200
			return batches * batchSize, e.fill(ctx, batches, 100)
		})
	})
	if err != nil {
		return fmt.Errorf("measure ingest: %w", err)
	}
	fmt.Fprintf(out, "| touchpoints recorded a second | %.0f | %.0f | %.1f, %.1f us of CPU, database included |\n",
		all[0].rate(), all[1].rate(), all[0].cpu(), all[1].cpu())
	return nil
}

// fill records so many batches of so many customers each, over four streams that are
// spread over the replicas.
func (e *estate) fill(ctx context.Context, batches, each int) error {
	return e.streams(ctx, batches, func(s *server, n int64) error {
		answer, err := journeyv1.NewTouchpointServiceClient(s.conns[0]).BatchRecordTouchpoints(ctx, batch(brand, n, each))
		return recorded(answer, err)
	})
}

// streams calls op for each of so many numbers that no other call gets, four at a time.
func (e *estate) streams(ctx context.Context, numbers int, op func(s *server, n int64) error) error {
	const streams = 4
	replicas := e.replicas["journey"]
	next := make(chan int64)
	errs := make([]error, streams)
	var wg sync.WaitGroup
	for i := range streams {
		wg.Go(func() {
			for n := range next {
				if errs[i] == nil {
					errs[i] = op(replicas[i%len(replicas)], n)
				}
			}
		})
	}
	for range numbers {
		next <- e.lab.counter.Add(1)
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// recorded returns an error unless all of a batch was recorded.
func recorded(answer *journeyv1.BatchRecordTouchpointsResponse, err error) error {
	for i, r := range answer.GetResults() {
		if r.GetOutcome() != journeyv1.RecordTouchpointResult_OUTCOME_RECORDED {
			return fmt.Errorf("touchpoint %d: %v %s", i, r.GetOutcome(), r.GetError().GetMessage())
		}
	}
	return err
}

// spread records so many touchpoints of each of so many customers, from number first on.
func (e *estate) spread(ctx context.Context, first, customers, each int) error {
	perBatch := batchSize / each
	var mu sync.Mutex
	next := first
	return e.streams(ctx, (customers+perBatch-1)/perBatch, func(s *server, n int64) error {
		mu.Lock()
		from := next
		next += perBatch
		mu.Unlock()
		req := batch(brand, n, 1)
		for i, r := range req.GetRequests() {
			r.Parent = fmt.Sprint(brand, "/customers/g-", from+i/each)
		}
		req.Requests = req.GetRequests()[:min(perBatch, first+customers-from)*each]
		answer, err := journeyv1.NewTouchpointServiceClient(s.conns[0]).BatchRecordTouchpoints(ctx, req)
		return recorded(answer, err)
	})
}

// recomputeGrowth computes the scores of customers anew, on one replica and on two.
func recomputeGrowth(ctx context.Context, l *lab, out io.Writer) error {
	all, err := twice(ctx, l, func(ctx context.Context, e *estate) (work, error) {
		if err := e.spread(ctx, 0, recomputed, 15); err != nil {
			return work{}, err
		}
		if err := e.followed(ctx); err != nil {
			return work{}, err
		}
		return e.workOf(ctx, func(ctx context.Context) (int, error) { return recomputed, e.recompute(ctx) })
	})
	if err != nil {
		return fmt.Errorf("measure a recompute: %w", err)
	}
	fmt.Fprintf(out, "| scores of customers of 15 touchpoints computed anew and stored, a second | %.0f | %.0f | %.0f, %.0f us of CPU, database included |\n",
		all[0].rate(), all[1].rate(), all[0].cpu(), all[1].cpu())
	return nil
}

// followed waits until everybody's touchpoints are in their score.
func (e *estate) followed(ctx context.Context) error {
	return e.until(ctx, "journey", `SELECT COUNT(*) FROM customer_stale`, 0)
}

// recompute runs RecomputeScores to its end.
func (e *estate) recompute(ctx context.Context) error {
	conn := e.replicas["journey"][0].conns[0]
	op, err := journeyv1.NewScoringServiceClient(conn).RecomputeScores(ctx, &journeyv1.RecomputeScoresRequest{Parent: brand, RequestId: requestID()})
	for err == nil && !op.GetDone() {
		op, err = journeyv1.NewOperationServiceClient(conn).WaitOperation(ctx, &journeyv1.WaitOperationRequest{
			Name: op.GetName(), Timeout: durationpb.New(5 * time.Second),
		})
	}
	if err != nil {
		return err
	}
	if failed := op.GetError(); failed != nil {
		return fmt.Errorf("the recompute failed: %s", failed.GetMessage())
	}
	return nil
}

// memoryGrowth weighs the journey service and its database before and after customers
// come, all of whom have been scored.
func memoryGrowth(ctx context.Context, l *lab, out io.Writer) (err error) {
	e, err := l.newEstate(ctx, "journey")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	s, err := e.add(ctx, "journey")
	if err != nil {
		return err
	}
	if err := e.spread(ctx, 0, batchSize, growEach); err != nil { // warm
		return err
	}
	var memory [2]float64
	var bytes [2]int64
	for i := range 2 {
		if i == 1 {
			if err := e.spread(ctx, batchSize, growCustomers, growEach); err != nil {
				return err
			}
		}
		if err := e.followed(ctx); err != nil {
			return err
		}
		if err := s.settle(ctx); err != nil {
			return err
		}
		if memory[i], err = s.memory(); err != nil {
			return err
		}
		if bytes[i], err = e.number(ctx, "journey", `SELECT pg_database_size(current_database())`); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "| resident memory of the journey service with %d customers, and with %d more | %.0f and %.0f MiB |\n", batchSize, growCustomers, memory[0], memory[1])
	fmt.Fprintf(out, "| its database, a customer of %d touchpoints, rows, indexes and events told | %.0f bytes |\n", growEach, float64(bytes[1]-bytes[0])/growCustomers)
	return nil
}

// burstGrowth has half a million touchpoints come at once, and says how long after the
// last was acknowledged the others had heard of it.
func burstGrowth(ctx context.Context, l *lab, out io.Writer) (err error) {
	e, err := l.newEstate(ctx, "journey", "survey")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	for _, service := range []string{"journey", "survey"} {
		if _, err := e.add(ctx, service); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := e.fill(ctx, burst/batchSize, 100); err != nil {
		return err
	}
	took := time.Since(began)
	acked := time.Now()
	told, err := e.number(ctx, "journey", `SELECT COUNT(*) FROM outbox WHERE kind = 'touchpoints_recorded'`)
	if err != nil {
		return err
	}
	waits := []struct {
		what, service, query string
		want                 int64
	}{
		{"until the stream had all of their events", "journey", `SELECT COUNT(*) FROM outbox WHERE stream = 0`, 0},
		{"until the survey service had applied them", "survey", `SELECT LEAST(COUNT(*), ` + fmt.Sprint(told) + `) FROM inbox`, told},
		{"until every score was stored", "journey", `SELECT COUNT(*) FROM customer_stale`, 0},
	}
	after := make([]time.Duration, len(waits))
	errs := make([]error, len(waits))
	var wg sync.WaitGroup
	for i, w := range waits {
		wg.Go(func() {
			errs[i] = e.until(ctx, w.service, w.query, w.want)
			after[i] = time.Since(acked)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Fprintf(out, "| a burst of %d touchpoints, acknowledged in | %.1f s |\n", burst, took.Seconds())
	for i, w := range waits {
		fmt.Fprintf(out, "| from the last acknowledgement %s | %.1f s |\n", w.what, after[i].Seconds())
	}
	return nil
}
