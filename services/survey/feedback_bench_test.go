package survey_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// storm returns rows of an import, of which number i is told from all others.
func storm(from, n int) []*surveyv1.ImportFeedbackRequest {
	var rows []*surveyv1.ImportFeedbackRequest
	for i := from; i < from+n; i++ {
		f := heard([]string{
			"The app crashes whenever I open my cart, this is so annoying and nobody answers!",
			"I love the new colors, and the staff is really helpful.",
			"It arrived on Monday as they said it would.",
			"Produto muito bom, chegou antes do prazo",
		}[i%4], time.Duration(i)*time.Minute)
		f.Solicitation, f.Source = surveyv1.Feedback_Solicitation(1+i%3), surveyv1.Feedback_Source(1+i%7)                     //nolint:gosec // small
		f.Rating, f.PublicReach, f.Cluster = proto.Int32(int32(1+i%5)), proto.Int64(int64(i%900)), fmt.Sprint("topic ", i%20) //nolint:gosec // small
		f.ExternalId = fmt.Sprint(i)
		rows = append(rows, &surveyv1.ImportFeedbackRequest{Parent: acme, Feedback: f})
	}
	return rows
}

func BenchmarkImportFeedback(b *testing.B) {
	for name, url := range map[string]string{"sqlite": sqldbtest.SQLite(b), "postgres": sqldbtest.DurablePostgres(b)} {
		b.Run(name, func(b *testing.B) {
			v := newVoice(b, serve(b, sqldbtest.Open(b, url)))
			next := 0
			for b.Loop() {
				v.bring(b, storm(next, 6_000)...)
				v.bring(b, storm(next+6_000, 6_000)...)
				next += 12_000
			}
		})
	}
}

func BenchmarkQueryFeedbackMetrics(b *testing.B) {
	for name, url := range map[string]string{"sqlite": sqldbtest.SQLite(b), "postgres": sqldbtest.DurablePostgres(b)} {
		v := newVoice(b, serve(b, sqldbtest.Open(b, url)))
		for i := range 10 {
			v.bring(b, storm(i*10_000, 10_000)...)
		}
		for _, by := range [][]string{nil, {"source"}, {"source", "cluster"}, {"label"}, {"attributes.tenure"}} {
			b.Run(fmt.Sprint(name, by), func(b *testing.B) {
				for b.Loop() {
					if _, err := v.QueryFeedbackMetrics(b.Context(), &surveyv1.QueryFeedbackMetricsRequest{Parent: acme, GroupBy: by}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
