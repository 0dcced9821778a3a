package table

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestARowKeepsItsLine(t *testing.T) {
	r, err := Open(write(t, "\uFEFFid,text\n1,\"two\nlines\"\n\n2,b\xffd\n3\n4,\"un\"quoted\n5,last\n"), "f.csv", Format{Comma: ','})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for range 20 {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if bad, ok := errors.AsType[*RowError](err); ok {
			got = append(got, bad.Error())
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row.Map()["id"]+"@"+string(rune('0'+row.Line))+" "+row.Cell(1))
	}
	want := []string{
		"1@2 two\nlines", "2@5 b\uFFFDd", "f.csv:6: 1 cells under a header of 2",
		`f.csv:7: extraneous or missing " in quoted-field`, "5@8 last",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("rows = %q, want %q", got, want)
	}
	if got := r.Replaced(); got != 1 {
		t.Errorf("Replaced() = %d, want 1", got)
	}
}

func TestAHeaderSaysWhyANameIsOfNoUse(t *testing.T) {
	r, err := Open(write(t, "id,.x,id,a b\n"), "f.csv", Format{Comma: ','})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, tt := range []struct{ name, want string }{
		{"id", `f.csv has more than one column "id"`},
		{".x", `f.csv: a column name cannot begin with a dot: ".x"`},
		{"ID", `f.csv has no column "ID"`},
	} {
		if _, err := r.Header().Column(tt.name); err == nil || err.Error() != tt.want {
			t.Errorf("Column(%q) = %v, want %s", tt.name, err, tt.want)
		}
	}
	if i, err := r.Header().Column("a b"); i != 3 || err != nil {
		t.Errorf(`Column("a b") = %d, %v, want 3`, i, err)
	}
}

func TestAFileWithoutAHeaderIsRefused(t *testing.T) {
	for _, text := range []string{"", "\n\n", "a\"b,c\n"} {
		if _, err := Open(write(t, text), "f.csv", Format{Comma: ','}); err == nil {
			t.Errorf("Open of %q succeeded", text)
		}
	}
}

func TestAnIndexKnowsWhatNobodyAskedFor(t *testing.T) {
	x, err := Load(write(t, "k;v\na;1\nb;2\na;?\na;3?\nbad\nc;4\n"), "f.csv", Format{Comma: ';', Absent: []string{"?"}}, "k")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range x.Rows("a") {
		got = append(got, r.Cell(1))
	}
	if strings.Join(got, ",") != "1,,3?" {
		t.Errorf("Rows(a) = %q, want 1, nothing and 3?", got)
	}
	if x.Rows("z") != nil {
		t.Error("Rows of an unknown key are not empty")
	}
	if got := x.Unused(); got != 2 {
		t.Errorf("Unused() = %d, want 2", got)
	}
	if len(x.Bad()) != 1 || x.Bad()[0].Line != 6 {
		t.Errorf("Bad() = %v, want line 6", x.Bad())
	}
}
