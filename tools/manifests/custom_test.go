package main

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// The objects of operators, whose modules would bring in half of Kubernetes. They are
// decoded as strictly as the others, into the part of their types that the manifests use.
type (
	cluster struct { // postgresql.cnpg.io/v1 Cluster
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              clusterSpec `json:"spec"`
	}
	clusterSpec struct {
		Instances  int                          `json:"instances"`
		Bootstrap  clusterBootstrap             `json:"bootstrap"`
		Managed    clusterManaged               `json:"managed"`
		PostgreSQL clusterPostgres              `json:"postgresql"`
		Storage    size                         `json:"storage"`
		WALStorage size                         `json:"walStorage"`
		Resources  map[string]map[string]string `json:"resources"`
		Affinity   struct {
			PodAntiAffinityType string `json:"podAntiAffinityType"`
		} `json:"affinity"`
	}
	clusterBootstrap struct {
		InitDB struct {
			Database string    `json:"database"`
			Owner    string    `json:"owner"`
			Secret   reference `json:"secret"`
		} `json:"initdb"`
	}
	clusterManaged struct {
		Roles []struct {
			Name           string    `json:"name"`
			Ensure         string    `json:"ensure"`
			Login          bool      `json:"login"`
			PasswordSecret reference `json:"passwordSecret"`
		} `json:"roles"`
	}
	clusterPostgres struct {
		Synchronous struct {
			Method         string `json:"method"`
			Number         int    `json:"number"`
			DataDurability string `json:"dataDurability"`
		} `json:"synchronous"`
		Parameters map[string]string `json:"parameters"`
		PgHBA      []string          `json:"pg_hba"` //nolint:tagliatelle // as the operator calls it
	}
	database struct { // postgresql.cnpg.io/v1 Database
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Cluster reference `json:"cluster"`
			Name    string    `json:"name"`
			Owner   string    `json:"owner"`
		} `json:"spec"`
	}
	issuer struct { // cert-manager.io/v1 Issuer
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			SelfSigned *struct{} `json:"selfSigned,omitempty"`
			CA         *struct {
				SecretName string `json:"secretName"`
			} `json:"ca,omitempty"`
		} `json:"spec"`
	}
	certificate struct { // cert-manager.io/v1 Certificate
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			IsCA        bool            `json:"isCA"`
			CommonName  string          `json:"commonName"`
			SecretName  string          `json:"secretName"`
			DNSNames    []string        `json:"dnsNames"`
			Duration    metav1.Duration `json:"duration"`
			RenewBefore metav1.Duration `json:"renewBefore"`
			Usages      []string        `json:"usages"`
			PrivateKey  struct {
				Algorithm      string `json:"algorithm"`
				Size           int    `json:"size"`
				RotationPolicy string `json:"rotationPolicy"`
			} `json:"privateKey"`
			IssuerRef struct {
				Kind string `json:"kind"`
				Name string `json:"name"`
			} `json:"issuerRef"`
		} `json:"spec"`
	}
	reference struct {
		Name string `json:"name"`
	}
	size struct {
		Size string `json:"size"`
	}
)

// kinds are the custom ones.
var kinds = map[schema.GroupVersionKind]func() runtime.Object{
	{Group: "postgresql.cnpg.io", Version: "v1", Kind: "Cluster"}:  func() runtime.Object { return &cluster{} },
	{Group: "postgresql.cnpg.io", Version: "v1", Kind: "Database"}: func() runtime.Object { return &database{} },
	{Group: "cert-manager.io", Version: "v1", Kind: "Issuer"}:      func() runtime.Object { return &issuer{} },
	{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}: func() runtime.Object { return &certificate{} },
}

// custom decodes an object of an operator, and returns nil for any other.
func custom(text []byte) (runtime.Object, error) {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(text, &meta); err != nil {
		return nil, err
	}
	empty, ok := kinds[meta.GroupVersionKind()]
	if !ok {
		return nil, nil
	}
	object := empty()
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		return nil, fmt.Errorf("%s: %w", meta.Kind, err)
	}
	return object, nil
}

// DeepCopyObject implements [runtime.Object].
func (o *cluster) DeepCopyObject() runtime.Object { c := *o; return &c }

// DeepCopyObject implements [runtime.Object].
func (o *database) DeepCopyObject() runtime.Object { c := *o; return &c }

// DeepCopyObject implements [runtime.Object].
func (o *issuer) DeepCopyObject() runtime.Object { c := *o; return &c }

// DeepCopyObject implements [runtime.Object].
func (o *certificate) DeepCopyObject() runtime.Object { c := *o; return &c }
