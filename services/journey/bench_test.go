package journey_test

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey"
)

// socket serves on loopback until the benchmark ends and returns a connection.
func socket(b *testing.B, s *rpc.Server) *grpc.ClientConn {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go s.Serve(listener) //nolint:errcheck // ends with Stop
	b.Cleanup(s.Stop)
	conn, err := rpc.Dial(listener.Addr().String(), rpc.ClientConfig{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return conn
}

// dial returns clients of a journey service on db, over a socket.
func dial(b *testing.B, db *sqldb.DB) *suite {
	b.Helper()
	service, err := journey.New(b.Context(), db, journey.Config{})
	if err != nil {
		b.Fatal(err)
	}
	s := rpc.NewServer(rpc.Config{})
	service.Register(s)
	return clients(socket(b, s))
}

const batchSize = 1000

var numbers = regexp.MustCompile(`\$[0-9]+`)

// ingestion makes batch number n, of so many customers.
func ingestion(n, customers int) *journeyv1.BatchRecordTouchpointsRequest {
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"}
	definitions := []string{"online-ad", "website-visit", "checkout", "product-use", "referral"}
	for i := range batchSize {
		at := noon.Add(time.Duration(n)*time.Hour + time.Duration(i)*time.Second)
		r := visit(fmt.Sprint("customer-", n%10, "-", i%customers), fmt.Sprint("event-", n, "-", i), at)
		r.Touchpoint.Definition = "brands/acme/touchpointDefinitions/" + definitions[i%len(definitions)]
		req.Requests = append(req.Requests, r)
	}
	return req
}

// raw stores the rows of batch number n and nothing else.
func raw(ctx context.Context, db *sqldb.DB, n, customers int) error {
	const part = 50
	insert := `INSERT INTO touchpoint (brand, id, customer, definition, event_time, record_time, source, event_id, channel,
		stage, phase, expectation, is_service, weight) VALUES ` + sqldb.Values(part, 14)
	if !db.Postgres() {
		insert = numbers.ReplaceAllLiteralString(insert, "?") // as the service does
	}
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		for from := 0; from < batchSize; from += part {
			args := make([]any, 0, part*14)
			for i := from; i < from+part; i++ {
				at := noon.UnixMicro() + int64(n)*3600e6 + int64(i)*1e6
				args = append(args, "acme", scatter(n, i), fmt.Sprint("customer-", n%10, "-", i%customers), "website-visit", at, at,
					"web", fmt.Sprint("event-", n, "-", i), int64(6), int64(i%5+1), int64(1), int64(2), int64(0), 1.0)
			}
			if _, err := tx.Exec(insert, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// scatter is an id as long and as far from its neighbors as those of the service.
func scatter(n, i int) string {
	return fmt.Sprintf("%013x%013x", uint64(n*batchSize+i)*0x9e3779b97f4a7c15>>12, n*batchSize+i)
}

// BenchmarkIngest stores touchpoints by the thousand, with their scores, through
// the service and, in turns, through a bare loop into the same table.
func BenchmarkIngest(b *testing.B) {
	for _, store := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", sqldbtest.SQLite}, {"postgres", sqldbtest.DurablePostgres}} {
		for _, shape := range []struct {
			name      string
			customers int
		}{{"100 customers", 100}, {"1000 customers", batchSize}} {
			for _, streams := range []int{1, 4} {
				b.Run(fmt.Sprintf("%s/%s/c%d", store.name, shape.name, streams), func(b *testing.B) {
					s := dial(b, sqldbtest.Open(b, store.url(b)))
					limit := sqldbtest.Open(b, store.url(b))
					if _, err := journey.New(b.Context(), limit, journey.Config{}); err != nil {
						b.Fatal(err)
					}
					ingest(b, s, limit, shape.customers, streams)
				})
			}
		}
	}
}

// ingest runs one round an iteration: as many batches as there are streams, and
// the same rows through the loop.
func ingest(b *testing.B, s *suite, limit *sqldb.DB, customers, streams int) {
	var ours, bare []cost
	next := 0
	for b.Loop() {
		requests := make([]*journeyv1.BatchRecordTouchpointsRequest, streams)
		for i := range requests {
			requests[i] = ingestion(next+i, customers)
		}
		ours = append(ours, rate(streams*batchSize, func() {
			var wg sync.WaitGroup
			for _, req := range requests {
				wg.Go(func() {
					if _, err := s.BatchRecordTouchpoints(b.Context(), req); err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
		}))
		bare = append(bare, rate(streams*batchSize, func() {
			for i := range requests {
				if err := raw(b.Context(), limit, next+i, customers); err != nil {
					b.Error(err)
				}
			}
		}))
		next += streams
	}
	report(b, "rows/s", ours, bare)
}

// A cost is what it takes to do something n times: seconds by the clock, and
// those in which this process, clients and all, had a processor.
type cost struct{ n, clock, cpu float64 }

func rate(n int, f func()) cost {
	start, used := time.Now(), cpu()
	f()
	return cost{float64(n), time.Since(start).Seconds(), cpu() - used}
}

func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// report reports the medians of our costs, of the limit's, and of their ratios.
func report(b *testing.B, unit string, ours, limit []cost) {
	median := func(name string, value func(i int) float64) {
		values := make([]float64, len(ours))
		for i := range values {
			values[i] = value(i)
		}
		slices.Sort(values)
		b.ReportMetric(values[len(values)/2], name)
	}
	median(unit, func(i int) float64 { return ours[i].n / ours[i].clock })
	median("limit-"+unit, func(i int) float64 { return limit[i].n / limit[i].clock })
	median("of-limit", func(i int) float64 { return limit[i].clock / ours[i].clock })
	median("cpu-us", func(i int) float64 { return 1e6 * ours[i].cpu / ours[i].n })
	median("limit-cpu-us", func(i int) float64 { return 1e6 * limit[i].cpu / limit[i].n })
	b.ReportMetric(0, "ns/op")
}

// An echo answers with a score of the usual size without looking for it.
type echo struct {
	journeyv1.UnimplementedScoringServiceServer
	score *journeyv1.Score
}

func (e echo) GetScore(context.Context, *journeyv1.GetScoreRequest) (*journeyv1.Score, error) {
	return e.score, nil
}

// BenchmarkGetScore reads scores at concurrency 16 and, in turns, echoes from a
// server with the same interceptors.
func BenchmarkGetScore(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.DurablePostgres} {
		b.Run(name, func(b *testing.B) {
			db := sqldbtest.Open(b, url(b))
			s := dial(b, db)
			for n := range 20 {
				if _, err := s.BatchRecordTouchpoints(b.Context(), ingestion(n, 100)); err != nil {
					b.Fatal(err)
				}
			}
			if db.Postgres() { // as it does by itself within minutes
				analyze(b, db)
			}
			score, err := s.GetScore(b.Context(), &journeyv1.GetScoreRequest{Name: "brands/acme/customers/customer-0-0/score"})
			if err != nil {
				b.Fatal(err)
			}
			echoing := rpc.NewServer(rpc.Config{})
			journeyv1.RegisterScoringServiceServer(echoing, echo{score: score})
			limit := journeyv1.NewScoringServiceClient(socket(b, echoing))
			for _, asOf := range []struct {
				name string
				at   time.Time
			}{{"after the last touchpoint", noon.Add(30 * 24 * time.Hour)}, {"between touchpoints", noon.Add(10*time.Hour + 30*time.Minute)}} {
				b.Run(asOf.name, func(b *testing.B) {
					var ours, echoes []cost
					for b.Loop() {
						ours = append(ours, scores(b, s, asOf.at))
						echoes = append(echoes, scores(b, limit, asOf.at))
					}
					report(b, "calls/s", ours, echoes)
				})
			}
		})
	}
}

func analyze(b *testing.B, db *sqldb.DB) {
	b.Helper()
	err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec("ANALYZE")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

// scores returns what it costs 16 callers to get scores.
func scores(b *testing.B, c journeyv1.ScoringServiceClient, asOf time.Time) cost {
	const calls, callers = 4000, 16
	var next atomic.Int64
	return rate(calls, func() {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for i := next.Add(1); i <= calls; i = next.Add(1) {
					req := &journeyv1.GetScoreRequest{
						Name: fmt.Sprint("brands/acme/customers/customer-", i%10, "-", i%100, "/score"), AsOfTime: timestamppb.New(asOf),
					}
					if _, err := c.GetScore(b.Context(), req); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}
