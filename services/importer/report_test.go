package importer

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
)

func TestACheckpointIsForOneImportOnly(t *testing.T) {
	for _, tt := range []struct {
		name       string
		key, store string
		spoil      func(*checkpoint)
		resumed    bool
	}{
		{"the same", "k", "s", func(*checkpoint) {}, true},
		{"other files", "k2", "s", func(*checkpoint) {}, false},
		{"another installation", "k", "s2", func(*checkpoint) {}, false},
		{"one that is over", "k", "s", func(c *checkpoint) { c.Done = true }, false},
		{"one that never began", "k", "s", func(c *checkpoint) { c.Report = nil }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			first, err := begin(dir, "f.json", "k", "s")
			if err != nil {
				t.Fatal(err)
			}
			first.Rows, first.Report = 7, &Report{Brand: "b"}
			tt.spoil(first)
			if err := first.save(); err != nil {
				t.Fatal(err)
			}
			second, err := begin(dir, "f.json", tt.key, tt.store)
			if err != nil {
				t.Fatal(err)
			}
			if resumed := second.Rows == 7 && second.Import == first.Import; resumed != tt.resumed || (!resumed && second.Rows != 0) {
				t.Errorf("goes on = %t at row %d, want %t", resumed, second.Rows, tt.resumed)
			}
		})
	}
}

func TestATornCheckpointIsNone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f.json"), []byte(`{"Key": "k", "Ro`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := begin(dir, "f.json", "k", "s")
	if err != nil || c.Rows != 0 {
		t.Errorf("begin = %+v, %v, want a new one", c, err)
	}
}

func TestProgressIsABarOnATerminalAndLinesElsewhere(t *testing.T) {
	for _, tt := range []struct {
		name     string
		terminal bool
		want     string
	}{
		{"terminal", true, "\r[###############...............]  50 %  100 rows  100 rows/s\x1b[K\r[##############################] 100 %  400 rows  80 rows/s\x1b[K\n"},
		{"file", false, "100 %  300 rows  75 rows/s\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := &progress{out: &out, terminal: tt.terminal, size: 1000, began: time.Now()}
				time.Sleep(time.Second) // of the bubble's clock
				p.show(100, 500)
				p.show(200, 700)
				if !tt.terminal {
					time.Sleep(3 * time.Second)
					p.show(300, 1000)
					time.Sleep(time.Second)
				} else {
					time.Sleep(4 * time.Second)
				}
				p.end(400, 1000)
				if got := out.String(); got != tt.want {
					t.Errorf("progress = %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestAReportNamesABoundedNumberOfRefusals(t *testing.T) {
	r := newReport(Options{Brand: "b", ValidateOnly: true})
	r.of(mapping.Responses).Sent = 2
	r.of(mapping.Tickets).Repeated = 1
	for line := range maxRefusals + 5 {
		r.refuse(mapping.Responses, []Refusal{{File: "a.csv", Line: line, Message: "x:\ny"}})
	}
	r.skip(mapping.Tickets, "a test", 2)
	r.skip(mapping.Tickets, "a test", 1)
	r.note("once")
	r.note("once")
	if len(r.Refusals) != maxRefusals || r.Refused != maxRefusals+5 {
		t.Errorf("%d of %d refusals named, want %d of %d", len(r.Refusals), r.Refused, maxRefusals, maxRefusals+5)
	}
	var b strings.Builder
	r.Write(&b)
	for _, want := range []string{
		"Nothing was written to brand b: this run only checked.",
		"             valid  there already  refused  skipped\n",
		"    tickets      0              1        0        3\n",
		"  responses      2              0     1005        0\n",
		"Skipped:\n  3 tickets: a test\n",
		"Refused (1005):\n  a.csv:0: x: y\n",
		"… only the first 1000 are named",
		"Note:\n  once\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report has no %q:\n%.600s", want, b.String())
		}
	}
}
