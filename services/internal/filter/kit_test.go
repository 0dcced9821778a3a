package filter

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

var schema = fstest.MapFS{"0001_thing.sql": {Data: []byte(`-- +goose Up
CREATE TABLE thing (
  id         TEXT PRIMARY KEY,
  subject    TEXT NOT NULL,
  note       TEXT,
  state      INTEGER NOT NULL,
  reopened   INTEGER NOT NULL,
  score      DOUBLE PRECISION,
  urgent     BOOLEAN NOT NULL,
  open_time  BIGINT NOT NULL,
  close_time BIGINT,
  took       BIGINT,
  customer   TEXT NOT NULL,
  attributes TEXT NOT NULL
);
`)}, "0002_locale.postgres.sql": {Data: []byte(`-- +goose Up
ALTER TABLE thing ALTER COLUMN subject TYPE TEXT COLLATE "en-x-icu"; -- as where the locale is not C
ALTER TABLE thing ALTER COLUMN note TYPE TEXT COLLATE "en-x-icu";
`)}}

var fields = Fields{
	{Name: "name", Column: "id", Kind: Name, Collection: "things", Order: "id"},
	{Name: "subject", Order: "subject"},
	{Name: "note", Nullable: true, Order: "COALESCE(note, '')"},
	{Name: "state", Kind: Enum, Enum: ticketv1.Ticket_State(0).Descriptor(), Order: "state"},
	{Name: "reopen_count", Column: "reopened", Kind: Number, Order: "reopened"},
	{Name: "score", Kind: Number, Nullable: true, Order: "COALESCE(score, -1)"},
	{Name: "urgent", Kind: Bool, Order: "urgent"},
	{Name: "open_time", Kind: Time, Order: "open_time"},
	{Name: "close_time", Kind: Time, Nullable: true, Order: "COALESCE(close_time, 0)"},
	{Name: "took", Kind: Duration, Nullable: true},
	{Name: "customer", Kind: Name, Collection: "customers", Order: "customer"},
	{Name: "attributes", Kind: Map},
}

// A thing is a row; nil pointers are NULL.
type thing struct {
	id         string
	subject    string
	note       *string
	state      int64
	reopened   int64
	score      *float64
	urgent     bool
	open       int64
	close      *int64
	took       *int64
	customer   string
	attributes map[string]string
}

const second = 1_000_000 // microseconds

// The values that rows and filters share, few enough that they meet.
var (
	words = []string{
		"", "a", "ab", "b", "aB", "refund", "refund late", "31-60", "é", "日本", "*", "a*", "*b", "%", "_", `"`, "'", `\`, "?", "$1",
		"'; DROP TABLE thing; --", `") OR 1 = 1`, "x' OR 'x'='x", "NOT", "AND", "null", "true", "7", "007", "7.0", "\n", "a.b", "😀",
		"é*", "éa", "*é", "日é", `a"b\c`,
	}
	numbers   = []float64{-3, -0.5, 0, 0.25, 1, 2, 7, 2.5e9, 1 << 40}
	times     = []int64{0, 1, second, 86_400 * second, 1_767_614_400 * second, 1_767_614_400*second + 123_456, -second}
	customers = []string{"", "ann", "bob", "x-1"}
	keys      = []string{"tenure", "a", "b_2", "select"}
)

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func maybe[T any](r *rand.Rand, v T) *T {
	if r.IntN(3) == 0 {
		return nil
	}
	return &v
}

// things returns n rows.
func things(n int) []thing {
	r := rand.New(rand.NewPCG(160, 132)) //nolint:gosec // the same each time
	all := make([]thing, n)
	for i := range all {
		all[i] = thing{
			id: fmt.Sprintf("%02x", i*7%256), subject: pick(r, words), note: maybe(r, pick(r, words)),
			state: r.Int64N(8), reopened: r.Int64N(4), score: maybe(r, pick(r, numbers)), urgent: r.IntN(2) == 0,
			open: pick(r, times), close: maybe(r, pick(r, times)), took: maybe(r, pick(r, times)),
			customer: pick(r, customers), attributes: map[string]string{},
		}
		for _, key := range keys {
			if r.IntN(2) == 0 {
				all[i].attributes[key] = pick(r, words)
			}
		}
	}
	return all
}

// filled returns a database with those rows.
func filled(t *testing.T, db *sqldb.DB, rows []thing) *sqldb.DB {
	t.Helper()
	if err := sqldb.Migrate(t.Context(), db, "thing", schema); err != nil {
		t.Fatal(err)
	}
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for _, r := range rows {
			attributes, err := json.Marshal(r.attributes)
			if err != nil {
				return err
			}
			tx.Defer(`INSERT INTO thing (id, subject, note, state, reopened, score, urgent, open_time, close_time, took, customer, attributes)
				VALUES `+sqldb.Values(1, 12), r.id, r.subject, r.note, r.state, r.reopened, r.score, r.urgent, r.open, r.close, r.took,
				r.customer, string(attributes))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// numbered numbers the placeholders of clauses joined by AND.
func numbered(clauses ...Clause) (string, []any) {
	var (
		texts []string
		args  []any
	)
	for _, c := range clauses {
		text := c.Text
		for _, a := range c.Args {
			args = append(args, a)
			text = strings.Replace(text, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " AND "), args
}

// ids runs a query and returns its rows.
func ids(t interface {
	Helper()
	Fatalf(string, ...any)
}, db *sqldb.DB, query string, args []any,
) []string {
	t.Helper()
	rows, err := db.Read().Query(query, args...)
	if err != nil {
		t.Fatalf("%s %q: %v", query, args, err)
	}
	defer rows.Close()
	got := []string{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatalf("scan: %v", err)
		}
		got = append(got, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s %q: %v", query, args, err)
	}
	return got
}

// matching returns the ids of the rows that keep holds for, sorted.
func matching(rows []thing, keep func(thing) bool) []string {
	got := []string{}
	for _, r := range rows {
		if keep(r) {
			got = append(got, r.id)
		}
	}
	slices.Sort(got)
	return got
}

// wantInvalid reports err unless it is a fault on that field for that reason.
func wantInvalid(t *testing.T, err error, path, reason string) {
	t.Helper()
	e, ok := err.(*fault.Error) //nolint:errorlint // it is not wrapped
	if !ok || status.Code(err) != codes.InvalidArgument || len(e.Fields) != 1 || e.Fields[0].Path != path || e.Fields[0].Reason != reason {
		t.Errorf("error = %v, want a fault on %s for %s", err, path, reason)
	}
}
