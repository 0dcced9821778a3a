package journey_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey"
)

// A server answers on a socket, as *rpc.Server and *grpc.Server do.
type server interface {
	Serve(net.Listener) error
	Stop()
}

// listen serves on loopback until the benchmark ends and returns the address.
func listen(b *testing.B, s server) string {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go s.Serve(listener) //nolint:errcheck // ends with Stop
	b.Cleanup(s.Stop)
	return listener.Addr().String()
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
	conn, err := rpc.Dial(listen(b, s), rpc.ClientConfig{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return clients(conn)
}

const batchSize = 1000

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
	var ours, bare []float64
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

func rate(n int, f func()) float64 {
	start := time.Now()
	f()
	return float64(n) / time.Since(start).Seconds()
}

// report reports the medians of our rates, of the limit's, and of their ratios.
func report(b *testing.B, unit string, ours, limit []float64) {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / limit[i]
	}
	for name, values := range map[string][]float64{unit: ours, "limit-" + unit: limit, "of-limit": ratios} {
		slices.Sort(values)
		b.ReportMetric(values[len(values)/2], name)
	}
	b.ReportMetric(0, "ns/op")
}

// An echo answers a score without looking for one.
type echo struct {
	journeyv1.UnimplementedScoringServiceServer
}

func (echo) GetScore(_ context.Context, req *journeyv1.GetScoreRequest) (*journeyv1.Score, error) {
	return &journeyv1.Score{Name: req.GetName(), Basis: &typev1.Basis{AsOfTime: req.GetAsOfTime()}}, nil
}

// BenchmarkGetScore reads scores at concurrency 16 and, in turns, echoes from a
// bare server.
func BenchmarkGetScore(b *testing.B) {
	bare := grpc.NewServer()
	journeyv1.RegisterScoringServiceServer(bare, echo{})
	conn, err := grpc.NewClient(listen(b, bare), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	limit := journeyv1.NewScoringServiceClient(conn)
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.DurablePostgres} {
		b.Run(name, func(b *testing.B) {
			s := dial(b, sqldbtest.Open(b, url(b)))
			for n := range 20 {
				if _, err := s.BatchRecordTouchpoints(b.Context(), ingestion(n, 100)); err != nil {
					b.Fatal(err)
				}
			}
			for _, asOf := range []struct {
				name string
				at   time.Time
			}{{"after the last touchpoint", noon.Add(30 * 24 * time.Hour)}, {"between touchpoints", noon.Add(10*time.Hour + 30*time.Minute)}} {
				b.Run(asOf.name, func(b *testing.B) {
					var ours, echoes []float64
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

// scores returns how many scores a second 16 callers get.
func scores(b *testing.B, c journeyv1.ScoringServiceClient, asOf time.Time) float64 {
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
