package main

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The part of the Compose specification that deploy/compose.yaml uses.
type (
	project struct {
		Name     string             `yaml:"name"`
		Services map[string]service `yaml:"services"`
		Volumes  map[string]*any    `yaml:"volumes"`
		Configs  map[string]struct {
			Content string `yaml:"content"`
		} `yaml:"configs"`
		Extensions map[string]any `yaml:",inline"` // x-NAME, and what is misspelt
	}
	service struct {
		Image       string            `yaml:"image"`
		Profiles    []string          `yaml:"profiles"`
		Command     []string          `yaml:"command"`
		Environment map[string]string `yaml:"environment"`
		Volumes     []string          `yaml:"volumes"`
		NetworkMode string            `yaml:"network_mode"`
		User        string            `yaml:"user"`
		ReadOnly    bool              `yaml:"read_only"`
		CapDrop     []string          `yaml:"cap_drop"`
		SecurityOpt []string          `yaml:"security_opt"`
		Tmpfs       []string          `yaml:"tmpfs"`
		StopGrace   string            `yaml:"stop_grace_period"`
		Restart     string            `yaml:"restart"`
		DependsOn   map[string]struct {
			Condition string `yaml:"condition"`
		} `yaml:"depends_on"`
		Configs []struct {
			Source string `yaml:"source"`
			Target string `yaml:"target"`
		} `yaml:"configs"`
		Healthcheck struct {
			Test     []string `yaml:"test"`
			Interval string   `yaml:"interval"`
			Retries  int      `yaml:"retries"`
		} `yaml:"healthcheck"`
	}
)

// readCompose decodes the file, strictly.
func readCompose(t *testing.T) project {
	t.Helper()
	file, err := os.Open("../../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var p project
	strict := yaml.NewDecoder(file)
	strict.KnownFields(true)
	if err := strict.Decode(&p); err != nil {
		t.Fatal(err)
	}
	for name := range p.Extensions {
		if !strings.HasPrefix(name, "x-") {
			t.Errorf("there is no %s in a Compose file", name)
		}
	}
	return p
}

var conditions = []string{"service_started", "service_healthy", "service_completed_successfully"}

func TestTheComposeFileHangsTogether(t *testing.T) {
	p := readCompose(t)
	profiles := map[string][]string{}
	volumes := map[string]bool{}
	for name, s := range p.Services {
		if len(s.Profiles) != 1 {
			t.Errorf("%s is in the profiles %v", name, s.Profiles)
			continue
		}
		profiles[s.Profiles[0]] = append(profiles[s.Profiles[0]], name)
		if s.NetworkMode != "host" {
			t.Errorf("%s has a network of its own, where the suite wants TLS", name)
		}
		for on, d := range s.DependsOn {
			other, ok := p.Services[on]
			if !ok || !slices.Contains(conditions, d.Condition) || !slices.Equal(other.Profiles, s.Profiles) ||
				d.Condition == "service_healthy" && len(other.Healthcheck.Test) == 0 || d.Condition == conditions[2] && other.Restart != "no" {
				t.Errorf("%s waits for %s to be %s", name, on, d.Condition)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, ok := p.Volumes[source]; !ok {
				t.Errorf("%s mounts %s, which there is not", name, source)
			}
			volumes[source] = true
		}
		for _, c := range s.Configs {
			if p.Configs[c.Source].Content == "" {
				t.Errorf("%s mounts %s, which is empty", name, c.Source)
			}
		}
		if !strings.Contains(s.Image, ":") {
			t.Errorf("%s runs some version of %s", name, s.Image)
		}
		if s.Image == "concentric:latest" && (s.User != "65532:65532" || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || s.StopGrace != "30s") {
			t.Errorf("%s may do more than it needs: %+v", name, s)
		}
	}
	if len(volumes) != len(p.Volumes) {
		t.Errorf("of the volumes %v some are of no use", slices.Sorted(maps.Keys(p.Volumes)))
	}
	for _, names := range profiles {
		slices.Sort(names)
	}
	if got := profiles["single"]; !slices.Equal(got, []string{"suite"}) {
		t.Errorf("single runs %v", got)
	}
	if got := profiles["split"]; !slices.Equal(got, []string{"gateway", "journey", "migrate", "nats", "postgres", "survey", "ticket"}) {
		t.Errorf("split runs %v", got)
	}
}

// TestTheComposeFileSaysWhatTheBinaryTakes has the doctor read the command and the environment
// of each service; it finds databases and servers out of reach here, and nothing else unsafe.
func TestTheComposeFileSaysWhatTheBinaryTakes(t *testing.T) {
	p, program := readCompose(t), binary(t)
	databases := regexp.MustCompile(`CREATE DATABASE (\w+);`).FindAllStringSubmatch(p.Configs["databases"].Content, -1)
	for name, s := range p.Services {
		if s.Image != "concentric:latest" {
			continue
		}
		verb, args := s.Command[0], s.Command[1:]
		if verb == "up" && s.Profiles[0] == "split" && !slices.ContainsFunc(databases, func(d []string) bool { return d[1] == "concentric_"+name }) {
			t.Errorf("there is no database for %s", name)
		}
		cmd := exec.CommandContext(t.Context(), program, append([]string{"doctor"}, args...)...)
		if verb != "up" {
			cmd = exec.CommandContext(t.Context(), program, append([]string{verb}, append(args, "--help")...)...)
		}
		cmd.Env = []string{"PATH=/", "CONCENTRIC_DATA=" + t.TempDir() + "/data"}
		for key, value := range s.Environment {
			value = strings.NewReplacer(":5432", ":1", ":4222", ":1").Replace(value)
			cmd.Env = append(cmd.Env, key+"="+value)
		}
		out, err := cmd.CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if unsafe := strings.HasPrefix(line, "unsafe"); unsafe && !strings.Contains(line, ": database") {
				t.Errorf("%s: %s", name, line)
			}
		}
		if verb != "up" && err != nil || len(out) < 100 {
			t.Errorf("%s %v: %v\n%s", name, s.Command, err, out)
		}
	}
}
