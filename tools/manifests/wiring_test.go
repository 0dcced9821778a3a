package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// TestObjectsHaveNamesOfTheirOwnInOneNamespace checks what every object has.
func TestObjectsHaveNamesOfTheirOwnInOneNamespace(t *testing.T) {
	for _, overlay := range overlays {
		seen := map[string]bool{}
		for _, object := range objects(t, overlay) {
			o, err := meta.Accessor(object)
			if err != nil {
				t.Fatal(err)
			}
			kind := object.GetObjectKind().GroupVersionKind()
			if id := fmt.Sprint(kind.Kind, " ", o.GetName()); seen[id] {
				t.Errorf("%s: there are two %s", overlay, id)
			} else {
				seen[id] = true
			}
			if errs := validation.IsDNS1123Label(o.GetName()); errs != nil {
				t.Errorf("%s: %s %q: %v", overlay, kind.Kind, o.GetName(), errs)
			}
			if want := "concentric"; kind.Kind != "Namespace" && o.GetNamespace() != want {
				t.Errorf("%s: %s %s is in %q, want %q", overlay, kind.Kind, o.GetName(), o.GetNamespace(), want)
			}
			for key, value := range o.GetLabels() {
				if errs := slices.Concat(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)); errs != nil {
					t.Errorf("%s: %s %s: label %s: %v", overlay, kind.Kind, o.GetName(), key, errs)
				}
			}
		}
	}
}

// matching returns the workloads whose pods have the labels.
func matching(all []runtime.Object, selector map[string]string) []workload {
	return slices.DeleteFunc(workloads(all), func(w workload) bool {
		return !labels.SelectorFromSet(selector).Matches(labels.Set(w.pod.Labels))
	})
}

func TestSelectorsMeanOneWorkload(t *testing.T) {
	each(t, func(t *testing.T, w workload, all []runtime.Object) {
		if w.kind == "Job" {
			return
		}
		if got := matching(all, w.selector); len(got) != 1 || got[0].name != w.name || len(w.selector) == 0 {
			t.Errorf("%v selects %v", w.selector, got)
		}
		for _, spread := range w.pod.Spec.TopologySpreadConstraints {
			if !maps.Equal(spread.LabelSelector.MatchLabels, w.selector) {
				t.Errorf("it spreads %v", spread.LabelSelector)
			}
		}
		if w.replicas != 1 && len(w.pod.Spec.TopologySpreadConstraints) != 2 {
			t.Error("its replicas are not spread over zones and nodes")
		}
		accounts := of[*corev1.ServiceAccount](all)
		if !slices.ContainsFunc(accounts, func(a *corev1.ServiceAccount) bool { return a.Name == w.pod.Spec.ServiceAccountName }) {
			t.Errorf("there is no account %s", w.pod.Spec.ServiceAccountName)
		}
	})
}

func TestServicesLeadToPorts(t *testing.T) {
	for _, overlay := range overlays {
		all := objects(t, overlay)
		services := of[*corev1.Service](all)
		if len(services) == 0 {
			t.Fatalf("%s has no services", overlay)
		}
		for _, s := range services {
			to := matching(all, s.Spec.Selector)
			if len(to) != 1 || to[0].name != s.Name {
				t.Errorf("%s: %s leads to %v", overlay, s.Name, to)
				continue
			}
			for _, port := range s.Spec.Ports {
				i := slices.IndexFunc(to[0].container().Ports, func(p corev1.ContainerPort) bool { return intstr.FromString(p.Name) == port.TargetPort })
				if i < 0 {
					t.Errorf("%s: %s: no container has a port %v", overlay, s.Name, port.TargetPort)
					continue
				}
				// The name of a headless service stands for pods, not for a port.
				if headless := s.Spec.ClusterIP == corev1.ClusterIPNone; headless && to[0].container().Ports[i].ContainerPort != port.Port {
					t.Errorf("%s: %s: port %d is %d in the pods", overlay, s.Name, port.Port, to[0].container().Ports[i].ContainerPort)
				}
				if port.Name == "https" && !is(port.AppProtocol, "https") {
					t.Errorf("%s: %s does not say that it speaks TLS", overlay, s.Name)
				}
				if port.Port == 8081 || port.Port == 8222 {
					t.Errorf("%s: %s shows how its pods are to everybody", overlay, s.Name)
				}
			}
		}
		for _, w := range of[*appsv1.StatefulSet](all) {
			if !slices.ContainsFunc(services, func(s *corev1.Service) bool { return s.Name == w.Spec.ServiceName }) {
				t.Errorf("%s: %s has no service for its names", overlay, w.Name)
			}
		}
	}
}

// TestDisruptionsLeaveEnoughPods wants a budget for each workload of several replicas, which
// lets one go, and autoscalers that start with as many.
func TestDisruptionsLeaveEnoughPods(t *testing.T) {
	all := objects(t, "split")
	budgets, scalers := of[*policyv1.PodDisruptionBudget](all), of[*autoscalingv2.HorizontalPodAutoscaler](all)
	for _, w := range workloads(all) {
		if w.kind == "Job" {
			continue
		}
		replicas := w.replicas
		for _, s := range scalers {
			if s.Spec.ScaleTargetRef.Name == w.name && s.Spec.ScaleTargetRef.Kind == w.kind && s.Spec.ScaleTargetRef.APIVersion == "apps/v1" {
				if w.replicas != 0 || s.Spec.MaxReplicas <= *s.Spec.MinReplicas {
					t.Errorf("%s: both the manifest and the autoscaler say how many, or there is nothing to scale", w)
				}
				replicas = *s.Spec.MinReplicas
			}
		}
		i := slices.IndexFunc(budgets, func(b *policyv1.PodDisruptionBudget) bool { return maps.Equal(b.Spec.Selector.MatchLabels, w.selector) })
		if i < 0 {
			t.Errorf("%s has no budget", w)
			continue
		}
		if least := budgets[i].Spec.MinAvailable; replicas < 2 || least == nil || least.IntValue() != int(replicas)-1 {
			t.Errorf("%s: %v of %d replicas may not go", w, least, replicas)
		}
	}
	if len(scalers) != 4 || len(budgets) != 5 {
		t.Errorf("%d autoscalers and %d budgets, want 4 and 5", len(scalers), len(budgets))
	}
	for _, d := range of[*appsv1.Deployment](all) {
		if r := d.Spec.Strategy.RollingUpdate; r == nil || r.MaxUnavailable.IntValue() != 0 || r.MaxSurge.IntValue() != 1 {
			t.Errorf("%s is not replaced one by one", d.Name)
		}
	}
}

// TestConnectionsAddUp wants the database to have a place for each connection that all
// replicas open, for three more each while they are replaced, as one comes before two before
// it have ended, and some for people.
func TestConnectionsAddUp(t *testing.T) {
	all := objects(t, "split")
	clusters := of[*cluster](all)
	if len(clusters) != 1 {
		t.Fatalf("%d clusters", len(clusters))
	}
	places, err := strconv.Atoi(clusters[0].Spec.PostgreSQL.Parameters["max_connections"])
	if err != nil {
		t.Fatal(err)
	}
	want := 20
	for _, s := range of[*autoscalingv2.HorizontalPodAutoscaler](all) {
		var said struct {
			Connections int `json:"db-connections"`
		}
		if err := yaml.Unmarshal([]byte(config(t, all, s.Name)["config.yaml"]), &said); err != nil || said.Connections < 8 {
			t.Errorf("%s may hold %d connections, %v", s.Name, said.Connections, err)
		}
		want += int(s.Spec.MaxReplicas+3) * said.Connections
	}
	if places < want {
		t.Errorf("max_connections = %d, want %d", places, want)
	}
	const each = 3 << 20 // bytes of a connection beside what all share
	memory, shared := resource.MustParse(clusters[0].Spec.Resources["limits"]["memory"]), clusters[0].Spec.PostgreSQL.Parameters["shared_buffers"]
	buffers, err := resource.ParseQuantity(strings.TrimSuffix(shared, "B") + "i")
	if err != nil || memory.Value()-buffers.Value() < int64(places)*each {
		t.Errorf("%v of memory are too little for %s and %d connections, %v", &memory, shared, places, err)
	}
}

// TestTheDatabaseHasOneForEachService compares the operator's objects with what services ask
// for.
func TestTheDatabaseHasOneForEachService(t *testing.T) {
	all := objects(t, "split")
	c := of[*cluster](all)[0]
	names := []string{c.Spec.Bootstrap.InitDB.Database}
	for _, d := range of[*database](all) {
		if names = append(names, d.Spec.Name); d.Spec.Cluster.Name != c.Name || d.Spec.Owner != c.Spec.Bootstrap.InitDB.Owner {
			t.Errorf("database %s: %+v", d.Name, d.Spec)
		}
	}
	slices.Sort(names)
	if want := []string{"concentric_gateway", "concentric_journey", "concentric_survey", "concentric_ticket"}; !slices.Equal(names, want) {
		t.Errorf("databases = %v, want %v", names, want)
	}
	engines := config(t, all, "engines")
	for key, role := range map[string]string{"DB": c.Spec.Managed.Roles[0].Name, "OWNER_DB": c.Spec.Bootstrap.InitDB.Owner} {
		if want := "postgres://" + role + "@" + c.Name + "-rw:5432/concentric_{service}?sslmode=verify-full&"; !strings.HasPrefix(engines[key], want) {
			t.Errorf("%s = %s, want it to begin with %s", key, engines[key], want)
		}
	}
	for _, w := range workloads(all) {
		if args := w.container().Args; w.name == "migrate" && !slices.Equal(args, []string{"migrate", "--grant", c.Spec.Managed.Roles[0].Name}) {
			t.Errorf("migrations end with %v", args)
		}
	}
	if s := c.Spec.PostgreSQL.Synchronous; c.Spec.Instances < 3 || s.Number < 1 || s.DataDurability != "required" || c.Spec.Affinity.PodAntiAffinityType != "required" {
		t.Errorf("what is acknowledged may be lost with an instance: %+v", c.Spec)
	}
	if !slices.Contains(c.Spec.PostgreSQL.PgHBA, "hostnossl all all all reject") {
		t.Error("the database may be reached without TLS")
	}
}

// config returns the data of the ConfigMap that was generated under a name.
func config(t *testing.T, all []runtime.Object, name string) map[string]string {
	t.Helper()
	for _, c := range of[*corev1.ConfigMap](all) {
		if i := strings.LastIndex(c.Name, "-"); c.Name == name || i > 0 && c.Name[:i] == name {
			return c.Data
		}
	}
	t.Fatalf("there is no ConfigMap %s", name)
	return nil
}

// TestPoliciesSelectPods wants no policy that is about nobody.
func TestPoliciesSelectPods(t *testing.T) {
	for _, overlay := range overlays {
		all := objects(t, overlay)
		policies := of[*networkingv1.NetworkPolicy](all)
		if len(policies) == 0 {
			t.Fatalf("%s has no policies", overlay)
		}
		for _, p := range policies {
			found := slices.ContainsFunc(peers(all), func(w peer) bool { return selects(t, &p.Spec.PodSelector, w.labels) })
			if !found {
				t.Errorf("%s: the policy %s is about nobody", overlay, p.Name)
			}
		}
	}
}
