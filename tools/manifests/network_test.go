package main

import (
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A peer is who may speak or listen: a pod, or an address outside.
type peer struct {
	name      string
	namespace string // "" outside
	labels    map[string]string
	address   string // outside
	ports     map[string]int32
}

// peers returns those of an installation: its pods, and others whom they might meet.
func peers(all []runtime.Object) []peer {
	var found []peer
	for _, w := range workloads(all) {
		p := peer{name: w.name, namespace: w.namespace, labels: w.pod.Labels, ports: map[string]int32{}}
		for _, port := range w.container().Ports {
			p.ports[port.Name] = port.ContainerPort
		}
		found = append(found, p)
	}
	for _, c := range of[*cluster](all) {
		found = append(found, peer{
			name: "database", namespace: c.Namespace, labels: map[string]string{"cnpg.io/cluster": c.Name},
			ports: map[string]int32{"postgres": 5432, "status": 8000},
		})
	}
	return append(
		found,
		peer{name: "stranger", namespace: "concentric", labels: map[string]string{"app": "stranger"}, ports: map[string]int32{"any": 8443}},
		peer{name: "neighbor", namespace: "other", labels: map[string]string{"app": "ingress"}, ports: map[string]int32{"any": 8443}},
		peer{name: "operator", namespace: "cnpg-system", labels: map[string]string{"app": "cnpg"}, ports: map[string]int32{"any": 8443}},
		peer{name: "prometheus", namespace: "monitoring", labels: map[string]string{"app": "prometheus"}, ports: map[string]int32{"any": 8443}},
		peer{name: "names", namespace: "kube-system", labels: map[string]string{"k8s-app": "kube-dns"}, ports: map[string]int32{"dns": 53}},
		peer{name: "world", address: "203.0.113.7", ports: map[string]int32{"https": 443, "alt": 8443, "http": 80, "api": 6443}},
		peer{name: "world6", address: "2001:db8::7", ports: map[string]int32{"https": 443}},
		peer{name: "inside", address: "10.1.2.3", ports: map[string]int32{"https": 443, "api": 6443}},
		peer{name: "metadata", address: "169.254.169.254", ports: map[string]int32{"http": 80, "https": 443}},
	)
}

func selects(t *testing.T, by *metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matches(labels.Set(set))
}

// among reports whether a peer is one of those of a rule.
func (p peer) among(t *testing.T, rule []networkingv1.NetworkPolicyPeer) bool {
	t.Helper()
	return len(rule) == 0 || slices.ContainsFunc(rule, func(to networkingv1.NetworkPolicyPeer) bool {
		switch {
		case to.IPBlock != nil:
			return p.address != "" && within(p.address, to.IPBlock.CIDR) && !slices.ContainsFunc(to.IPBlock.Except, func(except string) bool { return within(p.address, except) })
		case p.namespace == "":
			return false
		case to.NamespaceSelector == nil && p.namespace != "concentric":
			return false
		case to.NamespaceSelector != nil && !selects(t, to.NamespaceSelector, map[string]string{"kubernetes.io/metadata.name": p.namespace}):
			return false
		}
		return to.PodSelector == nil || selects(t, to.PodSelector, p.labels)
	})
}

func within(address, block string) bool {
	return netip.MustParsePrefix(block).Contains(netip.MustParseAddr(address))
}

// opens reports whether a rule is about a port of a peer.
func opens(rule []networkingv1.NetworkPolicyPort, to peer, number int32) bool {
	return len(rule) == 0 || slices.ContainsFunc(rule, func(p networkingv1.NetworkPolicyPort) bool {
		if *p.Protocol != corev1.ProtocolTCP && *p.Protocol != corev1.ProtocolUDP || p.Port == nil {
			return false
		}
		if p.Port.Type == intstr.String {
			return to.ports[p.Port.StrVal] == number
		}
		return p.Port.IntVal == number
	})
}

// may reports whether the policies let one peer speak to a port of another.
func may(t *testing.T, policies []*networkingv1.NetworkPolicy, from, to peer, port int32) bool {
	t.Helper()
	leaves, enters := from.namespace != "concentric", to.namespace != "concentric"
	for _, p := range policies {
		if from.namespace == "concentric" && selects(t, &p.Spec.PodSelector, from.labels) {
			for _, rule := range p.Spec.Egress {
				leaves = leaves || to.among(t, rule.To) && opens(rule.Ports, to, port)
			}
		}
		if to.namespace == "concentric" && selects(t, &p.Spec.PodSelector, to.labels) {
			for _, rule := range p.Spec.Ingress {
				enters = enters || from.among(t, rule.From) && opens(rule.Ports, to, port)
			}
		}
	}
	return leaves && enters
}

// edges are all that is said between peers, FROM TO:PORT.
var edges = map[string][]string{
	"split": {
		"gateway ticket:https", "gateway survey:https", "gateway journey:https",
		"ticket nats:nats", "survey nats:nats", "journey nats:nats", "gateway nats:nats", "nats nats:cluster",
		"ticket database:postgres", "survey database:postgres", "journey database:postgres", "gateway database:postgres", "migrate database:postgres",
		"database database:postgres", "database database:status", "operator database:postgres", "operator database:status",
		"database world:https", "database world:api", "database inside:https", "database inside:api", "database world6:https", "database metadata:https",
		"gateway world:https", "gateway world:alt", "gateway world6:https",
		"neighbor gateway:https", "operator gateway:https", "names gateway:https", "prometheus gateway:https",
		"prometheus ticket:metrics", "prometheus survey:metrics", "prometheus journey:metrics", "prometheus gateway:metrics",
		"world gateway:https", "world6 gateway:https", "inside gateway:https", "metadata gateway:https",
	},
	"single": {
		"suite world:https", "suite world:alt", "suite world6:https",
		"neighbor suite:https", "operator suite:https", "names suite:https", "prometheus suite:https", "prometheus suite:metrics",
		"world suite:https", "world6 suite:https", "inside suite:https", "metadata suite:https",
	},
}

// TestEverybodySpeaksToWhomTheArchitectureSays computes all edges. The pods of the namespace
// ask for names besides.
func TestEverybodySpeaksToWhomTheArchitectureSays(t *testing.T) {
	for _, overlay := range overlays {
		all := objects(t, overlay)
		policies := of[*networkingv1.NetworkPolicy](all)
		var got []string
		for _, from := range peers(all) {
			for _, to := range peers(all) {
				for name, number := range to.ports {
					outside := from.namespace != "concentric" && to.namespace != "concentric"
					if outside || !may(t, policies, from, to, number) || to.name == "names" {
						continue
					}
					got = append(got, from.name+" "+to.name+":"+name)
				}
			}
			if from.namespace == "concentric" && !may(t, policies, from, peer{namespace: "kube-system", labels: map[string]string{"k8s-app": "kube-dns"}}, 53) {
				t.Errorf("%s: %s finds nobody by name", overlay, from.name)
			}
		}
		want := slices.Clone(edges[overlay])
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got and not wanted: %v; wanted and not got: %v", overlay, minus(got, want), minus(want, got))
		}
	}
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// TestNothingIsAllowedUnlessAPolicySaysSo wants the policy that makes all others necessary.
func TestNothingIsAllowedUnlessAPolicySaysSo(t *testing.T) {
	for _, overlay := range overlays {
		policies := of[*networkingv1.NetworkPolicy](objects(t, overlay))
		if !slices.ContainsFunc(policies, func(p *networkingv1.NetworkPolicy) bool {
			none := len(p.Spec.PodSelector.MatchLabels)+len(p.Spec.PodSelector.MatchExpressions)+len(p.Spec.Ingress)+len(p.Spec.Egress) == 0
			return none && slices.Equal(p.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress})
		}) {
			t.Errorf("%s denies nothing by default", overlay)
		}
	}
}
