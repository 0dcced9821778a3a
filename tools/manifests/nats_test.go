package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// TestTheBusKnowsServicesByTheirCertificates reads the configuration as the server does. What
// names a service there is in its certificate, and lets it tell of itself only.
func TestTheBusKnowsServicesByTheirCertificates(t *testing.T) {
	all, dir := objects(t, "split"), secrets(t)
	text := strings.NewReplacer("$POD_NAME", "nats-0", "/run/nats/tls", filepath.Join(dir, "nats-tls")).Replace(config(t, all, "nats")["nats.conf"])
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*tls.Config{"clients": opts.TLSConfig, "servers": opts.Cluster.TLSConfig} {
		if config == nil || config.ClientAuth != tls.RequireAndVerifyClientCert {
			t.Errorf("the bus lets %s in without a certificate", name)
		}
	}
	if !opts.TLSMap {
		t.Error("a certificate stands for nobody")
	}
	if !opts.SyncAlways || len(opts.Routes) != 3 || opts.Cluster.Name == "" || opts.MaxPayload < 512<<10 {
		t.Errorf("sync %v, %d servers of %q, events of %d bytes", opts.SyncAlways, len(opts.Routes), opts.Cluster.Name, opts.MaxPayload)
	}
	var names []string
	for _, user := range opts.Users {
		service, _, _ := strings.Cut(user.Username, ".")
		names = append(names, service)
		if leaf := certificateOf(t, dir, service); !slices.Contains(leaf.DNSNames, user.Username) {
			t.Errorf("%s is not in the certificate of %s: %v", user.Username, service, leaf.DNSNames)
		}
		if user.Permissions == nil || user.Permissions.Publish == nil {
			t.Errorf("%s may say anything", service)
			continue
		}
		for _, subject := range user.Permissions.Publish.Allow {
			_, of, _ := strings.Cut(subject, ".")
			if about, _, _ := strings.Cut(of, "."); !strings.HasPrefix(subject, "$JS.") && about != service {
				t.Errorf("%s may tell of others: %s", service, subject)
			}
		}
	}
	if want := []string{"ticket", "survey", "journey", "gateway"}; !slices.Equal(names, want) {
		t.Errorf("the bus knows %v, want %v", names, want)
	}
}
