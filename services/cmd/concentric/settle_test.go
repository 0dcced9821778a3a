package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestOnlyPagesThatAreAsInTheFileAreGivenBack(t *testing.T) {
	const smaps = `00400000-00410000 r-xp 00000000 fe:00 11 /opt/a b/concentric
Rss:                  24 kB
Anonymous:             0 kB
VmFlags: rd ex mr
00410000-00420000 r--p 00010000 fe:00 11 /opt/a b/concentric
Anonymous:             4 kB
00420000-00430000 r--p 00020000 fe:00 11 /opt/a b/concentric
Anonymous:             0 kB
00430000-00440000 rw-p 00030000 fe:00 11 /opt/a b/concentric
Anonymous:             0 kB
00440000-00450000 r--p 00000000 fe:00 12 /opt/other
Anonymous:             0 kB
00450000-00460000 rw-p 00000000 00:00 0
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0x410000}, {0x420000, 0x430000}}
	if got := unwritten(smaps, "/opt/a b/concentric"); !slices.Equal(got, want) {
		t.Errorf("given back are %x, want %x", got, want)
	}
}

func TestAProgramGoesOnAfterItsPagesAreGivenBack(t *testing.T) {
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip("SKIPPED: this system has no /proc/self/smaps")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if len(unwritten(string(smaps), program)) == 0 {
		t.Error("no page of the program can be given back")
	}
	forgetProgram()
	if got := strings.ToUpper("on"); got != "ON" {
		t.Errorf("a call gives %q, want ON", got)
	}
}
