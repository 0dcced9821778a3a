package importer

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
)

const (
	// chunkRows is how many rows are done between two checkpoints.
	chunkRows = 500
	// blockSize is how many touchpoints, histories or feedback of a chunk go in one call.
	// The calls go side by side, so that all replicas of a service have some.
	blockSize = 125
)

// A session is one run of an import.
type session struct {
	opt      Options
	mapping  *mapping.Mapping
	program  *mapping.Program
	data     *data
	services *services
	state    *checkpoint
	report   *Report
	progress *progress
	planned  map[string]bool // what the import would make, when it only checks
}

// A result is what became of one step.
type result struct {
	outcome  outcome
	refusals []Refusal
	reason   string   // why it was skipped
	odd      []string // what is odd about it, as the service sees it
}

// An outcome is the way one step can end.
type outcome int

const (
	open outcome = iota // not tried yet
	sent
	repeated
	refused
	skipped
)

// work is one row on its way.
type work struct {
	pending
	plan    mapping.Plan
	results []result // by step
}

func (s *session) run(ctx context.Context, key string) error {
	store, err := s.brand(ctx)
	if err != nil {
		return err
	}
	dir := s.opt.StateDir
	if s.opt.ValidateOnly {
		dir = ""
	}
	if s.state, err = begin(dir, s.opt.Brand+"-"+s.mapping.Name+".json", key, store); err != nil {
		return err
	}
	if s.state.Report != nil {
		s.report = s.state.Report
		s.report.Resumed = s.state.Rows
	} else {
		s.state.Report = s.report
	}
	s.progress.first = s.state.Rows
	if err := s.state.save(); err != nil {
		return err
	}
	if err := s.declare(ctx); err != nil {
		return err
	}
	if _, err := s.data.read(s.state.Rows); err != nil {
		return err
	}
	if err := s.chunks(ctx); err != nil {
		return err
	}
	s.conclude()
	s.state.Done = true
	return s.state.save()
}

// chunks imports what is left of the main file.
func (s *session) chunks(ctx context.Context) error {
	defer func() { s.progress.end(s.state.Rows, s.data.offset()) }()
	for {
		rows, err := s.data.read(chunkRows)
		if err != nil || len(rows) == 0 {
			return err
		}
		done, err := s.chunk(ctx, rows)
		if err != nil {
			return err
		}
		for i := range done {
			s.count(&done[i])
		}
		s.state.Rows += len(rows)
		if err := s.state.save(); err != nil {
			return err
		}
		s.progress.show(s.state.Rows, s.data.offset())
	}
}

// chunk imports rows: first their touchpoints, histories and feedback in batches, then
// what else each makes, in order. The error is one that stops the import; nothing of the chunk is counted
// then, and the next run does it again.
func (s *session) chunk(ctx context.Context, rows []pending) ([]work, error) {
	done := make([]work, len(rows))
	err := s.parallel(ctx, len(rows), func(_ context.Context, i int) error {
		done[i] = work{pending: rows[i]}
		if rows[i].bad == nil {
			done[i].plan = s.program.Plan(rows[i].in)
			done[i].results = make([]result, len(done[i].plan.Steps))
		}
		return nil
	})
	if err == nil {
		settleTwins(done)
		err = s.touchpoints(ctx, done)
	}
	if err == nil {
		err = s.histories(ctx, done)
	}
	if err == nil {
		err = s.feedback(ctx, done)
	}
	if err == nil {
		err = s.parallel(ctx, len(done), func(ctx context.Context, i int) error { return s.row(ctx, &done[i]) })
	}
	return done, err
}

// row does the steps of one row that are left.
func (s *session) row(ctx context.Context, w *work) error {
	for i := range w.plan.Steps {
		step := &w.plan.Steps[i]
		if w.results[i].outcome != open {
			continue
		}
		if w.results[i] = w.before(i); w.results[i].outcome != open {
			continue
		}
		if send := s.batchOf(step.Kind); send != nil { // one that needs another step of the row
			if err := send(ctx, []place{{w, i}}); err != nil {
				return err
			}
			continue
		}
		existed := false
		for _, n := range step.Needs {
			existed = existed || w.plan.Steps[n].Kind == mapping.Tickets && w.results[n].outcome == repeated
		}
		r, err := s.send(ctx, step, existed, w.names())
		if err != nil {
			return err
		}
		w.results[i] = r
	}
	return nil
}

// settleTwins ends every step that has the name of an earlier one of the same chunk:
// its rows are done at the same time, and the first of the file must win. Across
// chunks the services see to it.
func settleTwins(rows []work) {
	type name struct {
		kind mapping.Kind
		name string
	}
	nameOf := func(step *mapping.Step) name {
		if step.Kind == mapping.Touchpoints { // whose ids are unique in the brand, not for the customer
			return name{step.Kind, path.Base(step.Name)}
		}
		return name{step.Kind, step.Name}
	}
	first := map[name]*mapping.Step{}
	for i := range rows {
		for j := range rows[i].plan.Steps {
			step := &rows[i].plan.Steps[j]
			if rows[i].before(j).outcome != open {
				continue
			}
			twin := first[nameOf(step)]
			switch {
			case twin == nil:
				first[nameOf(step)] = step
			case proto.Equal(twin.Request, step.Request):
				rows[i].results[j] = result{outcome: repeated}
			default:
				text := fmt.Sprintf("%s:%d has the same id and another content: %s", twin.At.Header.File, twin.At.Line, step.Name)
				rows[i].results[j] = result{outcome: refused, refusals: []Refusal{refusal(step, text)}}
			}
		}
	}
}

// before ends step i without a call if it cannot be made.
func (w *work) before(i int) result {
	step := &w.plan.Steps[i]
	for _, n := range step.Needs {
		if o := w.results[n].outcome; o == refused || o == skipped {
			return result{outcome: skipped, reason: w.plan.Steps[n].Label + ", which it needs, was not imported"}
		}
	}
	if step.Err != nil {
		return result{outcome: refused, refusals: []Refusal{refusal(step, step.Err.Error())}}
	}
	return result{}
}

// names reports whether name is one of what the row makes.
func (w *work) names() func(name string) bool {
	return func(name string) bool {
		for i := range w.plan.Steps {
			if w.plan.Steps[i].Name == name {
				return true
			}
		}
		return false
	}
}

// count adds what became of one row to the report.
func (s *session) count(w *work) {
	if w.bad != nil {
		s.report.refuse(mapping.Rows, []Refusal{{File: w.bad.File, Line: w.bad.Line, Resource: string(mapping.Rows), Message: w.bad.Text}})
		return
	}
	for _, skip := range w.plan.Skipped {
		s.report.skip(skip.Kind, skip.Reason, 1)
	}
	for i, r := range w.results {
		kind := w.plan.Steps[i].Kind
		switch r.outcome {
		case sent:
			s.report.of(kind).Sent++
		case repeated:
			s.report.of(kind).Repeated++
		case refused:
			s.report.refuse(kind, r.refusals)
		case skipped:
			s.report.skip(kind, r.reason, 1)
		case open:
		}
		if r.outcome == sent || r.outcome == repeated {
			s.report.odd(&w.plan.Steps[i], w.plan.Steps[i].Odd)
			s.report.odd(&w.plan.Steps[i], r.odd)
		}
	}
}

// conclude reports what can be said only at the end.
func (s *session) conclude() {
	defer s.report.sort()
	absent := s.program.Absent()
	for _, file := range s.data.absent {
		lost := false
		for _, kind := range slices.Sorted(maps.Keys(absent)) {
			if absent[kind] == file {
				lost = true
				s.report.of(kind)
				s.report.note("%s is not there: no %s were made of it", file, kind)
			}
		}
		if !lost {
			s.report.note("%s is not there: the mapping does without it", file)
		}
	}
	replaced := map[string]int{s.data.main.Header().File: s.data.main.Replaced()}
	for _, f := range s.mapping.Files[1:] {
		x := s.data.joined[f.Alias]
		if x == nil {
			continue
		}
		replaced[f.Path] = x.Replaced()
		for _, bad := range x.Bad() {
			s.report.refuse(mapping.Rows, []Refusal{{File: bad.File, Line: bad.Line, Resource: string(mapping.Rows), Message: bad.Text}})
		}
		if n := x.Unused(); n > 0 {
			s.report.skip(mapping.Rows, fmt.Sprintf("%s: no row of %s belongs to them", f.Path, s.mapping.Files[0].Path), n)
		}
	}
	for _, f := range s.mapping.Files {
		if n := replaced[f.Path]; n > 0 {
			s.report.note("%s: %d cells held bytes that are no UTF-8; U+FFFD stands for them", f.Path, n)
		}
	}
}

// parallel calls do for 0 to n-1, as many at a time as the options say, until one
// fails.
func (s *session) parallel(ctx context.Context, n int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(s.opt.Concurrency, n) {
		wg.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// refusal says why step was not made.
func refusal(step *mapping.Step, message string) Refusal {
	return Refusal{File: step.At.Header.File, Line: step.At.Line, Resource: string(step.Kind), Message: message}
}
