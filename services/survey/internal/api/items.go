package api

import (
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
)

// item checks one request of a batch, which is about resource, as if it had come
// alone.
func (s *Server) item(brand, resource string, req once.Request) error {
	if err := s.Validator.Message(req); err != nil {
		return err
	}
	switch {
	case name.Brand(resource) != brand:
		return fault.NotFound(resource)
	case req.GetRequestId() != "":
		return belongsToBatch("request_id")
	case req.GetValidateOnly():
		return belongsToBatch("validate_only")
	}
	return nil
}

func belongsToBatch(field string) error {
	return fault.Invalid(fault.Field{
		Path: field, Reason: "BATCH_ITEM", Description: "must be empty in a batch, whose own " + field + " counts for all",
	})
}

// refusal reports whether err is about the item of a batch and not about the batch.
func refusal(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.PermissionDenied:
		return true
	}
	return false
}

func statusOf(err error) *statuspb.Status { return status.Convert(err).Proto() }
