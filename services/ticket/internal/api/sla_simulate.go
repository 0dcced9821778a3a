package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/operation"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/sla"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

const (
	maxSimulated  = 500_000 // tickets
	simulatePart  = 500     // of them, which one replica does
	simulateBatch = 200     // of these, which are read together
)

// SimulateSlaPolicy implements SlaService.
func (s *Server) SimulateSlaPolicy(ctx context.Context, req *ticketv1.SimulateSlaPolicyRequest) (*longrunningpb.Operation, error) {
	if _, err := newPolicy(req.GetSlaPolicy(), table.Record{}); err != nil {
		return nil, err
	}
	span, err := s.simulated(req)
	if err != nil {
		return nil, err
	}
	total, err := s.Store.CountOpened(ctx, span, maxSimulated+1)
	if err != nil {
		return nil, err
	}
	if total > maxSimulated {
		return nil, fault.Invalid(fault.Field{Path: "window", Reason: "TOO_MANY_TICKETS", Description: fmt.Sprintf("holds more than %d tickets", maxSimulated)})
	}
	request, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	o := operation.Operation{Brand: span.Brand, ID: name.NewID(), Request: request, Total: total, CreateTime: resource.Now()}
	return once.Do(ctx, s.DB, o.Brand, req, func(tx *sqldb.Tx) (*longrunningpb.Operation, error) {
		if err := mustHave(tx, store.Schedules, o.Brand, "schedules", name.ID(req.GetSlaPolicy().GetSchedule())); err != nil {
			return nil, err
		}
		return s.operations().Start(tx, o)
	})
}

// simulated returns the tickets that req asks about.
func (s *Server) simulated(req *ticketv1.SimulateSlaPolicyRequest) (store.Span, error) {
	brand, w := name.Brand(req.GetParent()), req.GetWindow()
	picked, err := ticketFields.Parse(req.GetFilter(), brand)
	return store.Span{
		Brand: brand, From: w.GetStartTime().AsTime(), To: w.GetEndTime().AsTime(), Where: picked.Where(s.DB.Postgres()),
	}, err
}

// A trial is what a part of a simulation, or all of it, has found.
type trial struct {
	Tickets   int64       `json:"tickets"`
	Running   int64       `json:"running"`   // clocks that are not decided
	Cancelled int64       `json:"cancelled"` // clocks that no longer matter
	Cells     []trialCell `json:"cells"`     // by metric and priority
}

// A trialCell is the clocks of one metric for one priority, 0 for all of them.
type trialCell struct {
	Metric   int32 `json:"metric"`
	Priority int32 `json:"priority"`
	trialCounts
}

type trialCounts struct {
	Current      int64 `json:"current"` // decided
	CurrentMet   int64 `json:"current_met"`
	Simulated    int64 `json:"simulated"`
	SimulatedMet int64 `json:"simulated_met"`
	Lost         int64 `json:"lost"`
	Won          int64 `json:"won"`
}

// simulations says how simulations are done: the tickets of each part by one replica. All
// parts see the clocks at the time when the simulation was asked for.
func (s *Server) simulations() *operation.Split {
	return &operation.Split{Plan: s.planTrial, Do: s.tryPart, Finish: finishTrial}
}

// A trialPart is the tickets after one place and up to another; the zero Cursor is for neither.
type trialPart struct {
	After store.Cursor `json:"after"`
	Until store.Cursor `json:"until"`
}

// planTrial parts the tickets of a simulation. Those that come meanwhile are in the last part
// or in the one of their age.
func (s *Server) planTrial(ctx context.Context, o operation.Operation) ([]operation.Part, error) {
	_, span, err := s.tried(o)
	if err != nil {
		return nil, err
	}
	places, err := s.Store.Places(ctx, span, simulatePart)
	if err != nil {
		return nil, err
	}
	var (
		parts []operation.Part
		part  trialPart
	)
	for i, until := range append(places, store.Cursor{}) {
		size := int64(simulatePart)
		if part.Until = until; i == len(places) {
			size = max(o.Total-int64(i)*simulatePart, 0)
		}
		input, err := json.Marshal(part)
		if err != nil {
			return nil, err
		}
		parts = append(parts, operation.Part{Number: int64(i), Size: size, Input: input})
		part.After = until
	}
	return parts, nil
}

// tried returns what a simulation was asked for, and the tickets that it is about.
func (s *Server) tried(o operation.Operation) (*ticketv1.SimulateSlaPolicyRequest, store.Span, error) {
	req := &ticketv1.SimulateSlaPolicyRequest{}
	if err := proto.Unmarshal(o.Request, req); err != nil {
		return nil, store.Span{}, err
	}
	span, err := s.simulated(req)
	return req, span, err
}

// tryPart tries a policy on the tickets of one part.
func (s *Server) tryPart(ctx context.Context, o operation.Operation, p operation.Part) (operation.Effect, error) {
	var (
		part trialPart
		t    trial
	)
	if err := json.Unmarshal(p.Input, &part); err != nil {
		return nil, err
	}
	req, span, err := s.tried(o)
	if err != nil {
		return nil, err
	}
	policy, err := newPolicy(req.GetSlaPolicy(), table.Record{Brand: span.Brand, ID: "simulated"})
	if err != nil {
		return nil, err
	}
	judge := judge{reader: s.outside(ctx), promise: newPromise(policy), at: o.CreateTime, cells: map[cellKey]trialCounts{}}
	for more := true; more; {
		tickets, err := s.Store.Opened(ctx, span, part.After, part.Until, simulateBatch)
		if err != nil {
			return nil, err
		}
		histories, err := store.Histories(s.Store.Query(ctx), span.Brand, tickets)
		if err != nil {
			return nil, err
		}
		for _, h := range histories {
			if err := judge.try(h, &t); err != nil {
				return nil, err
			}
		}
		n := len(tickets)
		t.Tickets += int64(n)
		if more = n == simulateBatch; more {
			part.After = store.Cursor{Time: sqldb.Micros(tickets[n-1].OpenTime), ID: tickets[n-1].ID}
		}
	}
	t.Cells = judge.sorted()
	output, err := json.Marshal(t)
	return func(*sqldb.Tx) ([]byte, error) { return output, nil }, err
}

// finishTrial adds up what the parts of a simulation have found.
func finishTrial(_ context.Context, o operation.Operation, parts []operation.Part) (proto.Message, error) {
	req := &ticketv1.SimulateSlaPolicyRequest{}
	if err := proto.Unmarshal(o.Request, req); err != nil {
		return nil, err
	}
	var all trial
	sum := judge{cells: map[cellKey]trialCounts{}}
	for _, p := range parts {
		var t trial
		if err := json.Unmarshal(p.Output, &t); err != nil {
			return nil, err
		}
		all.Tickets += t.Tickets
		all.Running += t.Running
		all.Cancelled += t.Cancelled
		for _, c := range t.Cells {
			cell := sum.cells[cellKey{c.Metric, c.Priority}]
			cell.merge(c.trialCounts)
			sum.cells[cellKey{c.Metric, c.Priority}] = cell
		}
	}
	all.Cells = sum.sorted()
	return all.answer(req, o), nil
}

type cellKey struct{ metric, priority int32 }

// A judge compares a policy with what was.
type judge struct {
	reader
	promise *promise
	at      time.Time
	cells   map[cellKey]trialCounts
}

// try adds the clocks of one ticket.
func (j judge) try(h store.History, t *trial) error {
	was, _, err := j.history(h)
	if err != nil {
		return err
	}
	hours, err := j.timeline(h.Ticket.Brand, j.promise.schedule)
	if err != nil {
		return err
	}
	would := sla.History{Events: was.Events, Policies: j.replaced(h, hours)}
	type pair struct{ current, simulated verdict }
	pairs := map[clockKey]pair{}
	for _, c := range sla.Brief(was, j.at) {
		key := clockKey{int32(c.Metric), int32(c.Episode)} //nolint:gosec // few
		pairs[key] = pair{current: decide(c.State)}
	}
	for _, c := range sla.Brief(would, j.at) {
		key := clockKey{int32(c.Metric), int32(c.Episode)} //nolint:gosec // few
		p := pairs[key]
		p.simulated = decide(c.State)
		pairs[key] = p
	}
	for key, p := range pairs {
		for _, v := range []verdict{p.current, p.simulated} {
			switch v {
			case undecided:
				t.Running++
			case cancelled:
				t.Cancelled++
			}
		}
		for _, priority := range []int32{0, h.Ticket.Priority} {
			cell := j.cells[cellKey{key.metric, priority}]
			cell.add(p.current, p.simulated)
			j.cells[cellKey{key.metric, priority}] = cell
		}
	}
	return nil
}

// replaced returns the policies of a ticket as if it had had the one tried from its
// opening on.
func (j judge) replaced(h store.History, hours []sla.InForce) []sla.Applied {
	priority := firstPriority(h)
	all := []sla.Applied{{From: h.Ticket.OpenTime, Policy: j.promise.of(priority), Schedules: hours}}
	for _, e := range h.Events {
		if e.Priority != 0 {
			all = append(all, sla.Applied{From: e.Time, Policy: j.promise.of(e.Priority), Schedules: hours})
		}
	}
	return all
}

// A verdict is what has become of a clock.
type verdict int

const (
	absent verdict = iota
	met
	missed
	undecided
	cancelled
)

func decide(s sla.State) verdict {
	switch s {
	case sla.Met:
		return met
	case sla.Breached, sla.MetLate:
		return missed
	case sla.Cancelled:
		return cancelled
	}
	return undecided
}

func (c *trialCounts) add(current, simulated verdict) {
	count := func(v verdict, decided, kept *int64) bool {
		if v == met || v == missed {
			*decided++
		}
		if v == met {
			*kept++
		}
		return v == met || v == missed
	}
	was := count(current, &c.Current, &c.CurrentMet)
	would := count(simulated, &c.Simulated, &c.SimulatedMet)
	switch {
	case !was || !would || current == simulated:
	case current == met:
		c.Lost++
	default:
		c.Won++
	}
}

func (c *trialCounts) merge(other trialCounts) {
	c.Current += other.Current
	c.CurrentMet += other.CurrentMet
	c.Simulated += other.Simulated
	c.SimulatedMet += other.SimulatedMet
	c.Lost += other.Lost
	c.Won += other.Won
}

// sorted returns the cells by metric and priority.
func (j judge) sorted() []trialCell {
	order := func(a, b cellKey) int {
		return cmp.Or(cmp.Compare(a.metric, b.metric), cmp.Compare(a.priority, b.priority))
	}
	var all []trialCell
	for _, key := range slices.SortedFunc(maps.Keys(j.cells), order) {
		all = append(all, trialCell{key.metric, key.priority, j.cells[key]})
	}
	return all
}

// answer returns what a finished trial has found.
func (t *trial) answer(req *ticketv1.SimulateSlaPolicyRequest, o operation.Operation) *ticketv1.SimulateSlaPolicyResponse {
	resp := &ticketv1.SimulateSlaPolicyResponse{Basis: &typev1.Basis{
		Window: req.GetWindow(), AsOfTime: timestamppb.New(o.CreateTime), ReadTime: timestamppb.New(o.CreateTime), Included: t.Tickets,
		Excluded: measure.Exclusions(map[string]int64{"CLOCK_RUNNING": t.Running, "CLOCK_CANCELLED": t.Cancelled}),
		Sources:  []string{"ticket"},
	}}
	for _, c := range t.Cells {
		resp.Results = append(resp.Results, &ticketv1.SimulateSlaPolicyResponse_Result{
			Metric: ticketv1.SlaMetric(c.Metric), Priority: ticketv1.Ticket_Priority(c.Priority),
			Current:   measure.Estimate(stats.Wilson(c.CurrentMet, c.Current), typev1.Unit_UNIT_RATIO),
			Simulated: measure.Estimate(stats.Wilson(c.SimulatedMet, c.Simulated), typev1.Unit_UNIT_RATIO),
			LostCount: c.Lost, WonCount: c.Won,
		})
	}
	return resp
}
