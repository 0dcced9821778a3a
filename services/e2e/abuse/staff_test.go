package abuse

import (
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// staffed is a furnished suite whose brands have people, a catalog and agreements.
func staffed(t *testing.T) *suite {
	t.Helper()
	s := furnished(t, config{})
	staff(t, s)
	return s
}

// staff furnishes both brands with what staffed says.
func staff(t *testing.T, s *suite) {
	t.Helper()
	s.made = map[string]made{}
	for _, brand := range []string{acme, "brands/other"} {
		hire(t, s, brand)
		stock(t, s, brand)
		op := must[*longrunningpb.Operation](t, s, &ticketv1.SimulateSlaPolicyRequest{Parent: brand, SlaPolicy: gold(brand), Window: year()})
		s.made[brand] = made{operation: op.GetName()}
	}
}

// hire gives a brand partners, teams and agents: bo of the partner mihir, cy of
// abacus, eve of the brand itself, and gone, who works no longer. What is called
// spare is in no use.
func hire(t *testing.T, s *suite, brand string) {
	t.Helper()
	for _, id := range []string{"mihir", "abacus", "spare"} {
		must[*ticketv1.Partner](t, s, &ticketv1.CreatePartnerRequest{Parent: brand, PartnerId: id, Partner: &ticketv1.Partner{DisplayName: id}})
	}
	for id, partner := range map[string]string{"night": "mihir", "spare": ""} {
		team := &ticketv1.Team{DisplayName: id}
		if partner != "" {
			team.Partner = brand + "/partners/" + partner
		}
		must[*ticketv1.Team](t, s, &ticketv1.CreateTeamRequest{Parent: brand, TeamId: id, Team: team})
	}
	for id, partner := range map[string]string{"bo": "mihir", "cy": "abacus", "eve": "", "gone": "", "spare": ""} {
		agent := &ticketv1.Agent{DisplayName: id, Inactive: id == "gone"}
		if partner != "" {
			agent.Partner = brand + "/partners/" + partner
		}
		must[*ticketv1.Agent](t, s, &ticketv1.CreateAgentRequest{Parent: brand, AgentId: id, Agent: agent})
	}
}

// stock gives a brand a catalog, agreements and tickets in several states.
func stock(t *testing.T, s *suite, brand string) {
	t.Helper()
	must[*ticketv1.IssueType](t, s, &ticketv1.CreateIssueTypeRequest{Parent: brand, IssueTypeId: "late", IssueType: &ticketv1.IssueType{
		DisplayName: "Late", IssueKind: ticketv1.Ticket_ISSUE_KIND_DELIVERY,
	}})
	must[*ticketv1.Problem](t, s, &ticketv1.CreateProblemRequest{Parent: brand, ProblemId: "outage", Problem: &ticketv1.Problem{Title: "Outage"}})
	for _, id := range []string{"desk", "spare"} {
		must[*ticketv1.Schedule](t, s, scheduled(func(r *ticketv1.CreateScheduleRequest) { r.Parent, r.ScheduleId = brand, id }))
	}
	must[*ticketv1.SlaPolicy](t, s, &ticketv1.CreateSlaPolicyRequest{Parent: brand, SlaPolicyId: "gold", SlaPolicy: gold(brand)})
	must[*ticketv1.SelfServiceSession](t, s, &ticketv1.CreateSelfServiceSessionRequest{
		Parent: brand, SelfServiceSessionId: "chat", SelfServiceSession: visitOf(brand),
	})
	for _, id := range []string{"7", "8", "settled", "deleted"} {
		if brand == acme && id == "7" {
			continue // is there
		}
		must[*ticketv1.Ticket](t, s, newTicket(func(r *ticketv1.CreateTicketRequest) {
			r.Parent, r.TicketId, r.Ticket.Customer, r.Ticket.OpenTime = brand, id, brand+"/customers/ann", timestamppb.Now()
		}))
	}
	if brand != acme {
		must[*ticketv1.Interaction](t, s, say(func(r *ticketv1.CreateInteractionRequest) { r.Parent, r.InteractionId = brand+"/tickets/7", "i" }))
	}
	must[*ticketv1.Ticket](t, s, &ticketv1.ResolveTicketRequest{Name: brand + "/tickets/settled", Outcome: ticketv1.Ticket_OUTCOME_SOLVED})
	must[*ticketv1.Ticket](t, s, &ticketv1.DeleteTicketRequest{Name: brand + "/tickets/deleted"})
}

// scheduled creates a schedule of acme, Monday to Friday from nine to five.
func scheduled(spoil ...func(*ticketv1.CreateScheduleRequest)) *ticketv1.CreateScheduleRequest {
	r := &ticketv1.CreateScheduleRequest{Parent: acme, Schedule: &ticketv1.Schedule{DisplayName: "Desk", TimeZone: "Europe/Berlin"}}
	for day := range 5 {
		r.Schedule.Week = append(r.Schedule.Week, &ticketv1.Schedule_WeekDay{
			Day: ticketv1.Schedule_DayOfWeek(1 + day), Hours: []*ticketv1.Schedule_Hours{{OpenTime: "09:00", CloseTime: "17:00"}},
		})
	}
	return spoiled(r, spoil)
}

// gold is a policy for tickets that say they are of gold, and for no others.
func gold(brand string) *ticketv1.SlaPolicy {
	return &ticketv1.SlaPolicy{
		DisplayName: "Gold", Schedule: brand + "/schedules/desk",
		Conditions: &ticketv1.SlaPolicy_Conditions{Attributes: map[string]string{"tier": "gold"}},
		Targets:    []*ticketv1.SlaPolicy_Target{{Metric: ticketv1.SlaMetric_SLA_METRIC_RESOLUTION, Duration: durationpb.New(8 * time.Hour)}},
	}
}

// agreed creates a policy of acme.
func agreed(spoil ...func(*ticketv1.CreateSlaPolicyRequest)) *ticketv1.CreateSlaPolicyRequest {
	return spoiled(&ticketv1.CreateSlaPolicyRequest{Parent: acme, SlaPolicy: gold(acme)}, spoil)
}

func visitOf(brand string) *ticketv1.SelfServiceSession {
	return &ticketv1.SelfServiceSession{
		Customer: brand + "/customers/ann", Kind: ticketv1.SelfServiceSession_KIND_BOT, Channel: typev1.Channel_CHANNEL_CHAT, StartTime: noon, EndTime: noon,
	}
}

// year is a window around noon.
func year() *typev1.Window {
	return &typev1.Window{StartTime: timestamppb.New(noon.AsTime().AddDate(0, -6, 0)), EndTime: timestamppb.New(noon.AsTime().AddDate(0, 6, 0))}
}

// help is one call of every method of the ticket service that the brand can make; what
// refers to other things does so.
func help(brand, operation string) []proto.Message {
	tk, settled, interaction := brand+"/tickets/7", brand+"/tickets/settled", brand+"/tickets/7/interactions/i"
	opened := newTicket().GetTicket()
	opened.Customer = brand + "/customers/ann"
	opened.RedressSteps = []*ticketv1.Ticket_RedressStep{{Title: "Refund"}}
	said := say().GetInteraction()
	created := &ticketv1.CreateTicketRequest{Parent: brand, Ticket: opened}
	spoken := &ticketv1.CreateInteractionRequest{Parent: tk, Interaction: said}
	return append(directory(brand), append(agreements(brand, operation), []proto.Message{
		created, spoken,
		&ticketv1.GetTicketRequest{Name: tk},
		&ticketv1.ListTicketsRequest{Parent: brand},
		&ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: tk, Subject: "Changed", RedressSteps: opened.GetRedressSteps()}},
		&ticketv1.DeleteTicketRequest{Name: tk},
		&ticketv1.UndeleteTicketRequest{Name: brand + "/tickets/deleted"},
		&ticketv1.BatchGetTicketsRequest{Parent: brand, Names: []string{tk}},
		&ticketv1.BatchCreateTicketsRequest{Parent: brand, Requests: []*ticketv1.CreateTicketRequest{created}},
		&ticketv1.ImportTicketsRequest{
			Parent: brand, TicketId: "imported", Ticket: opened, Interactions: []*ticketv1.Interaction{said},
			Events: []*ticketv1.TicketEvent{{Kind: ticketv1.TicketEvent_KIND_ASSIGNED, EventTime: noon, Agent: brand + "/agents/eve"}},
		},
		&ticketv1.AssignTicketRequest{Name: tk, Agent: brand + "/agents/eve"},
		&ticketv1.EscalateTicketRequest{Name: tk},
		&ticketv1.PendTicketRequest{Name: tk},
		&ticketv1.HoldTicketRequest{Name: tk},
		&ticketv1.ResumeTicketRequest{Name: tk},
		&ticketv1.ResolveTicketRequest{Name: tk, Outcome: ticketv1.Ticket_OUTCOME_SOLVED},
		&ticketv1.ReopenTicketRequest{Name: settled},
		&ticketv1.CloseTicketRequest{Name: settled},
		&ticketv1.MergeTicketsRequest{Name: tk, Sources: []string{brand + "/tickets/8"}},
		&ticketv1.ListTicketEventsRequest{Parent: tk},
		&ticketv1.WatchTicketsRequest{Parent: brand},
		&ticketv1.GetInteractionRequest{Name: interaction},
		&ticketv1.ListInteractionsRequest{Parent: tk},
		&ticketv1.BatchCreateInteractionsRequest{Parent: brand, Requests: []*ticketv1.CreateInteractionRequest{spoken}},
		&ticketv1.RedactInteractionRequest{Name: interaction},
		&ticketv1.QueryServiceMetricsRequest{Parent: brand},
		&ticketv1.ListPainPointsRequest{Parent: brand},
		&ticketv1.ComparePartnersRequest{Parent: brand, Partners: []string{brand + "/partners/mihir"}},
		&ticketv1.GetDataSpanRequest{Parent: brand},
		&ticketv1.CreateSelfServiceSessionRequest{Parent: brand, SelfServiceSession: visitOf(brand)},
		&ticketv1.GetSelfServiceSessionRequest{Name: brand + "/selfServiceSessions/chat"},
		&ticketv1.ListSelfServiceSessionsRequest{Parent: brand},
		&ticketv1.RateSelfServiceSessionRequest{Name: brand + "/selfServiceSessions/chat", Verdict: ticketv1.SelfServiceSession_VERDICT_SOLVED},
	}...)...)
}

// directory is the part of help about people and the catalog.
func directory(brand string) []proto.Message {
	partner, team, agent := brand+"/partners/spare", brand+"/teams/spare", brand+"/agents/spare"
	late, outage := brand+"/issueTypes/late", brand+"/problems/outage"
	kind := &ticketv1.IssueType{DisplayName: "Other", IssueKind: ticketv1.Ticket_ISSUE_KIND_OTHER}
	return []proto.Message{
		&ticketv1.CreatePartnerRequest{Parent: brand, Partner: &ticketv1.Partner{DisplayName: "New"}},
		&ticketv1.GetPartnerRequest{Name: partner},
		&ticketv1.ListPartnersRequest{Parent: brand},
		&ticketv1.UpdatePartnerRequest{Partner: &ticketv1.Partner{Name: partner, DisplayName: "Other"}},
		&ticketv1.DeletePartnerRequest{Name: partner},
		&ticketv1.CreateTeamRequest{Parent: brand, Team: &ticketv1.Team{DisplayName: "New"}},
		&ticketv1.GetTeamRequest{Name: team},
		&ticketv1.ListTeamsRequest{Parent: brand},
		&ticketv1.UpdateTeamRequest{Team: &ticketv1.Team{Name: team, DisplayName: "Other"}},
		&ticketv1.DeleteTeamRequest{Name: team},
		&ticketv1.CreateAgentRequest{Parent: brand, Agent: &ticketv1.Agent{DisplayName: "New"}},
		&ticketv1.GetAgentRequest{Name: agent},
		&ticketv1.ListAgentsRequest{Parent: brand},
		&ticketv1.UpdateAgentRequest{Agent: &ticketv1.Agent{Name: agent, DisplayName: "Other"}},
		&ticketv1.DeleteAgentRequest{Name: agent},
		&ticketv1.CreateIssueTypeRequest{Parent: brand, IssueType: kind},
		&ticketv1.GetIssueTypeRequest{Name: late},
		&ticketv1.ListIssueTypesRequest{Parent: brand},
		&ticketv1.UpdateIssueTypeRequest{IssueType: &ticketv1.IssueType{Name: late, DisplayName: "Other"}},
		&ticketv1.DeleteIssueTypeRequest{Name: late},
		&ticketv1.CreateProblemRequest{Parent: brand, Problem: &ticketv1.Problem{Title: "New"}},
		&ticketv1.GetProblemRequest{Name: outage},
		&ticketv1.ListProblemsRequest{Parent: brand},
		&ticketv1.UpdateProblemRequest{Problem: &ticketv1.Problem{Name: outage, Title: "Other"}},
		&ticketv1.DeleteProblemRequest{Name: outage},
		&ticketv1.AttachTicketsRequest{Name: outage, Tickets: []string{brand + "/tickets/7"}},
		&ticketv1.DetachTicketsRequest{Name: outage, Tickets: []string{brand + "/tickets/7"}},
	}
}

// agreements is the part of help about schedules, policies, clocks and operations.
func agreements(brand, operation string) []proto.Message {
	policy, spare := brand+"/slaPolicies/gold", brand+"/schedules/spare"
	renamed := gold(brand)
	renamed.Name, renamed.DisplayName = policy, "Other"
	return []proto.Message{
		scheduled(func(r *ticketv1.CreateScheduleRequest) { r.Parent = brand }),
		&ticketv1.GetScheduleRequest{Name: spare},
		&ticketv1.ListSchedulesRequest{Parent: brand},
		&ticketv1.UpdateScheduleRequest{Schedule: &ticketv1.Schedule{Name: spare, DisplayName: "Other"}},
		&ticketv1.DeleteScheduleRequest{Name: spare},
		&ticketv1.CreateSlaPolicyRequest{Parent: brand, SlaPolicy: gold(brand)},
		&ticketv1.GetSlaPolicyRequest{Name: policy},
		&ticketv1.ListSlaPoliciesRequest{Parent: brand},
		&ticketv1.UpdateSlaPolicyRequest{SlaPolicy: renamed},
		&ticketv1.DeleteSlaPolicyRequest{Name: policy},
		&ticketv1.ListSlaPolicyRevisionsRequest{Name: policy},
		&ticketv1.RollbackSlaPolicyRequest{Name: policy, Revision: 1},
		&ticketv1.GetSlaClockRequest{Name: brand + "/tickets/7"},
		&ticketv1.ListSlaInstancesRequest{Parent: brand + "/tickets/7"},
		&ticketv1.PreviewSlaDeadlineRequest{Parent: brand, SlaPolicy: policy, Metric: ticketv1.SlaMetric_SLA_METRIC_RESOLUTION},
		&ticketv1.SimulateSlaPolicyRequest{Parent: brand, SlaPolicy: gold(brand), Window: year()},
		&ticketv1.WatchSlaEventsRequest{Parent: brand},
		&ticketv1.GetOperationRequest{Name: operation},
		&ticketv1.ListOperationsRequest{Parent: brand},
		&ticketv1.WaitOperationRequest{Name: operation},
		&ticketv1.CancelOperationRequest{Name: operation},
	}
}
