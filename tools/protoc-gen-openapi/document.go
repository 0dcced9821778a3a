package main

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// A document is the API as REST has it.
type document struct {
	schemas schemas
	tags    []any
	paths   map[string]object // the operations of each path
}

// newDocument reads the services of the wanted files.
func newDocument(files *protoregistry.Files, wanted []string) *document {
	d := &document{schemas: schemas{byName: map[string]object{}}, paths: map[string]object{}}
	slices.Sort(wanted)
	for _, path := range wanted {
		file, err := files.FindFileByPath(path)
		if err != nil {
			continue
		}
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			before := len(d.paths)
			for j := range service.Methods().Len() {
				d.method(service.Methods().Get(j))
			}
			if len(d.paths) > before {
				d.tags = append(d.tags, object{{"name", tag(service)}}.text("description", comment(service)))
			}
		}
	}
	return d
}

// tag is the name of a service, which three packages may use alike.
func tag(service protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(service.FullName()), "concentric.")
}

// method adds the bindings of a method.
func (d *document) method(md protoreflect.MethodDescriptor) {
	rule, _ := proto.GetExtension(md.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		return
	}
	for i, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		verb, template := verbAndPath(binding)
		path, bound := d.path(md.Input(), template)
		id := strings.ReplaceAll(tag(md), ".", "_")
		if i > 0 {
			id += "_" + string(rune('0'+i))
		}
		d.paths[path] = d.paths[path].with(verb, d.operation(md, binding.GetBody(), id, bound))
	}
}

func verbAndPath(r *annotations.HttpRule) (verb, path string) {
	switch p := r.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "get", p.Get
	case *annotations.HttpRule_Put:
		return "put", p.Put
	case *annotations.HttpRule_Patch:
		return "patch", p.Patch
	case *annotations.HttpRule_Delete:
		return "delete", p.Delete
	}
	return "post", r.GetPost()
}

// bound is what a path takes from a request: the fields, and the parameters made of them.
type bound struct {
	fields     []string
	parameters []any
}

var variable = regexp.MustCompile(`\{([\w.]+)(?:=([^}]*))?\}`)

// path turns a template such as /v1/{name=brands/*/tickets/*} into a path of OpenAPI, such as
// /v1/brands/{brand}/tickets/{ticket}.
func (d *document) path(input protoreflect.MessageDescriptor, template string) (string, bound) {
	var b bound
	path := variable.ReplaceAllStringFunc(template, func(v string) string {
		parts := variable.FindStringSubmatch(v)
		b.fields = append(b.fields, parts[1])
		inner := parts[2]
		if inner == "" {
			inner = "*"
		}
		segments := strings.Split(inner, "/")
		patterns := segmentPatterns(fieldAt(input, parts[1]), len(segments))
		for i, segment := range segments {
			if segment != "*" {
				continue
			}
			name := parts[1]
			if i > 0 {
				name = singular(segments[i-1])
			}
			schema := object{{"type", "string"}}.text("pattern", patterns[i])
			b.parameters = append(b.parameters, object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", schema}})
			segments[i] = "{" + name + "}"
		}
		return strings.Join(segments, "/")
	})
	return path, b
}

// singular returns one of many: tickets is ticket, policies is policy.
func singular(plural string) string {
	if stem, ok := strings.CutSuffix(plural, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(plural, "s")
}

// fieldAt returns the field that a path of names leads to, or nil.
func fieldAt(md protoreflect.MessageDescriptor, path string) (f protoreflect.FieldDescriptor) {
	for name := range strings.SplitSeq(path, ".") {
		if md == nil {
			return nil
		}
		if f = md.Fields().ByName(protoreflect.Name(name)); f == nil {
			return nil
		}
		md = f.Message()
	}
	return f
}

// segmentPatterns splits the pattern of a name into those of its segments. Where it cannot
// be split nothing is said.
func segmentPatterns(f protoreflect.FieldDescriptor, n int) []string {
	patterns := make([]string, n)
	if f == nil {
		return patterns
	}
	rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(rules.GetString().GetPattern(), "^"), "$"), "/")
	if len(parts) != n || strings.ContainsAny(rules.GetString().GetPattern(), "()|") {
		return patterns
	}
	for i, part := range parts {
		patterns[i] = "^" + part + "$"
	}
	return patterns
}

// operation returns one operation of a path.
func (d *document) operation(md protoreflect.MethodDescriptor, body, id string, b bound) object {
	summary, rest, _ := strings.Cut(comment(md), ". ")
	o := object{{"tags", []string{tag(md.Parent())}}, {"operationId", id}}.
		text("summary", strings.TrimSuffix(summary, ".")).text("description", rest)
	parameters := b.parameters
	without := slices.Clone(b.fields)
	switch {
	case body == "*":
	case body != "":
		without = append(without, body)
		fallthrough
	default:
		parameters = append(parameters, d.query(md.Input(), "", without, 0)...)
	}
	if md.Input().Fields().ByName("request_id") != nil {
		parameters = append(parameters, object{{"$ref", "#/components/parameters/IdempotencyKey"}})
	}
	if len(parameters) > 0 {
		o = o.with("parameters", parameters)
	}
	switch {
	case body == "*":
		o = o.with("requestBody", jsonBody(d.schemas.message(md.Input(), b.fields)))
	case body != "":
		o = o.with("requestBody", jsonBody(d.body(md.Input().Fields().ByName(protoreflect.Name(body)), md)))
	}
	o = o.with("responses", object{{"200", d.answer(md)}, {"default", object{{"$ref", "#/components/responses/Problem"}}}})
	return o.with("security", security(md))
}

// body returns the schema of a field that is the body. That of an update may lack any
// field: what it has is what changes.
func (d *document) body(f protoreflect.FieldDescriptor, md protoreflect.MethodDescriptor) object {
	if md.Input().Fields().ByName("update_mask") == nil {
		return d.schemas.value(f, nil, false)
	}
	return d.schemas.partial(f.Message())
}

func jsonBody(schema object) object {
	return object{{"required", true}, {"content", object{{"application/json", object{{"schema", schema}}}}}}
}

// answer is what a call that went well gets.
func (d *document) answer(md protoreflect.MethodDescriptor) object {
	schema := wellKnown(md.Output())
	if schema == nil {
		schema = d.schemas.ref(md.Output())
	}
	if !md.IsStreamingServer() {
		o := object{{"description", "The answer."}}
		if md.Input().Fields().ByName("request_id") != nil {
			o = o.with("headers", object{{revision, object{{"$ref", "#/components/headers/" + revision}}}})
		}
		return o.with("content", object{{"application/json", object{{"schema", schema}}}})
	}
	line := object{{"type", "object"}, {"properties", object{{"result", schema}, {"error", object{{"$ref", "#/components/schemas/Problem"}}}}}}
	kind, place := "A stream", ""
	if md.Input().Fields().ByName("resume_token") != nil {
		kind, place = "A stream without end", ", whose id is where to resume"
	}
	return object{
		{"description", kind + ": one result a line or, for who accepts `text/event-stream`, one an event" + place + ". An error is the last line, or an event `problem`."},
		{"content", object{
			{"application/x-ndjson", object{{"schema", line}}},
			{"text/event-stream", object{{"schema", object{{"type", "string"}}}}},
		}},
	}
}

// deepest is how many messages deep a query parameter may be.
const deepest = 3

// query returns the parameters for the fields of a request that are not elsewhere.
func (d *document) query(md protoreflect.MessageDescriptor, prefix string, without []string, depth int) (parameters []any) {
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		if slices.Contains(without, string(f.Name())) || f.IsMap() {
			continue
		}
		if f.Message() != nil && wellKnown(f.Message()) == nil {
			if depth < deepest && !f.IsList() {
				parameters = append(parameters, d.query(f.Message(), prefix+f.JSONName()+".", nil, depth+1)...)
			}
			continue
		}
		schema := d.schemas.field(f)
		p := object{{"name", prefix + f.JSONName()}, {"in", "query"}}.text("description", comment(f))
		if prefix == "" && behaves(f, annotations.FieldBehavior_REQUIRED) {
			p = p.with("required", true)
		}
		schema = slices.DeleteFunc(schema, func(m member) bool { return m.key == "description" || m.key == "x-pii" })
		parameters = append(parameters, p.with("schema", schema))
	}
	return parameters
}

// security is the credential of a method with its scope, or also none.
func security(md protoreflect.MethodDescriptor) []any {
	scope, capability := access(md)
	all := []any{object{{"bearer", []string{scope}}}}
	if capability {
		all = append(all, object{})
	}
	return all
}

// access reads the option of the contracts that says who may use a method.
func access(md protoreflect.MethodDescriptor) (scope string, capability bool) {
	md.Options().ProtoReflect().Range(func(option protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if option.FullName() == "concentric.type.v1.access" {
			fields := option.Message().Fields()
			scope = v.Message().Get(fields.ByName("scope")).String()
			capability = v.Message().Get(fields.ByName("capability")).Bool()
		}
		return true
	})
	return scope, capability
}

// revision is the header that says which revision a change made.
const revision = "Concentric-Revision"

// limits are the headers that say how much a caller may still do.
func limits() []string { return []string{"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} }

// statuses are the HTTP statuses of errors, for the description.
func statuses() string {
	return "400 the request is wrong · 401 no valid credential · 403 it does not allow this · 404 no such thing · " +
		"405, 413, 415 as HTTP has them · 409 it exists already, or has changed · 429 too many calls · " +
		"500 a fault of the server · 501 not here · 503 try again · 504 too late"
}

// verbs is the order of operations in a path.
func verbs() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}
