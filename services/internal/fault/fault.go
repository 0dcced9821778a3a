// Package fault is how a service says no.
//
// A fault carries a gRPC code for machines to branch on, a reason that stays
// the same for as long as the API does, and a message for people. gRPC finds
// [Error.GRPCStatus] by itself, so a handler just returns the fault. Any other
// error reaches the client as INTERNAL with its text withheld (see package rpc):
// the text may name a table, a host or a person.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Domain scopes every reason, as AIP-193 asks.
const Domain = "concentric.dev"

// An Error is a refusal the caller can act on. It is immutable once returned.
type Error struct {
	Code     codes.Code
	Reason   string            // UPPER_SNAKE_CASE, at most 63 characters, never reworded
	Message  string            // for people, in English; names no internals
	Metadata map[string]string // the dynamic parts of Message, for machines
	Fields   []Field           // what is wrong with the request, field by field
	Quota    *Quota            // the quota that is used up; nil for none
	Retry    time.Duration     // when a retry may help; zero says nothing
	Cause    error             // for the log only; never sent
}

// A Field says what is wrong with one field of the request.
type Field struct {
	Path        string // as in the contract, such as ticket.subject
	Description string
	Reason      string // the rule that was broken, such as string.min_len
}

// A Quota says of what there was too much.
type Quota struct {
	Subject     string // whose quota it is, such as brands/acme
	Description string
}

// NotFound reports that the named resource does not exist, or that the caller
// may not know that it does.
func NotFound(name string) error {
	return &Error{
		Code: codes.NotFound, Reason: "NOT_FOUND",
		Message:  name + " does not exist",
		Metadata: map[string]string{"name": name},
	}
}

// Exists reports that a create met a resource of the same name.
func Exists(name string) error {
	return &Error{
		Code: codes.AlreadyExists, Reason: "ALREADY_EXISTS",
		Message:  name + " exists already",
		Metadata: map[string]string{"name": name},
	}
}

// Stale reports that the caller changed an older version than the stored one.
func Stale(name string) error {
	return &Error{
		Code: codes.Aborted, Reason: "STALE",
		Message:  name + " has changed; read it again and retry",
		Metadata: map[string]string{"name": name},
	}
}

// Precondition reports that the request is fine but the resource is not ready
// for it.
func Precondition(reason, name, format string, args ...any) error {
	return &Error{
		Code: codes.FailedPrecondition, Reason: reason,
		Message:  fmt.Sprintf(format, args...),
		Metadata: map[string]string{"name": name},
	}
}

// Invalid reports fields of the request that break the contract in a way that
// only the server can see. It needs at least one field.
func Invalid(fields ...Field) error {
	lines := make([]string, len(fields))
	for i, f := range fields {
		if lines[i] = f.Path + ": " + f.Description; f.Path == "" { // of the request as a whole
			lines[i] = f.Description
		}
	}
	return &Error{
		Code: codes.InvalidArgument, Reason: "INVALID_ARGUMENT",
		Message: strings.Join(lines, "; "), Fields: fields,
	}
}

// Unavailable reports that something the call needs is out of reach; the same
// call may work later. The cause stays in the log.
func Unavailable(reason, message string, cause error) error {
	return &Error{Code: codes.Unavailable, Reason: reason, Message: message, Cause: cause, Retry: 100 * time.Millisecond}
}

// Error returns the message, and the cause after it for the log.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// GRPCStatus makes gRPC send e's code, message and details, and never its cause.
func (e *Error) GRPCStatus() *status.Status {
	s := status.New(e.Code, e.Message)
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: e.Reason, Domain: Domain, Metadata: maps.Clone(e.Metadata)}}
	if len(e.Fields) > 0 {
		bad := &errdetails.BadRequest{}
		for _, f := range e.Fields {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: f.Path, Description: f.Description, Reason: f.Reason,
			})
		}
		details = append(details, bad)
	}
	if e.Quota != nil {
		details = append(details, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			Subject: e.Quota.Subject, Description: e.Quota.Description,
		}}})
	}
	if e.Retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.Retry)})
	}
	d, err := s.WithDetails(details...)
	if err != nil {
		return s // the details are a courtesy; never lose the code for them
	}
	return d
}

// Reason returns the stable reason of err, a fault or the error of a call, or "" if err is
// neither.
func Reason(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return info.GetReason()
		}
	}
	return ""
}

// Fields returns what is wrong with a request, field by field, as far as err says so: a fault,
// or the error of a call.
func Fields(err error) (all []Field) {
	for _, d := range status.Convert(err).Details() {
		bad, ok := d.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range bad.GetFieldViolations() {
			all = append(all, Field{Path: v.GetField(), Description: v.GetDescription(), Reason: v.GetReason()})
		}
	}
	return all
}

// MaxGroups is how many groups a breakdown may have.
const MaxGroups = 5000

// TooManyGroups reports that a breakdown has more than [MaxGroups] groups.
func TooManyGroups() error {
	return Invalid(Field{
		Path: "group_by", Reason: "TOO_MANY_GROUPS",
		Description: fmt.Sprintf("makes more than %d groups; choose a coarser dimension or a shorter window", MaxGroups),
	})
}

// Lead is how far ahead of now a time that a caller tells may be: clocks differ.
const Lead = 24 * time.Hour

// Ahead reports that the time in a field is more than [Lead] ahead.
func Ahead(path string) error {
	return Invalid(Field{Path: path, Reason: "TIME_AHEAD", Description: "must be at most 24 hours ahead of now"})
}
