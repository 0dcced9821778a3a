package sqldb_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/setting"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// inspected returns the settings of the database at url by name.
func inspected(t *testing.T, url string) map[string]setting.Setting {
	t.Helper()
	all, err := sqldb.Inspect(t.Context(), url, sqldb.DefaultConnections, 2*sqldb.DefaultConnections)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]setting.Setting{}
	for _, s := range all {
		named[s.Name] = s
	}
	return named
}

// refused opens the database at url, which must fail and say want.
func refused(t *testing.T, url, want string) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), url)
	if err == nil {
		db.Close() //nolint:errcheck,gosec // it should not be open
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("opening says %v, want %q", err, want)
	}
}

func TestASQLiteFileIsInspectedAsItIsOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	if got := inspected(t, "sqlite:"+path); len(got) != 1 || setting.Worst([]setting.Setting{got["file"]}) != setting.OK {
		t.Errorf("before there is a file: %v", got)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("inspecting makes a file")
	}
	migrated(t, sqldbtest.Open(t, "sqlite:"+path))
	for name, want := range map[string]string{"file": path, "journal_mode": "wal", "synchronous": "full", "foreign_keys": "on", "secure_delete": "on", "integrity": "ok"} {
		if got := inspected(t, "sqlite:"+path)[name]; got.Value != want || got.State != setting.OK {
			t.Errorf("%s = %v, want %s", name, got, want)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := inspected(t, "sqlite:"+path)["file"]; got.State != setting.Unsafe {
		t.Errorf("a file that others may read = %v", got)
	}
}

func TestADamagedFileIsFoundAndNotOpened(t *testing.T) { // C22
	path := filepath.Join(t.TempDir(), "test.db")
	db := sqldbtest.Open(t, "sqlite:"+path)
	migrated(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	body[4096] ^= 1 // what kind of page the second one is
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := inspected(t, "sqlite:"+path)["integrity"]; got.State != setting.Unsafe || !strings.Contains(got.Advice, "backup") {
		t.Errorf("integrity = %v", got)
	}
	refused(t, "sqlite:"+path, "backup")
}

func TestAPostgresServerIsInspectedAsItIsOpened(t *testing.T) {
	address := sqldbtest.Postgres(t)
	if os.Getenv("CONCENTRIC_TEST_POSTGRES") != "" {
		t.Skip("the server is none of ours")
	}
	got := inspected(t, address)
	for name, want := range map[string]setting.State{
		"version": setting.OK, "synchronous_commit": setting.OK, "fsync": setting.Weak, "full_page_writes": setting.Weak, "connections": setting.OK,
		"role": setting.Weak, "fence": setting.OK, "time zone": setting.OK, "clock": setting.OK,
	} {
		if got[name].State != want || (want != setting.OK) != (got[name].Advice != "") {
			t.Errorf("%s = %v, want it %v", name, got[name], want)
		}
	}
	strict, _ := url.Parse(address) // it was made of one
	query := strict.Query()
	query.Del("concentric.durability")
	strict.RawQuery = query.Encode()
	for _, name := range []string{"fsync", "full_page_writes"} {
		if got := inspected(t, strict.String())[name]; got.State != setting.Unsafe {
			t.Errorf("%s = %v, want it unsafe", name, got)
		}
	}
	refused(t, strict.String(), "fsync is off")                         // C28
	refused(t, address+"&synchronous_commit=off", "must be on")         // C27
	refused(t, address+"&timezone=America/Sao_Paulo", "it must be UTC") // C30
	if got := inspected(t, address+"&concentric.brand=*")["fence"]; got.State != setting.Weak || got.Value != "*" {
		t.Errorf("where the address says for whom = %v", got)
	}
	db := sqldbtest.Open(t, address)
	limit := func(connections string) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`ALTER DATABASE ` + strings.TrimPrefix(strict.Path, "/") + ` CONNECTION LIMIT ` + connections)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit("30")
	if got := inspected(t, address)["connections"]; got.State != setting.Weak || got.Value != "up to 23 of 30" || !strings.Contains(got.Advice, "46 together") {
		t.Errorf("two services on a server that has room for one: %v", got)
	}
	limit("8")
	refused(t, address, "connections is up to 23 of 8: raise") // C29
	small, err := sqldb.OpenWith(t.Context(), address, sqldb.MinConnections)
	if err != nil {
		t.Fatal(err)
	}
	if got := small.Read().Stats().MaxOpenConnections; got != 1 {
		t.Errorf("of %d connections %d read, want 1", sqldb.MinConnections, got)
	}
	if err := small.Close(); err != nil {
		t.Error(err)
	}
	if _, err := sqldb.OpenWith(t.Context(), address, sqldb.MinConnections-1); err == nil {
		t.Error("a database opens without connections to read with")
	}
}
