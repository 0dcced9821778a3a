package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// environment returns the variables that containers of the image begin with, as tools/image
// makes it from a binary: they beat what a file says.
func environment(t *testing.T, binary string) []string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image.tar")
	pack := exec.CommandContext(t.Context(), "go", "run", ".", binary, image)
	pack.Dir = "../image"
	pack.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for r := tar.NewReader(file); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.Fatal("the image says nothing of its containers")
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(h.Name, "sha256:") {
			continue
		}
		var said struct {
			Config struct{ Env []string }
		}
		if err := json.NewDecoder(r).Decode(&said); err != nil {
			t.Fatal(err)
		}
		if len(said.Config.Env) == 0 {
			t.Fatal("the image has no environment")
		}
		return said.Config.Env
	}
}
