package operation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

const (
	partLook  = 500 * time.Millisecond // in which others may do a part, before whoever holds the operation does one
	partAgain = time.Second            // until a part is tried again whose failure may pass
	partOffer = 64                     // parts that are offered again at a time
)

// A Split says how an operation is done in parts, by all replicas at once: whoever holds it
// parts it, once, and offers the parts; whoever is free does one; and whoever holds it finds
// that all are done. A part may begin more than once, and has its effect once.
type Split struct {
	// Plan returns the parts of an operation, of which there must be one.
	Plan func(context.Context, Operation) ([]Part, error)

	// Do does a part, and should take a few seconds at most: after half a minute its
	// context ends, and somebody else does it. It returns what is left to do in the
	// transaction that marks the part as done, and so happens once.
	Do func(context.Context, Operation, Part) (Effect, error)

	// Finish returns what the parts have found.
	Finish func(context.Context, Operation, []Part) (proto.Message, error)
}

// An Effect is what a part changes, and what it has found. As [sqldb.DB.Write] says, it may
// run more than once.
type Effect func(tx *sqldb.Tx) (output []byte, err error)

// A Delay is the error of a plan or of a part for which it is too early.
type Delay struct {
	Until time.Time
	Cause error // or nil
}

// Error says what the cause does.
func (d *Delay) Error() string { return fmt.Sprintf("not before %v: %v", d.Until, d.Cause) }

// Unwrap returns the cause.
func (d *Delay) Unwrap() error { return d.Cause }

// An End is the error of a plan, a part or a result that ends the operation with a code.
type End struct{ Code codes.Code }

// Error says what the code does.
func (e *End) Error() string { return "it ends: " + e.Code.String() }

// codeOf returns the code of an operation that ends with an error, and logs one that is not an
// [End].
func (d *Desk) codeOf(ctx context.Context, o Operation, err error) codes.Code {
	if e, ok := errors.AsType[*End](err); ok {
		return e.Code
	}
	slog.ErrorContext(ctx, "an operation has failed", slog.String("operation", d.Name(o)), slog.String("error", err.Error()))
	return codes.Internal
}

// goOn goes one step on with an operation in parts.
func (d *Desk) goOn(ctx context.Context, o Operation, s *Split) (Operation, error) {
	t, err := count(ctx, d.DB, o)
	if err != nil {
		return o, err
	}
	if t.parts == 0 {
		return d.plan(ctx, o, s)
	}
	if o.Total = t.size; t.done == t.parts {
		return d.finish(ctx, o, s)
	}
	if t.doneSize > o.Done { // others are at it
		o.Done, o.Lease = t.doneSize, d.clock.here().Add(partLook)
		return o, nil
	}
	cores := runtime.GOMAXPROCS(0)
	left, err := idle(ctx, d.DB, o, d.clock.now(ctx, d.DB), cores+partOffer)
	if err != nil {
		return o, err
	}
	if len(left) == 0 {
		return d.rest(ctx, o)
	}
	mine := left[:min(len(left), cores)]
	d.offer(ctx, o, left[len(mine):])
	did, err := d.doSome(ctx, o, s, mine)
	if err != nil {
		return o, err
	}
	o.Done = t.doneSize
	for _, p := range did {
		o.Done += p.Size
	}
	if len(did) == 0 {
		return d.rest(ctx, o)
	}
	return o, nil
}

// rest leaves an operation alone none of whose parts could be done, until the first of them can
// be begun. The longer that one is in somebody's hand, the more rarely the operation is looked at.
func (d *Desk) rest(ctx context.Context, o Operation) (Operation, error) {
	at, err := nextPart(ctx, d.DB, o)
	if err != nil {
		return o, err
	}
	left := d.clock.until(at)
	wait := min(left, pollEvery)
	if inHand := leaseTime - left; inHand >= 0 {
		wait = min(wait, inHand)
	}
	o.Lease = d.clock.here().Add(max(wait, partLook))
	return o, nil
}

// plan parts an operation and tells all replicas, who may then begin before the caller does.
func (d *Desk) plan(ctx context.Context, o Operation, s *Split) (Operation, error) {
	parts, err := s.Plan(ctx, o)
	if delay, ok := errors.AsType[*Delay](err); ok {
		o.Lease = delay.Until
		return o, nil
	}
	if err == nil && len(parts) == 0 {
		err = errors.New("a plan without parts")
	}
	if err != nil {
		return o, err
	}
	planned := false
	err = d.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
		planned, err = addParts(tx, o, parts)
		return err
	})
	if err != nil || !planned { // it is somebody else's; so is what comes next
		return o, err
	}
	o.Done, o.Total = 0, 0
	numbers := make([]int64, len(parts))
	for i, p := range parts {
		numbers[i] = p.Number
		o.Total += p.Size
	}
	if len(parts) > 1 {
		d.offer(ctx, o, numbers)
		o.Lease = d.clock.here().Add(partLook)
	}
	return o, nil
}

// offer tells all replicas of parts. Should that be lost, the parts are done all the same.
func (d *Desk) offer(ctx context.Context, o Operation, parts []int64) {
	if len(parts) == 0 || d.Queue == nil || !d.Queue.Connected() {
		return
	}
	tasks := make([]string, len(parts))
	for i, n := range parts {
		tasks[i] = name.Join(d.Name(o), "parts", strconv.FormatInt(n, 10))
	}
	if err := d.Queue.Offer(ctx, tasks); err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "the parts of an operation are not offered", slog.String("operation", d.Name(o)), slog.String("error", err.Error()))
	}
}

// finish ends an operation whose parts are done.
func (d *Desk) finish(ctx context.Context, o Operation, s *Split) (Operation, error) {
	parts, err := listParts(ctx, d.DB, o)
	if err != nil {
		return o, err
	}
	found, err := s.Finish(ctx, o, parts)
	if err != nil {
		return o, err
	}
	text, err := proto.Marshal(found)
	o.Result = append([]byte{}, text...)
	o.Done, o.EndTime = o.Total, resource.Now()
	return o, err
}

// doSome does parts side by side, and returns those that it has done.
func (d *Desk) doSome(ctx context.Context, o Operation, s *Split, parts []int64) (did []Part, err error) {
	all, errs := make([]*Part, len(parts)), make([]error, len(parts))
	var wg sync.WaitGroup
	for i, n := range parts {
		wg.Go(func() { all[i], _, errs[i] = d.do(ctx, o, s, n) })
	}
	wg.Wait()
	for _, p := range all {
		if p != nil {
			did = append(did, *p)
		}
	}
	return did, errors.Join(errs...)
}

// DoPart does a part that was offered, if it is nobody else's, and returns when to try again;
// zero for never.
func (d *Desk) DoPart(ctx context.Context, task string) (again time.Duration) {
	operation, number, _ := strings.Cut(task, "/parts/")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		slog.WarnContext(ctx, "a task is not a part of an operation")
		return 0
	}
	o, err := Get(ctx, d.DB, name.Brand(operation), name.ID(operation))
	switch {
	case errors.Is(err, table.ErrNotFound) || err == nil && !o.EndTime.IsZero():
		return 0
	case err != nil:
		if ctx.Err() == nil {
			slog.WarnContext(ctx, "a part of an operation is delayed", slog.String("operation", operation), slog.String("error", err.Error()))
		}
		return partAgain
	}
	s, err := d.split(o)
	if err == nil && s != nil {
		_, again, err = d.do(ctx, o, s, n)
	}
	switch {
	case err == nil || ctx.Err() != nil:
		return again
	case fault.Reason(err) != "":
		return partAgain
	}
	if err = d.fail(ctx, o, err); err != nil {
		return partAgain
	}
	return 0
}

// do does one part, if nobody else does, and returns it, or how soon to try again. An error
// without a reason would come again.
func (d *Desk) do(ctx context.Context, o Operation, s *Split, number int64) (did *Part, again time.Duration, err error) {
	var (
		p     Part
		until time.Time
	)
	now := d.clock.now(ctx, d.DB)
	err = d.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
		p, until, err = takePart(tx, o, number, now, now.Add(leaseTime))
		return err
	})
	switch {
	case errors.Is(err, table.ErrNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	case !until.IsZero():
		return nil, max(d.clock.until(until), partLook), nil
	}
	limited, cancel := context.WithTimeout(ctx, leaseTime)
	defer cancel()
	effect, err := s.Do(limited, o, p)
	done := false
	if err == nil {
		err = d.DB.Write(limited, func(tx *sqldb.Tx) error {
			done = false
			mine, err := Holds(tx, o, p)
			if err != nil || !mine {
				return err
			}
			if p.Output, err = effect(tx); err != nil {
				return err
			}
			endPart(tx, o, p)
			done = true
			return nil
		})
	}
	if err == nil {
		if !done {
			return nil, partLook, nil
		}
		return &p, 0, nil
	}
	again, err = d.leave(ctx, limited, o, p, err)
	return nil, again, err
}

// leave leaves a part that has failed to others, at once where the caller has to stop, and
// otherwise after a while. An error that would come again is returned.
func (d *Desk) leave(ctx, limited context.Context, o Operation, p Part, cause error) (again time.Duration, err error) {
	from := d.clock.here().Add(partAgain)
	delay, early := errors.AsType[*Delay](cause)
	switch {
	case ctx.Err() != nil:
		from = time.UnixMicro(0)
	case early:
		from = delay.Until
	case limited.Err() == nil && fault.Reason(cause) == "":
		return 0, cause
	}
	if ctx.Err() == nil && (!early || delay.Cause != nil) {
		slog.WarnContext(ctx, "a part of an operation is delayed", slog.String("operation", d.Name(o)), slog.String("error", cause.Error()))
	}
	err = d.DB.Write(context.WithoutCancel(ctx), func(tx *sqldb.Tx) error { return leavePart(tx, o, p, d.clock.there(from)) })
	if fault.Reason(err) != "" { // then its lease ends
		err = nil
	}
	return max(from.Sub(d.clock.here()), partLook), err
}

// fail ends an operation with an error that would come again.
func (d *Desk) fail(ctx context.Context, o Operation, cause error) error {
	code, ended := d.codeOf(ctx, o, cause), false
	err := d.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
		ended, err = end(tx, o.Brand, o.ID, int32(code), resource.Now()) //nolint:gosec // one of ours
		return err
	})
	if err == nil && ended {
		d.count(ctx, code)
	}
	return err
}
