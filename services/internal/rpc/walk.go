package rpc

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// The most that an error says about a request, so that it fits into the trailers
// of an answer.
const (
	maxFaults      = 16
	maxPath        = 200
	maxDescription = 300
)

// A walk looks at every value of one message for what is wrong in any contract:
// text that databases refuse, numbers that are none, enum values nobody defined,
// times no calendar has, and more elements than allowed (first of all, because
// each of them could break a rule of its own). On the way it looks for references
// to another brand.
type walk struct {
	brand   string // that references must belong to; "" for any
	foreign string // the first reference that does not
	faults  []fault.Field
	path    []step // to the value at hand
}

// A step is one part of the path to a value.
type step struct {
	field protoreflect.Name
	item  int                 // in a list, counted from 1
	key   protoreflect.MapKey // in a map
}

// message walks m, of the type that p is for.
func (w *walk) message(p *plan, m protoreflect.Message) {
	for i := range p.fields {
		f := &p.fields[i]
		if len(w.faults) >= maxFaults || !m.Has(f.desc) {
			continue
		}
		w.path = append(w.path, step{field: f.desc.Name()})
		value := m.Get(f.desc)
		switch {
		case f.desc.IsMap():
			w.pairs(f, value.Map())
		case f.desc.IsList():
			w.items(f, value.List())
		default:
			w.value(f, value)
		}
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *walk) items(f *field, list protoreflect.List) {
	if f.most > 0 && list.Len() > f.most {
		w.report("repeated.max_items", fmt.Sprintf("must contain no more than %d item(s)", f.most))
		return
	}
	if f.kind == harmless {
		return
	}
	for i := range list.Len() {
		if len(w.faults) >= maxFaults {
			return
		}
		w.path[len(w.path)-1].item = i + 1
		w.value(f, list.Get(i))
	}
}

func (w *walk) pairs(f *field, pairs protoreflect.Map) {
	if f.most > 0 && pairs.Len() > f.most {
		w.report("map.max_pairs", fmt.Sprintf("must contain no more than %d pair(s)", f.most))
		return
	}
	pairs.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		w.path[len(w.path)-1].key = k
		if f.keys {
			w.text(k.String())
		}
		w.value(f, v)
		return len(w.faults) < maxFaults
	})
}

func (w *walk) value(f *field, v protoreflect.Value) {
	switch f.kind {
	case text:
		w.text(v.String())
		if f.reference && w.brand != "" && w.foreign == "" && v.String() != "" && name.Brand(v.String()) != w.brand {
			w.foreign = v.String()
		}
	case float:
		if x := v.Float(); math.IsNaN(x) || math.IsInf(x, 0) {
			w.report("double.finite", "must be a finite number")
		}
	case enum:
		if f.value.Enum().Values().ByNumber(v.Enum()) == nil {
			w.report("enum.defined_only", "must be one of the defined enum values")
		}
	case timestamp:
		if s, n := parts(v.Message()); s < minSecond || s > maxSecond || n < 0 || n >= 1e9 {
			w.report("timestamp.valid", "must be a time from the year 1 to 9999")
		}
	case duration:
		s, n := parts(v.Message())
		if s < -maxSpan || s > maxSpan || n <= -1e9 || n >= 1e9 || s > 0 && n < 0 || s < 0 && n > 0 {
			w.report("duration.valid", "must be a duration of at most 10,000 years, with seconds and nanos of one sign")
		}
	case message:
		w.message(f.inside, v.Message())
	}
}

// Bounds of google.protobuf.Timestamp and Duration, in seconds.
const (
	minSecond = -62135596800
	maxSecond = 253402300799
	maxSpan   = 315576000000
)

// parts returns the seconds and nanos of a Timestamp or Duration.
func parts(m protoreflect.Message) (seconds, nanos int64) {
	fields := m.Descriptor().Fields()
	return m.Get(fields.ByNumber(1)).Int(), m.Get(fields.ByNumber(2)).Int()
}

func (w *walk) text(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		w.report("string.nul", "must not contain the character U+0000")
	}
	if !utf8.ValidString(s) { // the wire refuses it, other ways in may not
		w.report("string.utf8", "must be valid UTF-8")
	}
}

func (w *walk) report(reason, description string) {
	var b strings.Builder
	for i, s := range w.path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(string(s.field))
		switch {
		case s.item > 0:
			fmt.Fprintf(&b, "[%d]", s.item-1)
		case s.key.IsValid():
			fmt.Fprintf(&b, "[%q]", s.key.String())
		}
	}
	w.faults = append(w.faults, fault.Field{Path: cut(b.String(), maxPath), Description: description, Reason: reason})
}

// cut shortens s to at most n bytes, and to valid UTF-8.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "�")
}
