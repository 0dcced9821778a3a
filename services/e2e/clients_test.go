package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// clients are the generated clients of all services.
type clients struct {
	tickets      ticketv1.TicketServiceClient
	interactions ticketv1.InteractionServiceClient
	service      ticketv1.ServiceMetricsServiceClient
	directory    ticketv1.DirectoryServiceClient
	sla          ticketv1.SlaServiceClient
	operations   ticketv1.OperationServiceClient
	selfService  ticketv1.SelfServiceServiceClient
	surveys      surveyv1.SurveyServiceClient
	invitations  surveyv1.InvitationServiceClient
	responses    surveyv1.ResponseServiceClient
	answers      surveyv1.SurveyMetricsServiceClient
	feedback     surveyv1.FeedbackServiceClient
	customers    journeyv1.CustomerServiceClient
	maps         journeyv1.JourneyMapServiceClient
	touchpoints  journeyv1.TouchpointServiceClient
	scores       journeyv1.ScoringServiceClient
	scorings     journeyv1.OperationServiceClient
	insight      journeyv1.InsightServiceClient
	signals      journeyv1.SignalServiceClient
	views        gatewayv1.ViewServiceClient
	admin        gatewayv1.AdminServiceClient
	privacy      gatewayv1.PrivacyServiceClient
	privacyWork  gatewayv1.OperationServiceClient
	keys         gatewayv1.ApiKeyServiceClient
	collect      gatewayv1.CollectServiceClient
	audit        gatewayv1.AuditServiceClient
}

func newClients(ticket, survey, journey, gateway grpc.ClientConnInterface) *clients {
	return &clients{
		tickets:      ticketv1.NewTicketServiceClient(ticket),
		interactions: ticketv1.NewInteractionServiceClient(ticket),
		service:      ticketv1.NewServiceMetricsServiceClient(ticket),
		directory:    ticketv1.NewDirectoryServiceClient(ticket),
		sla:          ticketv1.NewSlaServiceClient(ticket),
		operations:   ticketv1.NewOperationServiceClient(ticket),
		selfService:  ticketv1.NewSelfServiceServiceClient(ticket),
		surveys:      surveyv1.NewSurveyServiceClient(survey),
		invitations:  surveyv1.NewInvitationServiceClient(survey),
		responses:    surveyv1.NewResponseServiceClient(survey),
		answers:      surveyv1.NewSurveyMetricsServiceClient(survey),
		feedback:     surveyv1.NewFeedbackServiceClient(survey),
		customers:    journeyv1.NewCustomerServiceClient(journey),
		maps:         journeyv1.NewJourneyMapServiceClient(journey),
		touchpoints:  journeyv1.NewTouchpointServiceClient(journey),
		scores:       journeyv1.NewScoringServiceClient(journey),
		scorings:     journeyv1.NewOperationServiceClient(journey),
		insight:      journeyv1.NewInsightServiceClient(journey),
		signals:      journeyv1.NewSignalServiceClient(journey),
		views:        gatewayv1.NewViewServiceClient(gateway),
		admin:        gatewayv1.NewAdminServiceClient(gateway),
		privacy:      gatewayv1.NewPrivacyServiceClient(gateway),
		privacyWork:  gatewayv1.NewOperationServiceClient(gateway),
		keys:         gatewayv1.NewApiKeyServiceClient(gateway),
		collect:      gatewayv1.NewCollectServiceClient(gateway),
		audit:        gatewayv1.NewAuditServiceClient(gateway),
	}
}

// A jsonConn makes the calls of generated clients as a REST client would: in JSON,
// where the google.api.http option of the method says.
type jsonConn struct{ base, key string }

// Invoke implements [grpc.ClientConnInterface].
func (c jsonConn) Invoke(ctx context.Context, method string, req, answer any, _ ...grpc.CallOption) error {
	verb, target, body, err := httpCall(method, req.(proto.Message))
	if err != nil {
		return err
	}
	httpCode, text, err := fetch(ctx, verb, c.base+target, c.key, body)
	if err != nil {
		return status.FromContextError(err).Err()
	}
	if httpCode == http.StatusOK {
		return protojson.Unmarshal(text, answer.(proto.Message))
	}
	return problem(httpCode, text)
}

// problem returns the status that the body of an error renders, as far as stories ask for it.
func problem(httpCode int, body []byte) error {
	var p struct {
		Detail, Code, Reason string
		Metadata             map[string]string
	}
	if err := json.Unmarshal(body, &p); err != nil || code.Code_value[p.Code] == 0 {
		return status.Errorf(codes.Unknown, "HTTP status %d says %q: %v", httpCode, body, err)
	}
	s, err := status.New(codes.Code(code.Code_value[p.Code]), p.Detail).WithDetails(
		&errdetails.ErrorInfo{Reason: p.Reason, Domain: "concentric.dev", Metadata: p.Metadata})
	if err != nil {
		return err
	}
	return s.Err()
}

// NewStream implements [grpc.ClientConnInterface]. Package front tests the streams of
// REST.
func (jsonConn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "no generated client reads a stream in JSON")
}

var variable = regexp.MustCompile(`\{([a-z_]+)(=[^}]*)?\}`)

// httpCall returns the HTTP request that stands for a call.
func httpCall(method string, req proto.Message) (verb, target string, body []byte, err error) {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(method[1:], "/", ".")))
	if err != nil {
		return "", "", nil, err
	}
	rule, ok := proto.GetExtension(d.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return "", "", nil, fmt.Errorf("%s is not on REST", method)
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(req)
	if err != nil {
		return "", "", nil, err
	}
	fields := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		return "", "", nil, err
	}
	verb, target = http.MethodGet, rule.GetGet()
	if rule.GetPost() != "" {
		verb, target = http.MethodPost, rule.GetPost()
	}
	target = variable.ReplaceAllStringFunc(target, func(v string) string {
		name := variable.FindStringSubmatch(v)[1]
		value := fmt.Sprint(fields[name])
		delete(fields, name)
		return value
	})
	if rule.GetBody() == "*" {
		body, err = json.Marshal(fields)
		return verb, target, body, err
	}
	if name := rule.GetBody(); name != "" {
		if body, err = json.Marshal(fields[name]); err != nil {
			return "", "", nil, err
		}
		delete(fields, name)
	}
	query := url.Values{}
	flatten(query, "", fields)
	return verb, target + "?" + query.Encode(), body, nil
}

// flatten writes fields as the parameters of a query.
func flatten(query url.Values, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			flatten(query, strings.TrimPrefix(path+"."+name, "."), field)
		}
	case []any:
		for _, item := range v {
			flatten(query, path, item)
		}
	default:
		query.Add(path, fmt.Sprint(v))
	}
}
