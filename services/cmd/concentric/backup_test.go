package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kept returns the folder of a suite that has run and ended.
func kept(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	t.Run("a suite", func(t *testing.T) { good(t, "--data", data) })
	return data
}

func TestABackupComesBack(t *testing.T) {
	data, out := kept(t), filepath.Join(t.TempDir(), "backup")
	if said, err := prints(t, "backup", "--data", data, out); err != nil || !strings.Contains(said, "copied 7 files") {
		t.Fatalf("the backup ends with %v and says %q", err, said)
	}
	names, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if info, err := n.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, %v: its owner alone may read it", n.Name(), info.Mode(), err)
		}
	}
	again := filepath.Join(t.TempDir(), "again")
	if _, err := prints(t, "restore", "--data", again, out); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"token.key", "identity.key", "secret.key"} {
		was, err1 := os.ReadFile(filepath.Join(data, key))
		is, err2 := os.ReadFile(filepath.Join(again, key))
		if err1 != nil || err2 != nil || string(was) != string(is) {
			t.Errorf("%s was %q, %v and is %q, %v", key, was, err1, is, err2)
		}
	}
	good(t, "--data", again)
}

func TestWhatIsNoBackup(t *testing.T) {
	data, out := kept(t), filepath.Join(t.TempDir(), "backup")
	if _, err := prints(t, "backup", "--data", data, out); err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(t.TempDir(), "torn")
	if err := os.CopyFS(torn, os.DirFS(out)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(torn, "journey.db")
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)/2] ^= 1
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	escaping := t.TempDir()
	if err := os.WriteFile(filepath.Join(escaping, contents), []byte(`{"files":{"../ticket.db":""}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"a folder without databases", []string{"backup", "--data", t.TempDir(), filepath.Join(t.TempDir(), "out")}, "no databases"},
		{"a folder that is there", []string{"backup", "--data", data, out}, "file exists"},
		{"an unfinished backup", []string{"restore", "--data", filepath.Join(t.TempDir(), "new"), t.TempDir()}, "no finished backup"},
		{"a torn file", []string{"restore", "--data", filepath.Join(t.TempDir(), "new"), torn}, "is not what was written"},
		{"a file of another folder", []string{"restore", "--data", filepath.Join(t.TempDir(), "new"), escaping}, "no file of its folder"},
		{"into a folder in use", []string{"restore", "--data", data, out}, "is there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if said, err := prints(t, c.args...); code(err) != 2 || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it ends with %d: %v %s, want 2 and %q", code(err), err, said, c.want)
			}
		})
	}
}
