package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const kubernetes = "../../deploy/kubernetes"

// overlays are what people install, and the secrets they make for it.
var overlays = []string{"single", "split"}

// objects returns the objects of an overlay. Each is decoded strictly: a field that its kind
// does not have, or has twice, is an error.
func objects(t *testing.T, overlay string) []runtime.Object {
	t.Helper()
	text, err := render(filesys.MakeFsOnDisk(), kubernetes+"/overlays/"+overlay)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text)
}

func decode(t *testing.T, text []byte) []runtime.Object {
	t.Helper()
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Yaml: true, Strict: true})
	var all []runtime.Object
	for reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		one, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		object, err := custom(one)
		if err == nil && object == nil {
			object, _, err = strict.Decode(one, nil, nil)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, one)
		}
		all = append(all, object)
	}
}

// of returns the objects of one type.
func of[T runtime.Object](all []runtime.Object) []T {
	var found []T
	for _, object := range all {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// A workload is what runs pods.
type workload struct {
	kind, name, namespace string
	replicas              int32 // 0 where an autoscaler says
	selector              map[string]string
	pod                   corev1.PodTemplateSpec
	claims                []corev1.PersistentVolumeClaim
}

func (w workload) String() string { return w.kind + " " + w.name }

// container returns the one container of a pod.
func (w workload) container() *corev1.Container { return &w.pod.Spec.Containers[0] }

// workloads returns all that run pods, except those of operators.
func workloads(all []runtime.Object) []workload {
	var found []workload
	for _, object := range all {
		switch o := object.(type) {
		case *appsv1.Deployment:
			w := workload{kind: "Deployment", name: o.Name, namespace: o.Namespace, selector: o.Spec.Selector.MatchLabels, pod: o.Spec.Template}
			if o.Spec.Replicas != nil {
				w.replicas = *o.Spec.Replicas
			}
			found = append(found, w)
		case *appsv1.StatefulSet:
			found = append(found, workload{
				kind: "StatefulSet", name: o.Name, namespace: o.Namespace, replicas: *o.Spec.Replicas,
				selector: o.Spec.Selector.MatchLabels, pod: o.Spec.Template, claims: o.Spec.VolumeClaimTemplates,
			})
		case *batchv1.Job:
			found = append(found, workload{kind: "Job", name: o.Name, namespace: o.Namespace, pod: o.Spec.Template})
		}
	}
	return found
}

// each runs f for the workloads of each overlay.
func each(t *testing.T, f func(t *testing.T, w workload, all []runtime.Object)) {
	t.Helper()
	for _, overlay := range overlays {
		all := objects(t, overlay)
		ws := workloads(all)
		if len(ws) == 0 {
			t.Fatalf("%s runs nothing", overlay)
		}
		for _, w := range ws {
			t.Run(overlay+"/"+w.name, func(t *testing.T) { f(t, w, all) })
		}
	}
}

// ours reports whether a workload runs our binary.
func (w workload) ours() bool { return strings.HasPrefix(w.container().Image, "concentric:") }
