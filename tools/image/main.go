// Command image packs one static binary into a container image, without an engine
// or a registry: two layers on nothing, the second of them the binary, run by a
// user who owns nothing. The same binary gives the same digest.
//
//	image BINARY OUT.tar
//
// Load it with `docker load -i OUT.tar` or `podman load -i OUT.tar`.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// uid is the user and group of the process: nobody on any usual host.
const uid = 65532

// certificates are where hosts keep their CA roots; the first that exists is used.
var certificates = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}

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
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("%s  %s\n", digest, args[1])
	return nil
}

// build puts the layers together.
func build(binary []byte) (v1.Image, error) {
	base, err := baseFiles()
	if err != nil {
		return nil, err
	}
	img := empty.Image
	for _, files := range [][]file{base, {{path: "concentric", mode: 0o755, body: binary}}} {
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
	cfg.OS, cfg.Architecture = "linux", "amd64"
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

func baseFiles() ([]file, error) {
	files := []file{
		{path: "etc/", mode: 0o755},
		{path: "etc/passwd", mode: 0o644, body: fmt.Appendf(nil, "concentric:x:%d:%d::/data:/sbin/nologin\n", uid, uid)},
		{path: "etc/ssl/certs/", mode: 0o755},
		{path: "data/", mode: 0o700, owner: uid},
		{path: "tmp/", mode: 0o1777},
	}
	for _, path := range certificates {
		body, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		return append(files, file{path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, body: body}), err
	}
	return nil, errors.New("this machine has no CA roots; install ca-certificates")
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
