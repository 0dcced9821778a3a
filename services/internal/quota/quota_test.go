package quota

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// of returns quotas that the words say.
func of(t testing.TB, words ...string) *Quotas {
	t.Helper()
	rates, err := Rates{}.With(words...)
	if err != nil {
		t.Fatal(err)
	}
	return New(rates)
}

// calls returns how many of n calls at once may be made.
func calls(q *Quotas, brand string, class Class, n int) (allowed int) {
	for range n {
		if s, _ := q.Take(brand, class); s.Retry == 0 {
			allowed++
		}
	}
	return allowed
}

func TestABrandMaySaveUpTheCallsOfTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := of(t, "read=100")
		for _, step := range []struct {
			pause time.Duration
			want  int
		}{{0, 200}, {0, 0}, {10 * time.Millisecond, 1}, {time.Second, 100}, {time.Hour, 200}} {
			time.Sleep(step.pause)
			if got := calls(q, "acme", Read, 1000); got != step.want {
				t.Errorf("after a pause of %v %d calls were allowed, want %d", step.pause, got, step.want)
			}
		}
	})
}

func TestWhatOneBrandDoesChangesNothingForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := of(t, "read=100", "write=100")
		refused := 0
		for range 10 * 1000 { // ten seconds: acme calls ten times as fast as it may, beta as fast as it may
			calls(q, "acme", Read, 1)
			if time.Now().UnixMilli()%10 == 0 && calls(q, "beta", Read, 1) == 0 {
				refused++
			}
			time.Sleep(time.Millisecond)
		}
		if refused > 0 {
			t.Errorf("%d calls of beta were refused, want 0", refused)
		}
		if got := calls(q, "acme", Write, 1); got != 1 {
			t.Error("reading has used up what acme may write")
		}
	})
}

func TestAStateSaysWhatIsLeftAndWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := of(t, "write=10")
		got, limited := q.Take("acme", Write)
		if want := (State{Limit: 10, Remaining: 19, Reset: 100 * time.Millisecond}); got != want || !limited {
			t.Errorf("the first call leaves %+v, %v, want %+v", got, limited, want)
		}
		calls(q, "acme", Write, 19)
		got, _ = q.Take("acme", Write)
		if want := (State{Limit: 10, Reset: 2 * time.Second, Retry: 100 * time.Millisecond}); got != want {
			t.Errorf("the call after the last leaves %+v, want %+v", got, want)
		}
		time.Sleep(got.Retry)
		if got, _ = q.Take("acme", Write); got.Retry != 0 {
			t.Errorf("the call that came back is told to wait %v", got.Retry)
		}
	})
}

func TestABrandMayHaveRatesOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := of(t, "read=10", "acme/read=1", "acme/write=2", "beta/read=-1")
		for _, tt := range []struct {
			brand string
			class Class
			want  int
		}{{"acme", Read, 2}, {"acme", Write, 4}, {"beta", Read, 1000}, {"beta", Write, 1000}, {"gamma", Read, 20}, {"gamma", Write, 1000}} {
			if got := calls(q, tt.brand, tt.class, 1000); got != tt.want {
				t.Errorf("%s may %v %d times at once, want %d", tt.brand, tt.class, got, tt.want)
			}
		}
		for c := range Classes {
			if s, limited := New(Default()).Take("acme", c); !limited || s.Retry > 0 {
				t.Errorf("by default the first %v is %+v, %v", c, s, limited)
			}
			if _, limited := New(Rates{}).Take("acme", c); limited {
				t.Errorf("without rates %v is limited", c)
			}
		}
	})
}

func TestRatesThatSayNothingAreRefused(t *testing.T) {
	for _, word := range []string{"", "read", "read=", "read=0", "read=-2", "read=1.5", "read=100001", "reed=1", "=1", "/read=1", "acme/=1", "a/b/read=1"} {
		if _, err := Default().With("write=1", word); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", word)) {
			t.Errorf("%q: %v, want an error that quotes it", word, err)
		}
	}
}

func TestManyBrandsTakeBoundedMemoryAndDoNotFreeABusyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := of(t, "read=100")
		calls(q, "acme", Read, 200)
		for i := range 3 * maxBrands {
			calls(q, fmt.Sprint("b", i), Read, 1)
			if i%1000 == 0 && calls(q, "acme", Read, 1) > 0 {
				t.Fatalf("after %d other brands acme has its calls back", i)
			}
		}
		if len(q.known) != maxBrands || q.order.Len() != maxBrands {
			t.Errorf("%d brands are known in a list of %d, want %d", len(q.known), q.order.Len(), maxBrands)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	q := New(Default())
	b.ReportAllocs()
	for b.Loop() {
		q.Take("acme", Read)
	}
}
