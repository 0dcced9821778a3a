package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
)

// TestPodsAreRestricted asserts each field that the restricted standard of Kubernetes wants,
// and what goes beyond.
func TestPodsAreRestricted(t *testing.T) {
	each(t, func(t *testing.T, w workload, all []runtime.Object) {
		p := w.pod.Spec
		for _, want := range []struct {
			what string
			is   bool
		}{
			{"runAsNonRoot", is(p.SecurityContext.RunAsNonRoot, true)},
			{"runAsUser", is(p.SecurityContext.RunAsUser, 65532)},
			{"runAsGroup", is(p.SecurityContext.RunAsGroup, 65532)},
			{"fsGroup", is(p.SecurityContext.FSGroup, 65532)},
			{"seccompProfile", p.SecurityContext.SeccompProfile != nil && p.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault},
			{"no token", is(p.AutomountServiceAccountToken, false)},
			{"no service links", is(p.EnableServiceLinks, false)},
			{"no network of the host", !p.HostNetwork && !p.HostPID && !p.HostIPC},
			{"an account of its own", p.ServiceAccountName == w.name},
			{"one container", len(p.Containers) == 1 && len(p.InitContainers) == 0 && len(p.EphemeralContainers) == 0},
		} {
			if !want.is {
				t.Errorf("pod: want %s", want.what)
			}
		}
		c := w.container()
		s := c.SecurityContext
		for _, want := range []struct {
			what string
			is   bool
		}{
			{"runAsNonRoot", is(s.RunAsNonRoot, true)},
			{"readOnlyRootFilesystem", is(s.ReadOnlyRootFilesystem, true)},
			{"no more privileges", is(s.AllowPrivilegeEscalation, false)},
			{"not privileged", s.Privileged == nil},
			{"no capabilities", s.Capabilities != nil && slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(s.Capabilities.Add) == 0},
			{"the user and the profile of the pod", s.RunAsUser == nil && s.SeccompProfile == nil},
			{"a fixed image", strings.Contains(c.Image, ":") && !strings.HasSuffix(c.Image, ":latest")},
		} {
			if !want.is {
				t.Errorf("container: want %s", want.what)
			}
		}
		for _, port := range c.Ports {
			if port.HostPort != 0 {
				t.Errorf("it takes port %d of the host", port.HostPort)
			}
		}
		for _, v := range p.Volumes {
			if v.ConfigMap == nil && v.Secret == nil && v.Projected == nil && v.EmptyDir == nil {
				t.Errorf("the volume %s is none of those that a restricted pod may have", v.Name)
			}
			if v.EmptyDir != nil && v.EmptyDir.SizeLimit == nil {
				t.Errorf("the volume %s may fill the node", v.Name)
			}
		}
		for _, account := range of[*corev1.ServiceAccount](all) {
			if !is(account.AutomountServiceAccountToken, false) {
				t.Errorf("the account %s hands tokens out", account.Name)
			}
		}
	})
}

// is reports whether a field is there and has a value.
func is[T comparable](field *T, want T) bool { return field != nil && *field == want }

func TestTheNamespaceTakesRestrictedPodsOnly(t *testing.T) {
	for _, overlay := range overlays {
		spaces := of[*corev1.Namespace](objects(t, overlay))
		if len(spaces) != 1 {
			t.Fatalf("%s has %d namespaces", overlay, len(spaces))
		}
		for _, mode := range []string{"enforce", "audit", "warn"} {
			if got := spaces[0].Labels["pod-security.kubernetes.io/"+mode]; got != "restricted" {
				t.Errorf("%s: %s is %q", overlay, mode, got)
			}
		}
	}
}

// TestContainersHaveLimitsAndKnowThem wants the memory that Go aims at to follow from the
// limit, and a limit of processors, which Go's scheduler reads by itself.
func TestContainersHaveLimitsAndKnowThem(t *testing.T) {
	each(t, func(t *testing.T, w workload, _ []runtime.Object) {
		c := w.container()
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			request, limit := c.Resources.Requests[name], c.Resources.Limits[name]
			if request.IsZero() || limit.IsZero() || request.Cmp(limit) > 0 {
				t.Errorf("%s: request %v, limit %v", name, &request, &limit)
			}
		}
		if w.kind == "Job" {
			return
		}
		goal := goal(t, c)
		limit := c.Resources.Limits.Memory().Value()
		if share := float64(goal) / float64(limit); share < 0.9 || share > 0.96 {
			t.Errorf("GOMEMLIMIT is %d, %.2f of the limit", goal, share)
		}
	})
}

// goal returns GOMEMLIMIT as the kubelet fills it in.
func goal(t *testing.T, c *corev1.Container) int64 {
	t.Helper()
	values := map[string]string{}
	for _, env := range c.Env {
		value := env.Value
		if env.ValueFrom != nil && env.ValueFrom.ResourceFieldRef != nil {
			ref := env.ValueFrom.ResourceFieldRef
			if ref.ContainerName != c.Name || ref.Resource != "limits.memory" {
				t.Errorf("%s is %s of %s", env.Name, ref.Resource, ref.ContainerName)
			}
			limit := c.Resources.Limits.Memory().Value()
			value = strconv.FormatInt((limit+ref.Divisor.Value()-1)/ref.Divisor.Value(), 10)
		}
		for name, earlier := range values {
			value = strings.ReplaceAll(value, "$("+name+")", earlier)
		}
		values[env.Name] = value
	}
	goal, err := strconv.ParseInt(strings.TrimSuffix(values["GOMEMLIMIT"], "B"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return goal
}

// TestProbesAskWhatIsServed wants native probes at a port that the container names, for what
// the binary knows of, and an end that leaves time for calls under way.
func TestProbesAskWhatIsServed(t *testing.T) {
	each(t, func(t *testing.T, w workload, _ []runtime.Object) {
		c, p := w.container(), w.pod.Spec
		if w.kind == "Job" {
			if c.LivenessProbe != nil || p.RestartPolicy != corev1.RestartPolicyOnFailure {
				t.Error("a job is asked how it is, or not tried again")
			}
			return
		}
		if p.RestartPolicy != "" || c.StartupProbe == nil || c.ReadinessProbe == nil || c.LivenessProbe == nil || c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
			t.Fatal("want probes and something before the end")
		}
		if !w.ours() {
			return
		}
		for _, probe := range []struct {
			of   *corev1.Probe
			asks string
		}{{c.StartupProbe, "live"}, {c.ReadinessProbe, "ready"}, {c.LivenessProbe, "live"}} {
			if probe.of.GRPC == nil || !is(probe.of.GRPC.Service, probe.asks) || !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
				return p.Name == "health" && p.ContainerPort == probe.of.GRPC.Port
			}) {
				t.Errorf("want a probe that asks for %s at the port called health: %+v", probe.asks, probe.of)
			}
		}
		sleep := c.Lifecycle.PreStop.Sleep
		if grace := p.TerminationGracePeriodSeconds; sleep == nil || sleep.Seconds != 5 || grace == nil || *grace != 30 {
			t.Errorf("preStop %+v, grace %v, want 5 and 30 s", c.Lifecycle.PreStop, grace)
		}
	})
}

// TestPortsAreNamed wants numbers that nobody needs a privilege for, and the same ones where
// they are said twice.
func TestPortsAreNamed(t *testing.T) {
	each(t, func(t *testing.T, w workload, _ []runtime.Object) {
		seen := map[int32]bool{}
		for _, port := range w.container().Ports {
			if port.Name == "metrics" && w.pod.Annotations["prometheus.io/port"] != strconv.Itoa(int(port.ContainerPort)) {
				t.Errorf("metrics are at %d, and said to be at %s", port.ContainerPort, w.pod.Annotations["prometheus.io/port"])
			}
			if errs := validation.IsValidPortName(port.Name); errs != nil || seen[port.ContainerPort] || port.ContainerPort < 1024 {
				t.Errorf("port %s %d: %v", port.Name, port.ContainerPort, errs)
			}
			seen[port.ContainerPort] = true
		}
	})
}
