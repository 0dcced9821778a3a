package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// previous is the path of the binary of the release before this one, the commit in
// deploy/previous, built from the history by the first test that asks; it is empty where
// the history is not there.
var previous = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile("../../deploy/previous")
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(text))
	if exec.Command("git", "cat-file", "-e", commit+"^{commit}").Run() != nil { //nolint:gosec // a commit of ours
		os.Stderr.WriteString("\nUPGRADES ARE NOT TESTED: THE HISTORY OF " + commit + " IS NOT HERE\n\n") //nolint:errcheck // for people
		return "", nil
	}
	dir := filepath.Join(folder, "previous")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	archive := exec.Command("git", "archive", "--format=tar", commit) //nolint:gosec // a commit of ours
	archive.Dir = "../.."
	tree, err := archive.Output()
	if err != nil {
		return "", fmt.Errorf("take %s from the history: %w", commit, err)
	}
	unpack := exec.Command("tar", "-x", "-C", dir)
	unpack.Stdin = bytes.NewReader(tree)
	if out, err := unpack.CombinedOutput(); err != nil {
		return "", fmt.Errorf("unpack %s: %w: %s", commit, err, out)
	}
	if err := buildShipped(dir, filepath.Join(dir, "concentric")); err != nil {
		return "", fmt.Errorf("%s: %w", commit, err)
	}
	return filepath.Join(dir, "concentric"), nil
})

// TestAnUpgradeAndBackUnderLoad: while eight writers write, the suite of the release before
// gives way to this one and this one to that one, on the same data, again and again. On
// PostgreSQL the databases are migrated while the release before serves, and its services
// are replaced one by one. Nothing is lost, nothing is there twice.
func TestAnUpgradeAndBackUnderLoad(t *testing.T) {
	t.Parallel()
	old, err := previous()
	if err != nil {
		t.Fatal(err)
	}
	if old == "" && os.Getenv("CONCENTRIC_TEST_REQUIRE_PREVIOUS") == "1" {
		t.Fatal("the history of the release before is not here: fetch it")
	}
	if old == "" {
		t.Skip("the history is not here")
	}
	next := must(shipped())(t)
	for _, c := range []struct {
		name string
		make func(testing.TB, string, ...string) *suite
	}{{"single", singleOf}, {"split", splitOf}} {
		t.Run(c.name, func(t *testing.T) {
			s := c.make(t, old)
			w := write(t, s)
			w.more(t)
			if s.bus != nil {
				for _, name := range all {
					migrate(t, name, s.parts[name].db)
				}
				w.more(t)
			}
			for _, to := range []string{next, old, next} {
				for _, name := range s.order() {
					s.parts[name].program = to
					s.replace(t, name)
					w.more(t)
				}
			}
			turns := w.end()
			sum := w.recount(t, turns)
			fmt.Printf("e2e upgrade: acked=%d lost=%d doubled=%d\n", perTurn*len(turns), sum.lost, sum.doubled)
			if sum != (tally{}) {
				t.Errorf("of %d turns %+v", len(turns), sum)
			}
		})
	}
}

// order returns one service of each process, those that others call first.
func (s *suite) order() []string {
	if s.bus == nil {
		return all[3:]
	}
	return all
}

// replace ends the processes of the named services well and starts them again.
func (s *suite) replace(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		s.parts[name].stop(t)
	}
	if s.bus == nil {
		names = all[3:]
	}
	s.start(t, names...)
}

// more returns once each writer, more or less, has gone on.
func (w *writing) more(t testing.TB) {
	t.Helper()
	from := len(w.acked())
	eventually(t, func() error {
		if n := len(w.acked()) - from; n < writers {
			return fmt.Errorf("%d turns more", n)
		}
		return nil
	})
}

// migrate brings a database up to date with the binary of this tree.
func migrate(t testing.TB, service, db string, flags ...string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), path, append([]string{"migrate", service}, flags...)...)
	cmd.Env = append(environment(), "CONCENTRIC_DB="+db)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("migrate %s: %v: %s", service, err, out)
	}
}
