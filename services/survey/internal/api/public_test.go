package api

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// fine reports whether err is nil, and fails if it is anything but a quota.
func fine(t *testing.T, err error) bool {
	t.Helper()
	e, refused := errors.AsType[*fault.Error](err)
	if err != nil && (!refused || e.Code != codes.ResourceExhausted || e.Retry <= 0 || e.Metadata["quota"] == "") {
		t.Fatalf("%v, want a quota and when to come back", err)
	}
	return err == nil
}

func TestAnAddressSubmitsTenASecond(t *testing.T) {
	var p public
	count := func(address string, from time.Time, every time.Duration, n int) (admitted int) {
		for i := range n {
			if fine(t, p.admit(address, from.Add(time.Duration(i)*every))) {
				admitted++
			}
		}
		return admitted
	}
	if got := count("a", noon, 0, 100); got != 10 {
		t.Errorf("%d of 100 at once, want 10", got)
	}
	if got := count("b", noon, 0, 100); got != 10 {
		t.Errorf("%d of another's, want 10", got)
	}
	if got := count("a", noon.Add(100*time.Millisecond), time.Millisecond, 100); got != 1 {
		t.Errorf("%d in the second tenth of the second, want 1", got)
	}
	if got := count("a", noon.Add(time.Minute), time.Millisecond, 10_000); got < 100 || got > 110 {
		t.Errorf("%d in ten seconds, want 100 and the first ten", got)
	}
}

func TestAddressesAreForgottenOrShareOneAllowance(t *testing.T) {
	var p public
	for i := range maxAddresses {
		if !fine(t, p.admit(fmt.Sprint(i), noon)) {
			t.Fatalf("address %d was refused", i)
		}
	}
	admitted := 0
	for i := range 100 {
		if fine(t, p.admit(fmt.Sprint("more", i), noon)) {
			admitted++
		}
	}
	if admitted != 10 || len(p.addresses) > maxAddresses+1 {
		t.Errorf("%d of 100 more addresses were admitted, %d are kept, want 10 and no more", admitted, len(p.addresses))
	}
	if !fine(t, p.admit("later", noon.Add(time.Minute))) || len(p.addresses) != 1 {
		t.Errorf("%d addresses are kept a minute later, want 1", len(p.addresses))
	}
}

func TestABrandTakesFiveThousandAnHour(t *testing.T) {
	var p public
	count := func(at time.Time, n int) (taken int) {
		for range n {
			if fine(t, p.take("acme", at)) {
				taken++
			}
		}
		return taken
	}
	for _, tt := range []struct {
		after   time.Duration
		n, want int
	}{
		{0, 3000, 3000},
		{30 * time.Minute, 3000, 2000},
		{59 * time.Minute, 1, 0},
		{60 * time.Minute, 9000, 3000},
		{90 * time.Minute, 9000, 2000},
		{10 * time.Hour, 9000, 5000},
		{10 * time.Hour, 1, 0},
	} {
		if got := count(noon.Add(tt.after), tt.n); got != tt.want {
			t.Errorf("after %v %d of %d were taken, want %d", tt.after, got, tt.n, tt.want)
		}
	}
	if !fine(t, p.take("other", noon.Add(10*time.Hour))) {
		t.Error("another brand has to wait")
	}
	for i := range maxBrands + 10 {
		fine(t, p.take(fmt.Sprint(i), noon.Add(10*time.Hour)))
	}
	if n := len(p.brands); n > maxBrands+1 {
		t.Errorf("%d brands are kept, want at most %d", n, maxBrands+1)
	}
}
