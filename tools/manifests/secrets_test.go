package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// secrets returns the folder that secrets.sh makes, with certificates for this machine too.
func secrets(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		absent(t, "OPENSSL")
	}
	dir := filepath.Join(t.TempDir(), "secrets")
	made := exec.CommandContext(t.Context(), kubernetes+"/secrets.sh", dir)
	made.Env = append(os.Environ(), "SAN=IP:127.0.0.1")
	if out, err := made.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// absent ends a test that cannot do without a program: it fails where CI wants it to.
func absent(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("CONCENTRIC_TEST_REQUIRE_POSTGRES") == "1" {
		t.Fatal("THERE IS NO " + program)
	}
	t.Skip("THERE IS NO " + program + ": THE MANIFESTS ARE NOT TRIED")
}

// holds wants a Secret to have the files that a pod takes from it.
func holds(t *testing.T, dir, secret string, items []corev1.KeyToPath) {
	t.Helper()
	if secret == "concentric-db-ca" { // which the operator makes
		return
	}
	if len(items) == 0 {
		items = []corev1.KeyToPath{{}}
	}
	for _, item := range items {
		if _, err := os.Stat(filepath.Join(dir, secret, item.Key)); err != nil || item.Key != item.Path {
			t.Errorf("secret %s: %q as %q: %v", secret, item.Key, item.Path, err)
		}
	}
}

// TestWhatPodsMountIsThere looks for each ConfigMap, each Secret and each file of it, for a
// volume behind each mount and a mount of each volume.
func TestWhatPodsMountIsThere(t *testing.T) {
	dir := secrets(t)
	each(t, func(t *testing.T, w workload, all []runtime.Object) {
		var volumes, mounts []string
		for _, claim := range w.claims {
			volumes = append(volumes, claim.Name)
		}
		for _, v := range w.pod.Spec.Volumes {
			volumes = append(volumes, v.Name)
			switch {
			case v.ConfigMap != nil:
				config(t, all, strings.TrimSuffix(v.ConfigMap.Name, v.ConfigMap.Name[strings.LastIndex(v.ConfigMap.Name, "-"):]))
			case v.Secret != nil:
				holds(t, dir, v.Secret.SecretName, v.Secret.Items)
				if !is(v.Secret.DefaultMode, 0o440) {
					t.Errorf("the secret %s is for others to read", v.Name)
				}
			case v.Projected != nil:
				for _, source := range v.Projected.Sources {
					holds(t, dir, source.Secret.Name, source.Secret.Items)
				}
				if !is(v.Projected.DefaultMode, 0o440) {
					t.Errorf("the secrets of %s are for others to read", v.Name)
				}
			}
		}
		for _, m := range w.container().VolumeMounts {
			mounts = append(mounts, m.Name)
			if secret := strings.HasPrefix(m.MountPath, "/run/concentric") || strings.HasPrefix(m.MountPath, "/etc"); secret && !m.ReadOnly {
				t.Errorf("it may write to %s", m.MountPath)
			}
		}
		slices.Sort(volumes)
		slices.Sort(mounts)
		if !slices.Equal(volumes, mounts) {
			t.Errorf("volumes %v, mounts %v", volumes, mounts)
		}
		for _, env := range w.container().Env {
			if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef != nil {
				t.Errorf("%s is a secret that is no file", env.Name)
			}
			if env.ValueFrom == nil || env.ValueFrom.ConfigMapKeyRef == nil {
				continue
			}
			if ref := env.ValueFrom.ConfigMapKeyRef; !strings.HasPrefix(ref.Name, "engines-") || config(t, all, "engines")[ref.Key] == "" {
				t.Errorf("%s: there is no %s in %s", env.Name, ref.Key, ref.Name)
			}
		}
	})
}

// TestSecretsAreForWhoNeedsThem wants a service to hold no key of another.
func TestSecretsAreForWhoNeedsThem(t *testing.T) {
	want := map[string][]string{
		"ticket":  {"concentric-callers/keys", "concentric-callers/pass.pub", "concentric-db-ca/ca.crt", "concentric-role-app/pgpass", "ticket-tls"},
		"survey":  {"concentric-callers/keys", "concentric-callers/pass.pub", "concentric-db-ca/ca.crt", "concentric-keys/token.key", "concentric-role-app/pgpass", "survey-tls"},
		"journey": {"concentric-callers/keys", "concentric-callers/pass.pub", "concentric-db-ca/ca.crt", "concentric-keys/identity.key", "concentric-role-app/pgpass", "journey-tls"},
		"gateway": {"concentric-callers/keys", "concentric-db-ca/ca.crt", "concentric-keys/pass.key", "concentric-keys/secret.key", "concentric-role-app/pgpass", "gateway-tls"},
		"migrate": {"concentric-db-ca/ca.crt", "concentric-role-owner/pgpass"},
		"nats":    {"nats-tls"},
		"suite":   {"concentric-callers/keys", "concentric-keys/identity.key", "concentric-keys/secret.key", "concentric-keys/token.key", "suite-tls"},
	}
	each(t, func(t *testing.T, w workload, _ []runtime.Object) {
		var got []string
		add := func(secret string, items []corev1.KeyToPath) {
			if len(items) == 0 {
				got = append(got, secret)
			}
			for _, item := range items {
				got = append(got, secret+"/"+item.Key)
			}
		}
		for _, v := range w.pod.Spec.Volumes {
			if v.Secret != nil {
				add(v.Secret.SecretName, v.Secret.Items)
			}
			if v.Projected != nil {
				for _, source := range v.Projected.Sources {
					add(source.Secret.Name, source.Secret.Items)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want[w.name]) {
			t.Errorf("it holds %v, want %v", got, want[w.name])
		}
	})
}

// TestCertificatesAreTheSameFromEitherMaker compares the names in those of secrets.sh with
// those that cert-manager is asked for.
func TestCertificatesAreTheSameFromEitherMaker(t *testing.T) {
	dir := secrets(t)
	text, err := render(filesys.MakeFsOnDisk(), overlayWith(t, "cert-manager"))
	if err != nil {
		t.Fatal(err)
	}
	all := decode(t, text)
	made := map[string]bool{}
	for _, c := range of[*certificate](all) {
		if c.Spec.IsCA {
			continue
		}
		made[c.Spec.SecretName] = true
		leaf := certificateOf(t, dir, strings.TrimSuffix(c.Spec.SecretName, "-tls"))
		if !slices.Equal(leaf.DNSNames, c.Spec.DNSNames) || !slices.Equal(c.Spec.Usages, []string{"digital signature", "server auth", "client auth"}) ||
			!slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}) {
			t.Errorf("%s is for %v %v, want %v %v", c.Spec.SecretName, leaf.DNSNames, leaf.ExtKeyUsage, c.Spec.DNSNames, c.Spec.Usages)
		}
	}
	want := map[string]bool{"ticket-tls": true, "survey-tls": true, "journey-tls": true, "gateway-tls": true, "nats-tls": true}
	if !maps.Equal(made, want) {
		t.Errorf("cert-manager makes %v, want %v", made, want)
	}
}

// TestCertificatesAreRenewedForTheSameNames wants new certificates and keys of the authority
// that there is, and all other secrets as they were.
func TestCertificatesAreRenewedForTheSameNames(t *testing.T) {
	dir := secrets(t)
	had := filepath.Join(t.TempDir(), "had")
	if err := os.CopyFS(had, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), kubernetes+"/secrets.sh", dir, "renew").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	authority, err := os.ReadFile(filepath.Join(had, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	for _, service := range []string{"ticket", "survey", "journey", "gateway", "suite", "nats"} {
		was, is := certificateOf(t, had, service), certificateOf(t, dir, service)
		if _, err := is.Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.0.0.1"}); err != nil || is.SerialNumber.Cmp(was.SerialNumber) == 0 {
			t.Errorf("%s has no new certificate for this host: %v", service, err)
		}
		if !slices.Equal(is.DNSNames, was.DNSNames) || is.Subject.String() != was.Subject.String() {
			t.Errorf("%s is %v %v, was %v %v", service, is.Subject, is.DNSNames, was.Subject, was.DNSNames)
		}
		if _, err := tls.LoadX509KeyPair(filepath.Join(dir, service+"-tls", "tls.crt"), filepath.Join(dir, service+"-tls", "tls.key")); err != nil {
			t.Error(err)
		}
	}
	err = filepath.WalkDir(had, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "tls.crt" || e.Name() == "tls.key" {
			return err
		}
		was, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		is, err := os.ReadFile(dir + strings.TrimPrefix(path, had))
		if err == nil && !bytes.Equal(is, was) {
			t.Errorf("%s has changed", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// certificateOf returns the certificate that secrets.sh makes for a service.
func certificateOf(t *testing.T, dir, service string) *x509.Certificate {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(dir, service+"-tls", "tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(file)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// overlayWith returns the folder of an overlay of a copy of the manifests: split, and a
// component.
func overlayWith(t *testing.T, component string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(kubernetes)); err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlays", "tried")
	if err := os.Mkdir(overlay, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../split]\ncomponents: [../../components/" + component + "]\n"
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}
