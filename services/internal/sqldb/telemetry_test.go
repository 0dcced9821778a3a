package sqldb_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// recorded has spans recorded until the test ends, and a call with one.
func recorded(t *testing.T) (*tracetest.SpanRecorder, context.Context) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	ctx, _ := otel.Tracer("test").Start(t.Context(), "call")
	return recorder, ctx
}

// summaries returns what the spans of a name say of their statements.
func summaries(spans []sdktrace.ReadOnlySpan, name string) (all []string) {
	for _, s := range spans {
		for _, a := range s.Attributes() {
			if s.Name() == name && a.Key == "db.query.summary" {
				all = append(all, a.Value.AsString())
			}
		}
	}
	return all
}

func TestSpansNameStatementsWithoutValues(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		recorder, ctx := recorded(t)
		db := open(t)
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { // which nobody records
			_, err := tx.Exec(`CREATE TABLE thing (name TEXT NOT NULL)`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		const canary = "Ann"
		trace := ""
		if err := db.Write(ctx, func(tx *sqldb.Tx) error {
			trace = tx.Trace()
			tx.Defer(`INSERT INTO thing (name) VALUES ($1)`, canary)
			tx.Defer(`INSERT INTO thing (name) VALUES ($1)`, canary)
			_, err := tx.Exec(`UPDATE thing SET name = '` + canary + `' WHERE name = 'x'`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		refused := errors.New(canary + " is refused")
		if err := db.Write(ctx, func(*sqldb.Tx) error { return refused }); !errors.Is(err, refused) {
			t.Fatal(err)
		}
		var n int
		if err := db.Read().QueryRowContext(sqldb.ForAll(ctx), `SELECT COUNT(*) FROM thing WHERE name = '`+canary+`'`).Scan(&n); err != nil || n != 2 {
			t.Fatalf("%d things, %v, want 2", n, err)
		}
		spans := recorder.Ended()
		if got, want := summaries(spans, "write"), []string{"INSERT thing; UPDATE thing", ""}; !slices.Equal(got, want) {
			t.Errorf("writes say %q, want %q", got, want)
		}
		if got, want := summaries(spans, "SELECT thing"), []string{"SELECT thing"}; !slices.Equal(got, want) {
			t.Errorf("reads say %q, want %q", got, want)
		}
		if !slices.ContainsFunc(spans, func(s sdktrace.ReadOnlySpan) bool { return s.Name() == "commit" }) {
			t.Error("no span is a commit")
		}
		for _, s := range spans {
			if status := s.Status(); status.Description != "" || s.Name() == "write" && (status.Code == codes.Error) != (len(summaries([]sdktrace.ReadOnlySpan{s}, "write")[0]) == 0) {
				t.Errorf("%s ends with %v, want an error of the refused write alone, without words", s.Name(), status)
			}
			for _, a := range s.Attributes() {
				if strings.Contains(a.Value.String(), canary) {
					t.Errorf("%s says %v", s.Name(), a)
				}
			}
		}
		if strings.Count(trace, "-") != 3 {
			t.Errorf("the write is part of %q, want a traceparent", trace)
		}
	})
}

func TestADatabaseShowsItsFiguresAsThoseOfItsService(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	defer otel.SetMeterProvider(before)
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		if err := sqldb.Own(t.Context(), db, "ticket"); err != nil {
			t.Fatal(err)
		}
		at := sqldb.Micros(time.Now().Add(-time.Hour))
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(`CREATE TABLE due (at BIGINT NOT NULL)`); err != nil {
				return err
			}
			_, err := tx.Exec(`INSERT INTO due (at) VALUES ($1)`, at)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Observe(
			sqldb.Gauge{Name: "due", Unit: "{thing}", Query: `SELECT COUNT(*) FROM due WHERE at < $1`, At: true},
			sqldb.Gauge{Name: "late", Unit: "s", Query: `SELECT MIN(at) FROM due`, Since: true},
			sqldb.Gauge{Name: "none", Unit: "s", Query: `SELECT MIN(at) FROM due WHERE at < 0`, Since: true},
			sqldb.Gauge{Name: "named", Unit: "s", Query: `SELECT '01m81kscb2azz27wnd3vj1ym8n'`, Since: true},
		); err != nil {
			t.Fatal(err)
		}
		got := figures(t, reader)
		if got["due"] != 1 || got["late"] < 3600 || got["late"] > 3700 || got["none"] != 0 || got["concentric.sqldb.group.size"] == 0 || got["concentric.sqldb.connections.max"] < 1 {
			t.Errorf("figures = %v, want one due for an hour, and what the lanes did", got)
		}
		if _, there := got["named"]; !there {
			t.Error("an id is no time")
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if got := figures(t, reader); got["due"] != 0 {
			t.Errorf("a closed database shows %v", got)
		}
	})
}

// figures returns the last value of each metric, and of histograms the number of values.
func figures(t *testing.T, reader sdkmetric.Reader) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[float64]:
				got[m.Name] = data.DataPoints[0].Value
			case metricdata.Gauge[int64]:
				got[m.Name] = float64(data.DataPoints[0].Value)
			case metricdata.Histogram[int64]:
				got[m.Name] = float64(data.DataPoints[0].Count)
			}
		}
	}
	return got
}
