package store

import (
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Schedule is when somebody works, in the words of the contract.
type Schedule struct {
	table.Record
	DisplayName string
	TimeZone    string
	Week        []WeekDay
	Exceptions  []DayOff
	Revision    int64 // of the hours
}

// A WeekDay is the hours of one day of the week, 1 for Monday.
type WeekDay struct {
	Day   int32   `json:"day"`
	Hours []Hours `json:"hours"`
}

// Hours are one interval of a day, as HH:MM or HH:MM:SS.
type Hours struct {
	Open      string `json:"open"`
	Close     string `json:"close"`
	Overnight bool   `json:"overnight,omitempty"`
}

// A DayOff is a date, as YYYY-MM-DD, with hours of its own or none.
type DayOff struct {
	Date  string  `json:"date"`
	Hours []Hours `json:"hours,omitempty"`
	Title string  `json:"title,omitempty"`
}

func scheduleTable(name string) *table.Table[Schedule] {
	return &table.Table[Schedule]{
		Name:    name,
		Columns: []string{"display_name", "time_zone", "week", "exceptions", "revision"},
		Fields: func(s *Schedule) []any {
			return []any{&s.DisplayName, &s.TimeZone, table.Array[WeekDay]{Of: &s.Week}, table.Array[DayOff]{Of: &s.Exceptions}, &s.Revision}
		},
		Head: func(s *Schedule) *table.Record { return &s.Record },
	}
}

// Schedules keeps the schedules as they are, ScheduleRevisions all that they were.
var (
	Schedules         = scheduleTable("schedule")
	ScheduleRevisions = scheduleTable("schedule_revision")
)

// LastSchedule returns the greatest revision that a schedule ever had, or 0.
func LastSchedule(tx *sqldb.Tx, brand, id string) (int64, error) {
	return last(tx, `SELECT COALESCE(MAX(revision), 0) FROM schedule_revision WHERE brand = $1 AND id = $2`, brand, id)
}

func last(tx *sqldb.Tx, query string, args ...any) (n int64, err error) {
	err = tx.QueryRow(query, args...).Scan(&n)
	return n, err
}

// ScheduleInUse reports whether a policy has a schedule.
func ScheduleInUse(tx *sqldb.Tx, brand, id string) (bool, error) {
	return exists(tx, `SELECT EXISTS (SELECT 1 FROM sla_policy WHERE brand = $1 AND schedule = $2 AND schedule <> '')`, brand, id)
}

// ScheduleHistory returns the revisions of a schedule after one of them, in order.
func ScheduleHistory(q Query, brand, id string, after int64) ([]Schedule, error) {
	return rows(q, ScheduleRevisions, ` WHERE brand = ? AND id = ? AND revision > ? ORDER BY revision`, brand, id, after)
}
