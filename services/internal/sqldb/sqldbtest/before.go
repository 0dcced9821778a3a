package sqldbtest

import (
	"io/fs"
	"testing"
	"testing/fstest"
)

// Before returns the migrations that come before one, such as "0017": what a database has
// that is about to be brought up to date.
func Before(t testing.TB, migrations fs.FS, number string) fs.FS {
	t.Helper()
	files, err := fs.ReadDir(migrations, ".")
	if err != nil {
		t.Fatal(err)
	}
	some := fstest.MapFS{}
	for _, f := range files {
		text, err := fs.ReadFile(migrations, f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() < number {
			some[f.Name()] = &fstest.MapFile{Data: text}
		}
	}
	return some
}
