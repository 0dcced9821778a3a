package api

import (
	"cmp"
	"context"
	"reflect"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// settling is how long after a change of hours the tickets are told on PostgreSQL:
// by then no replica knows the old hours any longer.
const settling = 2 * fresh

// schedules are the schedules of a server.
func (s *Server) schedules() *resource.Resource[*ticketv1.Schedule, store.Schedule] {
	return &resource.Resource[*ticketv1.Schedule, store.Schedule]{
		DB: s.DB, Validator: s.Validator, Table: store.Schedules, Collection: "schedules", Field: "schedule",
		Filters: filter.Fields{{Name: "display_name"}, {Name: "time_zone"}},
		Orders:  byDisplayName,
		Message: scheduleProto,
		Row:     newSchedule,
		Check:   s.checkSchedule,
		InUse:   store.ScheduleInUse, Users: "policies",
	}
}

func newSchedule(m *ticketv1.Schedule, r table.Record) (store.Schedule, error) {
	row := store.Schedule{Record: r, DisplayName: m.GetDisplayName(), TimeZone: m.GetTimeZone()}
	for _, d := range m.GetWeek() {
		row.Week = append(row.Week, store.WeekDay{Day: int32(d.GetDay()), Hours: newHours(d.GetHours())})
	}
	for _, e := range m.GetExceptions() {
		row.Exceptions = append(row.Exceptions, store.DayOff{Date: e.GetDate(), Hours: newHours(e.GetHours()), Title: e.GetTitle()})
	}
	_, err := compile(row)
	return row, err
}

func newHours(in []*ticketv1.Schedule_Hours) (all []store.Hours) {
	for _, h := range in {
		all = append(all, store.Hours{Open: h.GetOpenTime(), Close: h.GetCloseTime(), Overnight: h.GetOvernight()})
	}
	return all
}

func scheduleProto(s store.Schedule) *ticketv1.Schedule {
	m := &ticketv1.Schedule{
		Name: ref(s.Brand, "schedules", s.ID), DisplayName: s.DisplayName, TimeZone: s.TimeZone, Revision: s.Revision,
		CreateTime: timestamppb.New(s.CreateTime), UpdateTime: timestamppb.New(s.UpdateTime), Etag: resource.Etag(s.Version),
	}
	for _, d := range s.Week {
		m.Week = append(m.Week, &ticketv1.Schedule_WeekDay{Day: ticketv1.Schedule_DayOfWeek(d.Day), Hours: hoursProto(d.Hours)})
	}
	for _, e := range s.Exceptions {
		m.Exceptions = append(m.Exceptions, &ticketv1.Schedule_Exception{Date: e.Date, Hours: hoursProto(e.Hours), Title: e.Title})
	}
	return m
}

func hoursProto(in []store.Hours) (all []*ticketv1.Schedule_Hours) {
	for _, h := range in {
		all = append(all, &ticketv1.Schedule_Hours{OpenTime: h.Open, CloseTime: h.Close, Overnight: h.Overnight})
	}
	return all
}

// checkSchedule makes a revision of a schedule whose hours are new, and lets the
// tickets that follow it know. A schedule that comes back under its old id goes on
// where that ended.
func (s *Server) checkSchedule(tx *sqldb.Tx, old store.Schedule, row *store.Schedule) error {
	row.Revision = old.Revision
	switch {
	case old.ID == "":
		last, err := store.LastSchedule(tx, row.Brand, row.ID)
		if err != nil {
			return err
		}
		row.Revision = last + 1
	case sameHours(old, *row):
		return nil
	default:
		row.Revision++
	}
	tx.AfterCommit(s.sla.book.forget) // before the timers wake who would look there
	revision := *row
	if old.ID != "" {
		revision.Version++ // as the row will have it
	}
	if _, err := store.ScheduleRevisions.Add(tx, revision); err != nil {
		return explain(ref(row.Brand, "schedules", row.ID), err)
	}
	if row.Revision == 1 {
		return nil
	}
	due := row.UpdateTime
	if s.DB.Postgres() {
		due = due.Add(settling)
	}
	store.AddChange(tx, store.Change{Brand: row.Brand, Schedule: row.ID, Due: due})
	tx.AfterCommit(func() { s.sla.timers.Set(due) })
	return nil
}

func sameHours(a, b store.Schedule) bool {
	return a.TimeZone == b.TimeZone && reflect.DeepEqual(a.Week, b.Week) && reflect.DeepEqual(a.Exceptions, b.Exceptions)
}

// CreateSchedule implements SlaService.
func (s *Server) CreateSchedule(ctx context.Context, req *ticketv1.CreateScheduleRequest) (*ticketv1.Schedule, error) {
	return s.schedules().Create(ctx, req, req.GetSchedule())
}

// GetSchedule implements SlaService.
func (s *Server) GetSchedule(ctx context.Context, req *ticketv1.GetScheduleRequest) (*ticketv1.Schedule, error) {
	return s.schedules().Get(ctx, req.GetName())
}

// ListSchedules implements SlaService.
func (s *Server) ListSchedules(ctx context.Context, req *ticketv1.ListSchedulesRequest) (*ticketv1.ListSchedulesResponse, error) {
	page, next, err := s.schedules().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListSchedulesResponse{Schedules: page, NextPageToken: next}, nil
}

// UpdateSchedule implements SlaService.
func (s *Server) UpdateSchedule(ctx context.Context, req *ticketv1.UpdateScheduleRequest) (*ticketv1.Schedule, error) {
	return s.schedules().Update(ctx, req, req.GetSchedule())
}

// DeleteSchedule implements SlaService.
func (s *Server) DeleteSchedule(ctx context.Context, req *ticketv1.DeleteScheduleRequest) (*emptypb.Empty, error) {
	return s.schedules().Delete(ctx, req)
}
