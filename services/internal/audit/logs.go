package audit

import (
	"context"
	"strings"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// Logs is the AuditLogService of one process: the logs of its services, by their names. Add
// comes before serving; then it is safe for concurrent use.
type Logs struct {
	eventv1.UnimplementedAuditLogServiceServer

	logs map[string]*Log
}

// NewLogs returns an AuditLogService without logs.
func NewLogs() *Logs { return &Logs{logs: map[string]*Log{}} }

// Add adds the log of a service.
func (s *Logs) Add(service string, l *Log) { s.logs[service] = l }

// Denied has it written in the log of the service that the method belongs to that a call
// of the full method, such as /concentric.ticket.v1.SlaService/CreateSchedule, was not
// allowed. A caller of no brand is nobody's affair.
func (s *Logs) Denied(full string, c Call) {
	service, _, _ := strings.Cut(strings.TrimPrefix(full, "/concentric."), ".")
	l := s.logs[service]
	if l == nil { // a gateway has refused what is for a service elsewhere
		l = s.logs["gateway"]
	}
	if l != nil && c.Brand != "" {
		l.Denied(c)
	}
}

func (s *Logs) of(service string) (*Log, error) {
	if l := s.logs[service]; l != nil {
		return l, nil
	}
	return nil, fault.NotFound("services/" + service)
}

// ListAuditLog implements AuditLogService.
func (s *Logs) ListAuditLog(ctx context.Context, req *eventv1.ListAuditLogRequest) (*eventv1.ListAuditLogResponse, error) {
	l, err := s.of(req.GetService())
	if err != nil {
		return nil, err
	}
	all, err := l.List(ctx, req)
	if err != nil {
		return nil, err
	}
	return &eventv1.ListAuditLogResponse{AuditEvents: all}, nil
}

// VerifyAuditLog implements AuditLogService.
func (s *Logs) VerifyAuditLog(ctx context.Context, req *eventv1.VerifyAuditLogRequest) (*eventv1.VerifyAuditLogResponse, error) {
	l, err := s.of(req.GetService())
	if err != nil {
		return nil, err
	}
	res, err := l.Verify(ctx, name.Brand(req.GetParent()), req.GetKnown())
	if err != nil {
		return nil, err
	}
	res.Head.Service = req.GetService()
	return res, nil
}
