package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope names this package in telemetry.
const scope = "github.com/concentric-cx/concentric/services/internal/sqldb"

// gaugeTime is how long the gauges of a database may take at a time.
const gaugeTime = 5 * time.Second

// A telemetry is what a database says about itself. Until it has a service it says
// nothing.
type telemetry struct {
	service   string       // whose database it is; set before there are callers
	traced    bool         // somebody records spans
	collided  atomic.Int64 // groups
	histogram atomic.Pointer[histograms]

	mu    sync.Mutex
	stops []metric.Registration
}

// Histograms are those of the lanes.
type histograms struct {
	size metric.Int64Histogram
	took metric.Float64Histogram
	with metric.MeasurementOption
}

// A Gauge is a figure of a whole database, over all brands, that somebody wants to see
// for what it is now. Query finds one whole number: how many there are, or, with Since, the
// time of the oldest or a ULID of it, whose age in seconds is shown. It must be quick however
// much there is.
type Gauge struct {
	Name, Description, Unit string
	Query                   string
	Since                   bool
	At                      bool // Query takes the time now as $1
}

// Service returns whose database it is, or "" before [Own].
func (db *DB) Service() string { return db.telemetry.service }

// Observe shows the gauges as long as the database is open, if it belongs to a service.
func (db *DB) Observe(gauges ...Gauge) error {
	if db.telemetry.service == "" {
		return nil
	}
	meter := otel.Meter(scope)
	instruments := make([]metric.Float64Observable, len(gauges))
	observables := make([]metric.Observable, len(gauges))
	for i, g := range gauges {
		made, err := meter.Float64ObservableGauge(g.Name, metric.WithDescription(g.Description), metric.WithUnit(g.Unit))
		if err != nil {
			return err
		}
		instruments[i], observables[i] = made, made
	}
	with := db.telemetry.attributes()
	return db.telemetry.register(meter.RegisterCallback(func(ctx context.Context, out metric.Observer) error {
		ctx, cancel := context.WithTimeout(ForAll(ctx), gaugeTime)
		defer cancel()
		var errs []error
		for i, g := range gauges {
			value, err := db.gauge(ctx, g)
			if err == nil {
				out.ObserveFloat64(instruments[i], value, with)
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}, observables...))
}

// gauge asks for a figure.
func (db *DB) gauge(ctx context.Context, g Gauge) (float64, error) {
	var (
		found sql.NullString
		args  []any
		now   = time.Now()
	)
	if g.At {
		args = append(args, Micros(now))
	}
	if err := db.readers.QueryRowContext(ctx, g.Query, args...).Scan(&found); err != nil {
		return 0, Fault(err)
	}
	if !found.Valid {
		return 0, nil
	}
	if id, err := ulid.ParseStrict(strings.ToUpper(found.String)); err == nil {
		return max(0, now.Sub(id.Timestamp()).Seconds()), nil
	}
	number, err := strconv.ParseInt(found.String, 10, 64)
	if err != nil || !g.Since {
		return float64(number), err
	}
	return max(0, now.Sub(Time(number)).Seconds()), nil
}

func (t *telemetry) attributes() metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("concentric.service", t.service)))
}

// register keeps a registration until the database is closed.
func (t *telemetry) register(r metric.Registration, err error) error {
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stops = append(t.stops, r)
	return nil
}

// stop ends all registrations.
func (t *telemetry) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.stops {
		r.Unregister() //nolint:errcheck,gosec // nothing is left to do
	}
	t.stops = nil
}

// measure has db say how it fares, as that of service.
func (db *DB) measure(service string) error {
	t := &db.telemetry
	t.service = service
	with, meter := t.attributes(), otel.Meter(scope)
	size, err := meter.Int64Histogram("concentric.sqldb.group.size", metric.WithUnit("{write}"),
		metric.WithDescription("Writes that share a commit."), metric.WithExplicitBucketBoundaries(1, 2, 4, 8, 16, 32, 64, 128, 256, 512))
	if err != nil {
		return err
	}
	took, err := meter.Float64Histogram("concentric.sqldb.commit.duration", metric.WithUnit("s"),
		metric.WithDescription("How long a group takes from its first statement to the end of its commit."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5))
	if err != nil {
		return err
	}
	t.histogram.Store(&histograms{size, took, with})
	return db.watchPools(meter, with)
}

// watchPools reports what waits for a lane or a connection.
func (db *DB) watchPools(meter metric.Meter, with metric.MeasurementOption) error {
	t := &db.telemetry
	depth, err := meter.Int64ObservableGauge("concentric.sqldb.queue.depth", metric.WithUnit("{write}"), metric.WithDescription("Writes that wait for their group."))
	if err != nil {
		return err
	}
	collided, err := meter.Int64ObservableCounter("concentric.sqldb.collisions", metric.WithUnit("{group}"), metric.WithDescription("Groups that ran again because they collided with others."))
	if err != nil {
		return err
	}
	used, err := meter.Int64ObservableGauge("concentric.sqldb.connections.used", metric.WithUnit("{connection}"), metric.WithDescription("Connections in use, by pool."))
	if err != nil {
		return err
	}
	most, err := meter.Int64ObservableGauge("concentric.sqldb.connections.max", metric.WithUnit("{connection}"), metric.WithDescription("Connections allowed, by pool."))
	if err != nil {
		return err
	}
	waited, err := meter.Float64ObservableCounter("concentric.sqldb.connections.wait", metric.WithUnit("s"), metric.WithDescription("How long reads and writes have waited for a connection in all, by pool."))
	if err != nil {
		return err
	}
	pools := []struct {
		*sql.DB
		with metric.MeasurementOption
	}{{db.readers, t.pool("read")}, {db.writers, t.pool("write")}}
	return t.register(meter.RegisterCallback(func(_ context.Context, out metric.Observer) error {
		out.ObserveInt64(depth, int64(len(db.queue.seats)), with)
		out.ObserveInt64(collided, t.collided.Load(), with)
		for _, pool := range pools {
			stats := pool.Stats()
			out.ObserveInt64(used, int64(stats.InUse), pool.with)
			out.ObserveInt64(most, int64(stats.MaxOpenConnections), pool.with)
			out.ObserveFloat64(waited, stats.WaitDuration.Seconds(), pool.with)
		}
		return nil
	}, depth, collided, used, most, waited))
}

func (t *telemetry) pool(name string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(
		attribute.String("concentric.service", t.service), attribute.String("concentric.pool", name)))
}

// committed notes a group whose commit has ended well.
func (t *telemetry) committed(group []*request, began time.Time) {
	took := time.Since(began)
	if h := t.histogram.Load(); h != nil {
		h.size.Record(context.Background(), int64(len(group)), h.with)
		h.took.Record(context.Background(), took.Seconds(), h.with)
	}
	if t.traced {
		for _, r := range group {
			r.span.committed(began, took, len(group))
		}
	}
}
