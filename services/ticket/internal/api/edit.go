package api

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/mask"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// UpdateTicket implements TicketService. An update that changes nothing leaves the
// etag as it is.
func (s *Server) UpdateTicket(ctx context.Context, req *ticketv1.UpdateTicketRequest) (*ticketv1.Ticket, error) {
	patch := req.GetTicket()
	etag := patch.GetEtag()
	if etag == "*" {
		if err := mayForce(ctx); err != nil {
			return nil, err
		}
		etag = ""
	}
	now := resource.Now()
	m := newMove(ctx, patch.GetName(), etag, now, now)
	m.edit = true
	return once.Do(ctx, s.DB, m.brand, req, func(tx *sqldb.Tx) (*ticketv1.Ticket, error) {
		before, after, err := m.run(tx, func(t store.Ticket) (store.Ticket, []store.Event, error) {
			return s.edited(tx, t, req, m.partner)
		})
		if err != nil {
			return nil, explain(patch.GetName(), err)
		}
		if after.Version == before.Version {
			return ticketProto(after), nil
		}
		s.Outbox.Emit(tx, ticketUpdated(after))
		return ticketProto(after), s.moved(tx, before, after)
	})
}

// mayForce refuses a caller who may not write over what others have written.
func mayForce(ctx context.Context) error {
	const scope = "tickets:force"
	c, _ := rpc.CallerFrom(ctx)
	if slices.Contains(c.Scopes, scope) || slices.Contains(c.Scopes, "*") {
		return nil
	}
	return &fault.Error{
		Code: codes.PermissionDenied, Reason: "SCOPE_MISSING",
		Message: "the etag * needs the scope " + scope, Metadata: map[string]string{"scope": scope},
	}
}

// edited is the rule of an update.
func (s *Server) edited(tx *sqldb.Tx, t store.Ticket, req *ticketv1.UpdateTicketRequest, partner string) (store.Ticket, []store.Event, error) {
	if err := gone(t); err != nil {
		return t, nil, err
	}
	stored := ticketProto(t)
	merged := proto.CloneOf(stored)
	if err := apply(merged, stored, req.GetTicket(), req.GetUpdateMask()); err != nil {
		return t, nil, err
	}
	keep := keepsPolicy(t, merged, req.GetUpdateMask())
	if proto.Equal(merged, stored) && !keep {
		return t, nil, nil
	}
	if err := s.Validator.Message(merged); err != nil {
		return t, nil, resource.Within("ticket", err)
	}
	t.Policy.Given = t.Policy.Given || keep
	next, err := s.rewritten(tx, t, merged, partner)
	if err != nil {
		return t, nil, err
	}
	var log []store.Event
	if next.Priority != t.Priority {
		log = append(log, store.Event{Kind: store.Prioritized, Priority: next.Priority, OldPriority: t.Priority})
	}
	if next.Policy.ID != t.Policy.ID || next.Policy.Revision != t.Policy.Revision {
		log = append(log, store.Event{Kind: store.PolicyApplied, Policy: next.Policy})
	}
	return next, log, nil
}

// keepsPolicy reports whether an update names the policy that the order of the policies
// has chosen for t: from now on it stays. That a whole ticket is written back as it was
// read does not say so.
func keepsPolicy(t store.Ticket, merged *ticketv1.Ticket, fields *fieldmaskpb.FieldMask) bool {
	return t.Policy.ID != "" && !t.Policy.Given && name.ID(merged.GetSlaPolicy()) == t.Policy.ID &&
		slices.Contains(fields.GetPaths(), "sla_policy")
}

// fixed are the fields of a ticket that no update changes, though a caller sets them
// when it is opened.
var fixed = []string{"customer", "open_time", "partner", "team", "agent"}

// apply changes the fields of merged that an update may change, and refuses others.
// That a whole ticket is written back as it was read is fine.
func apply(merged, stored, patch *ticketv1.Ticket, fields *fieldmaskpb.FieldMask) error {
	for _, path := range fields.GetPaths() {
		if slices.Contains(fixed, path) {
			return fault.Invalid(fault.Field{Path: "update_mask", Reason: "mask.output_only", Description: `"` + path + `" cannot be changed`})
		}
	}
	if err := mask.Apply(merged, patch, fields); err != nil {
		return err
	}
	to, from, given := merged.ProtoReflect(), stored.ProtoReflect(), patch.ProtoReflect()
	for _, f := range fixed {
		fd := to.Descriptor().Fields().ByName(protoreflect.Name(f))
		if given.Has(fd) && !given.Get(fd).Equal(from.Get(fd)) {
			return fault.Invalid(fault.Field{Path: "ticket." + f, Reason: "mask.output_only", Description: "cannot be changed"})
		}
		if f != "customer" && from.Has(fd) {
			to.Set(fd, from.Get(fd))
		}
	}
	return nil
}

// rewritten returns t as merged, which is valid, says, for a caller who sees only the
// tickets of a partner, if one is given.
func (s *Server) rewritten(tx *sqldb.Tx, t store.Ticket, merged *ticketv1.Ticket, partner string) (store.Ticket, error) {
	in, err := newTicket(&ticketv1.CreateTicketRequest{Parent: name.Join("brands", t.Brand), Ticket: merged, TicketId: t.ID}, t.CreateTime)
	if err != nil {
		return t, err
	}
	next := t
	next.Subject, next.Priority, next.IssueKind, next.Stage, next.Phase = in.Subject, in.Priority, in.IssueKind, in.Stage, in.Phase
	next.Channel, next.Handling, next.Origin, next.Attributes = in.Channel, in.Handling, in.Origin, in.Attributes
	next.IssueType, next.CauseTouchpoint, next.Campaign, next.ExternalID = in.IssueType, in.CauseTouchpoint, in.Campaign, in.ExternalID
	next.FollowUpOf, next.Avoidable, next.Grievance, next.RedressSteps = in.FollowUpOf, in.Avoidable, in.Grievance, in.RedressSteps
	if next.IssueType != "" && (next.IssueType != t.IssueType || next.IssueKind != t.IssueKind) {
		if err := typed(tx, &next, false); err != nil {
			return t, err
		}
	}
	complete(&next)
	if next.FollowUpOf != t.FollowUpOf {
		if err := followed(tx, next, partner); err != nil {
			return t, err
		}
	}
	if in.Policy.ID != t.Policy.ID {
		next.Policy = in.Policy
	}
	if next.Policy != t.Policy || next.Priority != t.Priority {
		_, err = s.slaRematch(tx, &next)
	}
	return next, err
}
