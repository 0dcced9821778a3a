package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// A configFile is the name of a YAML file that says what flags say, each under its name.
// Flags beat the environment, and that beats the file.
type configFile string

// BeforeResolve has kong ask the file for what neither a flag nor the environment says.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	name, ok := ctx.FlagValue(trace.Flag).(configFile)
	if !ok || name == "" {
		return nil
	}
	file, err := readConfig(string(name), ctx.Selected().AllFlags(true))
	if err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

// A config is what a file says.
type config struct {
	path string
	said map[string]*yaml.Node // by flag
}

// readConfig reads the file. It may say each of the flags once, and nothing else.
func readConfig(path string, flags [][]*kong.Flag) (*config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := &config{path, map[string]*yaml.Node{}}
	if len(document.Content) == 0 {
		return c, nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: want NAME: VALUE, a flag a line", path, root.Line)
	}
	for pair := range slices.Chunk(root.Content, 2) {
		key, value := pair[0], pair[1]
		switch _, twice := c.said[key.Value]; {
		case twice:
			return nil, fmt.Errorf("%s:%d: %s is said twice", path, key.Line, key.Value)
		case key.Value == "config" || key.Value == "help" || key.Value == "version" || !known(flags, key.Value):
			return nil, fmt.Errorf("%s:%d: there is no flag --%s", path, key.Line, key.Value)
		}
		c.said[key.Value] = value
	}
	return c, nil
}

func known(flags [][]*kong.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(group []*kong.Flag) bool {
		return slices.ContainsFunc(group, func(f *kong.Flag) bool { return f.Name == name })
	})
}

// Validate implements [kong.Resolver].
func (c *config) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver]. What a flag cannot mean is an error that names the
// line.
func (c *config) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	node, ok := c.said[flag.Name]
	if !ok || fromEnvironment(flag) {
		return nil, nil
	}
	value, err := spelled(node)
	if err == nil {
		err = flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), reflect.New(flag.Target.Type()).Elem())
		flag.Set = false // or kong would pass over the name of a file
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", c.path, node.Line, err)
	}
	return value, nil
}

// spelled returns a value as it would stand on the command line.
func spelled(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.ScalarNode:
		return node.Value, nil
	case yaml.SequenceNode:
		var all []any
		for _, n := range node.Content {
			if n.Kind != yaml.ScalarNode {
				return nil, errors.New("want a list of values")
			}
			all = append(all, n.Value)
		}
		return all, nil
	}
	return nil, errors.New("want a value, or a list of them")
}

// fromEnvironment reports whether a variable says what the flag does.
func fromEnvironment(flag *kong.Flag) bool {
	return slices.ContainsFunc(flag.Envs, func(name string) bool { _, ok := os.LookupEnv(name); return ok })
}

// sources says of each flag of the command where its value comes from.
func sources(ctx *kong.Context) map[string]string {
	from := map[string]string{}
	for _, group := range ctx.Selected().AllFlags(false) {
		for _, flag := range group {
			if from[flag.Name] = "default"; fromEnvironment(flag) {
				from[flag.Name] = "environment"
			}
		}
	}
	for _, p := range ctx.Path {
		switch {
		case p.Flag != nil && p.Resolved:
			from[p.Flag.Name] = "file"
		case p.Flag != nil:
			from[p.Flag.Name] = "flag"
		}
	}
	return from
}

// kubernetes matches the variables that Kubernetes sets for services in a namespace, which
// may be called like us.
var kubernetes = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP).*)?)$`)

// checkEnvironment refuses variables of ours that no flag has: they would be misspelt.
// Those of tests, CONCENTRIC_TEST_NAME, say nothing to the command.
func checkEnvironment(app *kong.Application, environment []string) error {
	var ours []string
	if err := kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			ours = append(ours, flag.Envs...)
		}
		return next(nil)
	}); err != nil {
		return err
	}
	var errs []error
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "CONCENTRIC_") || strings.HasPrefix(name, "CONCENTRIC_TEST_") || kubernetes.MatchString(name) || slices.Contains(ours, name) {
			continue
		}
		errs = append(errs, fmt.Errorf("the environment has %s, which no flag is called", name))
	}
	return errors.Join(errs...)
}

// password matches one in an address, with what is before it.
var password = regexp.MustCompile(`(://[^/@:]*:)[^/@]+(@)|([?&]password=)[^&]+`)

// hasPassword reports whether an address says one.
func hasPassword(address string) bool { return password.MatchString(address) }

// redacted returns an address without its password.
func redacted(address string) string { return password.ReplaceAllString(address, "$1$3***$2") }
