package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// nobody is who the containers run as, and the group of their volumes.
const nobody = 65532

// A machine is a folder that stands for the file systems of pods, on one host. Its files
// have the owners and modes that a kubelet would give them, where the test may do so.
type machine struct {
	root    string
	secrets string
	binary  string
	all     []runtime.Object
	hosts   *strings.Replacer // of addresses in the cluster, to those of this host
	asRoot  bool              // whether the test may make files of others
	env     []string          // of the image
}

// newMachine returns a machine for the objects of an overlay.
func newMachine(t *testing.T, all []runtime.Object, secrets, binary string, addresses ...string) *machine {
	t.Helper()
	root, err := os.MkdirTemp("", "manifests")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil { //nolint:gosec // nobody has to get through
		t.Fatal(err)
	}
	return &machine{root: root, secrets: secrets, binary: binary, all: all, hosts: strings.NewReplacer(addresses...), asRoot: os.Getuid() == 0, env: environment(t, binary)}
}

// mount makes the volumes of a pod.
func (m *machine) mount(t *testing.T, w workload) {
	t.Helper()
	for _, at := range w.container().VolumeMounts {
		dir := filepath.Join(m.root, w.name, at.MountPath)
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // likewise
			t.Fatal(err)
		}
		for _, v := range w.pod.Spec.Volumes {
			if v.Name != at.Name {
				continue
			}
			switch {
			case v.ConfigMap != nil:
				for name, text := range config(t, m.all, v.ConfigMap.Name[:strings.LastIndex(v.ConfigMap.Name, "-")]) {
					m.put(t, filepath.Join(dir, name), m.here(w, text), 0o644)
				}
			case v.Secret != nil:
				m.secret(t, dir, v.Secret.SecretName, v.Secret.Items, *v.Secret.DefaultMode)
			case v.Projected != nil:
				for _, s := range v.Projected.Sources {
					m.secret(t, dir, s.Secret.Name, s.Secret.Items, *v.Projected.DefaultMode)
				}
			case v.EmptyDir != nil:
				m.own(t, dir, 0o2777)
			}
		}
		for _, claim := range w.claims {
			if claim.Name == at.Name {
				m.own(t, dir, 0o2775)
			}
		}
	}
}

// own gives a folder to root and to the group of the pod, as a kubelet does.
func (m *machine) own(t *testing.T, dir string, mode uint32) {
	t.Helper()
	if m.asRoot {
		if err := os.Chown(dir, 0, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}

// secret puts files of a secret into a folder. That of the database's authority holds ours.
func (m *machine) secret(t *testing.T, dir, name string, items []corev1.KeyToPath, mode int32) {
	t.Helper()
	from := filepath.Join(m.secrets, name)
	if name == "concentric-db-ca" {
		from = m.secrets
	}
	if len(items) == 0 {
		entries, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			items = append(items, corev1.KeyToPath{Key: e.Name(), Path: e.Name()})
		}
	}
	for _, item := range items {
		text, err := os.ReadFile(filepath.Join(from, item.Key))
		if err != nil {
			t.Fatal(err)
		}
		m.put(t, filepath.Join(dir, item.Path), string(text), os.FileMode(mode))
	}
}

func (m *machine) put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if !m.asRoot {
		mode &^= 0o077 // it is ours then, and of nobody else
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if m.asRoot {
		if err := os.Chown(path, 0, nobody); err != nil {
			t.Fatal(err)
		}
	}
}

// here returns a text of a pod with the paths and addresses that it has on this host.
func (m *machine) here(w workload, text string) string {
	var paths []string
	for _, at := range w.container().VolumeMounts {
		paths = append(paths, regexp.QuoteMeta(at.MountPath))
	}
	mounted := regexp.MustCompile(`(^|[\s="])(` + strings.Join(paths, "|") + `)(/|\s|"|$)`)
	return m.hosts.Replace(mounted.ReplaceAllString(text, "${1}"+filepath.Join(m.root, w.name)+"${2}${3}"))
}

// command returns what the container of a pod does, with other arguments if there are any.
func (m *machine) command(t *testing.T, w workload, args ...string) *exec.Cmd {
	t.Helper()
	c := w.container()
	if args == nil {
		args = c.Args
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), m.binary) // up ends what goes on until the end
	for _, arg := range args {
		cmd.Args = append(cmd.Args, m.here(w, arg))
	}
	cmd.Env = []string{"PATH=/", "TZ=UTC"}
	for _, env := range m.env {
		name, value, _ := strings.Cut(env, "=")
		cmd.Env = append(cmd.Env, name+"="+m.here(w, value))
	}
	for _, env := range c.Env {
		value := env.Value
		if env.ValueFrom != nil && env.ValueFrom.ConfigMapKeyRef != nil {
			value = config(t, m.all, "engines")[env.ValueFrom.ConfigMapKeyRef.Key]
		}
		if env.Name == "GOMEMLIMIT" {
			value = strconv.FormatInt(goal(t, c), 10) + "B"
		}
		cmd.Env = append(cmd.Env, env.Name+"="+m.here(w, value))
	}
	cmd.Dir = m.root
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if m.asRoot {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

// up runs a pod until the test ends, and wants it to end well when it is told to.
func (m *machine) up(t *testing.T, w workload) {
	t.Helper()
	log, err := os.Create(filepath.Join(m.root, w.name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := m.command(t, w)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		err := cmd.Wait()
		log.Close()
		if err != nil || t.Failed() {
			text, _ := os.ReadFile(log.Name()) //nolint:errcheck // it is for people
			t.Errorf("%s ends with %v and says\n%s", w, err, text)
		}
	})
}

// examine has the doctor look at a pod as it is configured, and wants nothing unsafe and
// nothing weak but what may be.
func (m *machine) examine(t *testing.T, w workload, weak ...string) {
	t.Helper()
	var report struct {
		Settings []struct{ Name, Value, State, Advice string }
	}
	args := append([]string{"doctor"}, w.container().Args[1:]...)
	var out, errs bytes.Buffer
	doctor := m.command(t, w, append(args, "--addr", ":8443", "-o", "json")...)
	doctor.Stdout, doctor.Stderr = &out, &errs
	err := doctor.Run()
	if e := json.Unmarshal(out.Bytes(), &report); e != nil {
		t.Fatalf("%s: the doctor ends with %v and says %s%s", w, err, &out, &errs)
	}
	if len(report.Settings) < 10 {
		t.Errorf("%s: the doctor looks at %d things", w, len(report.Settings))
	}
	for _, s := range report.Settings {
		fine := s.State == "ok"
		for _, name := range weak {
			fine = fine || s.State == "weak" && s.Name == name
		}
		if !fine {
			t.Errorf("%s: %s is %s, which is %s: %s", w, s.Name, s.Value, s.State, s.Advice)
		}
	}
}
