package front

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// A route is a path of the contracts and a method that it takes.
type route struct {
	method  string
	shape   string // the path with * for what varies
	path    *regexp.Regexp
	service string
	batch   bool // it takes many requests in one
}

// routes are those of all services of the suite.
type routes []route

// eachMethod calls do with every method of the contracts, and those of health.
func eachMethod(do func(protoreflect.MethodDescriptor)) {
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "concentric.") && file.Package() != "grpc.health.v1" {
			return true // contracts of others that come with libraries
		}
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				do(methods.Get(j))
			}
		}
		return true
	})
}

// contractRoutes reads the routes from the contracts.
func contractRoutes() routes {
	var all routes
	eachMethod(func(md protoreflect.MethodDescriptor) {
		rule := ruleOf(md)
		for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
			if method, path := binding(r); path != "" {
				shape := plain(path)
				all = append(all, route{method, shape, pattern(shape), string(md.Parent().FullName()), rpc.Batch(md.Input())})
			}
		}
	})
	return all
}

// ruleOf returns how the method is bound to REST, or nil if it is not.
func ruleOf(md protoreflect.MethodDescriptor) *annotations.HttpRule {
	rule, _ := proto.GetExtension(md.Options(), annotations.E_Http).(*annotations.HttpRule)
	return rule
}

// binding returns the method and the path of a rule, or nothing if it has none.
func binding(r *annotations.HttpRule) (method, path string) {
	switch p := r.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	}
	return "", ""
}

// plain returns a path such as /v1/{name=brands/*}:close as /v1/brands/*:close.
func plain(path string) string {
	var plain strings.Builder
	for path != "" {
		before, variable, found := strings.Cut(path, "{")
		plain.WriteString(before)
		if !found {
			break
		}
		variable, path, _ = strings.Cut(variable, "}")
		if _, inner, ok := strings.Cut(variable, "="); ok {
			plain.WriteString(inner)
		} else {
			plain.WriteString("*")
		}
	}
	return plain.String()
}

// pattern returns what a plain path matches.
func pattern(plain string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(plain), `\*`, "[^/]+") + "$")
}

// find returns the route of a method at a path. It looks at one after another, which is
// good enough for what is about to be refused.
func (all routes) find(method, path string) (route, bool) {
	i := slices.IndexFunc(all, func(r route) bool { return r.method == method && r.path.MatchString(path) })
	if i < 0 {
		return route{}, false
	}
	return all[i], true
}

// allowed returns the methods that path takes, as the header Allow has them.
func (all routes) allowed(path string) string {
	var methods []string
	for _, r := range all {
		if !slices.Contains(methods, r.method) && r.path.MatchString(path) {
			methods = append(methods, r.method)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}
