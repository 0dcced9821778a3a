package main

import (
	"os"
	"strings"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestTheDoctorLooksAtWhatTheRoleMayDo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CONCENTRIC_DATA", dir)
	t.Setenv("CONCENTRIC_REQUIRE_UNPRIVILEGED", "true")
	out, err := prints(t, "doctor", "ticket")
	if code(err) != 2 || !strings.Contains(out, "SQLite has no roles") {
		t.Errorf("on SQLite it ends with %v and says\n%s", err, out)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) > 0 {
		t.Errorf("the doctor leaves %v behind", all)
	}
	t.Setenv("CONCENTRIC_DB", sqldbtest.Postgres(t))
	out, err = prints(t, "doctor", "ticket")
	if code(err) != 2 || !strings.Contains(out, "more than it needs [environment]") || !strings.Contains(out, "is a superuser") {
		t.Errorf("as a superuser it ends with %v and says\n%s", err, out)
	}
}
