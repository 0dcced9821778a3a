package main

import (
	"maps"
	"slices"
	"strings"
)

// object returns the document.
func (d *document) object() object {
	paths := object{}
	for _, path := range slices.Sorted(maps.Keys(d.paths)) {
		item := object{}
		for _, verb := range verbs() {
			for _, m := range d.paths[path] {
				if m.key == strings.ToLower(verb) {
					item = append(item, m)
				}
			}
		}
		paths = paths.with(path, item)
	}
	return object{
		{"openapi", "3.1.1"},
		{"info", object{
			{"title", "Concentric"},
			{"version", "v1"},
			{"description", "Customer service inside customer experience: tickets, surveys, journey scores, and the two views.\n\n" +
				"The same methods exist by gRPC, gRPC-Web and Connect on the same port, at `/{package}.{Service}/{Method}`.\n\n" +
				"A field that nobody knows is refused, in a body as in a query; fields with their zero values are in every answer. " +
				"Where calls are limited, every answer says so in `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`. " +
				"`x-rules`, `x-bounds` and `x-maxBytes` are rules that JSON Schema has no words for; `x-pii` says how a field relates to a person."},
			{"license", object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}},
		}},
		{"servers", []any{object{{"url", "/"}}}},
		{"tags", d.tags},
		{"paths", paths},
		{"components", d.components()},
	}
}

// components are what the operations refer to.
func (d *document) components() object {
	problem := problemSchema()
	named := object{{"Problem", problem}}
	slices.Sort(d.schemas.order)
	for _, name := range d.schemas.order {
		named = named.with(name, d.schemas.byName[name])
	}
	headers := object{}
	for i, text := range []string{"How many calls the caller may make in the window at hand.", "How many of them are left.", "In how many seconds the window ends."} {
		headers = headers.with(limits()[i], object{{"description", text}, {"schema", object{{"type", "integer"}}}})
	}
	headers = headers.with("Retry-After", object{{"description", "After how many seconds the same call may work."}, {"schema", object{{"type", "integer"}}}})
	all := object{}
	for _, m := range headers {
		all = all.with(m.key, object{{"$ref", "#/components/headers/" + m.key}})
	}
	headers = headers.with(revision, object{
		{"description", "Which revision the change made, for `minRevisions` of a view, so that it shows the change. Not where nobody is told of it, or by more than 64 events, nor for a repeat."},
		{"schema", object{{"type", "string"}}},
	})
	return object{
		{"schemas", named},
		{"parameters", object{{"IdempotencyKey", object{
			{"name", "Idempotency-Key"},
			{"in", "header"},
			{"description", "A UUID that makes the call safe to repeat for seven days: the same key has one effect and the same answer. It is the `requestId` of the request."},
			{"schema", object{{"type", "string"}, {"format", "uuid"}}},
		}}}},
		{"headers", headers},
		{"responses", object{{"Problem", object{
			{"description", "The call failed: " + statuses() + "."},
			{"headers", all},
			{"content", object{{"application/problem+json", object{{"schema", object{{"$ref", "#/components/schemas/Problem"}}}}}}},
		}}}},
		{"securitySchemes", object{{"bearer", object{
			{"type", "http"},
			{"scheme", "bearer"},
			{"description", "An API key or an OpenID Connect token. A suite on loopback may ask for none."},
		}}}},
	}
}

// problemSchema is the body of every error.
func problemSchema() object {
	text := func(description string) object {
		return object{{"type", "string"}, {"description", description}}
	}
	violation := object{
		{"type", "object"},
		{"properties", object{
			{"field", text("As in the contract, such as `ticket.subject`.")},
			{"detail", text("What is wrong with it.")},
			{"reason", text("The rule that it breaks, such as `string.min_len`.")},
		}},
		{"required", []string{"field", "detail"}},
	}
	return object{
		{"type", "object"},
		{"description", "What went wrong (RFC 9457)."},
		{"properties", object{
			{"type", object{{"type", "string"}, {"format", "uri"}, {"description", "Names the kind of problem; nothing need be there."}}},
			{"title", text("The kind of problem in words.")},
			{"status", object{{"type", "integer"}, {"description", "The HTTP status."}}},
			{"detail", text("This problem in words.")},
			{"code", text("The code of gRPC, such as `NOT_FOUND`.")},
			{"reason", text("For machines to branch on; never reworded.")},
			{"metadata", object{{"type", "object"}, {"additionalProperties", object{{"type", "string"}}}, {"description", "The dynamic parts of `detail`."}}},
			{"errors", object{{"type", "array"}, {"items", violation}, {"description", "What is wrong with the request, field by field."}}},
			{"retryDelay", text("When the same call may work, such as `0.1s`.")},
			{"details", object{{"type", "array"}, {"items", object{{"type", "object"}}}, {"description", "Whatever else there is to say."}}},
		}},
		{"required", []string{"type", "title", "status", "code"}},
	}
}
