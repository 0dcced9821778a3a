package e2e

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// patience is how long a client waits for a composed answer.
const patience = time.Second

// TestOnePartDownStillAnAnswer: whatever happens to a service, the gateway answers
// within the deadline with what the others say, and names what is missing.
func TestOnePartDownStillAnAnswer(t *testing.T) {
	s := splitOf(t, must(shipped())(t))
	brand := s.grpc().brand(t)
	s.grpc().furnish(t, brand+"/customers/finn")
	s.grpc().heals(t, brand)
	parts := map[string]gatewayv1.Part{
		"ticket": gatewayv1.Part_PART_TICKET, "survey": gatewayv1.Part_PART_SURVEY, "journey": gatewayv1.Part_PART_JOURNEY,
	}
	for name, part := range parts {
		t.Run(name+" frozen", func(t *testing.T) {
			thaw := s.freeze(t, name)
			crowd(t, late(), func(i int) { s.grpc().lacksPart(t, i, brand, part) })
			s.grpc().viewsLack(t, brand, nil, part) // which has to be found out first
			thaw()
			s.grpc().heals(t, brand)
		})
		t.Run(name+" killed", func(t *testing.T) {
			s.parts[name].kill(t)
			crowd(t, asked, func(i int) { s.grpc().lacksPart(t, i, brand, part) })
			s.grpc().viewsLack(t, brand, nil, part)
			s.start(t, name)
			s.grpc().heals(t, brand)
		})
	}
	t.Run("all killed", func(t *testing.T) {
		for name := range parts {
			s.parts[name].kill(t)
		}
		for range 3 {
			s.grpc().lacksAll(t, brand)
		}
		s.start(t, all[:3]...)
		s.grpc().heals(t, brand)
	})
}

const (
	callers = 16  // that read at the same time
	asked   = 300 // how often all of them together read in each fault
)

// late is how often they read in a fault that makes each answer wait for the deadline: all
// that would take a minute and a half.
func late() int {
	if os.Getenv("CONCENTRIC_SOAK") != "" {
		return asked
	}
	return 2 * callers
}

// crowd reads n times, several of them at once, and says how long the slowest took.
func crowd(t *testing.T, n int, read func(i int)) {
	t.Helper()
	var (
		wg      sync.WaitGroup
		left    atomic.Int64
		slowest atomic.Int64
	)
	left.Store(int64(n))
	for range callers {
		wg.Go(func() {
			for i := left.Add(-1); i >= 0; i = left.Add(-1) {
				begin := time.Now()
				read(int(i))
				took := int64(time.Since(begin))
				for last := slowest.Load(); took > last && !slowest.CompareAndSwap(last, took); last = slowest.Load() {
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d reads, the slowest took %v", n, time.Duration(slowest.Load()).Round(time.Millisecond))
}

// errBusy is how a call ends that has to be made again: a part that works did not answer in
// time, as happens while the machine has much else to do, and the answer said so.
var errBusy = errors.New("a part that works was named as too late")

// within makes a call that must be answered before the patience is over.
func (c *clients) within(t testing.TB, call func(ctx context.Context) error) {
	t.Helper()
	for tries := 1; ; tries++ {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		begin := time.Now()
		err := call(ctx)
		cancel()
		if errors.Is(err, errBusy) && tries < 3 {
			continue
		}
		if err != nil {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		return
	}
}

// busy returns err, or errBusy if a part other than the missing one was too late, as the
// answer or the refusal says that has none of the parts.
func busy(parts []*gatewayv1.PartState, err error, missing gatewayv1.Part) error {
	for _, p := range parts {
		if p.GetPart() != missing && p.GetState() == gatewayv1.PartState_STATE_TIMEOUT {
			return errBusy
		}
	}
	for part, state := range metadataOf(err) {
		if part != missing.String() && state == gatewayv1.PartState_STATE_TIMEOUT.String() {
			return errBusy
		}
	}
	return err
}

// lacksPart reads one of both composed answers, which must lack the part and nothing else.
func (c *clients) lacksPart(t testing.TB, i int, brand string, missing gatewayv1.Part) {
	t.Helper()
	if i%2 == 0 {
		c.overviewLacks(t, brand, missing)
	} else {
		c.viewsLack(t, brand, february, missing)
	}
}

func (c *clients) overviewLacks(t testing.TB, brand string, missing gatewayv1.Part) {
	t.Helper()
	c.within(t, func(ctx context.Context) error {
		o, err := c.views.GetCustomerOverview(ctx, &gatewayv1.GetCustomerOverviewRequest{Name: brand + "/customers/finn/overview"})
		if err = busy(o.GetParts(), err, missing); err != nil {
			return err
		}
		names(t, o.GetParts(), missing)
		for part, rows := range map[gatewayv1.Part]int{
			gatewayv1.Part_PART_TICKET: len(o.GetTickets()), gatewayv1.Part_PART_SURVEY: len(o.GetResponses()),
			gatewayv1.Part_PART_JOURNEY: len(o.GetTouchpoints()),
		} {
			if (rows > 0) == (part == missing) {
				t.Errorf("without %v there are %d rows of %v", missing, rows, part)
			}
		}
		return nil
	})
}

func (c *clients) viewsLack(t testing.TB, brand string, window *typev1.Window, missing gatewayv1.Part) {
	t.Helper()
	c.within(t, func(ctx context.Context) error {
		v, err := c.views.CompareViews(ctx, &gatewayv1.CompareViewsRequest{Parent: brand, Window: window})
		if err = busy(v.GetParts(), err, missing); err != nil {
			return err
		}
		names(t, v.GetParts(), missing)
		sources := map[gatewayv1.Part]bool{}
		for _, source := range append(v.GetService().GetBasis().GetSources(), v.GetExperience().GetBasis().GetSources()...) {
			sources[gatewayv1.Part(gatewayv1.Part_value["PART_"+strings.ToUpper(source)])] = true
		}
		if sources[missing] || len(sources) != 2 {
			t.Errorf("without %v the views rest on %v", missing, sources)
		}
		if (v.GetExperience().GetNesting() == nil) != (missing == gatewayv1.Part_PART_JOURNEY) {
			t.Errorf("without %v the nesting is %v", missing, v.GetExperience().GetNesting())
		}
		return nil
	})
}

// lacksAll asks for both composed answers, of which nothing is left.
func (c *clients) lacksAll(t testing.TB, brand string) {
	t.Helper()
	c.within(t, func(ctx context.Context) error {
		_, err := c.views.CompareViews(ctx, &gatewayv1.CompareViewsRequest{Parent: brand})
		refused(t, err, codes.Unavailable, "ALL_PARTS_MISSING")
		return nil
	})
	c.within(t, func(ctx context.Context) error {
		_, err := c.views.GetCustomerOverview(ctx, &gatewayv1.GetCustomerOverviewRequest{Name: brand + "/customers/finn/overview"})
		refused(t, err, codes.Unavailable, "ALL_PARTS_MISSING")
		return nil
	})
}

// names fails unless exactly the part is named as missing, with a reason, and the
// others say when they were read.
func names(t testing.TB, parts []*gatewayv1.PartState, missing gatewayv1.Part) {
	t.Helper()
	if len(parts) != 3 {
		t.Errorf("the parts are %v", parts)
	}
	for _, p := range parts {
		ok := p.GetState() == gatewayv1.PartState_STATE_OK && p.GetReadTime() != nil && p.GetMessage() == ""
		gone := (p.GetState() == gatewayv1.PartState_STATE_UNAVAILABLE || p.GetState() == gatewayv1.PartState_STATE_TIMEOUT) &&
			p.GetReadTime() == nil && p.GetMessage() != ""
		if p.GetPart() == missing && !gone || p.GetPart() != missing && !ok {
			t.Errorf("without %v a part is %v", missing, p)
		}
	}
}

// heals waits until both composed answers are whole.
func (c *clients) heals(t testing.TB, brand string) {
	t.Helper()
	eventually(t, func() error {
		o, err := c.views.GetCustomerOverview(t.Context(), &gatewayv1.GetCustomerOverviewRequest{Name: brand + "/customers/finn/overview"})
		if err != nil {
			return err
		}
		if err := complete(o.GetParts()); err != nil {
			return err
		}
		v, err := c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brand})
		if err != nil {
			return err
		}
		return complete(v.GetParts())
	})
}
