package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the path of the suite's binary, built by the first test that asks,
// with the race detector if this test has it.
var binary = sync.OnceValues(func() (string, error) {
	args := []string{"build", "-o", filepath.Join(folder, "concentric")}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "../cmd/concentric")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the suite: %w: %s", err, out)
	}
	return filepath.Join(folder, "concentric"), nil
})

// shipped is the path of the binary as `make build` makes it, built by the first test that
// asks. Tests in which it is killed or writes under load run it, as with the race detector it
// starts and works several times as slowly; the stories search the same code for races.
var shipped = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "shipped")
	return path, buildShipped("../..", path)
})

// buildShipped builds the tree in dir with the flags of `make build`, with which most of it
// has been built before.
func buildShipped(dir, path string) error {
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./services/cmd/concentric")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", path, err, out)
	}
	return nil
}

// folder holds what all tests share.
var folder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if config := os.Getenv(nodeConfig); config != "" {
			return runNode(config)
		}
		var err error
		if folder, err = os.MkdirTemp("", "concentric-e2e-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		return m.Run()
	}())
}

// A process is one run of the binary.
type process struct {
	cmd  *exec.Cmd
	log  *journal
	addr string        // where it serves
	done chan struct{} // closed when it has ended
	err  error         // how, then
}

// spawn runs the binary with args until the test ends, and then makes sure that it
// ended well and had nothing to complain about.
func spawn(t testing.TB, args ...string) (*process, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	return spawnProgram(t, path, args...)
}

// spawnProgram does so with the binary at path.
func spawnProgram(t testing.TB, path string, args ...string) (*process, error) {
	env := append(environment(), "GORACE=atexit_sleep_ms=100") // it takes not a second at each end
	if i := slices.Index(args, "--db"); i >= 0 {               // its password is nobody's business
		env, args = append(env, "CONCENTRIC_DB="+args[i+1]), slices.Delete(slices.Clone(args), i, i+2)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = env
	return watched(t, cmd)
}

// environment returns that of a program: what is said to the tests is not said to it.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CONCENTRIC_SOAK=") })
}

// watched runs a command as spawn does.
func watched(t testing.TB, cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, log: &journal{addr: make(chan string, 1)}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt of the tests is theirs alone
	// On Linux it ends with the test binary, however that ends.
	if f := reflect.ValueOf(p.cmd.SysProcAttr).Elem().FieldByName("Pdeathsig"); f.IsValid() {
		f.SetInt(int64(syscall.SIGKILL))
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop(t)
		p.log.check(t)
	})
	return p, nil
}

// serve runs `up` with args and waits until it is ready.
func serve(t testing.TB, args ...string) (*process, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	return serveProgram(t, path, args...)
}

// serveProgram does so with the binary at path.
func serveProgram(t testing.TB, path string, args ...string) (*process, error) {
	p, err := spawnProgram(t, path, append([]string{"up"}, args...)...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := p.listens(ctx); err != nil {
		return nil, err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		code, _, err := fetch(ctx, http.MethodGet, "http://"+p.addr+"/readyz", "", nil)
		if err == nil && code == http.StatusOK {
			return p, nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return nil, fmt.Errorf("up %v: %w: %s", args, p.err, p.log)
		case <-ctx.Done():
			return nil, fmt.Errorf("up %v is not ready after two minutes: %s", args, p.log)
		}
	}
}

// listens waits until the process says where it serves.
func (p *process) listens(ctx context.Context) error {
	select {
	case p.addr = <-p.log.addr:
		return nil
	case <-p.done:
		return fmt.Errorf("%v: %w: %s", p.cmd.Args[1:], p.err, p.log)
	case <-ctx.Done():
		return fmt.Errorf("%v serves nothing after two minutes: %s", p.cmd.Args[1:], p.log)
	}
}

// stop asks the process to end, unless it has, and fails if it does not do so well
// and in time.
func (p *process) stop(t testing.TB) {
	t.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	p.signal(t, syscall.SIGTERM)
	select {
	case <-p.done:
		if p.err != nil {
			t.Errorf("%v ended with %v", p.cmd.Args[1:], p.err)
		}
	case <-time.After(25 * time.Second):
		t.Errorf("%v does not end: %s", p.cmd.Args[1:], p.log)
		p.kill(t)
	}
}

// kill ends the process at once.
func (p *process) kill(t testing.TB) {
	t.Helper()
	p.signal(t, syscall.SIGKILL)
	<-p.done
}

func (p *process) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// stopped waits until SIGSTOP has reached every thread of the process: until then it
// still answers.
func (p *process) stopped(t testing.TB) {
	t.Helper()
	eventually(t, func() error {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
		if err != nil || len(threads) == 0 {
			return errors.Join(errors.New("no thread is seen"), err)
		}
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			if err != nil {
				return err
			}
			// The state follows the name, which is in parentheses.
			if after := stat[bytes.LastIndexByte(stat, ')')+1:]; !bytes.HasPrefix(after, []byte(" T")) {
				return fmt.Errorf("a thread is in state %.2s", after)
			}
		}
		return nil
	})
}

// A journal is what a process writes.
type journal struct {
	addr chan string // the address, once it is known

	mu    sync.Mutex
	text  bytes.Buffer
	known bool
}

var (
	serves = regexp.MustCompile(`(?m)^concentric serves .* on https?://(\S+) \(`)
	// trouble is what no run may write: a finding of the race detector, a panic, the
	// stack of a goroutine, an error that the service could not explain.
	trouble = regexp.MustCompile(`DATA RACE|panic|goroutine \d+ \[|"level":"ERROR"`)
)

// Write implements [io.Writer].
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text.Write(b)
	if m := serves.FindSubmatch(j.text.Bytes()); m != nil && !j.known {
		j.known = true
		j.addr <- string(m[1])
	}
	return len(b), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// check fails if there is trouble, and shows the end of the journal if the test
// failed for whatever reason.
func (j *journal) check(t testing.TB) {
	t.Helper()
	text := j.String()
	if at := trouble.FindStringIndex(text); at != nil {
		t.Errorf("the log has trouble:\n%s", text[at[0]:min(len(text), at[0]+4000)])
	}
	if t.Failed() {
		t.Logf("the log ends:\n%s", text[max(0, len(text)-2000):])
	}
}

// fetch makes an HTTP request and returns the status and body of its answer.
func fetch(ctx context.Context, method, url, key string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}
