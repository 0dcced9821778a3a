package audit

import (
	"context"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// List returns events of a brand, newest first, as req asks for them.
func (l *Log) List(ctx context.Context, req *eventv1.ListAuditLogRequest) ([]*eventv1.AuditEvent, error) {
	brand := name.Brand(req.GetParent())
	var q sqldb.Query
	q.Add(`SELECT `+columns+` FROM audit_event WHERE brand = ?`, brand)
	if req.GetStartTime() != nil {
		q.Add(` AND event_time >= ?`, sqldb.Micros(req.GetStartTime().AsTime()))
	}
	if req.GetEndTime() != nil {
		q.Add(` AND event_time < ?`, sqldb.Micros(req.GetEndTime().AsTime()))
	}
	for _, is := range []struct{ column, value string }{{"subject", req.GetSubject()}, {"method", req.GetMethod()}, {"resource", req.GetResource()}} {
		if is.value != "" {
			q.Add(` AND `+is.column+` = ?`, is.value)
		}
	}
	if req.GetAfterTime() != nil {
		// Of another service at the same instant, those whose service comes later in the
		// alphabet are still to come.
		at, service, id := sqldb.Micros(req.GetAfterTime().AsTime()), "", ""
		service, id, _ = strings.Cut(name.ID(req.GetAfterName()), "-")
		switch {
		case service == req.GetService():
			q.Add(` AND (event_time < ? OR event_time = ? AND id < ?)`, at, at, id)
		case service < req.GetService():
			q.Add(` AND event_time <= ?`, at)
		default:
			q.Add(` AND event_time < ?`, at)
		}
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = 50
	}
	q.Add(` ORDER BY event_time DESC, id DESC LIMIT ?`, size)
	rows, err := l.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	found, err := table.All(rows, scan)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all := make([]*eventv1.AuditEvent, 0, len(found))
	for _, r := range found {
		all = append(all, r.message(brand, req.GetService()))
	}
	return all, nil
}

func (r row) message(brand, service string) *eventv1.AuditEvent {
	return &eventv1.AuditEvent{
		Name: name.Join("brands", brand, "auditEvents", service+"-"+r.id), Service: service, EventTime: timestamppb.New(sqldb.Time(r.time)),
		Subject: r.subject, Method: r.method, Resource: r.resource, RequestId: r.requestID, Outcome: eventv1.AuditEvent_Outcome(r.outcome),
		Peer: r.peer, Sequence: r.sequence, Hash: r.hash,
	}
}
