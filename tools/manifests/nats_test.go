package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"k8s.io/apimachinery/pkg/runtime"
)

// busOptions reads the configuration of the bus as the server does.
func busOptions(t *testing.T, all []runtime.Object, secrets string) *server.Options {
	t.Helper()
	text := strings.NewReplacer("$POD_NAME", "nats-0", "/run/nats/tls", filepath.Join(secrets, "nats-tls")).Replace(config(t, all, "nats")["nats.conf"])
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return opts
}

// TestTheBusKnowsServicesByTheirCertificates wants what names a service there to be in
// its certificate, and to let it tell of itself only.
func TestTheBusKnowsServicesByTheirCertificates(t *testing.T) {
	all, dir := objects(t, "split"), secrets(t)
	opts := busOptions(t, all, dir)
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

// hears says to whose streams each service listens. To its own the journey service did in the
// release before.
var hears = map[string][]string{
	"ticket":  {"journey"},
	"survey":  {"ticket", "journey"},
	"journey": {"ticket", "survey", "journey"},
	"gateway": {"ticket", "survey", "journey"},
}

// TestServicesChangeStreamsOfTheirOwnOnly asks of each service what it may ask of each stream.
// What a listener needs, the overlay that serves shows; what only mishaps need, is asked here.
func TestServicesChangeStreamsOfTheirOwnOnly(t *testing.T) {
	for _, user := range busOptions(t, objects(t, "split"), secrets(t)).Users {
		service, _, _ := strings.Cut(user.Username, ".")
		may := func(subject string) bool {
			return slices.ContainsFunc(user.Permissions.Publish.Allow, func(a string) bool { return server.SubjectMatchesFilter(subject, a) })
		}
		for source := range hears {
			stream := "CONCENTRIC_" + strings.ToUpper(source)
			work, works := "CONCENTRIC_WORK_"+strings.ToUpper(source), source == service && source != "survey"
			emits := source == service && source != "gateway"
			listens := slices.Contains(hears[service], source)
			for subject, want := range map[string]bool{
				"concentric." + source + ".acme.kind.7":              emits,
				"$JS.API.STREAM.INFO." + stream:                      listens || source == service,
				"$JS.API.STREAM.CREATE." + stream:                    listens || emits,
				"$JS.API.STREAM.UPDATE." + stream:                    emits,
				"$JS.API.STREAM.DELETE." + stream:                    emits,
				"$JS.API.CONSUMER.LIST." + stream:                    emits,
				"$JS.API.STREAM.PURGE." + stream:                     false,
				"$JS.API.STREAM.MSG.DELETE." + stream:                false,
				"$JS.API.CONSUMER.DELETE." + stream + ".journey-1-2": false,
				"$JS.API.CONSUMER.CREATE." + stream + ".journey-1-2": listens,
				"$JS.API.CONSUMER.INFO." + stream + ".x-1-2":         listens,
				"$JS.API.CONSUMER.MSG.NEXT." + stream + ".x-1-2":     listens,
				"$JS.API.CONSUMER.UNPIN." + stream + ".x-1-2":        listens,
				"$JS.ACK." + stream + ".x-1-2.1.1.1.1.0":             listens,

				"concentric-work." + source:                        works,
				"$JS.API.STREAM.INFO." + work:                      works,
				"$JS.API.STREAM.CREATE." + work:                    works,
				"$JS.API.STREAM.UPDATE." + work:                    works,
				"$JS.API.STREAM.DELETE." + work:                    false,
				"$JS.API.CONSUMER.CREATE." + work + "." + source:   works,
				"$JS.API.CONSUMER.INFO." + work + "." + source:     works,
				"$JS.API.CONSUMER.MSG.NEXT." + work + "." + source: works,
				"$JS.ACK." + work + "." + source + ".1.1.1.1.0":    works,
			} {
				if may(subject) != want {
					t.Errorf("%s may publish to %s: %t, want %t", service, subject, !want, want)
				}
			}
		}
		if !may("$JS.API.INFO") || may("$JS.API.META.LEADER.STEPDOWN") || may("anything") {
			t.Errorf("%s may not ask whether there are streams, or may do more: %v", service, user.Permissions.Publish.Allow)
		}
	}
}

// A refusals is the log of a server that keeps what its clients were refused.
type refusals struct {
	mu   sync.Mutex
	said []string
}

// Errorf implements [server.Logger]. What a listener to a stream of one copy asks for is left
// to whose it is.
func (r *refusals) Errorf(format string, args ...any) {
	said := fmt.Sprintf(format, args...)
	if strings.Contains(said, "Violation") && !strings.Contains(said, "$JS.API.STREAM.UPDATE.") {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.said = append(r.said, said)
	}
}

// Noticef implements [server.Logger].
func (r *refusals) Noticef(string, ...any) {}

// Warnf implements [server.Logger].
func (r *refusals) Warnf(string, ...any) {}

// Fatalf implements [server.Logger].
func (r *refusals) Fatalf(string, ...any) {}

// Debugf implements [server.Logger].
func (r *refusals) Debugf(string, ...any) {}

// Tracef implements [server.Logger].
func (r *refusals) Tracef(string, ...any) {}

// none wants that nobody was refused anything.
func (r *refusals) none(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, said := range r.said {
		t.Errorf("the bus refuses what a service needs: %s", said)
	}
}
