package store

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// TestTables has rows of the directory, the catalog, self-service and the promises
// come back as they went in, on both databases.
func TestTables(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		due, atOnce := 400*24*time.Hour, time.Duration(0)
		at := func(id string) table.Record {
			return table.Record{Brand: "acme", ID: id, CreateTime: noon, UpdateTime: noon.Add(time.Microsecond), Version: 1}
		}
		const text = "Où est ? 🧨 <b> \\ ' \u2028"
		t.Run("partners", func(t *testing.T) {
			keeps(t, s, Partners, Partner{at("a"), text, true}, Partner{at("b"), "x", false})
		})
		t.Run("teams", func(t *testing.T) {
			keeps(t, s, Teams, Team{at("a"), text, "mihir", "bo", true}, Team{Record: at("b"), DisplayName: "x"})
		})
		t.Run("agents", func(t *testing.T) {
			keeps(t, s, Agents, Agent{at("a"), text, "night", "mihir", true}, Agent{Record: at("b"), DisplayName: "x"})
		})
		t.Run("issue types", func(t *testing.T) {
			steps := []PrescribedStep{{text, &due}, {"now", &atOnce}, {"some day", nil}}
			keeps(t, s, IssueTypes, IssueType{at("a"), text, 20, 5, 4, 3, steps}, IssueType{Record: at("b"), DisplayName: "x", IssueKind: 1})
		})
		t.Run("problems", func(t *testing.T) {
			keeps(t, s, Problems, Problem{at("a"), text, strings.Repeat("ü", 4000), 3, 5, 0}, Problem{Record: at("b"), Title: "x", State: 1})
		})
		t.Run("sessions", func(t *testing.T) {
			full := Session{
				Record: at("a"), Customer: "ann", Kind: 3, Channel: 15, IssueKind: 20, Stage: 5, Phase: 4,
				StartTime: noon, EndTime: noon.Add(time.Hour), Verdict: 2, Articles: []string{text, "faq"},
			}
			keeps(t, s, Sessions, full, Session{Record: at("b"), Kind: 1, Channel: 1, StartTime: noon, EndTime: noon})
		})
		for _, policies := range []*table.Table[SLAPolicy]{SLAPolicies, SLAPolicyRevisions} {
			t.Run(policies.Name, func(t *testing.T) {
				full := SLAPolicy{
					Record: at("a"), DisplayName: text, Position: 3, Inactive: true,
					Conditions: &Conditions{Channels: []int32{1, 3}, Teams: []string{"night"}, Attributes: map[string]string{"tier": text}},
					Targets:    []Target{{Metric: 1, Priority: 4, Duration: due, WallClock: true, WarnAt: .75, PauseStates: []int32{3}}, {Metric: 2}},
					Schedule:   "desk", BotCounts: true, NoteCounts: false, AutomaticAcknowledges: true, Revision: 7,
				}
				keeps(t, s, policies, full, SLAPolicy{Record: at("b"), DisplayName: "x", NoteCounts: true, Revision: 1})
			})
		}
		for _, schedules := range []*table.Table[Schedule]{Schedules, ScheduleRevisions} {
			t.Run(schedules.Name, func(t *testing.T) {
				full := Schedule{
					Record: at("a"), DisplayName: text, TimeZone: "Asia/Manila", Revision: 7,
					Week:       []WeekDay{{Day: 1, Hours: []Hours{{Open: "22:00", Close: "06:00", Overnight: true}}}},
					Exceptions: []DayOff{{Date: "2013-12-25", Title: text}},
				}
				keeps(t, s, schedules, full, Schedule{Record: at("b"), DisplayName: "x", TimeZone: "UTC", Revision: 1})
			})
		}
	})
}

// keeps has two rows, one full and one with nothing that it need not have, added,
// read, and put in each other's place.
func keeps[T any](t *testing.T, s *Store, kept *table.Table[T], full, plain T) {
	t.Helper()
	is := func(what string, got, want T) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %+v, want %+v", what, got, want)
		}
	}
	write(t, s, func(tx *sqldb.Tx) error {
		for _, want := range []T{full, plain} {
			r := kept.Record(want)
			added, err := kept.Add(tx, want)
			if err != nil {
				return err
			}
			is("Add", added, want)
			read, err := kept.Get(tx, r.Brand, r.ID)
			if err != nil {
				return err
			}
			is("Get", read, want)
		}
		for _, change := range [][2]T{{full, plain}, {plain, full}} {
			want, place := change[0], kept.Record(change[1])
			*kept.Head(&want) = place
			got, err := kept.Update(tx, want)
			if err != nil {
				return err
			}
			kept.Head(&want).Version++
			is("Update", got, want)
		}
		return nil
	})
}
