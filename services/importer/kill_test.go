package importer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// child tells a child process what it serves and imports, and when it dies: DIR#CALLS.
const child = "CONCENTRIC_TEST_IMPORT"

// many are n calls, each rated, three in ten off the scale.
func many(n int) map[string]string {
	var people, ratings strings.Builder
	people.WriteString("id,person,kind,at\n")
	ratings.WriteString("rating,call,easy,why\n")
	for i := range n {
		fmt.Fprintf(&people, "%d,p%d,transfer,2024-01-%02d 10:%02d\n", i, i%97, 1+i%28, i%60)
		fmt.Fprintf(&ratings, "r%d,%d,%d,because %d\n", i, i, i%10, i)
	}
	return map[string]string{"calls.csv": people.String(), "ratings.csv": ratings.String()}
}

// A mortal is a way to the services that kills its own process, as kill -9 does, once
// it has brought home a number of calls.
type mortal struct {
	grpc.ClientConnInterface
	left *atomic.Int64
}

func (m mortal) Invoke(ctx context.Context, method string, req, answer any, opts ...grpc.CallOption) error {
	err := m.ClientConnInterface.Invoke(ctx, method, req, answer, opts...)
	if m.left.Add(-1) == 0 {
		return errors.Join(err, syscall.Kill(os.Getpid(), syscall.SIGKILL))
	}
	return err
}

// TestChild is no test: it is the process that the next test lets die. It serves and
// imports what is in a folder.
func TestChild(t *testing.T) {
	dir, calls, _ := strings.Cut(os.Getenv(child), "#")
	if dir == "" {
		t.Skip("runs only as the child of another test")
	}
	n, err := strconv.ParseInt(calls, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	left := &atomic.Int64{}
	left.Store(n)
	_, err = Run(t.Context(), mortal{suite(t, filepath.Join(dir, "suite"), true).Local(), left}, Options{
		Brand: "b", Mapping: filepath.Join(dir, "mapping.yaml"), Dir: dir, StateDir: filepath.Join(dir, "state"),
	})
	t.Fatalf("the import came to its end before it could be killed: %v", err)
}

// dieAfter runs a child on dir that is killed after a number of calls.
func dieAfter(t *testing.T, dir string, calls int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s#%d", child, dir, calls))
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
}

func TestAKilledImportGoesOnAndEndsAsOneRun(t *testing.T) {
	t.Parallel()
	const rows = 5 * chunkRows
	clean := suite(t, t.TempDir(), true).Local()
	want := mustRun(t, clean, folder(t, calls, many(rows)))

	opt := folder(t, calls, many(rows))
	// Five calls a row: death comes in the first, the second and the fourth chunk.
	for _, n := range []int{3 * chunkRows, 8 * chunkRows, 12 * chunkRows} {
		dieAfter(t, opt.Dir, n)
	}
	killed := suite(t, filepath.Join(opt.Dir, "suite"), true).Local()
	got := mustRun(t, killed, opt)
	if got.Resumed != 3*chunkRows {
		t.Errorf("went on after %d rows, want %d", got.Resumed, 3*chunkRows)
	}
	got.Resumed = 0
	if !reflect.DeepEqual(got, want) {
		var b, c strings.Builder
		got.Write(&b)
		want.Write(&c)
		t.Errorf("report of the killed import:\n%s\nof one run:\n%s", b.String(), c.String())
	}
	if got, want := everything(t, killed), everything(t, clean); got != want {
		t.Errorf("the killed import measures %s, one run %s", got, want)
	}
	// Interactions and resolutions become touchpoints as well, through the bus.
	if got, want := settled(t, killed, 4*rows), settled(t, clean, 4*rows); got != want {
		t.Errorf("the killed import has %s, one run %s", got, want)
	}
}

// settled waits until a brand has n touchpoints and tells how they lie.
func settled(t *testing.T, conn grpc.ClientConnInterface, n int64) string {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * time.Minute)
	for {
		res, err := journeyv1.NewInsightServiceClient(conn).QueryExperienceMetrics(t.Context(), &journeyv1.QueryExperienceMetricsRequest{Parent: "brands/b"})
		if err != nil {
			t.Fatal(err)
		}
		if res.GetNesting().GetTouchpoints() >= n {
			return res.GetNesting().String()
		}
		select {
		case <-end:
			t.Fatalf("there are %s after two minutes, want %d touchpoints", res.GetNesting(), n)
		case <-tick.C:
		}
	}
}
