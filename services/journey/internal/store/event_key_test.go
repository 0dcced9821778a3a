package store

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestAnEventMakesOneID(t *testing.T) {
	at := func(month time.Month) uint64 {
		return uint64(time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC).UnixMilli()) //nolint:gosec // after 1970
	}
	s := &Store{timed: timed{uuids: at(11), ulids: at(12)}}
	const (
		early = "019a3c5a-1bff-7d2e-9c3a-0123456789ab" // of 2025-10-31
		late  = "019ab000-0000-7d2e-9c3a-0123456789ab" // of 2025-11-23
		after = "01a0b000-0000-7d2e-9c3a-0123456789ab" // of 2026-09
		later = "01a3c000-0000-7d2e-9c3a-0123456789ab" // of 2027-02
		next  = "01a3c000-0001-7aaa-8c3a-0123456789ab"
		ours  = "01mf000000fmq9reg14d2pe000" // of the same time as later
		old   = "01m2r00000fmq9reg14d2pe000" // of 2026-09
	)
	seen := map[string]string{}
	for _, event := range []string{
		"e-1", "e-2", early, late, after, later, strings.ToUpper(later), next, "{" + later + "}", strings.ReplaceAll(later, "-", ""),
		"01a3c000-0000-4d2e-9c3a-0123456789ab", "01a3c000-0000-7d2e-1c3a-0123456789ab", "01a3c000-0000-7d2e-9c3a-0123456789ag",
		ours, strings.ToUpper(ours), old, ours + "0", strings.Replace(ours, "m", "u", 1), "9" + ours[1:],
	} {
		for _, source := range []string{"web", "till"} {
			key := s.EventKey(source, event)
			if again := s.EventKey(source, event); again != key || len(key) != 26 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz234567") != "" {
				t.Errorf("%s of %s makes %q, then %q", event, source, key, again)
			}
			if other, known := seen[key]; known {
				t.Errorf("%s of %s makes the same as %s", event, source, other)
			}
			seen[key] = event
			if timed := strings.HasPrefix(key, "agr4aaaa"); timed != (strings.EqualFold(event, later) || event == next || strings.EqualFold(event, ours)) {
				t.Errorf("%s makes %s", event, key)
			}
		}
	}
	// What was made of these before ids of events were looked at is in databases.
	for event, want := range map[string]string{"": "", "e-1": "njgcgcal7vst47yj3ihj7qavzq", early: "dtajn4ki3kylo2ltfqn5f67cnm", late: "y2izwgeuw25k2hxino6kkv2wmm", old: "4cf3y55vlxbbn4c5ethohknbom"} {
		if got := s.EventKey("web", event); got != want {
			t.Errorf("%q makes %s, want %s", event, got, want)
		}
	}
}

// TestKeysStayUntilNobodyMakesOthers: ids of events that begin with their time count from the
// first on in a new database, and after a day in one that a program of before, which knew
// neither kind or UUIDs only, may still write.
func TestKeysStayUntilNobodyMakesOthers(t *testing.T) {
	all, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	const old = "UPDATE journey_migration SET tstamp = '2026-01-01 00:00:00'"
	for _, c := range []struct {
		name, release, before string // what happens between the release before that migration and this one
		uuids, ulids          bool   // count at once
	}{
		{"new", "0022", "", true, true},
		{"with touchpoints", "0022", addOne, false, false},
		{"older than a minute", "0022", old, false, false},
		{"new, UUIDs only", "0023", "", true, true},
		{"with touchpoints, UUIDs only", "0023", addOne, true, false},
		{"older than a minute, UUIDs only", "0023", old, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
				db := open(t)
				if err := sqldb.Migrate(t.Context(), db, "journey", sqldbtest.Before(t, all, c.release)); err != nil {
					t.Fatal(err)
				}
				err := db.Write(sqldb.ForBrand(context.WithoutCancel(t.Context()), "acme"), func(tx *sqldb.Tx) error {
					switch c.before {
					case "":
					case addOne:
						tx.Defer(c.before, "acme", "t")
					default:
						tx.Defer(c.before)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				s, err := Open(t.Context(), db)
				if err != nil {
					t.Fatal(err)
				}
				none := &Store{timed: timed{1 << 62, 1 << 62}}
				for kind, k := range map[string]struct {
					since  uint64
					event  string
					atOnce bool
				}{
					"UUIDs": {s.timed.uuids, uuid.Must(uuid.NewV7()).String(), c.uuids},
					"ULIDs": {s.timed.ulids, name.NewID(), c.ulids},
				} {
					ahead := time.Until(time.UnixMilli(int64(k.since))) //nolint:gosec // far below
					if k.atOnce && k.since != 0 || !k.atOnce && (ahead < 23*time.Hour || ahead > 25*time.Hour) {
						t.Errorf("times of %s count from %s on", kind, ahead)
					}
					if counts := s.EventKey("web", k.event) != none.EventKey("web", k.event); counts != k.atOnce {
						t.Errorf("the time of %s counts: %v", k.event, counts)
					}
				}
			})
		})
	}
}
