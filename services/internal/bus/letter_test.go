package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A clinic is a consumer that fails on the numbers in sick, with an operator.
type clinic struct {
	t       *testing.T
	o       *Outbox
	bus     *Bus
	to      *sqldb.DB
	letters *DeadLetters
	sick    atomic.Pointer[map[int]error]
}

func openClinic(t *testing.T, from, to *sqldb.DB) *clinic {
	t.Helper()
	c := &clinic{t: t, o: NewOutbox(migrated(t, from)), bus: embedded(t), to: migrated(t, to), letters: NewDeadLetters()}
	c.fail(nil)
	relaying(t, c.bus, c.o)
	background(t, func(ctx context.Context) error {
		return c.bus.Consume(ctx, Consumer{
			Service: "journey", From: []string{"ticket"}, DB: c.to, DeadLetters: c.letters,
			Handle: func(tx *sqldb.Tx, e *eventv1.Event) error {
				if err := apply(tx, e); err != nil {
					return err
				}
				if err := (*c.sick.Load())[number(e)]; err != nil {
					if errors.Is(err, errPanic) {
						panic(err)
					}
					return err
				}
				return nil
			},
		})
	})
	return c
}

var errPanic = errors.New("the handler is broken")

func (c *clinic) fail(sick map[int]error) { c.sick.Store(&sick) }

// list returns the letters once there are n.
func (c *clinic) list(n int) (letters []*eventv1.DeadLetter) {
	c.t.Helper()
	eventually(c.t, fmt.Sprint(n, " dead letters"), func() bool {
		resp, err := c.letters.ListDeadLetters(c.t.Context(), &eventv1.ListDeadLettersRequest{Parent: "services/journey"})
		if err != nil {
			c.t.Logf("list: %v", err) // not consuming yet
			return false
		}
		letters = resp.GetDeadLetters()
		return len(letters) == n
	})
	return letters
}

// named returns the letter with that number.
func (c *clinic) named(letters []*eventv1.DeadLetter, n int) *eventv1.DeadLetter {
	c.t.Helper()
	i := slices.IndexFunc(letters, func(l *eventv1.DeadLetter) bool { return number(l.GetEvent()) == n })
	if i < 0 {
		c.t.Fatalf("no dead letter of event %d in %v", n, letters)
	}
	return letters[i]
}

func (c *clinic) retry(l *eventv1.DeadLetter) (int, error) {
	resp, err := c.letters.RetryDeadLetter(c.t.Context(), &eventv1.RetryDeadLetterRequest{Name: l.GetName()})
	return int(resp.GetAppliedCount()), err
}

func (c *clinic) drop(l *eventv1.DeadLetter) (int, error) {
	resp, err := c.letters.DropDeadLetter(c.t.Context(), &eventv1.DropDeadLetterRequest{Name: l.GetName()})
	return int(resp.GetAppliedCount()), err
}

// emit emits events of one key, each after the one before was dealt with.
func (c *clinic) emit(key string, numbers ...int) {
	c.t.Helper()
	for _, n := range numbers {
		e := reopened(key, n)
		emit(c.t, c.o, e)
		eventually(c.t, "event dealt with", func() bool {
			return count(c.t, c.to, `SELECT COUNT(*) FROM inbox WHERE id = $1`, e.GetId()) == 1
		})
	}
}

func eachClinic(t *testing.T, f func(*testing.T, *clinic)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		f(t, openClinic(t, database(t), database(t)))
	})
}

func TestADeadLetterStopsItsKeyAndNoOther(t *testing.T) {
	t.Parallel()
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.fail(map[int]error{2: fault.Precondition("TOO_EARLY", "events/2", "it is too early"), 12: errPanic})
		c.emit("a", 1, 2, 3, 4)
		c.emit("b", 11, 12, 13)
		c.emit("c", 21, 22)
		letters := c.list(5)
		dead, waiting, panicked := c.named(letters, 2), c.named(letters, 3), c.named(letters, 12)
		if dead.GetReason() != "TOO_EARLY" || dead.GetAttempts() != 1 || panicked.GetReason() != "PANIC" || waiting.GetReason() != "" {
			t.Errorf("reasons %q, %q and %q, want TOO_EARLY, PANIC and none", dead.GetReason(), panicked.GetReason(), waiting.GetReason())
		}
		applied := func(key string) int { return count(t, c.to, `SELECT COUNT(*) FROM effect WHERE key = $1`, key) }
		if a, b, c := applied("a"), applied("b"), applied("c"); a != 1 || b != 1 || c != 2 {
			t.Errorf("applied %d, %d and %d events, want 1 before each dead letter and 2 of the other key", a, b, c)
		}
		if n, err := c.retry(dead); n != 0 || fault.Reason(err) != "STILL_FAILING" {
			t.Errorf("retry of what still fails = %d, %v, want STILL_FAILING", n, err)
		}
		if again := c.named(c.list(5), 2); again.GetAttempts() != 2 {
			t.Errorf("after a retry %d attempts, want 2", again.GetAttempts())
		}
		if n, err := c.retry(waiting); n != 0 || fault.Reason(err) != "WAITING" {
			t.Errorf("retry of one that waits = %d, %v, want WAITING", n, err)
		}
		c.fail(map[int]error{4: errors.New("now this one")})
		if n, err := c.retry(dead); n != 2 || err != nil {
			t.Errorf("retry = %d, %v, want the dead one and one behind it", n, err)
		}
		if l := c.named(c.list(3), 4); l.GetReason() != "INTERNAL" || l.GetAttempts() != 1 {
			t.Errorf("the one that stopped the line is %v, want it dead", l)
		}
		c.emit("a", 5) // waits behind 4
		c.fail(nil)
		if n, err := c.drop(c.named(c.list(4), 4)); n != 1 || err != nil {
			t.Errorf("drop = %d, %v, want the one behind applied", n, err)
		}
		if n, err := c.drop(c.named(c.list(2), 13)); n != 0 || err != nil {
			t.Errorf("drop of one that waits = %d, %v, want 0", n, err)
		}
		if n, err := c.retry(panicked); n != 1 || err != nil {
			t.Errorf("retry = %d, %v, want 1", n, err)
		}
		c.list(0)
		c.emit("a", 6)
		if got := count(t, c.to, `SELECT COUNT(*) FROM effect WHERE key = 'a' AND times = 1 AND number IN (1, 2, 3, 5, 6)`); got != 5 {
			t.Errorf("of key a %d events had their effect once, want 5", got)
		}
		if got := count(t, c.to, `SELECT COUNT(*) FROM stopped_key`); got != 0 {
			t.Errorf("%d keys are still stopped", got)
		}
		if _, err := c.retry(panicked); status.Code(err) != codes.NotFound {
			t.Errorf("retry of what is gone: %v, want NOT_FOUND", err)
		}
	})
}

func TestALineGoesInOrder(t *testing.T) {
	t.Parallel()
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.fail(map[int]error{0: errors.New("no")})
		numbers := make([]int, 30)
		for i := range numbers {
			numbers[i] = i
		}
		c.emit("a", numbers...)
		var order []int
		head := c.named(c.list(30), 0)
		c.fail(nil)
		a, err := c.letters.of("services/journey")
		if err != nil {
			t.Fatal(err)
		}
		handle := a.handle
		a.handle = func(tx *sqldb.Tx, e *eventv1.Event) error {
			order = append(order, number(e))
			return handle(tx, e)
		}
		if n, err := c.retry(head); n != 30 || err != nil {
			t.Fatalf("retry = %d, %v, want 30", n, err)
		}
		if !slices.IsSorted(order) || len(order) != 30 {
			t.Errorf("applied in the order %v", order)
		}
	})
}

// TestNobodyIsLeftInALineThatEnds lets events arrive while the line is applied.
func TestNobodyIsLeftInALineThatEnds(t *testing.T) {
	t.Parallel()
	eachClinic(t, func(t *testing.T, c *clinic) {
		for round := range 5 {
			first := 100 * round
			c.fail(map[int]error{first: errors.New("no")})
			c.emit("a", first, first+1, first+2)
			head := c.named(c.list(3), first)
			c.fail(nil)
			var events []*eventv1.Event
			for i := range 60 {
				events = append(events, reopened("a", first+3+i))
			}
			emit(t, c.o, events...)
			if _, err := c.retry(head); err != nil {
				t.Fatal(err)
			}
			applied(t, c.to, 63*(round+1))
			c.list(0)
		}
	})
}

func TestAnInterruptedLineGoesOn(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		db := migrated(t, database(t))
		a := &applier{db: db, handle: func(*sqldb.Tx, *eventv1.Event) error { return errors.New("no") }}
		for i := range 3 {
			e := reopened("a", i)
			e.Id = fmt.Sprint("event-", i)
			var err error
			if payload := marshal(t, e); i == 0 {
				err = a.putAside(t.Context(), e, payload, "NO", 1)
			} else {
				_, err = a.once(t.Context(), e, payload)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		a.handle = apply
		if err := a.resume(t.Context()); err != nil || count(t, db, `SELECT COUNT(*) FROM dead_letter`) != 3 {
			t.Fatalf("resume: %v, want a line behind a dead letter left alone", err)
		}
		if err := a.advance(t.Context(), "acme", "a", ""); err != nil {
			t.Fatal(err)
		}
		if err := a.resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		applied(t, db, 3)
		if n := count(t, db, `SELECT COUNT(*) FROM dead_letter`) + count(t, db, `SELECT COUNT(*) FROM stopped_key`); n != 0 {
			t.Errorf("%d rows are left of the line, want 0", n)
		}
	})
}

func TestADamagedEventIsPutAside(t *testing.T) {
	t.Parallel()
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.emit("a", 1)
		connected(t, c.bus, func(ctx context.Context, js jetstream.JetStream) {
			for _, opts := range [][]jetstream.PublishOpt{{jetstream.WithMsgID("01BX5ZZKBKACTAV9WEVGEMMVRZ")}, nil} {
				if _, err := js.Publish(ctx, subject("ticket", "acme", "ticket_created"), []byte("\xff\xff"), opts...); err != nil {
					t.Fatal(err)
				}
			}
		})
		letters := c.list(2)
		slices.SortFunc(letters, func(a, b *eventv1.DeadLetter) int { return cmp.Compare(a.GetName(), b.GetName()) })
		for i, want := range []string{"services/journey/deadLetters/01bx5zzkbkactav9wevgemmvrz", "services/journey/deadLetters/sequence-3"} {
			if l := letters[i]; l.GetName() != want || l.GetReason() != "UNDECODABLE" || l.GetEvent().GetBrand() != "brands/acme" {
				t.Errorf("letter %v, want %s, UNDECODABLE", l, want)
			}
		}
		if _, err := c.retry(letters[0]); fault.Reason(err) != "STILL_FAILING" {
			t.Errorf("retry: %v, want STILL_FAILING", err)
		}
		if _, err := c.drop(letters[0]); err != nil {
			t.Error(err)
		}
		c.emit("a", 2)
		c.list(1)
	})
}

func TestLettersComeInPages(t *testing.T) {
	t.Parallel()
	eachClinic(t, func(t *testing.T, c *clinic) {
		sick := map[int]error{}
		for i := range 5 {
			sick[i] = errors.New("no")
		}
		c.fail(sick)
		for i := range 5 {
			c.emit(fmt.Sprint("key-", i), i)
		}
		c.list(5)
		var got []int
		req := &eventv1.ListDeadLettersRequest{Parent: "services/journey", PageSize: 2}
		for {
			resp, err := c.letters.ListDeadLetters(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range resp.GetDeadLetters() {
				got = append(got, number(l.GetEvent()))
			}
			if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		if want := []int{0, 1, 2, 3, 4}; !slices.Equal(got, want) {
			t.Errorf("the pages list %v, want %v", got, want)
		}
		for _, parent := range []string{"services/survey", "services/"} {
			_, err := c.letters.ListDeadLetters(t.Context(), &eventv1.ListDeadLettersRequest{Parent: parent})
			if status.Code(err) != codes.NotFound {
				t.Errorf("list of %s: %v, want NOT_FOUND", parent, err)
			}
		}
		req.PageToken = "junk"
		if _, err := c.letters.ListDeadLetters(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("list with junk as token: %v, want INVALID_ARGUMENT", err)
		}
	})
}

func TestTheInboxRemembersLongerThanAnEventCanCome(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		db := migrated(t, database(t))
		a := &applier{db: db, handle: apply}
		e := reopened("a", 1)
		e.Id = "event"
		if _, err := a.once(t.Context(), e, marshal(t, e)); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			after time.Duration
			want  int
		}{{2 * keep, 1}, {remember + time.Minute, 0}} {
			if err := a.forget(t.Context(), time.Now().Add(tt.after)); err != nil {
				t.Fatal(err)
			}
			if n := count(t, db, `SELECT COUNT(*) FROM inbox`); n != tt.want {
				t.Errorf("after %v the inbox has %d rows, want %d", tt.after, n, tt.want)
			}
		}
	})
}

// TestAnEventThatMeetsTheEndOfItsLineIsApplied has one arrive while the last
// letter before it is on its way out.
func TestAnEventThatMeetsTheEndOfItsLineIsApplied(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t)))
	a := &applier{db: db, handle: apply}
	head, next := reopened("a", 1), reopened("a", 2)
	head.Id, next.Id = "head", "next"
	if err := a.putAside(t.Context(), head, marshal(t, head), "NO", 1); err != nil {
		t.Fatal(err)
	}
	arrived := make(chan error, 1)
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		l, err := first(tx, "acme", "a")
		if err != nil {
			return err
		}
		go func() {
			_, err := a.once(context.Background(), next, marshal(t, next))
			arrived <- err
		}()
		eventually(t, "the event waits or is through", func() bool {
			return len(arrived) == 1 || count(t, db, `SELECT COUNT(*) FROM pg_locks WHERE NOT granted`) > 0
		})
		if err := a.call(tx, head); err != nil {
			return err
		}
		return remove(tx, l)
	})
	if err = errors.Join(err, <-arrived); err != nil {
		t.Fatal(err)
	}
	applied(t, db, 2)
	if n := count(t, db, `SELECT COUNT(*) FROM dead_letter`); n != 0 {
		t.Errorf("%d events wait in a line that has ended", n)
	}
}
