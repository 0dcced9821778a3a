package ticket_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

const (
	undecided = ticketv1.SelfServiceSession_VERDICT_UNSPECIFIED
	helped    = ticketv1.SelfServiceSession_VERDICT_SOLVED
	stranded  = ticketv1.SelfServiceSession_VERDICT_NOT_SOLVED
)

// visit is the request for a session of ann's on the help pages, at noon.
func visit(change ...func(*ticketv1.SelfServiceSession)) *ticketv1.CreateSelfServiceSessionRequest {
	s := &ticketv1.SelfServiceSession{
		Customer: ann, Kind: ticketv1.SelfServiceSession_KIND_KNOWLEDGE_BASE, Channel: typev1.Channel_CHANNEL_WEB, StartTime: timestamppb.New(noon),
	}
	for _, f := range change {
		f(s)
	}
	return &ticketv1.CreateSelfServiceSessionRequest{Parent: acme, SelfServiceSession: s}
}

func TestASessionIsKeptWhole(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		got := must(d.CreateSelfServiceSession)(t, visit())
		want := visit().GetSelfServiceSession()
		want.Name, want.CreateTime, want.EndTime = got.GetName(), got.GetCreateTime(), want.GetStartTime()
		want.Stage, want.Phase = typev1.Stage_STAGE_RETENTION, typev1.Phase_PHASE_POST_PURCHASE
		want.Deflection = ticketv1.SelfServiceSession_DEFLECTION_IMPLIED
		equal(t, "a session with little", got, want)

		req := visit(func(s *ticketv1.SelfServiceSession) {
			s.Kind, s.IssueKind, s.Verdict = ticketv1.SelfServiceSession_KIND_BOT, ticketv1.Ticket_ISSUE_KIND_REFUND, helped
			s.Stage, s.Phase, s.EndTime = typev1.Stage_STAGE_DECISION, typev1.Phase_PHASE_PRE_PURCHASE, timestamppb.New(noon.Add(time.Hour))
			s.Articles = []string{"faq/returns", "Où ? \\ '"}
		})
		req.SelfServiceSessionId, req.RequestId = "s1", uuid(1)
		got = must(d.CreateSelfServiceSession)(t, req)
		want = req.GetSelfServiceSession()
		want.Name, want.CreateTime, want.Deflection = acme+"/selfServiceSessions/s1", got.GetCreateTime(), ticketv1.SelfServiceSession_DEFLECTION_CONFIRMED
		equal(t, "a session with everything", got, want)
		equal(t, "GetSelfServiceSession", must(d.GetSelfServiceSession)(t, &ticketv1.GetSelfServiceSessionRequest{Name: want.GetName()}), want)
		want.Name, want.CreateTime, want.Deflection = "", nil, 0
		equal(t, "a repeat", must(d.CreateSelfServiceSession)(t, req), got)
		req.RequestId = ""
		_, err := d.CreateSelfServiceSession(t.Context(), req)
		fault(t, "a taken id", err, codes.AlreadyExists, "ALREADY_EXISTS")
	})
}

func TestASessionMustMakeSense(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		const s = "self_service_session."
		for blame, change := range map[string]func(*ticketv1.SelfServiceSession){
			s + "end_time":    func(s *ticketv1.SelfServiceSession) { s.EndTime = timestamppb.New(noon.Add(-time.Microsecond)) },
			s + "start_time":  func(s *ticketv1.SelfServiceSession) { s.StartTime = timestamppb.New(time.Now().Add(25 * time.Hour)) },
			s + "kind":        func(s *ticketv1.SelfServiceSession) { s.Kind = 0 },
			s + "channel":     func(s *ticketv1.SelfServiceSession) { s.Channel = 99 },
			s + "customer":    func(s *ticketv1.SelfServiceSession) { s.Customer = "ann" },
			s + "articles":    func(s *ticketv1.SelfServiceSession) { s.Articles = []string{"a", "a"} },
			s + "articles[0]": func(s *ticketv1.SelfServiceSession) { s.Articles = []string{""} },
		} {
			_, err := d.CreateSelfServiceSession(t.Context(), visit(change))
			if got := violations(err); status.Code(err) != codes.InvalidArgument || !slices.Equal(got, []string{blame}) {
				t.Errorf("error = %v, which blames %q, want %s", err, got, blame)
			}
		}
		_, err := d.CreateSelfServiceSession(t.Context(), visit(func(s *ticketv1.SelfServiceSession) { s.Customer = "brands/other/customers/ann" }))
		refused(t, err, codes.NotFound)
	})
}

// TestOnlyAContactOnTheTopicIsAFailure opens one ticket for each session, of a
// customer of its own.
func TestOnlyAContactOnTheTopicIsAFailure(t *testing.T) {
	const refund, delivery = ticketv1.Ticket_ISSUE_KIND_REFUND, ticketv1.Ticket_ISSUE_KIND_DELIVERY
	ended := noon.Add(time.Hour)
	at := func(d time.Duration) func(*ticketv1.CreateTicketRequest) {
		return func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = timestamppb.New(ended.Add(d)) }
	}
	on := func(k ticketv1.Ticket_IssueKind) func(*ticketv1.CreateTicketRequest) {
		return func(r *ticketv1.CreateTicketRequest) { r.Ticket.IssueKind = k }
	}
	tests := []struct {
		what   string
		topic  ticketv1.Ticket_IssueKind
		ticket []func(*ticketv1.CreateTicketRequest)
		want   bool
	}{
		{"at the end", refund, []func(*ticketv1.CreateTicketRequest){at(0), on(refund)}, true},
		{"during the session", refund, []func(*ticketv1.CreateTicketRequest){at(-time.Microsecond), on(refund)}, false},
		{"after just 72 hours", refund, []func(*ticketv1.CreateTicketRequest){at(72 * time.Hour), on(refund)}, true},
		{"after more than 72 hours", refund, []func(*ticketv1.CreateTicketRequest){at(72*time.Hour + time.Microsecond), on(refund)}, false},
		{"on another topic", refund, []func(*ticketv1.CreateTicketRequest){at(1), on(delivery)}, false},
		{"on any topic, the session's is not known", 0, []func(*ticketv1.CreateTicketRequest){at(1), on(delivery)}, true},
		{"on a topic nobody knows", refund, []func(*ticketv1.CreateTicketRequest){at(1), on(0)}, true},
		{"from the brand", refund, []func(*ticketv1.CreateTicketRequest){at(1), on(refund), func(r *ticketv1.CreateTicketRequest) {
			r.Ticket.Origin = typev1.Origin_ORIGIN_PROACTIVE
		}}, false},
		{"to a bot", refund, []func(*ticketv1.CreateTicketRequest){at(1), on(refund), func(r *ticketv1.CreateTicketRequest) {
			r.Ticket.Handling = typev1.Handling_HANDLING_BOT
		}}, false},
		{"to itself", refund, []func(*ticketv1.CreateTicketRequest){at(1), on(refund), func(r *ticketv1.CreateTicketRequest) {
			r.Ticket.Handling = typev1.Handling_HANDLING_SELF_SERVICE
		}}, false},
		{"to an agent", refund, []func(*ticketv1.CreateTicketRequest){at(1), on(refund), func(r *ticketv1.CreateTicketRequest) {
			r.Ticket.Handling = typev1.Handling_HANDLING_AGENT
		}}, true},
	}
	eachDesk(t, func(t *testing.T, d desk) {
		for i, tt := range tests {
			customer := fmt.Sprint(acme, "/customers/c", i)
			s := must(d.CreateSelfServiceSession)(t, visit(func(s *ticketv1.SelfServiceSession) {
				s.Customer, s.IssueKind, s.EndTime, s.Verdict = customer, tt.topic, timestamppb.New(ended), helped
			}))
			ticket := must(d.CreateTicket)(t, open(append(tt.ticket, func(r *ticketv1.CreateTicketRequest) { r.Ticket.Customer = customer })...)).GetName()
			want := proto.CloneOf(s)
			if tt.want {
				want.Deflection, want.Contact = ticketv1.SelfServiceSession_DEFLECTION_FALSE, ticket
			}
			equal(t, tt.what, must(d.GetSelfServiceSession)(t, &ticketv1.GetSelfServiceSessionRequest{Name: s.GetName()}), want)
		}
	})
}

func TestALaterWordReplacesAnEarlierOne(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		s := must(d.CreateSelfServiceSession)(t, visit())
		for _, tt := range []struct {
			verdict ticketv1.SelfServiceSession_Verdict
			want    ticketv1.SelfServiceSession_Deflection
		}{
			{stranded, ticketv1.SelfServiceSession_DEFLECTION_NONE},
			{helped, ticketv1.SelfServiceSession_DEFLECTION_CONFIRMED},
			{helped, ticketv1.SelfServiceSession_DEFLECTION_CONFIRMED},
		} {
			want := proto.CloneOf(s)
			want.Verdict, want.Deflection = tt.verdict, tt.want
			equal(t, "RateSelfServiceSession", must(d.RateSelfServiceSession)(t, &ticketv1.RateSelfServiceSessionRequest{Name: s.GetName(), Verdict: tt.verdict}), want)
			equal(t, "the session", must(d.GetSelfServiceSession)(t, &ticketv1.GetSelfServiceSessionRequest{Name: s.GetName()}), want)
		}
		_, err := d.RateSelfServiceSession(t.Context(), &ticketv1.RateSelfServiceSessionRequest{Name: s.GetName()})
		refused(t, err, codes.InvalidArgument)
		_, err = d.RateSelfServiceSession(t.Context(), &ticketv1.RateSelfServiceSessionRequest{Name: acme + "/selfServiceSessions/none", Verdict: helped})
		fault(t, "an unknown session", err, codes.NotFound, "NOT_FOUND")
		young := must(d.CreateSelfServiceSession)(t, visit(func(s *ticketv1.SelfServiceSession) { s.StartTime, s.Verdict = nil, helped }))
		if young.GetDeflection() != ticketv1.SelfServiceSession_DEFLECTION_PENDING {
			t.Errorf("a session of just now = %v, want it pending", young)
		}
		nobody := must(d.CreateSelfServiceSession)(t, visit(func(s *ticketv1.SelfServiceSession) { s.StartTime, s.Customer = nil, "" }))
		if nobody.GetDeflection() != ticketv1.SelfServiceSession_DEFLECTION_UNKNOWN {
			t.Errorf("a session of nobody = %v, want it unknown", nobody)
		}
	})
}

func TestSessionsAreListedTheNewestFirst(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		ticket := must(d.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = timestamppb.New(noon.Add(2 * time.Minute)) })).GetName()
		for i := range 9 { // in threes of the same instant
			req := visit(func(s *ticketv1.SelfServiceSession) {
				s.StartTime = timestamppb.New(noon.Add(time.Duration(i/3) * time.Minute))
				s.Verdict = ticketv1.SelfServiceSession_Verdict(i % 3)
				s.Kind = ticketv1.SelfServiceSession_Kind(1 + i%2)
				if i%4 == 3 {
					s.Customer = acme + "/customers/bob"
				}
			})
			req.SelfServiceSessionId = fmt.Sprint("s", i)
			must(d.CreateSelfServiceSession)(t, req)
		}
		for _, tt := range []struct{ filter, want string }{
			{"", "s8 s7 s6 s5 s4 s3 s2 s1 s0"},
			{`customer = "` + acme + `/customers/bob"`, "s7 s3"},
			{"kind = BOT AND verdict = SOLVED", "s7 s1"},
			{"NOT verdict:*", "s6 s3 s0"},
			{`start_time >= "2013-01-07T12:01:00Z" AND channel = WEB`, "s8 s7 s6 s5 s4 s3"},
			{"issue_kind:*", ""},
		} {
			req := &ticketv1.ListSelfServiceSessionsRequest{Parent: acme, Filter: tt.filter, PageSize: 2}
			var ids []string
			for range 9 {
				resp := must(d.ListSelfServiceSessions)(t, req)
				for _, s := range resp.GetSelfServiceSessions() {
					ids = append(ids, name.ID(s.GetName()))
					if of := s.GetCustomer() == ann; of != (s.GetContact() == ticket) {
						t.Errorf("session %v, want the contact of ann only", s)
					}
				}
				if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
					break
				}
			}
			if got := strings.Join(ids, " "); got != tt.want {
				t.Errorf("%q = %q, want %q", tt.filter, got, tt.want)
			}
		}
		_, err := d.ListSelfServiceSessions(t.Context(), &ticketv1.ListSelfServiceSessionsRequest{Parent: acme, Filter: "deflection = FALSE"})
		if got := violations(err); !slices.Equal(got, []string{"filter"}) {
			t.Errorf("a filter by deflection = %v, which blames %q", err, got)
		}
	})
}
