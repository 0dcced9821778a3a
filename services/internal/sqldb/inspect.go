package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/concentric-cx/concentric/services/internal/setting"
)

const (
	// oldest is the first release of PostgreSQL that the tests run on.
	oldest = 140000
	// relaxed, with the value relaxed, in the address of a PostgreSQL server says that
	// losing what was answered is fine there, as it is in a test. The server keeps it as a
	// setting that means nothing to it.
	relaxed = "concentric.durability"
	// checkedAtOnce is how large a SQLite file may be that is searched for damage at every
	// start: some tenths of a second.
	checkedAtOnce = 64 << 20
	// skewed and skew are how far the clock of the database may be from ours: until then it
	// does not show, and from then on timers and windows are wrong.
	skewed = time.Second
	skew   = time.Minute
)

// Inspect opens the database at url for a moment and returns what the promises stand on
// as read back from it, the same that [Open] looks at. It makes no file and changes
// nothing. Of a PostgreSQL server the service may hold so many connections, and all that
// share it, as far as is known, so many together. An error says that the database cannot be
// read.
func Inspect(ctx context.Context, url string, connections, together int) ([]setting.Setting, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return inspectSQLite(ctx, path)
	}
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, errAddress
	}
	cfg, _, err := postgresConfigs(url)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*cfg)
	defer db.Close() //nolint:errcheck // nothing was written
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return postgresSettings(ctx, db, needs{cfg.RuntimeParams[relaxed] == "relaxed", connections, together})
}

// needs is what a service wants of a PostgreSQL server.
type needs struct {
	relaxed               bool // it may lose what was answered
	connections, together int  // of the service, and of all that share the server
}

func inspectSQLite(ctx context.Context, path string) ([]setting.Setting, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []setting.Setting{{Name: "file", Value: path, Advice: "made at the first start"}}, nil
	}
	if err != nil {
		return nil, err
	}
	all := []setting.Setting{{Name: "file", Value: path}}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		all[0].State, all[0].Value = setting.Unsafe, fmt.Sprintf("%s, open to others (%v)", path, info.Mode().Perm())
		all[0].Advice = "chmod 600 it: all personal data is in there"
	}
	db, err := sql.Open("sqlite", sqliteURL(path, "rw", writerPragmas))
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // nothing was written
	db.SetMaxOpenConns(1)
	found, err := sqliteSettings(ctx, db)
	if err != nil {
		return nil, err
	}
	whole, err := integrity(ctx, db)
	return append(append(all, found...), whole), err
}

// sqliteSettings reads back what the promises stand on.
func sqliteSettings(ctx context.Context, db *sql.DB) ([]setting.Setting, error) {
	var all []setting.Setting
	for _, want := range []struct{ pragma, value, shown string }{
		{"journal_mode", "wal", "wal"}, {"synchronous", "2", "full"}, {"foreign_keys", "1", "on"}, {"secure_delete", "1", "on"},
	} {
		var got string
		if err := db.QueryRowContext(ctx, "PRAGMA "+want.pragma).Scan(&got); err != nil {
			return nil, fmt.Errorf("read pragma %s: %w", want.pragma, err)
		}
		s := setting.Setting{Name: want.pragma, Value: want.shown}
		if got != want.value {
			s.State, s.Value, s.Advice = setting.Unsafe, got, "it must be "+want.shown
		}
		all = append(all, s)
	}
	return all, nil
}

// integrity searches a SQLite file for damage.
func integrity(ctx context.Context, db *sql.DB) (setting.Setting, error) {
	var said string
	s := setting.Setting{Name: "integrity", Value: "ok"}
	err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said)
	if e, ok := errors.AsType[*sqlite.Error](err); ok && damaged(e.Code()) {
		said = e.Error()
	} else if err != nil {
		return s, err
	}
	if said != "ok" {
		s.State, s.Value = setting.Unsafe, "damaged ("+strings.TrimSpace(strings.ReplaceAll(said, "\n", " "))+")"
		s.Advice = "keep a copy of the file with its -wal, and put back a backup"
	}
	return s, nil
}

// postgresSettings reads back what the promises stand on. Whoever is relaxed about losing
// what was answered may do without the disk.
func postgresSettings(ctx context.Context, db *sql.DB, n needs) ([]setting.Setting, error) {
	var (
		version, connections        int
		named, commit, fsync, pages string
		zone, role, brand           string
		super, bypass               bool
		there                       float64
	)
	began := time.Now()
	err := db.QueryRowContext(ctx, `
		SELECT current_setting('server_version_num')::INT, current_setting('server_version'), current_setting('synchronous_commit'),
			current_setting('fsync'), current_setting('full_page_writes'), current_setting('TimeZone'),
			LEAST(current_setting('max_connections')::INT - current_setting('superuser_reserved_connections')::INT,
				NULLIF(rolconnlimit, -1), NULLIF(datconnlimit, -1)),
			current_user::TEXT, rolsuper, rolbypassrls, COALESCE(current_setting('concentric.brand', TRUE), ''),
			EXTRACT(EPOCH FROM clock_timestamp())::FLOAT8
		FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()`).
		Scan(&version, &named, &commit, &fsync, &pages, &zone, &connections, &role, &super, &bypass, &brand, &there)
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	disk := setting.Unsafe
	if n.relaxed {
		disk = setting.Weak
	}
	ahead := max(time.Duration(there*float64(time.Second))-time.Duration(began.Add(took/2).UnixNano()), -time.Hour)
	return []setting.Setting{
		demand("version", named, version >= oldest, setting.Unsafe, fmt.Sprintf("PostgreSQL %d or later is needed", oldest/10000)),
		demand("synchronous_commit", commit, commit == "on" || commit == "remote_apply", setting.Unsafe, "it must be on: what was answered would not survive a power cut"),
		demand("fsync", fsync, fsync == "on", disk, "it must be on: a power cut would damage the database"),
		demand("full_page_writes", pages, pages == "on", disk, "it must be on: a power cut would damage the database"),
		n.room(connections),
		demand("fence", cmp.Or(brand, "shut"), brand == "", setting.Weak, "the role or the address says concentric.brand by itself, so that who says nothing is not kept from what others own: ALTER ROLE "+role+" RESET concentric.brand"),
		demand("role", role, !super && !bypass, setting.Weak, "it may do everything on the server: give the service a role of its own, and have that checked with --require-unprivileged"),
		demand("time zone", zone, zone == "UTC", setting.Unsafe, "it must be UTC"),
		clock(ahead, took),
	}, nil
}

// demand returns a setting that is in a bad state unless it is good.
func demand(name, value string, good bool, bad setting.State, advice string) setting.Setting {
	if good {
		return setting.Setting{Name: name, Value: value}
	}
	return setting.Setting{Name: name, Value: value, State: bad, Advice: advice}
}

// room returns whether a server that has so many connections has enough.
func (n needs) room(connections int) setting.Setting {
	s := setting.Setting{Name: "connections", Value: fmt.Sprintf("up to %d of %d", n.connections, connections)}
	switch {
	case n.connections > connections:
		s.State, s.Advice = setting.Unsafe, "raise max_connections, or the limit of the role or the database, or lower --db-connections"
	case n.together > connections:
		s.State = setting.Weak
		s.Advice = fmt.Sprintf("the services of this process may hold %d together, and each replica as many: raise max_connections, or lower --db-connections", n.together)
	}
	return s
}

// clock returns how far the database's clock is ahead of ours, as far as an answer that
// took so long can say.
func clock(ahead, took time.Duration) setting.Setting {
	s := setting.Setting{Name: "clock", Value: fmt.Sprintf("%v ahead of ours, give or take %v", ahead.Round(time.Millisecond), (took / 2).Round(time.Millisecond))}
	switch off := ahead.Abs() - took/2; {
	case off > skew:
		s.State, s.Advice = setting.Unsafe, "set the clocks of both machines right: timers and windows would be wrong"
	case off > skewed:
		s.State, s.Advice = setting.Weak, "keep the clocks of both machines right, as NTP does"
	}
	return s
}
