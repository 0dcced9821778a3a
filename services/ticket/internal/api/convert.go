package api

import (
	"cmp"
	"strconv"
	"time"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// newTicket makes the row of a request, with the defaults of the contract.
func newTicket(req *ticketv1.CreateTicketRequest, now time.Time) (store.Ticket, error) {
	in := req.GetTicket()
	opened, err := given("ticket.open_time", in.GetOpenTime(), now)
	if err != nil {
		return store.Ticket{}, err
	}
	if cause := in.GetCauseTouchpoint(); cause != "" && name.Parent(cause) != in.GetCustomer() {
		return store.Ticket{}, fault.Invalid(fault.Field{
			Path: "ticket.cause_touchpoint", Description: "must be a touchpoint of the customer", Reason: "cause_touchpoint.customer",
		})
	}
	return store.Ticket{
		Brand:      name.Brand(req.GetParent()),
		ID:         idOr(req.GetTicketId()),
		Customer:   name.ID(in.GetCustomer()),
		Subject:    in.GetSubject(),
		Priority:   int32(in.GetPriority()),
		IssueKind:  int32(in.GetIssueKind()),
		Stage:      int32(in.GetStage()),
		Phase:      int32(in.GetPhase()),
		Channel:    int32(in.GetChannel()),
		Handling:   int32(cmp.Or(in.GetHandling(), typev1.Handling_HANDLING_AGENT)),
		Origin:     int32(cmp.Or(in.GetOrigin(), typev1.Origin_ORIGIN_INBOUND)),
		Partner:    name.ID(in.GetPartner()),
		Team:       name.ID(in.GetTeam()),
		Agent:      name.ID(in.GetAgent()),
		OpenTime:   or(opened, now),
		Status:     lifecycle.Status{State: lifecycle.New},
		Attributes: normal(in.GetAttributes()),
		CreateTime: now,
		UpdateTime: now,
		Version:    1,

		IssueType:       name.ID(in.GetIssueType()),
		CauseTouchpoint: name.ID(in.GetCauseTouchpoint()),
		Campaign:        in.GetCampaign(),
		ExternalID:      in.GetExternalId(),
		FollowUpOf:      name.ID(in.GetFollowUpOf()),
		Avoidable:       in.GetAvoidable(),
		Grievance:       in.GetGrievance(),
		RedressSteps:    newSteps(in.GetRedressSteps()),
		Policy:          store.Policy{ID: name.ID(in.GetSlaPolicy()), Given: in.GetSlaPolicy() != ""},
	}, nil
}

// complete gives a new ticket the defaults of what neither the caller nor its issue
// type says.
func complete(t *store.Ticket) {
	t.Priority = cmp.Or(t.Priority, int32(ticketv1.Ticket_PRIORITY_NORMAL))
	t.Stage = cmp.Or(t.Stage, int32(typev1.Stage_STAGE_RETENTION))
	t.Phase = cmp.Or(t.Phase, int32(typev1.Phase_PHASE_POST_PURCHASE))
}

func newSteps(in []*ticketv1.Ticket_RedressStep) (all []store.RedressStep) {
	for _, step := range in {
		all = append(all, store.RedressStep{
			Title: step.GetTitle(), Due: microsOf(step.GetDueTime()), Done: microsOf(step.GetDoneTime()), Agent: name.ID(step.GetAgent()),
		})
	}
	return all
}

// microsOf returns a time as the store keeps it, 0 for none.
func microsOf(ts *timestamppb.Timestamp) int64 {
	if ts == nil {
		return 0
	}
	return sqldb.Micros(ts.AsTime())
}

// newInteraction makes the row of a request. Its channel is zero if the ticket's
// is meant.
func newInteraction(req *ticketv1.CreateInteractionRequest, now time.Time) (store.Interaction, error) {
	in := req.GetInteraction()
	start, err := given("interaction.start_time", in.GetStartTime(), now)
	if err != nil {
		return store.Interaction{}, err
	}
	end, err := given("interaction.end_time", in.GetEndTime(), now)
	if err != nil {
		return store.Interaction{}, err
	}
	start = or(start, now)
	end = or(end, start)
	if end.Before(start) {
		return store.Interaction{}, fault.Invalid(fault.Field{
			Path: "interaction.end_time", Description: "must not be before start_time", Reason: "timestamp.order",
		})
	}
	return store.Interaction{
		Brand:  name.Brand(req.GetParent()),
		Ticket: name.ID(req.GetParent()),
		ID:     idOr(req.GetInteractionId()),
		Act: lifecycle.Interaction{
			Kind: lifecycle.Kind(in.GetKind()), Direction: lifecycle.Direction(in.GetDirection()),
			Actor: lifecycle.Actor(in.GetActor()), Start: start,
		},
		Agent:       name.ID(in.GetAgent()),
		Team:        name.ID(in.GetTeam()),
		Partner:     name.ID(in.GetPartner()),
		Channel:     int32(in.GetChannel()),
		EndTime:     end,
		Text:        in.GetText(),
		Expectation: int32(in.GetExpectation()),
		Attributes:  normal(in.GetAttributes()),
		CreateTime:  now,
		CostMicros:  in.CostMicros,
	}, nil
}

func ticketProto(t store.Ticket) *ticketv1.Ticket {
	p := &ticketv1.Ticket{
		Name:              ticketName(t.Brand, t.ID),
		Customer:          ref(t.Brand, "customers", t.Customer),
		Subject:           t.Subject,
		State:             ticketv1.Ticket_State(t.Status.State),
		Priority:          ticketv1.Ticket_Priority(t.Priority),
		IssueKind:         ticketv1.Ticket_IssueKind(t.IssueKind),
		Stage:             typev1.Stage(t.Stage),
		Phase:             typev1.Phase(t.Phase),
		Channel:           typev1.Channel(t.Channel),
		Handling:          typev1.Handling(t.Handling),
		Origin:            typev1.Origin(t.Origin),
		Partner:           ref(t.Brand, "partners", t.Partner),
		Team:              ref(t.Brand, "teams", t.Team),
		Agent:             ref(t.Brand, "agents", t.Agent),
		OpenTime:          timestamppb.New(t.OpenTime),
		FirstResponseTime: timeProto(t.Status.FirstResponse),
		ResolveTime:       timeProto(t.Status.ResolveTime),
		Outcome:           ticketv1.Ticket_Outcome(t.Status.Outcome),
		ReopenCount:       t.Status.ReopenCount,
		Attributes:        t.Attributes,
		CreateTime:        timestamppb.New(t.CreateTime),
		UpdateTime:        timestamppb.New(t.UpdateTime),
		Etag:              resource.Etag(t.Version),
		IssueType:         ref(t.Brand, "issueTypes", t.IssueType),
		Problem:           ref(t.Brand, "problems", t.Problem),
		Campaign:          t.Campaign,
		ExternalId:        t.ExternalID,
		FollowUpOf:        ref(t.Brand, "tickets", t.FollowUpOf),
		MergedInto:        ref(t.Brand, "tickets", t.MergedInto),
		Avoidable:         t.Avoidable,
		Grievance:         t.Grievance,
		RedressSteps:      stepsProto(t),
		SlaPolicy:         ref(t.Brand, "slaPolicies", t.Policy.ID),
		SlaPolicyRevision: t.Policy.Revision,
		EscalationLevel:   t.EscalationLevel,
		HandoffCount:      t.HandoffCount,
		ContactCount:      t.Counts.Contacts,
		OutcomeConfirmed:  t.Status.Confirmed,
		CloseTime:         timeProto(t.Status.CloseTime),
		DeleteTime:        timeProto(t.DeleteTime),
	}
	if t.CauseTouchpoint != "" {
		p.CauseTouchpoint = name.Join(p.GetCustomer(), "touchpoints", t.CauseTouchpoint)
	}
	if t.Counts.Costed > 0 {
		p.CostMicros = &t.Counts.CostMicros
	}
	if !t.DeleteTime.IsZero() {
		p.PurgeTime = timestamppb.New(t.DeleteTime.Add(store.Keep))
	}
	return p
}

func stepsProto(t store.Ticket) (all []*ticketv1.Ticket_RedressStep) {
	for _, step := range t.RedressSteps {
		all = append(all, &ticketv1.Ticket_RedressStep{
			Title: step.Title, DueTime: stamp(step.Due), DoneTime: stamp(step.Done), Agent: ref(t.Brand, "agents", step.Agent),
		})
	}
	return all
}

// stamp returns nil for 0.
func stamp(us int64) *timestamppb.Timestamp {
	if us == 0 {
		return nil
	}
	return timestamppb.New(sqldb.Time(us))
}

func interactionProto(i store.Interaction) *ticketv1.Interaction {
	return &ticketv1.Interaction{
		Name:             interactionName(i),
		Kind:             ticketv1.Interaction_Kind(i.Act.Kind),
		Direction:        ticketv1.Interaction_Direction(i.Act.Direction),
		Actor:            ticketv1.Interaction_Actor(i.Act.Actor),
		Agent:            ref(i.Brand, "agents", i.Agent),
		Team:             ref(i.Brand, "teams", i.Team),
		Partner:          ref(i.Brand, "partners", i.Partner),
		Channel:          typev1.Channel(i.Channel),
		StartTime:        timestamppb.New(i.Act.Start),
		EndTime:          timestamppb.New(i.EndTime),
		Text:             i.Text,
		Expectation:      typev1.Expectation(i.Expectation),
		CountsAsResponse: i.Act.CountsAsResponse(),
		Attributes:       i.Attributes,
		CreateTime:       timestamppb.New(i.CreateTime),
		CostMicros:       i.CostMicros,
		RedactTime:       timeProto(i.RedactTime),
	}
}

func eventProto(e store.Event) *ticketv1.TicketEvent {
	id := strconv.FormatInt(e.Number, 10)
	if e.Interaction != "" {
		id = "i-" + e.Interaction
	}
	ticket := ticketName(e.Brand, e.Ticket)
	p := &ticketv1.TicketEvent{
		Name:              name.Join(ticket, "events", id),
		Kind:              ticketv1.TicketEvent_Kind(e.Kind),
		EventTime:         timestamppb.New(e.Time),
		RecordTime:        timestamppb.New(e.RecordTime),
		FromState:         ticketv1.Ticket_State(e.From),
		ToState:           ticketv1.Ticket_State(e.To),
		Agent:             ref(e.Brand, "agents", e.Owner.Agent),
		Team:              ref(e.Brand, "teams", e.Owner.Team),
		Partner:           ref(e.Brand, "partners", e.Owner.Partner),
		Priority:          ticketv1.Ticket_Priority(e.Priority),
		Outcome:           ticketv1.Ticket_Outcome(e.Outcome),
		OtherTicket:       ref(e.Brand, "tickets", e.OtherTicket),
		SlaPolicy:         ref(e.Brand, "slaPolicies", e.Policy.ID),
		SlaPolicyRevision: e.Policy.Revision,
		Reason:            e.Reason,
	}
	if e.Interaction != "" {
		p.Interaction = name.Join(ticket, "interactions", e.Interaction)
	}
	return p
}

func ticketName(brand, id string) string { return ref(brand, "tickets", id) }

func interactionName(i store.Interaction) string {
	return name.Join(ticketName(i.Brand, i.Ticket), "interactions", i.ID)
}

// ref returns the name of something of the brand, or "" without an id.
func ref(brand, collection, id string) string {
	if id == "" {
		return ""
	}
	return name.Join("brands", brand, collection, id)
}

// idOr returns the caller's id, or a new one.
func idOr(id string) string {
	if id == "" {
		return name.NewID()
	}
	return id
}

// normal returns attributes with their values in form NFC, so that equal texts
// fall into one group.
func normal(in map[string]string) map[string]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[k] = norm.NFC.String(v)
	}
	return out
}

// timeProto returns a time, or nil for the zero time.
func timeProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// codesOf returns the numbers of enum values.
func codesOf[E ~int32](in []E) (all []int32) {
	for _, v := range in {
		all = append(all, int32(v))
	}
	return all
}

func enumsOf[E ~int32](in []int32) (all []E) {
	for _, v := range in {
		all = append(all, E(v))
	}
	return all
}
