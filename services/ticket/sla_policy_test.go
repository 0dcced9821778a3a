package ticket_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// place gives a policy a place in the order and the tickets it is for.
func place(req *ticketv1.CreateSlaPolicyRequest, position int32, conditions *ticketv1.SlaPolicy_Conditions) *ticketv1.CreateSlaPolicyRequest {
	req.SlaPolicy.Position, req.SlaPolicy.Conditions = position, conditions
	return req
}

// opened opens a ticket and returns the policy and the revision that it got.
func (c counter) opened(t *testing.T, change func(*ticketv1.Ticket)) string {
	t.Helper()
	tk := must(c.CreateTicket)(t, open(func(req *ticketv1.CreateTicketRequest) { change(req.Ticket) }))
	return followed(tk)
}

func followed(tk *ticketv1.Ticket) string {
	if tk.GetSlaPolicy() == "" {
		return ""
	}
	return fmt.Sprintf("%s@%d", tk.GetSlaPolicy()[len(acme+"/slaPolicies/"):], tk.GetSlaPolicyRevision())
}

// TestTheFirstPolicyThatFitsApplies opens tickets of many sorts.
func TestTheFirstPolicyThatFitsApplies(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		usual := func(*ticketv1.Ticket) {}
		if got := c.opened(t, usual); got != "" {
			t.Errorf("without policies a ticket has %q", got)
		}
		hour := target(resolution, time.Hour)
		must(c.CreateSlaPolicy)(t, place(policy("rest", "", hour), 9, nil))
		must(c.CreateSlaPolicy)(t, place(policy("phone", "", hour), 2, &ticketv1.SlaPolicy_Conditions{Channels: []typev1.Channel{typev1.Channel_CHANNEL_PHONE}}))
		must(c.CreateSlaPolicy)(t, place(policy("vip", "", hour), 1, &ticketv1.SlaPolicy_Conditions{
			Attributes: map[string]string{"tier": "vip"}, Priorities: []ticketv1.Ticket_Priority{high, urgent},
		}))
		must(c.CreateSlaPolicy)(t, place(policy("b-team", "", hour), 2, &ticketv1.SlaPolicy_Conditions{Teams: []string{acme + "/teams/b"}}))
		off := place(policy("off", "", hour), 0, nil)
		off.SlaPolicy.Inactive = true
		must(c.CreateSlaPolicy)(t, off)
		phone := func(tk *ticketv1.Ticket) { tk.Channel = typev1.Channel_CHANNEL_PHONE }
		for _, tt := range []struct {
			name   string
			change func(*ticketv1.Ticket)
			want   string
		}{
			{"anything", usual, "rest@1"},
			{"a call", phone, "phone@1"},
			{"an urgent call of somebody important", func(tk *ticketv1.Ticket) {
				phone(tk)
				tk.Attributes, tk.Priority = map[string]string{"tier": "vip"}, urgent
			}, "vip@1"},
			{"an attribute alone", func(tk *ticketv1.Ticket) { tk.Attributes = map[string]string{"tier": "vip"} }, "rest@1"},
			{"of two in one place the first name", func(tk *ticketv1.Ticket) {
				phone(tk)
				tk.Team = acme + "/teams/b"
			}, "b-team@1"},
			{"one that is named", func(tk *ticketv1.Ticket) { tk.SlaPolicy = acme + "/slaPolicies/vip" }, "vip@1"},
			{"an inactive one that is named", func(tk *ticketv1.Ticket) { tk.SlaPolicy = acme + "/slaPolicies/off" }, "off@1"},
		} {
			if got := c.opened(t, tt.change); got != tt.want {
				t.Errorf("%s: policy %q, want %q", tt.name, got, tt.want)
			}
		}
		_, err := c.CreateTicket(t.Context(), open(func(req *ticketv1.CreateTicketRequest) { req.Ticket.SlaPolicy = acme + "/slaPolicies/none" }))
		refused(t, err, codes.NotFound)
		_, err = c.CreateSlaPolicy(t.Context(), policy("rest", "", hour))
		refused(t, err, codes.AlreadyExists)
		_, err = c.CreateTicket(t.Context(), open(func(req *ticketv1.CreateTicketRequest) { req.TicketId = "mine" }))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.CreateTicket(t.Context(), open(func(req *ticketv1.CreateTicketRequest) { req.TicketId = "mine" }))
		refused(t, err, codes.AlreadyExists)

		var order []string
		for _, p := range must(c.ListSlaPolicies)(t, &ticketv1.ListSlaPoliciesRequest{Parent: acme}).GetSlaPolicies() {
			order = append(order, p.GetName()[len(acme+"/slaPolicies/"):])
		}
		if want := []string{"off", "vip", "b-team", "phone", "rest"}; !slices.Equal(order, want) {
			t.Errorf("the policies are %q, want %q", order, want)
		}
		active := must(c.ListSlaPolicies)(t, &ticketv1.ListSlaPoliciesRequest{Parent: acme, Filter: "inactive = false AND position < 3", OrderBy: "display_name desc", PageSize: 2})
		if n := len(active.GetSlaPolicies()); n != 2 || active.GetNextPageToken() == "" {
			t.Errorf("the first page of three has %d policies and the token %q", n, active.GetNextPageToken())
		}
	})
}

const (
	high   = ticketv1.Ticket_PRIORITY_HIGH
	urgent = ticketv1.Ticket_PRIORITY_URGENT
)

// TestATicketKeepsItsRevision changes, rolls back and deletes a policy.
func TestATicketKeepsItsRevision(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		p := must(c.CreateSlaPolicy)(t, policy("p", "", target(resolution, time.Hour)))
		old := must(c.CreateTicket)(t, open())
		change := &ticketv1.UpdateSlaPolicyRequest{
			SlaPolicy:  &ticketv1.SlaPolicy{Name: p.GetName(), Etag: p.GetEtag(), Targets: []*ticketv1.SlaPolicy_Target{target(resolution, 2*time.Hour)}},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"targets"}},
		}
		second := must(c.UpdateSlaPolicy)(t, change)
		if second.GetRevision() != 2 {
			t.Errorf("the update made revision %d, want 2", second.GetRevision())
		}
		_, err := c.UpdateSlaPolicy(t.Context(), change)
		refused(t, err, codes.Aborted)

		lasts := func(name string) time.Duration {
			return c.clock(t, name, time.Time{}, resolution).GetTarget().AsDuration()
		}
		if got := lasts(old.GetName()); got != time.Hour {
			t.Errorf("the old ticket has %v, want what it was promised", got)
		}
		if tk := must(c.CreateTicket)(t, open()); followed(tk) != "p@2" || lasts(tk.GetName()) != 2*time.Hour {
			t.Errorf("a new ticket follows %s with %v", followed(tk), lasts(tk.GetName()))
		}
		raised := must(c.UpdateTicket)(t, &ticketv1.UpdateTicketRequest{
			Ticket: &ticketv1.Ticket{Name: old.GetName(), Priority: urgent}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority"}},
		})
		if followed(raised) != "p@2" || lasts(old.GetName()) != 2*time.Hour {
			t.Errorf("once raised it follows %s with %v, want the revision of now", followed(raised), lasts(old.GetName()))
		}
		third := must(c.RollbackSlaPolicy)(t, &ticketv1.RollbackSlaPolicyRequest{Name: p.GetName(), Revision: 1, Etag: second.GetEtag()})
		if third.GetRevision() != 3 || third.GetTargets()[0].GetDuration().AsDuration() != time.Hour {
			t.Errorf("the rollback made %v", third)
		}
		equal(t, "the policy", must(c.GetSlaPolicy)(t, &ticketv1.GetSlaPolicyRequest{Name: p.GetName()}), third)
		_, err = c.RollbackSlaPolicy(t.Context(), &ticketv1.RollbackSlaPolicyRequest{Name: p.GetName(), Revision: 9})
		refused(t, err, codes.NotFound)

		page := must(c.ListSlaPolicyRevisions)(t, &ticketv1.ListSlaPolicyRevisionsRequest{Name: p.GetName(), PageSize: 2})
		rest := must(c.ListSlaPolicyRevisions)(t, &ticketv1.ListSlaPolicyRevisionsRequest{Name: p.GetName(), PageSize: 2, PageToken: page.GetNextPageToken()})
		all := append(page.GetSlaPolicies(), rest.GetSlaPolicies()...)
		if len(all) != 3 || !proto.Equal(all[0], third) || !proto.Equal(all[1], second) || !proto.Equal(all[2], p) {
			t.Errorf("the revisions are %v", all)
		}

		must(c.DeleteSlaPolicy)(t, &ticketv1.DeleteSlaPolicyRequest{Name: p.GetName()})
		if got := lasts(old.GetName()); got != 2*time.Hour {
			t.Errorf("after the policy was deleted the ticket has %v", got)
		}
		if got := c.opened(t, func(*ticketv1.Ticket) {}); got != "" {
			t.Errorf("a new ticket follows %q, want nothing", got)
		}
		if again := must(c.CreateSlaPolicy)(t, policy("p", "", target(resolution, time.Minute))); again.GetRevision() != 4 {
			t.Errorf("the policy comes back as revision %d, want 4", again.GetRevision())
		}
	})
}

// TestAChangeOfHoursCountsFromNow closes a desk early while clocks run.
func TestAChangeOfHoursCountsFromNow(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		always := weekly(shifts("00:00", "24:00"), 1, 2, 3, 4, 5, 6, 7)
		s := must(c.CreateSchedule)(t, schedule("desk", "UTC", always))
		must(c.CreateSlaPolicy)(t, policy("p", "desk", target(resolution, 1000*time.Hour)))
		opened := time.Now().Add(-time.Hour)
		tk := must(c.CreateTicket)(t, open(func(req *ticketv1.CreateTicketRequest) { req.Ticket.OpenTime = timestamppb.New(opened) })).GetName()
		was := c.clock(t, tk, time.Time{}, resolution).GetDueTime().AsTime()

		_, err := c.DeleteSchedule(t.Context(), &ticketv1.DeleteScheduleRequest{Name: s.GetName()})
		if info := refused(t, err, codes.FailedPrecondition); info.GetReason() != "IN_USE" {
			t.Errorf("deleting a schedule in use: %s", info.GetReason())
		}
		renamed := must(c.UpdateSchedule)(t, &ticketv1.UpdateScheduleRequest{Schedule: &ticketv1.Schedule{Name: s.GetName(), DisplayName: "Front desk"}})
		if renamed.GetRevision() != 1 {
			t.Errorf("another name made revision %d", renamed.GetRevision())
		}
		c.run(t)
		changed := must(c.UpdateSchedule)(t, &ticketv1.UpdateScheduleRequest{Schedule: &ticketv1.Schedule{
			Name: s.GetName(), Week: weekly(shifts("09:00", "17:00"), workdays...),
		}})
		if changed.GetRevision() != 2 {
			t.Errorf("other hours made revision %d, want 2", changed.GetRevision())
		}
		clock := c.clock(t, tk, time.Time{}, resolution)
		if got := clock.GetElapsed().AsDuration(); got < time.Hour || got > time.Hour+time.Minute {
			t.Errorf("what has passed counts as %v, want the hour that it was", got)
		}
		if now := clock.GetDueTime().AsTime(); !now.After(was.Add(500 * time.Hour)) {
			t.Errorf("due at %v, want long after %v", now, was)
		}
		until(t, "the row of the clock", func() bool {
			rows := c.rows(t)
			return len(rows) == 1 && rows[0].due == clock.GetDueTime().AsTime().UnixMicro()
		})
	})
}

func TestAPolicyThatIsNamedStays(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		usual := place(policy("usual", "", target(resolution, time.Hour)), 2, nil)
		must(c.CreateSlaPolicy)(t, usual)
		must(c.CreateSlaPolicy)(t, place(policy("fast", "", target(resolution, time.Minute)), 1, &ticketv1.SlaPolicy_Conditions{Priorities: []ticketv1.Ticket_Priority{urgent}}))
		raise := func(tk *ticketv1.Ticket) string {
			return followed(must(c.UpdateTicket)(t, &ticketv1.UpdateTicketRequest{
				Ticket: &ticketv1.Ticket{Name: tk.GetName(), Priority: urgent}, UpdateMask: fields("priority"),
			}))
		}
		back := must(c.CreateTicket)(t, open())
		must(c.UpdateTicket)(t, &ticketv1.UpdateTicketRequest{Ticket: back}) // as it was read
		if got := raise(back); got != "fast@1" {
			t.Errorf("written back as it was and raised, it follows %q, want fast@1", got)
		}
		named := must(c.CreateTicket)(t, open())
		kept := must(c.UpdateTicket)(t, &ticketv1.UpdateTicketRequest{Ticket: named, UpdateMask: fields("sla_policy")})
		if followed(kept) != "usual@1" || kept.GetEtag() == named.GetEtag() {
			t.Errorf("ticket = %v, want its policy kept in another version", kept)
		}
		if got := raise(named); got != "usual@1" {
			t.Errorf("named and raised, it follows %q, want usual@1", got)
		}
	})
}
