package survey_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkSubmitResponse stores responses of two answers, durably, with an event and
// the request_id that the client sets, beside the limit: a handler that only answers,
// behind the same checks on the same kind of socket. Only figures of one run compare.
func BenchmarkSubmitResponse(b *testing.B) {
	srv := rpc.NewServer(rpc.Config{})
	surveyv1.RegisterResponseServiceServer(srv, echo{})
	limit := surveyv1.NewResponseServiceClient(dial(b, srv))
	b.Run("answer only/16", func(b *testing.B) { submit(b, 16, limit) })
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.DurablePostgres} {
		b.Run(name, func(b *testing.B) {
			c := serve(b, sqldbtest.Open(b, url(b)))
			c.create(b, "s", ask(nps, open))
			for _, callers := range []int{1, 16, 64} {
				b.Run(fmt.Sprint(callers), func(b *testing.B) { submit(b, callers, c) })
			}
		})
	}
}

// echo answers with the response it was sent.
type echo struct {
	surveyv1.UnimplementedResponseServiceServer
}

func (echo) SubmitResponse(_ context.Context, req *surveyv1.SubmitResponseRequest) (*surveyv1.Response, error) {
	return req.GetResponse(), nil
}

// submit makes b.N responses with so many callers at a time.
func submit(b *testing.B, callers int, c interface {
	SubmitResponse(context.Context, *surveyv1.SubmitResponseRequest, ...grpc.CallOption) (*surveyv1.Response, error)
},
) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				req := submission(acme+"/surveys/s", rate(nps, 9), say("quick and kind"))
				req.Response.Customer, req.Response.Attribution = ann, &surveyv1.Attribution{Interaction: call, Channel: phone}
				if _, err := c.SubmitResponse(b.Context(), req); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkQuerySurveyMetrics measures 20,000 responses of two answers.
func BenchmarkQuerySurveyMetrics(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			c := serve(b, sqldbtest.Open(b, url(b)))
			survey := c.create(b, "s", ask(nps, ease))
			c.fill(b, 20_000, func(i int) *surveyv1.SubmitResponseRequest {
				req := submission(survey, rate(nps, int32(i%11)), rate(ease, int32(1+i%7)))
				req.Response.SubmitTime, req.Response.Attributes = stamp(i), map[string]string{"tenure": fmt.Sprint(i % 5)}
				return req
			})
			for _, dims := range [][]string{nil, {"channel"}, {"attributes.tenure"}} {
				b.Run(fmt.Sprint(dims), func(b *testing.B) {
					for b.Loop() {
						_, err := c.QuerySurveyMetrics(b.Context(), &surveyv1.QuerySurveyMetricsRequest{Parent: acme, GroupBy: dims})
						if err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
