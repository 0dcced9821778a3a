package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A child is a server in a process of its own, so that its processor time can be
// told from that of its callers.
type child struct {
	cmd   *exec.Cmd
	addr  string         // where it serves
	stdin io.WriteCloser // an echo ends when this does
	ended chan struct{}

	mu   sync.Mutex
	tail []string // of what it wrote
	look string   // where it can be looked into; empty if it cannot
}

var (
	serves  = regexp.MustCompile(` serves .*http://(\S+)`)
	insight = regexp.MustCompile(` looked into on http://(\S+)/metrics`)
)

// spawn starts a server and returns when it says where it serves.
func spawn(ctx context.Context, path string, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is ours alone
	// On Linux it ends with this process, however that ends.
	if f := reflect.ValueOf(c.cmd.SysProcAttr).Elem().FieldByName("Pdeathsig"); f.IsValid() {
		f.SetInt(int64(syscall.SIGKILL))
	}
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	addr := make(chan string, 1)
	go func() {
		defer close(c.ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			c.note(lines.Text())
			if m := serves.FindStringSubmatch(lines.Text()); m != nil && len(addr) == 0 {
				addr <- m[1]
			}
		}
		c.cmd.Wait() //nolint:errcheck // how it ended is in its last words
	}()
	select {
	case c.addr = <-addr:
		return c, nil
	case <-c.ended:
		return nil, fmt.Errorf("%s %v ended: %s", path, args, c.words())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), c.stop())
	}
}

// note keeps the last lines that the child wrote, and where it can be looked into.
func (c *child) note(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := insight.FindStringSubmatch(line); m != nil {
		c.look = m[1]
	}
	c.tail = append(c.tail, line)
	c.tail = c.tail[max(0, len(c.tail)-10):]
}

// inside returns where the child can be looked into, empty if it cannot.
func (c *child) inside() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.look
}

func (c *child) words() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.tail, "\n")
}

// stop asks the child to end, and makes it after 20 seconds.
func (c *child) stop() error {
	c.stdin.Close()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(20 * time.Second):
		return c.cmd.Process.Kill()
	}
}

// cpu returns the processor time that the child has used.
func (c *child) cpu() (time.Duration, error) {
	u, err := usageOf(c.cmd.Process.Pid)
	return u.self, err
}

// memory returns how many MiB of the child are resident.
func (c *child) memory() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("read resident memory: unknown format")
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib / 1024, err
}

// settle waits until the child has done what its calls left behind, such as to
// relay events, or for ten seconds.
func (c *child) settle(ctx context.Context) error {
	before, err := c.cpu()
	for quiet, tries := 0, 0; err == nil && quiet < 2 && tries < 100; tries++ {
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		var now time.Duration
		now, err = c.cpu()
		if now-before > 10*time.Millisecond {
			quiet = -1
		}
		quiet++
		before = now
	}
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
