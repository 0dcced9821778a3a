package certs

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concentric-cx/concentric/services/internal/certs/certstest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// shake makes a connection between the two and returns the serial number of the server's
// certificate and what the server says of the client.
func shake(t *testing.T, server, client *tls.Config) (string, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	served := make(chan error, 1)
	go func() { served <- tls.Server(a, server).HandshakeContext(t.Context()) }()
	client = client.Clone()
	client.ServerName = "localhost"
	c := tls.Client(b, client)
	if err := c.HandshakeContext(t.Context()); err != nil {
		a.Close()
		<-served
		return "", err
	}
	go io.Copy(io.Discard, b) //nolint:errcheck // what the server has to say after it; a refusal, maybe
	if err := <-served; err != nil {
		return "", err
	}
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

func open(t *testing.T, cert, key string) *Pair {
	t.Helper()
	p, err := Open(cert, key, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPairThatCannotServe(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Issue(t, t.TempDir(), 2*time.Hour)
	_, other := ca.Issue(t, t.TempDir(), 2*time.Hour)
	expired, expiredKey := ca.Issue(t, t.TempDir(), time.Minute)
	loose := t.TempDir() + "/loose.key"
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(loose, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, cert, key, want string }{
		{"no key", cert, "", "needs its key"},
		{"no certificate", "", key, "needs its key"},
		{"another's key", cert, other, "private key"},
		{"a key that others may read", cert, loose, "chmod 600"},
		{"an expired one", expired, expiredKey, "expired"},
		{"no file", cert + "x", key, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Open(tt.cert, tt.key, quiet()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestANewCertificateIsTakenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, dir := certstest.New(t), t.TempDir()
		cert, key := ca.Issue(t, dir, 24*time.Hour)
		p := open(t, cert, key)
		server, err := p.Server("", quiet())
		if err != nil {
			t.Fatal(err)
		}
		client, err := Client(ca.File, nil)
		if err != nil {
			t.Fatal(err)
		}
		serve := func() string {
			t.Helper()
			serial, err := shake(t, server, client)
			if err != nil {
				t.Fatal(err)
			}
			return serial
		}
		first := serve()
		ca.Issue(t, dir, 25*time.Hour)
		touch(t, cert, time.Minute)
		if got := serve(); got != first {
			t.Errorf("certificate at once = %s, want %s for %v", got, first, pause)
		}
		time.Sleep(pause)
		second := serve()
		if second == first {
			t.Error("the new certificate is not served")
		}
		if err := os.WriteFile(cert, []byte("junk"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pause)
		if got := serve(); got != second {
			t.Errorf("certificate beside a broken file = %s, want %s", got, second)
		}
	})
}

// touch makes a file as old as it is on no clock of the test's.
func touch(t *testing.T, path string, later time.Duration) {
	t.Helper()
	at := time.Now().Add(later)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestClientsOfAnAuthority(t *testing.T) {
	ours, theirs := certstest.New(t), certstest.New(t)
	cert, key := ours.Issue(t, t.TempDir(), 2*time.Hour)
	server, err := open(t, cert, key).Server(ours.File, quiet())
	if err != nil {
		t.Fatal(err)
	}
	pair := func(ca *certstest.Authority) *Pair {
		cert, key := ca.Issue(t, t.TempDir(), 2*time.Hour)
		return open(t, cert, key)
	}
	for _, tt := range []struct {
		name  string
		trust string
		pair  *Pair
		ok    bool
	}{
		{"one of ours", ours.File, pair(ours), true},
		{"one of another", ours.File, pair(theirs), false},
		{"none", ours.File, nil, false},
		{"one who does not trust the server", theirs.File, pair(ours), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, err := Client(tt.trust, tt.pair)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := shake(t, server, client); (err == nil) != tt.ok {
				t.Errorf("handshake = %v", err)
			}
		})
	}
}

func TestOldVersionsAreRefused(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Issue(t, t.TempDir(), 2*time.Hour)
	server, err := open(t, cert, key).Server("", quiet())
	if err != nil {
		t.Fatal(err)
	}
	client, err := Client(ca.File, nil)
	if err != nil {
		t.Fatal(err)
	}
	client.MinVersion, client.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
	if _, err := shake(t, server, client); err == nil {
		t.Error("TLS 1.2 was accepted")
	}
}

// TestAKeyOfRootMayBeReadByItsGroup is how an orchestrator hands a key over to a process
// that is nobody.
func TestAKeyOfRootMayBeReadByItsGroup(t *testing.T) {
	cert, key := certstest.New(t).Issue(t, t.TempDir(), 2*time.Hour)
	for _, tt := range []struct {
		uid  int
		mode os.FileMode
		want bool
	}{
		{0, 0o440, true},
		{0, 0o640, true},
		{0, 0o660, false},
		{0, 0o444, false},
		{65532, 0o400, true},
		{65532, 0o440, false},
	} {
		if err := os.Chown(key, tt.uid, -1); err != nil {
			t.Skip("only root can make files of others:", err)
		}
		if err := os.Chmod(key, tt.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(cert, key, quiet()); (err == nil) != tt.want {
			t.Errorf("a key of %d with %v: %v, want it taken: %v", tt.uid, tt.mode, err, tt.want)
		}
	}
}

// A pair ends with the first of its chain to end.
func TestTheEndOfAChain(t *testing.T) {
	ca := certstest.New(t) // it ends in an hour, what it issues here in two
	cert, key := ca.Issue(t, t.TempDir(), 3*time.Hour)
	alone, err := open(t, cert, key).end()
	if err != nil {
		t.Fatal(err)
	}
	chain, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cert, append(chain, issuer...), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, cert, key).end()
	if err != nil || alone.Sub(got).Round(time.Minute) != time.Hour {
		t.Errorf("the chain ends at %s, %v; want an hour before the certificate's %s", got, err, alone)
	}
}
