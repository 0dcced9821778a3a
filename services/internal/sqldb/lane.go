package sqldb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// A request is one Write or Try on its way through a lane.
type request struct {
	ctx   context.Context
	who   string // of all brands, it may see; "" where nobody asks
	f     func(*Tx) error
	ask   *Ask // what f begins with, if it says so
	try   bool
	aside bool
	span  *span       // nil unless somebody records it
	taken atomic.Bool // by the lane, or back by the caller
	err   error       // of the last run; read after done
	after []func()    // of the last run
	done  chan struct{}
}

// withdraw takes r back and reports whether no lane had taken it.
func (r *request) withdraw() bool { return r.taken.CompareAndSwap(false, true) }

// A lane runs requests on one session, a group at a time.
type lane struct {
	queue   *queue
	session session
	turn    turn

	telemetry *telemetry

	doubt int // groups that look for the rows they ask for; then they are taken to be absent
}

// Why a group, or one of it, fails.
var (
	errSpoiled  = errors.New("a failed write spoiled its neighbors' transaction")
	errConflict = errors.New("the transaction collided with another")
	errLost     = errors.New("the connection broke before the commit")
	errIgnored  = errors.New("a statement failed and the write ignored it")
)

// maxAlone is how often a write that collides with others runs by itself,
// after two runs with its group.
const maxAlone = 2

// A mode is how a group runs.
type mode int

const (
	together mode = iota // a failure spoils the group
	apart                // each under a savepoint
	patient              // waits longer for locks of others
)

// serve runs requests until the queue is closed and empty. A closure that ends
// its goroutine, as t.Fatal does, ends this one, so another takes over.
func (l *lane) serve() {
	var group []*request
	finished, running, aside := false, false, false
	defer func() {
		if p := recover(); p != nil {
			panic(p)
		}
		if finished {
			return
		}
		l.session.drop()
		l.turn.give()
		if running {
			l.queue.done(aside)
		}
		answer(group, errors.New("a neighboring write ended the goroutine of its transaction"))
		l.serve()
	}()
	for {
		var taken []*request
		if taken, aside = l.queue.take(); len(taken) == 0 {
			break
		}
		running = true
		if l.turn.take(); l.turn.alone && !aside { // it may have waited for long
			taken = append(taken, l.queue.more(len(taken))...)
		}
		group = begun(taken)
		l.run(group)
		l.turn.give()
		l.queue.done(aside)
		running = false
		answer(group, nil)
	}
	l.session.drop()
	finished = true
}

// begun returns those that nobody has taken back. Whose caller is gone ends.
func begun(taken []*request) []*request {
	group := taken[:0]
	for _, r := range taken {
		if !r.taken.CompareAndSwap(false, true) {
			continue
		}
		if r.err = r.ctx.Err(); r.err != nil {
			close(r.done)
		} else {
			group = append(group, r)
		}
	}
	return group
}

// answer ends the requests with err, or with their own outcome if err is nil.
func answer(group []*request, err error) {
	for _, r := range group {
		if err != nil {
			r.err = err
		}
		if r.err == nil && !r.try && len(r.after) > 0 {
			r.err = call(func(*Tx) error {
				for _, f := range r.after {
					f()
				}
				return nil
			}, nil)
		}
		close(r.done)
	}
}

// run settles every request of the group: all at once, or again with what is asked
// for looked up, or without other lanes when they collided, or under savepoints when
// one of them failed, or one by one when that does not help.
func (l *lane) run(group []*request) {
	if len(group) == 0 {
		return
	}
	assumed := l.doubt == 0
	err := l.pass(group, together)
	if assumed && !errors.Is(err, errConflict) {
		if again := l.doubtful(group, err); len(again) > 0 {
			group, err = again, l.pass(again, together)
		}
	}
	if errors.Is(err, errConflict) {
		l.turn.collided()
		l.telemetry.collided.Add(1)
		err = l.pass(group, together)
	}
	if errors.Is(err, errSpoiled) {
		err = l.pass(group, apart)
	}
	if err == nil {
		return
	}
	for _, r := range group {
		l.alone(r)
	}
}

// alone settles r in a transaction of its own.
func (l *lane) alone(r *request) {
	for n := range maxAlone {
		if l.pass([]*request{r}, patient) == nil {
			return
		}
		time.Sleep(rand.N(time.Millisecond << (2 * n)))
	}
	r.err = conflict(r.err)
}

// conflict is what a caller gets whose write kept colliding with others.
func conflict(cause error) error {
	return &fault.Error{
		Code: codes.Aborted, Reason: "CONFLICT", Retry: 100 * time.Millisecond, Cause: cause,
		Message: "the change collided with others made at the same time; retry it",
	}
}

// pass runs the group as one transaction. It returns nil when every request has
// its outcome. A connection that breaks before the commit is replaced once.
func (l *lane) pass(group []*request, how mode) error {
	err := l.transact(group, how)
	if errors.Is(err, errLost) {
		l.session.drop()
		err = l.transact(group, how)
	}
	if errors.Is(err, errLost) {
		l.session.drop()
		settle(group, unavailable(err))
		return nil
	}
	return err
}

// settle gives every request of the group the same outcome.
func settle(group []*request, err error) {
	for _, r := range group {
		r.err = err
	}
}

func (l *lane) transact(group []*request, how mode) error {
	s := l.session
	known := make([]*finding, len(group))
	if how == together {
		var err error
		if known, err = l.ask(group); err != nil && s.broken() {
			return l.refuse(group, err)
		} // else whoever asked asks again
	}
	if err := s.begin(how == patient); err != nil {
		return l.refuse(group, err)
	}
	began := time.Now()
	for i, r := range group {
		if err := l.one(r, known[i], how == apart || r.try); err != nil {
			return l.undo(group, err)
		}
	}
	err := s.commit()
	if err == nil {
		l.telemetry.committed(group, began)
		return nil
	}
	if s.broken() {
		s.drop()
		settle(group, unavailable(err)) // it may have been committed
		return nil
	}
	settle(group, Fault(err))
	return l.undo(group, errors.Join(errSpoiled, err))
}

// refuse settles the group when there is no transaction to be had.
func (l *lane) refuse(group []*request, err error) error {
	switch {
	case l.session.broken():
		return fmt.Errorf("%w: %w", errLost, err)
	case collision(err): // another process holds the file
		settle(group, conflict(err))
	default:
		settle(group, Fault(err))
	}
	return nil
}

// undo rolls back and says how to go on after err.
func (l *lane) undo(group []*request, err error) error {
	s := l.session
	if s.broken() {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	if e := s.rollback(); e != nil {
		s.drop()
	}
	switch {
	case collision(err):
		settle(group, err)
		return errConflict
	case len(group) > 1:
		return errSpoiled
	case !errors.Is(err, errSpoiled):
		settle(group, Fault(err))
	}
	return nil
}

// one runs r, which gets what is known already, under a savepoint if save is set. An
// error means that the transaction cannot go on; the outcome of r is in r.err.
func (l *lane) one(r *request, known *finding, save bool) error {
	s := l.session
	s.serve(r.who)
	if save {
		// Sent before f runs: a batch that cannot be prepared sends nothing, and
		// rolling back must not reach the savepoint of a neighbor.
		if err := s.save(); err != nil {
			return err
		}
	}
	r.span.again()
	tx := &Tx{session: s, ask: r.ask, known: known, span: r.span}
	r.err = call(r.f, tx)
	r.after = tx.after
	if tx.met && !r.ask.Look {
		l.doubt = doubts
	}
	if r.err == nil && save {
		tx.fail(s.flush())
	}
	s.release()
	tx.session = nil
	if r.err == nil {
		r.err = tx.err
	}
	if r.err == nil && s.failed() {
		r.err = errIgnored
	}
	switch {
	case s.broken():
		return errors.Join(errLost, r.err)
	case collision(tx.err), collision(r.err):
		return errors.Join(tx.err, r.err)
	}
	return l.keep(r, tx, save)
}

// keep ends the savepoint of r, if there is one, and says whether the group can
// go on with what r did or failed to do.
func (l *lane) keep(r *request, tx *Tx, save bool) error {
	s := l.session
	bad := r.err != nil
	r.err = Fault(r.err)
	switch {
	case save && (bad || r.try):
		if err := s.rollbackTo(); err != nil {
			return errors.Join(errSpoiled, err)
		}
	case save:
		return s.later("RELEASE SAVEPOINT one", nil)
	case bad && (tx.dirty || s.failed()):
		return errSpoiled
	}
	return nil
}

// call runs f and turns a panic into an error.
func call(f func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a write: %v\n%s", p, debug.Stack())
		}
	}()
	return f(tx)
}
