package sqldbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

var errNoPostgres = errors.New("set CONCENTRIC_TEST_POSTGRES or install the PostgreSQL server")

// attend runs the server, in "$@", until standard input ends, which is when the
// test binary does, even if it is killed. Then nothing stays behind.
const attend = `
dir=$1; shift
"$@" >"$dir/log" 2>&1 </dev/null &
pid=$!
read -r _
kill -QUIT $pid
wait $pid
cd / && rm -rf "$dir"
`

// A server is a PostgreSQL server that lives as long as its lifeline is open.
type server struct {
	url      string
	lifeline io.Closer
}

// Start starts a throw-away PostgreSQL server that waits for the disk, for programs
// that are no tests, and returns its URL. It ends when stop is called, or else
// when the program does.
func Start() (url string, stop func() error, err error) {
	s, err := startServer(nil)
	if err != nil {
		return "", nil, err
	}
	return s.url, s.lifeline.Close, nil
}

// startServer starts a throw-away server.
func startServer(settings []string) (s *server, err error) {
	bin, err := Binaries()
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	for range 3 { // another process may take the port first
		if s, err = launch(bin, owner, settings); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func launch(bin string, owner *syscall.Credential, settings []string) (*server, error) {
	dir, err := os.MkdirTemp("", "concentric-postgres-")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := initialize(bin, dir, owner); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	port, err := freePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	args := []string{
		"-c", attend, "attend", dir, filepath.Join(bin, "postgres"), "-D", data, "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=300", "-c", "jit=off",
	}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir = dir
	// In a session of its own, an interrupt of the tests does not end it early.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Setsid: true}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &server{"postgres://postgres@127.0.0.1:" + port + "/postgres?sslmode=disable", lifeline}
	if err := s.await(dir); err != nil {
		return nil, errors.Join(err, lifeline.Close(), cmd.Wait())
	}
	return s, nil
}

// initialize makes an empty cluster in dir/data that belongs to owner.
func initialize(bin, dir string, owner *syscall.Credential) error {
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	cmd := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "postgres",
		"-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// await returns when the server answers, and makes sure that it is the one in dir.
func (s *server) await(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := dataDirectory(ctx, s.url)
		if err == nil {
			if got != filepath.Join(dir, "data") {
				return errors.New("another server has taken the port")
			}
			return nil
		}
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		if ctx.Err() != nil || strings.Contains(string(log), "database system is shut down") {
			return fmt.Errorf("start postgres: %w: %s", err, log)
		}
		<-tick.C
	}
}

func dataDirectory(ctx context.Context, url string) (dir string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // it is done
	err = conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir)
	return dir, err
}

// Binaries returns the folder of the newest server that is installed, with the tools beside it.
func Binaries() (string, error) {
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		found = append(dirs, found...)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, filepath.Dir(path))
	}
	for i := len(found) - 1; i >= 0; i-- {
		_, err1 := os.Stat(filepath.Join(found[i], "initdb"))
		_, err2 := os.Stat(filepath.Join(found[i], "postgres"))
		if err1 == nil && err2 == nil {
			return found[i], nil
		}
	}
	return "", errNoPostgres
}

// unprivileged returns whom to run the server as: PostgreSQL refuses root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close() //nolint:errcheck // only its number was wanted
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
