// Package certs makes TLS configurations of certificates that are files, and takes up
// new ones when the files change. Everything is TLS 1.3.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"
)

// A Pair is a certificate and its key in two files. It is safe for concurrent use.
type Pair struct {
	files *files[*tls.Certificate]
}

// Open reads a certificate chain and its key, both PEM. The key must be readable by its
// owner only, or by its group if it is root's, and the certificate valid now. When the files change, so does the pair, within
// seconds; while they are unusable it stays what it was and log says so.
func Open(cert, key string, log *slog.Logger) (*Pair, error) {
	if cert == "" || key == "" {
		return nil, errors.New("a certificate needs its key, and a key its certificate")
	}
	f, err := watch(log, func() (*tls.Certificate, error) { return load(cert, key) }, cert, key)
	if err != nil {
		return nil, err
	}
	return &Pair{f}, nil
}

// load reads a pair and checks what would make every handshake fail.
func load(cert, key string) (*tls.Certificate, error) {
	info, err := os.Stat(key)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&others(info) != 0 {
		return nil, fmt.Errorf("the key %s is open to others: chmod 600 it", key)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", cert, err)
	}
	switch now := time.Now(); {
	case now.Before(pair.Leaf.NotBefore):
		return nil, fmt.Errorf("the certificate %s is not valid before %s", cert, pair.Leaf.NotBefore.Format(time.RFC3339))
	case now.After(pair.Leaf.NotAfter):
		return nil, fmt.Errorf("the certificate %s expired at %s", cert, pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	return &pair, nil
}

// others returns the permissions that a key must not have. Orchestrators hand keys over as
// files of root that a group of the process may read.
func others(info fs.FileInfo) fs.FileMode {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == 0 {
		return 0o027
	}
	return 0o077
}

// end returns when the first of the chain ends.
func (p *Pair) end() (time.Time, error) {
	pair := p.files.get()
	at := pair.Leaf.NotAfter
	for _, der := range pair.Certificate[1:] {
		issuer, err := x509.ParseCertificate(der)
		if err != nil {
			return time.Time{}, err
		}
		if issuer.NotAfter.Before(at) {
			at = issuer.NotAfter
		}
	}
	return at, nil
}

// Server returns the configuration of a server with the pair. If clients names a file of
// certificate authorities, clients must have a certificate of one of them.
func (p *Pair) Server(clients string, log *slog.Logger) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.files.get(), nil },
	}
	if clients == "" {
		return config, nil
	}
	pool, err := authorities(clients, log)
	if err != nil {
		return nil, err
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, pool.get()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := config.Clone()
		now.ClientCAs = pool.get()
		return now, nil
	}
	return config, nil
}

// Client returns the configuration of a client that trusts the authorities in a file, or
// those of the system if it is empty. With a pair it shows that where a server asks.
func Client(servers string, p *Pair) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if servers != "" {
		pool, err := readAuthorities(servers)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if p != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return p.files.get(), nil }
	}
	return config, nil
}

func authorities(path string, log *slog.Logger) (*files[*x509.CertPool], error) {
	return watch(log, func() (*x509.CertPool, error) { return readAuthorities(path) }, path)
}

func readAuthorities(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificates", path)
	}
	return pool, nil
}
