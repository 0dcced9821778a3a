package rpc

import (
	"errors"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// A Validator checks messages against their contracts, as a server does with each
// request. It is for the items of a batch, which a server leaves to the handler.
// It is safe for concurrent use.
type Validator struct {
	mu    sync.Mutex // held to make plans
	plans sync.Map   // protoreflect.MessageDescriptor to *plan
}

// NewValidator returns a Validator.
func NewValidator() *Validator { return &Validator{} }

// Message returns a fault that says field by field what is wrong with m, or that
// a resource of another brand than its own does not exist, or nil.
func (v *Validator) Message(m proto.Message) error {
	r := m.ProtoReflect()
	p := v.planOf(r.Descriptor())
	foreign, err := v.check(m, p, brandOf(p.subject(r), Caller{}))
	if err != nil {
		return err
	}
	return Caller{}.mayAct("", foreign, false)
}

// A Glancer is a service that tells at a glance of some requests that they surely keep
// their contract and refer to no other brand than their subject's. The server does not check
// these rule by rule. It is called concurrently.
type Glancer interface {
	Plain(req proto.Message) bool
}

// check returns what is wrong with m, and the first reference in m to another
// brand than the given one.
func (v *Validator) check(m proto.Message, p *plan, brand string) (foreign string, err error) {
	var steps [4]step
	w := walk{brand: brand, path: steps[:0]}
	w.message(p, m.ProtoReflect())
	if len(w.faults) > 0 {
		return "", fault.Invalid(w.faults...)
	}
	return w.foreign, p.broken(protovalidate.Validate(m))
}

// updateRule is the rule of a whole update request that is about the name in it.
const updateRule = "update.name"

// broken turns the rules that a message breaks into a fault.
func (p *plan) broken(err error) error {
	e, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok {
		return err
	}
	fields := make([]fault.Field, 0, min(len(e.Violations), maxFaults))
	for _, violation := range e.Violations[:cap(fields)] {
		path := protovalidate.FieldPathString(violation.Proto.GetField())
		if path == "" && p.resource != nil && violation.Proto.GetRuleId() == updateRule {
			path = string(p.resource.Name() + "." + p.name.Name())
		}
		description := violation.Proto.GetMessage()
		if description == "" {
			description = "breaks the rule " + violation.Proto.GetRuleId()
		}
		fields = append(fields, fault.Field{
			Path: cut(path, maxPath), Description: cut(description, maxDescription), Reason: violation.Proto.GetRuleId(),
		})
	}
	return fault.Invalid(fields...)
}

func (v *Validator) planOf(md protoreflect.MessageDescriptor) *plan {
	if p, ok := v.plans.Load(md); ok {
		return p.(*plan)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	p, _ := v.plans.LoadOrStore(md, planner{}.plan(md))
	return p.(*plan)
}
