// Command image packs one static binary into a container image, without an engine
// or a registry: two layers on nothing, the second of them the binary, run by a
// user who owns nothing. The same binary gives the same digest, on any machine. Beside
// the image it writes what the binary is made of, as CycloneDX.
//
//	image BINARY OUT.tar
//
// Load it with `docker load -i OUT.tar` or `podman load -i OUT.tar`.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// uid is the user and group of the process: nobody on any usual host.
const uid = 65532

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("want two arguments, the binary and the file to write")
	}
	binary, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	img, err := build(binary)
	if err != nil {
		return err
	}
	tag, err := name.NewTag("concentric:latest")
	if err != nil {
		return err
	}
	if err := tarball.WriteToFile(args[1], tag, img); err != nil {
		return err
	}
	materials, err := bill(binary)
	if err != nil {
		return err
	}
	beside := strings.TrimSuffix(args[1], ".tar") + ".cdx.json"
	if err := os.WriteFile(beside, materials, 0o644); err != nil { //nolint:gosec // it is for everybody
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("%s  %s\n%x  %s\n", digest, args[1], sha256.Sum256(materials), beside)
	return nil
}

// build puts the layers together.
func build(binary []byte) (v1.Image, error) {
	img := empty.Image
	for _, files := range [][]file{baseFiles(), {{path: "concentric", mode: 0o755, body: binary}}} {
		layer, err := pack(files)
		if err != nil {
			return nil, err
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			return nil, err
		}
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cfg = cfg.DeepCopy()
	if cfg.OS, cfg.Architecture, err = platform(binary); err != nil {
		return nil, err
	}
	cfg.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", uid, uid),
		Entrypoint: []string{"/concentric"},
		Cmd:        []string{"up"},
		Env:        []string{"CONCENTRIC_DATA=/data", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		Volumes:    map[string]struct{}{"/data": {}},
		WorkingDir: "/",
	}
	return mutate.ConfigFile(img, cfg)
}

// A file is an entry of a layer; a folder if it has no body.
type file struct {
	path  string
	mode  int64
	owner int
	body  []byte
}

// baseFiles returns what a binary finds around it: nobody's name, a folder for data, one for
// what does not last, and the authorities that web sites have certificates of.
func baseFiles() []file {
	return []file{
		{path: "etc/", mode: 0o755},
		{path: "etc/passwd", mode: 0o644, body: fmt.Appendf(nil, "concentric:x:%d:%d::/data:/sbin/nologin\n", uid, uid)},
		{path: "etc/ssl/certs/", mode: 0o755},
		{path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, body: roots()},
		{path: "data/", mode: 0o700, owner: uid},
		{path: "tmp/", mode: 0o1777},
	}
}

// roots returns the authorities that Mozilla trusts, as the module pinned in go.mod has
// them. One that is trusted for some certificates only is left out: a file cannot say so.
func roots() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) //nolint:errcheck // it is memory
		}
	}
	return text.Bytes()
}

// pack makes a layer whose bytes depend on its files only.
func pack(files []file) (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: f.path, Mode: f.mode, Size: int64(len(f.body)), Uid: f.owner, Gid: f.owner, ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg}
		if f.body == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
}
