package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestMain lets the test binary be an echo, as the command is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-echo" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestALoopMeasuresWhatItsCallersGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			mu      sync.Mutex
			seen    = map[int64]bool{}
			counter atomic.Int64
		)
		l := loop{callers: 4, weight: 10, op: func(_ context.Context, n int64) error {
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if seen[n] {
				t.Errorf("two calls are number %d", n)
			}
			seen[n] = true
			if n <= 4 {
				return errors.New("cold")
			}
			return nil
		}}
		s, err := l.measure(t.Context(), time.Second, &counter)
		if err != nil {
			t.Fatal(err)
		}
		if s.Rate != 3960 || s.P50 != 10 || s.P99 != 10 || s.Errors != 4 || s.Error != "cold" || len(seen) != 400 {
			t.Errorf("measured %+v in %d calls, want 3960/s, 10 ms and 4 errors in 400", s, len(seen))
		}
	})
}

func TestAnEchoIsMeasuredBehindTheChecksAndWithout(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.json")
	if err := run(t.Context(), []string{"-binary", "none", "-only", "G19", "-rounds", "1", "-seconds", "0.2", "-report", "-json", file}); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"echo bare 16"`, `"echo checked 16"`, `"id": "G19"`, `"errors": 0`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("the JSON has no %s", want)
		}
	}
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	_, err := spawn(t.Context(), os.Args[0], "-echo", "nothing")
	if err == nil || !strings.Contains(err.Error(), `no echo called "nothing"`) {
		t.Errorf("spawn: %v", err)
	}
}

func TestTheCommandLineIsChecked(t *testing.T) {
	for _, args := range [][]string{{"G4"}, {"-rounds", "0"}, {"-seconds", "0"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
	o, err := parse([]string{"-only", "G4,G16", "-seconds", "0.5"})
	if err != nil || strings.Join(o.only, " ") != "G4 G16" || o.length != 500*time.Millisecond || o.rounds != 5 {
		t.Errorf("parse = %+v, %v", o, err)
	}
}
