package api

import (
	"slices"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// slaState is what a server keeps in memory of policies, schedules and timers.
type slaState struct {
	book       book
	timers     worker.Alarm // of the clocks
	operations worker.Alarm
}

// slaOpened notes the policy that a new ticket has been given, and starts its clocks.
// The ticket has been added: until then its id may be somebody else's.
func (s *Server) slaOpened(tx *sqldb.Tx, t store.Ticket) error {
	if t.Policy.ID == "" {
		return nil
	}
	store.AddPolicyApplied(tx, t)
	if t.ImportDigest != "" { // its history follows, and then its clocks
		return nil
	}
	h := store.History{Ticket: t, Events: []store.Event{{Kind: store.PolicyApplied, Number: 1, Time: t.OpenTime, Policy: t.Policy}}}
	_, err := s.settle(tx, h, nil)
	return err
}

// slaMoved brings the clocks of a ticket up to date after a write that added to its
// log. A ticket without a policy costs nothing.
func (s *Server) slaMoved(tx *sqldb.Tx, before, after store.Ticket) error {
	if before.Policy.ID == "" && after.Policy.ID == "" {
		return nil
	}
	if err := store.LockTimer(tx, after.Brand, after.ID); err != nil {
		return err
	}
	_, err := s.recount(tx, after)
	return err
}

// slaRematch chooses the policy of a ticket anew, after its priority or its policy has
// changed: one that is given stays, in its present revision. It reports whether that
// is another policy or revision than before.
func (s *Server) slaRematch(tx *sqldb.Tx, t *store.Ticket) (changed bool, err error) {
	before := t.Policy
	err = s.choose(tx, t)
	if t.Policy.Given && before.Revision != 0 && fault.Reason(err) == "NOT_FOUND" {
		t.Policy, err = before, nil // it was deleted; whoever has it keeps it
	}
	return t.Policy != before, err
}

// choose gives t the policy that it names or else the first one whose conditions it
// meets.
func (s *Server) choose(tx *sqldb.Tx, t *store.Ticket) error {
	policies, err := s.within(tx).order(t.Brand)
	if err != nil {
		return err
	}
	if !t.Policy.Given {
		t.Policy = store.Policy{}
		for i := range policies {
			if p := &policies[i]; !p.Inactive && meets(t, p.Conditions) {
				t.Policy = store.Policy{ID: p.ID, Revision: p.Revision}
				break
			}
		}
		return nil
	}
	i := slices.IndexFunc(policies, func(p store.SLAPolicy) bool { return p.ID == t.Policy.ID })
	if i >= 0 {
		t.Policy.Revision = policies[i].Revision
		return nil
	}
	p, err := store.SLAPolicies.Get(tx, t.Brand, t.Policy.ID) // made by another replica just now
	if err != nil {
		return explain(ref(t.Brand, "slaPolicies", t.Policy.ID), err)
	}
	t.Policy.Revision = p.Revision
	return nil
}

// meets reports whether t is what a policy is for.
func meets(t *store.Ticket, c *store.Conditions) bool {
	if c == nil {
		return true
	}
	for _, one := range []struct {
		of []int32
		is int32
	}{
		{c.Channels, t.Channel},
		{c.Handlings, t.Handling},
		{c.IssueKinds, t.IssueKind},
		{c.Priorities, t.Priority},
		{c.Stages, t.Stage},
		{c.Phases, t.Phase},
		{c.Origins, t.Origin},
	} {
		if len(one.of) > 0 && !slices.Contains(one.of, one.is) {
			return false
		}
	}
	for _, one := range []struct {
		of []string
		is string
	}{{c.Partners, t.Partner}, {c.Teams, t.Team}, {c.IssueTypes, t.IssueType}} {
		if len(one.of) > 0 && !slices.Contains(one.of, one.is) {
			return false
		}
	}
	for key, value := range c.Attributes {
		if got, ok := t.Attributes[key]; !ok || got != value {
			return false
		}
	}
	return true
}
