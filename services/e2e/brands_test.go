package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A belonging is something of a brand, and the call that reads it.
type belonging struct {
	kind, name string
	get        func(c *clients, t testing.TB, name string) (proto.Message, error)
}

// furnish gives the customer's brand one of everything, all of it about the
// customer, and returns the list.
func (c *clients) furnish(t testing.TB, finn string) []belonging {
	t.Helper()
	ticket := c.open(t, finn, typev1.Channel_CHANNEL_PHONE, noon)
	call := c.call(t, ticket, noon.Add(time.Hour))
	survey := c.survey(t, brandOf(finn), surveyv1.Question_KIND_CES_EASE, typev1.Subject_SUBJECT_SERVICE)
	invitation := c.invite(t, survey, finn, call, surveyv1.Invitation_DECISION_SENT)
	response := c.answer(t, survey, finn, 6, &surveyv1.Response{Invitation: invitation.GetName()})
	moment := c.measured(t, c.lived(t, finn, 1)[0].GetName())
	return []belonging{
		{"ticket", ticket.GetName(), func(c *clients, t testing.TB, name string) (proto.Message, error) {
			return c.tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: name})
		}},
		{"interaction", call.GetName(), func(c *clients, t testing.TB, name string) (proto.Message, error) {
			return c.interactions.GetInteraction(t.Context(), &ticketv1.GetInteractionRequest{Name: name})
		}},
		{"survey", survey.GetName(), func(c *clients, t testing.TB, name string) (proto.Message, error) {
			return c.surveys.GetSurvey(t.Context(), &surveyv1.GetSurveyRequest{Name: name})
		}},
		{"invitation", invitation.GetName(), func(c *clients, t testing.TB, name string) (proto.Message, error) {
			return c.invitations.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: name})
		}},
		{"response", response.GetName(), func(c *clients, t testing.TB, name string) (proto.Message, error) {
			return c.responses.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: name})
		}},
		{"touchpoint", moment.GetName(), func(c *clients, t testing.TB, name string) (proto.Message, error) {
			return c.touchpoints.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: name})
		}},
		{"score", finn + "/score", func(c *clients, t testing.TB, name string) (proto.Message, error) {
			return c.scores.GetScore(t.Context(), &journeyv1.GetScoreRequest{Name: name})
		}},
	}
}

// twoBrands: on a suite that trusts its neighbors, a call still sees the brand it
// names and no other.
func twoBrands(t *testing.T, c *clients) {
	mine, other := c.brand(t), c.brand(t)
	for _, b := range c.furnish(t, other+"/customers/finn") {
		must(b.get(c, t, b.name))(t)
		_, err := b.get(c, t, strings.Replace(b.name, other, mine, 1))
		refused(t, err, codes.NotFound, "NOT_FOUND")
	}
	list := must(c.tickets.ListTickets(t.Context(), &ticketv1.ListTicketsRequest{Parent: mine}))(t)
	same(t, list, &ticketv1.ListTicketsResponse{})
	responses := must(c.responses.ListResponses(t.Context(), &surveyv1.ListResponsesRequest{Parent: mine}))(t)
	same(t, responses, &surveyv1.ListResponsesResponse{})
	_, err := c.touchpoints.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: mine + "/customers/finn"})
	refused(t, err, codes.NotFound, "NOT_FOUND")
	views := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: mine, Window: february}))(t)
	holds(t, views.GetService().GetMeasures(), typev1.Metric_METRIC_TICKET_COUNT, 0)
	holds(t, views.GetExperience().GetMeasures(), typev1.Metric_METRIC_TOUCHPOINT_COUNT, 0)

	_, err = c.tickets.CreateTicket(t.Context(), &ticketv1.CreateTicketRequest{
		Parent: mine, Ticket: &ticketv1.Ticket{Customer: other + "/customers/finn", Subject: "Mine?", Channel: typev1.Channel_CHANNEL_WEB},
	})
	refused(t, err, codes.NotFound, "NOT_FOUND")
	_, err = c.tickets.ListTickets(t.Context(), &ticketv1.ListTicketsRequest{Parent: mine, Customer: other + "/customers/finn"})
	refused(t, err, codes.NotFound, "NOT_FOUND")
}

// TestAKeyOpensItsBrandOnly: with API keys, what belongs to another brand does not
// exist, to the byte.
func TestAKeyOpensItsBrandOnly(t *testing.T) {
	t.Parallel()
	each(t, keyOpensItsBrandOnly, "--keys", brandKeys(t))
}

// brandKeys returns a file with a key for all brands and one for the brand mine.
func brandKeys(t *testing.T) string {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "keys")
	lines := ""
	for key, brand := range map[string]string{"house-key": "*", "mine-key": "brands/mine"} {
		lines += fmt.Sprintf("%x %s *\n", sha256.Sum256([]byte(key)), brand)
	}
	if err := os.WriteFile(keys, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return keys
}

// keyOpensItsBrandOnly runs on a suite with those keys.
func keyOpensItsBrandOnly(t *testing.T, s *suite) {
	house, conns := s.dial(t, "house-key")
	mine, more := s.dial(t, "mine-key")
	for _, conn := range append(conns, more...) {
		defer conn.Close() //nolint:errcheck // the test is over
	}
	for _, id := range []string{"mine", "other"} {
		must(house.admin.CreateBrand(t.Context(), &gatewayv1.CreateBrandRequest{BrandId: id, Brand: &gatewayv1.Brand{DisplayName: id}}))(t)
	}
	belongings := house.furnish(t, "brands/other/customers/finn")
	for protocol, c := range map[string]*clients{"grpc": mine, "rest": s.rest("mine-key")} {
		t.Run(protocol, func(t *testing.T) {
			c.furnish(t, "brands/mine/customers/"+protocol)
			c.seesNothingOf(t, belongings)
			o := must(c.views.GetCustomerOverview(t.Context(), &gatewayv1.GetCustomerOverviewRequest{Name: "brands/mine/customers/" + protocol + "/overview"}))(t)
			whole(t, o.GetParts())
			if len(o.GetTickets()) != 1 || len(o.GetResponses()) != 1 || len(o.GetTouchpoints()) != 1 {
				t.Errorf("the caller's own customer is %v", o)
			}
		})
	}
	for protocol, c := range map[string]*clients{"grpc": s.grpc(), "rest": s.rest("")} {
		_, err := c.tickets.ListTickets(t.Context(), &ticketv1.ListTicketsRequest{Parent: "brands/mine"})
		if refused(t, err, codes.Unauthenticated, "UNAUTHENTICATED"); err == nil {
			t.Errorf("over %s a call without a key is answered", protocol)
		}
	}
}

// seesNothingOf asks for what belongs to the brand `other` and for names nobody
// has: the answers differ in the name only.
func (c *clients) seesNothingOf(t *testing.T, belongings []belonging) {
	for _, b := range belongings {
		t.Run(b.kind, func(t *testing.T) {
			id := b.name[strings.LastIndexByte(b.name, '/')+1:]
			stranger := strings.TrimSuffix(b.name, id) + strings.Repeat("z", len(id))
			if b.kind == "score" {
				stranger = strings.Replace(b.name, "finn", "zzzz", 1)
			}
			nowhere := strings.Replace(b.name, "brands/other/", "brands/ghost/", 1)
			_, err := b.get(c, t, b.name)
			refused(t, err, codes.NotFound, "NOT_FOUND")
			for _, unknown := range []string{stranger, nowhere} {
				_, e := b.get(c, t, unknown)
				want := bytes.ReplaceAll(wire(t, e), []byte(unknown), []byte(b.name))
				if got := wire(t, err); !bytes.Equal(got, want) {
					t.Errorf("%s is refused with %q, and %s with %q", b.name, got, unknown, want)
				}
			}
		})
	}
	lists := map[string]func() (proto.Message, error){
		"tickets": func() (proto.Message, error) {
			return c.tickets.ListTickets(t.Context(), &ticketv1.ListTicketsRequest{Parent: "brands/other"})
		},
		"responses": func() (proto.Message, error) {
			return c.responses.ListResponses(t.Context(), &surveyv1.ListResponsesRequest{Parent: "brands/other"})
		},
		"views": func() (proto.Message, error) {
			return c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: "brands/other"})
		},
		"overview": func() (proto.Message, error) {
			return c.views.GetCustomerOverview(t.Context(), &gatewayv1.GetCustomerOverviewRequest{Name: "brands/other/customers/finn/overview"})
		},
	}
	for kind, list := range lists {
		answer, err := list()
		if refused(t, err, codes.NotFound, "NOT_FOUND"); err == nil {
			t.Errorf("the %s of another brand are %v", kind, answer)
		}
	}
	brands := must(c.admin.ListBrands(t.Context(), &gatewayv1.ListBrandsRequest{}))(t)
	if len(brands.GetBrands()) != 1 || brands.GetBrands()[0].GetName() != "brands/mine" {
		t.Errorf("the caller sees the brands %v", brands.GetBrands())
	}
}

// wire returns the refusal as it is sent.
func wire(t testing.TB, err error) []byte {
	t.Helper()
	b, e := proto.MarshalOptions{Deterministic: true}.Marshal(status.Convert(err).Proto())
	if e != nil {
		t.Fatal(e)
	}
	return b
}
