package importer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
)

// brand makes the brand if it does not exist, and returns when it was made. That
// tells one installation from another that happens to have the same address.
func (s *session) brand(ctx context.Context) (made string, err error) {
	name := "brands/" + s.opt.Brand
	count := s.report.of(mapping.Brands)
	get := func() (string, error) {
		b, err := s.services.admin.GetBrand(ctx, &gatewayv1.GetBrandRequest{Name: name})
		return b.GetCreateTime().AsTime().String(), err
	}
	if made, err = get(); status.Code(err) != codes.NotFound {
		count.Repeated = 1
		return made, err
	}
	display := s.mapping.DisplayName
	if display == "" {
		display = s.opt.Brand
	}
	b, err := s.services.admin.CreateBrand(ctx, &gatewayv1.CreateBrandRequest{
		BrandId: s.opt.Brand, Brand: &gatewayv1.Brand{DisplayName: display}, ValidateOnly: s.opt.ValidateOnly,
	})
	if status.Code(err) == codes.AlreadyExists {
		count.Repeated = 1
		return get()
	}
	if err != nil {
		return "", fmt.Errorf("make brand %s: %w", s.opt.Brand, err)
	}
	count.Sent = 1
	return b.GetCreateTime().AsTime().String(), nil
}

// A declaration is something that the mapping says once for all rows.
type declaration struct {
	kind   mapping.Kind
	name   string
	want   proto.Message
	create func(context.Context) error
	get    func(context.Context) (proto.Message, error)
}

func (s *session) declarations() []declaration {
	var all []declaration
	for _, req := range s.program.Definitions {
		name := req.GetParent() + "/touchpointDefinitions/" + req.GetTouchpointDefinitionId()
		req.RequestId, req.ValidateOnly = s.uuid(name), s.opt.ValidateOnly
		all = append(all, declaration{
			mapping.Definitions, name, req.GetTouchpointDefinition(),
			func(ctx context.Context) error {
				_, err := s.services.journeyMap.CreateTouchpointDefinition(ctx, req)
				return err
			},
			func(ctx context.Context) (proto.Message, error) {
				return s.services.journeyMap.GetTouchpointDefinition(ctx, &journeyv1.GetTouchpointDefinitionRequest{Name: name})
			},
		})
	}
	for _, req := range s.program.Surveys {
		name := req.GetParent() + "/surveys/" + req.GetSurveyId()
		req.RequestId, req.ValidateOnly = s.uuid(name), s.opt.ValidateOnly
		all = append(all, declaration{
			mapping.Surveys, name, req.GetSurvey(),
			func(ctx context.Context) error {
				_, err := s.services.surveys.CreateSurvey(ctx, req)
				return err
			},
			func(ctx context.Context) (proto.Message, error) {
				return s.services.surveys.GetSurvey(ctx, &surveyv1.GetSurveyRequest{Name: name})
			},
		})
	}
	return all
}

// declare makes the touchpoint definitions and surveys of the mapping. One that is
// there already must be as the mapping says: the rows are written for it. A run that
// goes on counts them as the interrupted one did.
func (s *session) declare(ctx context.Context) error {
	for _, d := range s.declarations() {
		err := s.call(ctx, d.create)
		switch {
		case status.Code(err) == codes.AlreadyExists:
			if err := s.same(ctx, d); err != nil {
				return err
			}
			if s.state.Rows == 0 {
				s.report.of(d.kind).Repeated++
			}
		case s.opt.ValidateOnly && status.Code(err) == codes.NotFound && s.wouldExist(status.Convert(err), none):
			s.planned[d.name] = true // a question about a definition that would exist
			s.report.of(d.kind).Sent++
		case err != nil:
			return fmt.Errorf("%s: make %s: %w", s.opt.Mapping, d.name, err)
		default:
			s.planned[d.name] = s.opt.ValidateOnly
			if s.state.Rows == 0 {
				s.report.of(d.kind).Sent++
			}
		}
	}
	return nil
}

// same refuses to go on with something of the same name that is different.
func (s *session) same(ctx context.Context, d declaration) error {
	var got proto.Message
	err := s.call(ctx, func(ctx context.Context) (err error) {
		got, err = d.get(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: look at %s: %w", s.opt.Mapping, d.name, err)
	}
	if diff := differences(d.want.ProtoReflect(), got.ProtoReflect()); len(diff) > 0 {
		return fmt.Errorf("%s: %s exists with another %s; give this one another id, or import into another brand",
			s.opt.Mapping, d.name, strings.Join(diff, ", "))
	}
	return nil
}

// differences names the fields that are set in want and not the same in got.
func differences(want, got protoreflect.Message) []string {
	var diff []string
	want.Range(func(fd protoreflect.FieldDescriptor, w protoreflect.Value) bool {
		if behavior, _ := proto.GetExtension(fd.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior); slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY) {
			return true
		}
		g := got.Get(fd)
		same := w.Equal(g)
		switch {
		case fd.IsList() && fd.Message() != nil:
			same = w.List().Len() == g.List().Len()
			for i := 0; same && i < w.List().Len(); i++ {
				same = len(differences(w.List().Get(i).Message(), g.List().Get(i).Message())) == 0
			}
		case fd.Message() != nil && !fd.IsMap() && !fd.IsList():
			same = len(differences(w.Message(), g.Message())) == 0
		}
		if !same {
			diff = append(diff, string(fd.Name()))
		}
		return true
	})
	slices.Sort(diff)
	return diff
}
