package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheDoctorSaysWhereEachValueComesFrom(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte("grace: 5s\nbus: nats://127.0.0.1:1\nticket-addr: 127.0.0.1:9\ndb: sqlite:{data}/x-{service}.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONCENTRIC_BUS", "nats://127.0.0.1:2")
	t.Setenv("CONCENTRIC_GRACE", "6s")
	out, err := prints(t, "doctor", "gateway", "--config", file, "--data", dir, "--grace", "7s", "-o", "json")
	if code(err) != 1 {
		t.Fatalf("it ends with %d: %v", code(err), err)
	}
	var got struct {
		State    string
		Settings []struct{ Name, Value, Source, State, Advice string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.State != "weak" {
		t.Fatalf("%v: %s", err, out)
	}
	want := map[string][2]string{
		"grace": {"7s", "flag"}, "bus": {"nats://127.0.0.1:2", "environment"}, "ticket service": {"127.0.0.1:9", "file"},
		"survey service": {"127.0.0.1:8082", "default"}, "database": {"sqlite:{data}/x-{service}.db", "file"},
	}
	for _, s := range got.Settings {
		if w, ok := want[s.Name]; ok && w != [2]string{s.Value, s.Source} {
			t.Errorf("%s is %s from %s, want %v", s.Name, s.Value, s.Source, w)
		}
		delete(want, s.Name)
		if s.State != "ok" && s.Advice == "" {
			t.Errorf("nothing is said of what to do about %v", s)
		}
	}
	if len(want) > 0 {
		t.Errorf("nothing is said of %v", want)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("the doctor leaves %v behind", all)
	}
}

func TestTheDoctorFindsNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // it is a folder
		t.Fatal(err)
	}
	if out, err := prints(t, "doctor", "--data", dir, "--keys", rooted(t)); err != nil && !strings.Contains(out, "make room") {
		t.Errorf("it ends with %v and says\n%s", err, out)
	}
}

func TestTheDoctorSaysWhoseWordCounts(t *testing.T) {
	for networks, want := range map[string]string{
		"":                           "none: calls come from who connects",
		"10.0.0.0/8":                 "believed are 10.0.0.0/8",
		"10.0.0.0/8,fd00::/8":        "believed are 10.0.0.0/8, fd00::/8",
		"0.0.0.0/0":                  "name the networks of the proxies",
		"10.0.0.0/8,2001:db8::1/128": "believed are 10.0.0.0/8, 2001:db8::1/128",
	} {
		out, err := prints(t, "doctor", "--data", t.TempDir(), "--trusted-proxy", networks)
		if !strings.Contains(out, want) {
			t.Errorf("with %q it ends with %v and says\n%s, want %q", networks, err, out, want)
		}
	}
}

func TestTheDoctorTellsNoSecrets(t *testing.T) { // C52, C60
	t.Setenv("CONCENTRIC_DB", "postgres://me:hunter2@127.0.0.1:1/{service}?password=hunter2")
	t.Setenv("CONCENTRIC_BUS", "nats://me:hunter2@127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2")
	t.Setenv("CONCENTRIC_DATA", t.TempDir())
	for _, output := range []string{"table", "json"} {
		out, err := prints(t, "doctor", "-o", output)
		if code(err) != 2 || strings.Contains(out, "hunter2") || strings.Contains(err.Error(), "hunter2") || !strings.Contains(out, "postgres://me:***@127.0.0.1:1/{service}?password=***") {
			t.Errorf("it ends with %v and says\n%s", err, out)
		}
	}
}
