package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// slice is how long a part of a profile is: what a server that ends has not told yet is lost.
const slice = 3 * time.Second

// A profile is where processors spend their time in the servers of the suite, for the
// compiler. It is gathered in slices, each in a file of its own, and is safe for concurrent
// use.
type profile struct {
	dir string

	mu     sync.Mutex
	slices []string
}

// newProfile has the servers that are started from now on say where they can be looked into.
func newProfile(dir string) (*profile, error) {
	return &profile{dir: dir}, os.Setenv("CONCENTRIC_ADMIN_ADDR", "127.0.0.1:0")
}

// follow gathers the profile of a server until that ends.
func (p *profile) follow(ctx context.Context, c *child) {
	url := fmt.Sprint("http://", c.inside(), "/debug/pprof/profile?seconds=", int(slice.Seconds()))
	for n := 0; ctx.Err() == nil; n++ {
		file := filepath.Join(p.dir, fmt.Sprint("profile-", c.cmd.Process.Pid, "-", n))
		if err := fetch(ctx, url, file); err != nil {
			return // as servers do that are stopped
		}
		p.mu.Lock()
		p.slices = append(p.slices, file)
		p.mu.Unlock()
	}
}

func fetch(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o600)
}

// write merges the slices into a file, as go tool pprof writes it.
func (p *profile) write(ctx context.Context, file string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.slices) == 0 {
		return errors.New("write the profile: no server of the suite ran for " + strconv.Itoa(int(slice.Seconds())) + " s")
	}
	out, err := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof", "-proto", "-output", file}, p.slices...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("merge the profile: %w: %s", err, out)
	}
	return nil
}
