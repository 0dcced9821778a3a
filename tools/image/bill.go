package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
)

// What a bill of materials consists of, as CycloneDX 1.6 has it.
type (
	materials struct {
		Format     string      `json:"bomFormat"`
		Spec       string      `json:"specVersion"`
		Version    int         `json:"version"`
		Metadata   metadata    `json:"metadata"`
		Components []component `json:"components"`
		Depends    []dependsOn `json:"dependencies"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version,omitempty"`
		URL        string     `json:"purl,omitempty"`
		Hashes     []hash     `json:"hashes,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependsOn struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn"`
	}
)

// bill returns what a binary is made of, as the linker has written it into the binary
// itself: the same binary has the same bill.
func bill(binary []byte) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fmt.Errorf("read what the binary is made of: %w", err)
	}
	digest := sha256.Sum256(binary)
	whole := component{
		Type: "application", Ref: info.Path, Name: info.Path,
		Hashes: []hash{{"SHA-256", hex.EncodeToString(digest[:])}},
	}
	for _, s := range info.Settings {
		whole.Properties = append(whole.Properties, property{"go:" + s.Key, s.Value})
	}
	version := strings.TrimPrefix(info.GoVersion, "go")
	all := []component{{Type: "library", Ref: "pkg:golang/stdlib@" + version, Name: "stdlib", Version: version, URL: "pkg:golang/stdlib@" + version}}
	for _, m := range info.Deps {
		all = append(all, library(m))
	}
	on := dependsOn{Ref: whole.Ref}
	for _, c := range all {
		on.On = append(on.On, c.Ref)
	}
	text, err := json.MarshalIndent(materials{"CycloneDX", "1.6", 1, metadata{whole}, all, []dependsOn{on}}, "", "  ")
	return append(text, '\n'), err
}

// library returns the component that a module is, or what it is replaced by. A module of
// this workspace has no version: it is of the same source as the whole.
func library(m *debug.Module) component {
	if m.Replace != nil {
		m = m.Replace
	}
	c := component{Type: "library", Ref: "pkg:golang/" + m.Path + "@" + m.Version, Name: m.Path, Version: m.Version}
	if m.Version == "(devel)" || m.Version == "" {
		c.Ref, c.Version = m.Path, ""
		return c
	}
	c.URL = c.Ref
	if m.Sum != "" {
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}

// platform returns the system and the processor that a binary is for.
func platform(binary []byte) (system, processor string, err error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return "", "", fmt.Errorf("read what the binary is for: %w", err)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			system = s.Value
		case "GOARCH":
			processor = s.Value
		case "CGO_ENABLED":
			if s.Value != "0" {
				return "", "", fmt.Errorf("it is linked to libraries that the image does not have: build it with CGO_ENABLED=0")
			}
		}
	}
	return system, processor, nil
}
