package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// static builds a program that stands for the suite, in a folder of its own, and returns it.
func static(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.com/static\n\ngo 1.26.0\n",
		"main.go": "package main\n\nimport (\n\t\"fmt\"\n\t\"time\"\n\t_ \"time/tzdata\"\n)\n\nfunc main() { fmt.Println(time.LoadLocation(\"Europe/Kiev\")) }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", "static", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	binary, err := os.ReadFile(filepath.Join(dir, "static"))
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func image(t *testing.T, binary []byte) v1.Image {
	t.Helper()
	img, err := build(binary)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestTheSameSourceGivesTheSameImage builds twice, in two folders.
func TestTheSameSourceGivesTheSameImage(t *testing.T) {
	var digests, bills []string
	for range 2 {
		binary := static(t)
		digest, err := image(t, binary).Digest()
		if err != nil {
			t.Fatal(err)
		}
		materials, err := bill(binary)
		if err != nil {
			t.Fatal(err)
		}
		digests, bills = append(digests, digest.String()), append(bills, string(materials))
	}
	if digests[0] != digests[1] {
		t.Errorf("two images are %v", digests)
	}
	if bills[0] != bills[1] {
		t.Errorf("two bills are\n%s\nand\n%s", bills[0], bills[1])
	}
}

// files returns the entries of all layers by path.
func files(t *testing.T, img v1.Image) (map[string]*tar.Header, map[string][]byte) {
	t.Helper()
	headers, bodies := map[string]*tar.Header{}, map[string][]byte{}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		open, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(open); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			headers[h.Name], bodies[h.Name] = h, body
		}
		open.Close()
	}
	return headers, bodies
}

func TestTheImageHoldsWhatIsNeededAndNoMore(t *testing.T) {
	binary := static(t)
	img := image(t, binary)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c := config.Config; c.User != "65532:65532" || c.Entrypoint[0] != "/concentric" || config.OS != "linux" || !config.Created.IsZero() {
		t.Errorf("the image is %+v", config)
	}
	headers, bodies := files(t, img)
	want := map[string]int64{"etc/": 0o755, "etc/passwd": 0o644, "etc/ssl/certs/": 0o755, "etc/ssl/certs/ca-certificates.crt": 0o644, "data/": 0o700, "tmp/": 0o1777, "concentric": 0o755}
	for name, h := range headers {
		if want[name] != h.Mode || h.ModTime.Unix() != 0 || (h.Uid == uid) != (name == "data/") {
			t.Errorf("%s has the mode %o, belongs to %d, and is of %v", name, h.Mode, h.Uid, h.ModTime)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("there is no %v", want)
	}
	if !bytes.Equal(bodies["concentric"], binary) {
		t.Error("the binary is another one")
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(bodies["etc/ssl/certs/ca-certificates.crt"]) || bytes.Count(bodies["etc/ssl/certs/ca-certificates.crt"], []byte("BEGIN")) < 80 {
		t.Error("there are no authorities")
	}
	program, err := elf.NewFile(bytes.NewReader(bodies["concentric"]))
	if err != nil {
		t.Fatal(err)
	}
	if needs, err := program.ImportedLibraries(); err != nil || len(needs) > 0 {
		t.Errorf("the binary needs %v, %v", needs, err)
	}
	for _, file := range []string{"../../deploy/passwd", "../../deploy/Containerfile"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "passwd") && string(text) != string(bodies["etc/passwd"]) {
			t.Errorf("an engine would write %s", text)
		}
		if strings.HasSuffix(file, "Containerfile") && !strings.Contains(string(text), "USER 65532:65532\n") {
			t.Error("an engine would run it as somebody else")
		}
		for _, env := range config.Config.Env {
			if strings.HasSuffix(file, "Containerfile") && strings.HasPrefix(env, "CONCENTRIC_") && !strings.Contains(string(text), "ENV "+env+"\n") {
				t.Errorf("an engine would not set %s", env)
			}
		}
	}
}

func TestABinaryThatNeedsLibrariesIsRefused(t *testing.T) {
	if _, err := build([]byte("no binary")); err == nil {
		t.Error("a file that is no binary of Go is packed")
	}
}

func TestTheBillNamesEachModule(t *testing.T) {
	self, err := os.Executable() // a binary of many modules
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	text, err := bill(binary)
	if err != nil {
		t.Fatal(err)
	}
	var got materials
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Format != "CycloneDX" || got.Spec != "1.6" || got.Version != 1 || len(got.Metadata.Component.Hashes) != 1 {
		t.Errorf("the bill is headed %+v", got)
	}
	refs := map[string]bool{}
	for _, c := range got.Components {
		if c.Type != "library" || refs[c.Ref] || c.Name == "" {
			t.Errorf("component %+v", c)
		}
		refs[c.Ref] = true
	}
	for _, want := range []string{"pkg:golang/github.com/google/go-containerregistry@v0.22.1", "pkg:golang/github.com/opencontainers/go-digest@v1.0.0"} {
		if !refs[want] {
			t.Errorf("there is no %s among %v", want, refs)
		}
	}
	if len(got.Depends) != 1 || len(got.Depends[0].On) != len(got.Components) {
		t.Errorf("dependencies %+v", got.Depends)
	}
}
