package ticket_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func TestAnUpdateChangesWhatItNames(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		tk := must(d.CreateTicket)(t, open())
		patch := &ticketv1.Ticket{
			Name: tk.GetName(), Etag: tk.GetEtag(), Subject: "Where is it?", Priority: ticketv1.Ticket_PRIORITY_HIGH, Campaign: "spring",
			Attributes: map[string]string{"tenure": "31-60"}, ExternalId: "zendesk:1", Grievance: true, Avoidable: true,
			CauseTouchpoint: ann + "/touchpoints/t1",
			RedressSteps:    []*ticketv1.Ticket_RedressStep{{Title: "call", DueTime: at(0), Agent: acme + "/agents/bo"}},
		}
		got := must(d.UpdateTicket)(t, &ticketv1.UpdateTicketRequest{Ticket: patch})
		want := proto.CloneOf(tk)
		proto.Merge(want, patch)
		want.Etag, want.UpdateTime = got.GetEtag(), got.GetUpdateTime()
		equal(t, "updated ticket", got, want)
		equal(t, "stored ticket", must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: tk.GetName()}), want)
		log := d.log(t, tk.GetName())
		if len(log) != 2 || log[1].GetKind() != ticketv1.TicketEvent_KIND_PRIORITIZED || log[1].GetPriority() != ticketv1.Ticket_PRIORITY_HIGH {
			t.Errorf("log = %v, want the new priority", log)
		}
		if told := d.told(t); len(told) != 2 || told[1].GetTicketUpdated() == nil {
			t.Errorf("events = %v, want that it was updated", told)
		}
		same := must(d.UpdateTicket)(t, &ticketv1.UpdateTicketRequest{Ticket: got}) // as it was read
		equal(t, "written back", same, got)
		cleared := must(d.UpdateTicket)(t, &ticketv1.UpdateTicketRequest{
			Ticket: &ticketv1.Ticket{Name: tk.GetName()}, UpdateMask: fields("priority", "redress_steps", "attributes.tenure"),
		})
		if cleared.GetPriority() != ticketv1.Ticket_PRIORITY_NORMAL || cleared.RedressSteps != nil || cleared.Attributes != nil || cleared.GetCampaign() != "spring" {
			t.Errorf("cleared ticket = %v, want the default priority, no steps and no attributes", cleared)
		}
	})
}

func TestBadUpdatesAreRefused(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		tk := must(d.CreateTicket)(t, open())
		n := tk.GetName()
		for _, tt := range []struct {
			name  string
			req   *ticketv1.UpdateTicketRequest
			code  codes.Code
			field string
		}{
			{"with an old etag", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, Etag: "9", Subject: "x"}}, codes.Aborted, ""}, // T40
			{"with an empty mask", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n}, UpdateMask: fields()}, codes.InvalidArgument, "update_mask"},
			{"of no field", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n}, UpdateMask: fields("colour")}, codes.InvalidArgument, "update_mask"},
			{"of its state", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n}, UpdateMask: fields("state")}, codes.InvalidArgument, "update_mask"},
			{"of its agent", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n}, UpdateMask: fields("agent")}, codes.InvalidArgument, "update_mask"},
			{"of its team", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, Team: acme + "/teams/x"}}, codes.InvalidArgument, "ticket.team"},
			{"of its customer", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, Customer: acme + "/customers/bob"}}, codes.InvalidArgument, "ticket.customer"},
			{"of all, without a subject", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, Customer: ann, Channel: 1}, UpdateMask: fields("*")}, codes.InvalidArgument, "ticket.subject"}, // T45
			{"of all, without a customer", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, Subject: "x", Channel: 1}, UpdateMask: fields("*")}, codes.InvalidArgument, "ticket.customer"},
			{"to a blank subject", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, Subject: " "}}, codes.InvalidArgument, "ticket.subject"},
			{"to another brand's policy", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, SlaPolicy: "brands/other/slaPolicies/a"}}, codes.NotFound, ""},
			{"to no issue type", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, IssueType: acme + "/issueTypes/none"}}, codes.NotFound, ""},
			{"to follow up no ticket", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, FollowUpOf: acme + "/tickets/none"}}, codes.NotFound, ""},
			{"to another's touchpoint", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, CauseTouchpoint: acme + "/customers/bob/touchpoints/t"}}, codes.InvalidArgument, "ticket.cause_touchpoint"},
			{"of no ticket", &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: acme + "/tickets/none", Subject: "x"}}, codes.NotFound, ""},
		} {
			_, err := d.UpdateTicket(t.Context(), tt.req)
			refusedField(t, "an update "+tt.name, err, tt.code, tt.field)
		}
		equal(t, "ticket", must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: n}), tk)
	})
}

// caller lets everyone be c.
func caller(c rpc.Caller) rpc.Config {
	return rpc.Config{Auth: func(context.Context, string) (rpc.Caller, error) { return c, nil }}
}

func TestOnlyWhoMayForceWritesOverAnything(t *testing.T) {
	migrated.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
		db := openDB(t)
		d := newDesk(t, db, rpc.Config{})
		tk := must(d.CreateTicket)(t, open())
		update := func(scopes ...string) error {
			req := &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: tk.GetName(), Etag: "*", Subject: "forced"}}
			_, err := newDesk(t, db, caller(rpc.Caller{Scopes: scopes})).UpdateTicket(t.Context(), req)
			return err
		}
		fault(t, "an update of any version", update("tickets:write"), codes.PermissionDenied, "SCOPE_MISSING")
		if err := update("tickets:write", "tickets:force"); err != nil { // T41
			t.Error(err)
		}
	})
}

func TestADeletedTicketLeavesListsAndComesBack(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		tk := must(d.CreateTicket)(t, open())
		n := tk.GetName()
		list := func(deleted bool) int {
			return len(must(d.ListTickets)(t, &ticketv1.ListTicketsRequest{Parent: acme, ShowDeleted: deleted}).GetTickets())
		}
		_, err := d.UndeleteTicket(t.Context(), &ticketv1.UndeleteTicketRequest{Name: n})
		fault(t, "undeleting a live ticket", err, codes.FailedPrecondition, "NOT_DELETED")
		gone := must(d.DeleteTicket)(t, &ticketv1.DeleteTicketRequest{Name: n, Etag: tk.GetEtag()})
		if gone.DeleteTime == nil || gone.GetPurgeTime().AsTime().Sub(gone.GetDeleteTime().AsTime()) != 30*24*time.Hour {
			t.Errorf("deleted ticket = %v, want it purged 30 days later", gone)
		}
		equal(t, "GetTicket", must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: n}), gone)
		if list(false) != 0 || list(true) != 1 {
			t.Error("a deleted ticket is to be in no list but those that ask for it")
		}
		for what, call := range map[string]func() error{
			"a move":         func() error { _, err := d.ResolveTicket(t.Context(), resolve(n, solved, 0)); return err },
			"an interaction": func() error { _, err := d.CreateInteraction(t.Context(), say(n, inbound, 0)); return err },
			"a deletion": func() error {
				_, err := d.DeleteTicket(t.Context(), &ticketv1.DeleteTicketRequest{Name: n})
				return err
			},
			"an update": func() error {
				_, err := d.UpdateTicket(t.Context(), &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: n, Subject: "x"}})
				return err
			},
		} {
			fault(t, what+" of a deleted ticket", call(), codes.FailedPrecondition, "DELETED")
		}
		back := must(d.UndeleteTicket)(t, &ticketv1.UndeleteTicketRequest{Name: n})
		if back.DeleteTime != nil || back.PurgeTime != nil || list(false) != 1 {
			t.Errorf("undeleted ticket = %v, want it as it was", back)
		}
		var kinds []ticketv1.TicketEvent_Kind
		for _, e := range d.log(t, n) {
			kinds = append(kinds, e.GetKind())
		}
		if want := []ticketv1.TicketEvent_Kind{1, 14, 15}; !slices.Equal(kinds, want) {
			t.Errorf("log = %v, want %v", kinds, want)
		}
		if told := d.told(t); len(told) != 3 || !told[1].GetTicketUpdated().GetDeleted() || told[2].GetTicketUpdated().GetDeleted() {
			t.Errorf("events = %v, want the deletion and its end", told)
		}
	})
}

func TestATicketTakesWhatItsIssueTypeSays(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		late := must(d.CreateIssueType)(t, &ticketv1.CreateIssueTypeRequest{Parent: acme, IssueTypeId: "late", IssueType: &ticketv1.IssueType{
			DisplayName: "Late parcel", IssueKind: ticketv1.Ticket_ISSUE_KIND_DELIVERY, Stage: typev1.Stage_STAGE_DECISION,
			Priority: ticketv1.Ticket_PRIORITY_HIGH, RedressSteps: []*ticketv1.IssueType_RedressStep{
				{Title: "apologize", DueAfter: durationpb.New(time.Hour)}, {Title: "refund"},
			},
		}}).GetName()
		tk := must(d.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) {
			r.Ticket.IssueType, r.Ticket.IssueKind, r.Ticket.Priority = late, ticketv1.Ticket_ISSUE_KIND_OTHER, ticketv1.Ticket_PRIORITY_LOW
		}))
		if tk.GetIssueKind() != ticketv1.Ticket_ISSUE_KIND_DELIVERY || tk.GetStage() != typev1.Stage_STAGE_DECISION ||
			tk.GetPhase() != typev1.Phase_PHASE_POST_PURCHASE || tk.GetPriority() != ticketv1.Ticket_PRIORITY_LOW {
			t.Errorf("ticket = %v, want the kind of its type, its stage, its own priority and the default phase", tk)
		}
		steps := []*ticketv1.Ticket_RedressStep{{Title: "apologize", DueTime: at(time.Hour)}, {Title: "refund"}}
		equal(t, "steps", &ticketv1.Ticket{RedressSteps: tk.GetRedressSteps()}, &ticketv1.Ticket{RedressSteps: steps})
		_, err := d.CreateTicket(t.Context(), open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.IssueType = acme + "/issueTypes/none" }))
		refused(t, err, codes.NotFound)

		next := must(d.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.FollowUpOf = tk.GetName() }))
		if next.GetFollowUpOf() != tk.GetName() {
			t.Errorf("ticket = %v, want it to follow up the first", next)
		}
		for _, spoil := range []func(*ticketv1.CreateTicketRequest){
			func(r *ticketv1.CreateTicketRequest) { r.Ticket.FollowUpOf = acme + "/tickets/none" },
			func(r *ticketv1.CreateTicketRequest) {
				r.Ticket.FollowUpOf, r.Ticket.Customer = tk.GetName(), acme+"/customers/bob"
			},
		} {
			_, err := d.CreateTicket(t.Context(), open(spoil))
			refused(t, err, codes.NotFound)
		}
	})
}

func TestADeletedIssueTypeKeepsNobodyFromWriting(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		late := must(d.CreateIssueType)(t, &ticketv1.CreateIssueTypeRequest{Parent: acme, IssueTypeId: "late", IssueType: &ticketv1.IssueType{
			DisplayName: "Late parcel", IssueKind: ticketv1.Ticket_ISSUE_KIND_DELIVERY,
		}}).GetName()
		old := must(d.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.IssueType = late })).GetName()
		must(d.ResolveTicket)(t, resolve(old, solved, time.Hour))
		must(d.CloseTicket)(t, &ticketv1.CloseTicketRequest{Name: old, EventTime: at(100 * time.Hour)})
		followUp := func(after time.Duration) *ticketv1.Ticket {
			return d.read(t, name.Parent(must(d.CreateInteraction)(t, say(old, inbound, after)).GetName()))
		}
		if tk := followUp(200 * time.Hour); tk.GetFollowUpOf() != old || tk.GetIssueType() != late {
			t.Errorf("ticket = %v, want it to follow up the first, with its type", tk)
		}
		must(d.DeleteIssueType)(t, &ticketv1.DeleteIssueTypeRequest{Name: late})
		first := followUp(210 * time.Hour).GetName() // the same
		must(d.ResolveTicket)(t, resolve(first, solved, 220*time.Hour))
		must(d.CloseTicket)(t, &ticketv1.CloseTicketRequest{Name: first, EventTime: at(230 * time.Hour)})
		if tk := followUp(300 * time.Hour); tk.GetFollowUpOf() != old || tk.GetIssueType() != "" || tk.GetIssueKind() != ticketv1.Ticket_ISSUE_KIND_DELIVERY {
			t.Errorf("ticket = %v, want it to follow up the first, with its kind", tk)
		}
	})
}
