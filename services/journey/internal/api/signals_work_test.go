package api

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A signalWorld is a server whose rounds a test calls, at times of its own.
type signalWorld struct {
	journeyv1.SignalServiceClient
	journeyv1.TouchpointServiceClient
	server *Server
	now    time.Time
}

func newSignalWorld(t *testing.T, db *sqldb.DB) *signalWorld {
	t.Helper()
	server := newTestServer(t, db)
	srv := rpc.NewServer(rpc.Config{})
	journeyv1.RegisterSignalServiceServer(srv, server)
	journeyv1.RegisterTouchpointServiceServer(srv, server)
	conn := srv.Local()
	return &signalWorld{journeyv1.NewSignalServiceClient(conn), journeyv1.NewTouchpointServiceClient(conn), server, time.Now()}
}

// rule creates the rule of an id, with windows of an hour.
func (w *signalWorld) rule(t *testing.T, id string, r *journeyv1.SignalRule) {
	t.Helper()
	r.DisplayName, r.Window = id, durationpb.New(time.Hour)
	_, err := w.CreateSignalRule(t.Context(), &journeyv1.CreateSignalRuleRequest{Parent: "brands/acme", SignalRule: r, SignalRuleId: id})
	if err != nil {
		t.Fatal(err)
	}
}

func aBrokenTouchpoint() *journeyv1.SignalRule {
	return &journeyv1.SignalRule{Condition: &journeyv1.SignalRule_BrokenTouchpoint_{
		BrokenTouchpoint: &journeyv1.SignalRule_BrokenTouchpoint{Threshold: .3, MinCount: 5},
	}}
}

// fail records a delivery to each of nine customers that is not what they expected.
func (w *signalWorld) fail(t *testing.T, at time.Time) {
	t.Helper()
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"}
	for i := range 9 {
		req.Requests = append(req.Requests, &journeyv1.RecordTouchpointRequest{
			Parent: fmt.Sprint("brands/acme/customers/c", i),
			Touchpoint: &journeyv1.Touchpoint{
				Definition: "brands/acme/touchpointDefinitions/delivery", EventTime: timestamppb.New(at), Source: "shop",
				EventId: fmt.Sprint(i, at), Expectation: typev1.Expectation_EXPECTATION_UNMET,
			},
		})
	}
	if _, err := w.BatchRecordTouchpoints(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

// round does what is due so long after the beginning, and returns how many signals there
// are.
func (w *signalWorld) round(t *testing.T, after time.Duration) int {
	t.Helper()
	if err := w.server.signalRound(t.Context(), sqldb.Time(sqldb.Micros(w.now.Add(after)))); err != nil {
		t.Fatal(err)
	}
	answer, err := w.ListSignals(t.Context(), &journeyv1.ListSignalsRequest{Parent: "brands/acme"})
	if err != nil {
		t.Fatal(err)
	}
	return len(answer.GetSignals())
}

func TestSignalRounds(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for name, test := range map[string]func(*testing.T, *signalWorld){
			"what is ahead of its time opens a signal once its hour has come": func(t *testing.T, w *signalWorld) {
				w.rule(t, "late", aBrokenTouchpoint())
				w.fail(t, w.now.Truncate(time.Hour).Add(2*time.Hour))
				for after, want := range []int{0, 0, 1} {
					if got := w.round(t, time.Duration(after)*time.Hour); got != want { // in the hours that follow, whatever the minute is
						t.Errorf("%d signals %d hours later, want %d", got, after, want)
					}
				}
			},
			"a rule that was deleted and made again learns what happened meanwhile": func(t *testing.T, w *signalWorld) {
				w.rule(t, "late", aBrokenTouchpoint())
				w.round(t, time.Minute)
				_, err := w.DeleteSignalRule(t.Context(), &journeyv1.DeleteSignalRuleRequest{Name: "brands/acme/signalRules/late"})
				if err != nil {
					t.Fatal(err)
				}
				w.fail(t, w.now)
				w.rule(t, "late", aBrokenTouchpoint())
				if got := w.round(t, 2*time.Minute); got != 1 {
					t.Errorf("%d signals, want 1", got)
				}
			},
			"what was counted is forgotten when no rule looks at it, unless somebody follows the rules": func(t *testing.T, w *signalWorld) {
				w.rule(t, "late", aBrokenTouchpoint())
				w.fail(t, w.now.Add(-time.Hour))
				w.round(t, time.Minute)
				_, err := w.DeleteSignalRule(t.Context(), &journeyv1.DeleteSignalRuleRequest{Name: "brands/acme/signalRules/late"})
				if err != nil {
					t.Fatal(err)
				}
				forget := func(want string) {
					t.Helper()
					if err := w.server.forgetSignals(t.Context(), w.now); err != nil {
						t.Fatal(err)
					}
					if got, err := w.server.store.NextTallied(t.Context(), ""); got != want || err != nil {
						t.Errorf("tallies are left of %q, %v, want of %q", got, err, want)
					}
				}
				if mine, err := w.server.store.TakeOn(t.Context(), "acme", w.now, w.now.Add(time.Minute)); !mine || err != nil {
					t.Fatal(mine, err)
				}
				forget("acme")
				if err := w.server.store.LetGo(t.Context(), "acme"); err != nil {
					t.Fatal(err)
				}
				forget("")
			},
			"a silence that set in while nobody looked is noticed": func(t *testing.T, w *signalWorld) {
				w.rule(t, "hush", &journeyv1.SignalRule{Condition: &journeyv1.SignalRule_Silence_{
					Silence: &journeyv1.SignalRule_Silence{Patience: durationpb.New(time.Hour)},
				}})
				w.fail(t, w.now)
				if got := w.round(t, time.Minute); got != 0 {
					t.Errorf("%d signals about customers who may yet speak", got)
				}
				if got := w.round(t, 7*time.Hour); got != 1 {
					t.Errorf("%d signals after 7 hours, want 1", got)
				}
			},
			"a silence of long ago that a late touchpoint tells of is noticed": func(t *testing.T, w *signalWorld) {
				w.rule(t, "hush", &journeyv1.SignalRule{Condition: &journeyv1.SignalRule_Silence_{
					Silence: &journeyv1.SignalRule_Silence{Patience: durationpb.New(time.Hour)},
				}})
				w.round(t, 24*time.Hour)
				w.fail(t, w.now)
				if got := w.round(t, 24*time.Hour+2*time.Second); got != 1 {
					t.Errorf("%d signals, want 1", got)
				}
			},
		} {
			t.Run(name, func(t *testing.T) { test(t, newSignalWorld(t, open(t))) })
		}
	})
}
