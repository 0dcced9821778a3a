package journey_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	unmet = typev1.Expectation_EXPECTATION_UNMET
	met   = typev1.Expectation_EXPECTATION_MET
)

// work has the service do what goes on beside the calls until the test ends.
func (s *suite) work(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); s.service.Work(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// deliver records deliveries of an outcome at a time, one to each of n customers, who
// are called by a letter and a number.
func (s *suite) deliver(t *testing.T, letter string, n int, at time.Time, e typev1.Expectation) {
	t.Helper()
	s.happen(t, "delivery", letter, n, at, e)
}

func (s *suite) happen(t *testing.T, definition, letter string, n int, at time.Time, e typev1.Expectation) {
	t.Helper()
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: "brands/acme"}
	for i := range n {
		one := visit(fmt.Sprint(letter, i), fmt.Sprint(definition, letter, i, at.UnixNano(), e), at)
		one.Touchpoint.Definition, one.Touchpoint.Expectation = "brands/acme/touchpointDefinitions/"+definition, e
		req.Requests = append(req.Requests, one)
	}
	if _, err := s.BatchRecordTouchpoints(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

// rule creates a rule.
func (s *suite) rule(t *testing.T, id string, r *journeyv1.SignalRule) *journeyv1.SignalRule {
	t.Helper()
	r.DisplayName = id
	p, err := s.CreateSignalRule(t.Context(), &journeyv1.CreateSignalRuleRequest{Parent: "brands/acme", SignalRule: r, SignalRuleId: id})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func broken(threshold float64, least int32, definitions ...string) *journeyv1.SignalRule {
	c := &journeyv1.SignalRule_BrokenTouchpoint{Threshold: threshold, MinCount: least}
	for _, d := range definitions {
		c.TouchpointDefinitions = append(c.TouchpointDefinitions, "brands/acme/touchpointDefinitions/"+d)
	}
	return &journeyv1.SignalRule{Condition: &journeyv1.SignalRule_BrokenTouchpoint_{BrokenTouchpoint: c}}
}

// A signalStream is a watch of signals.
type signalStream struct {
	grpc.ServerStreamingClient[journeyv1.WatchSignalsResponse]
}

func (s *suite) watchSignals(t *testing.T, filter string) signalStream {
	t.Helper()
	stream, err := s.WatchSignals(t.Context(), &journeyv1.WatchSignalsRequest{Parent: "brands/acme", Filter: filter, Snapshot: true})
	if err != nil {
		t.Fatal(err)
	}
	return signalStream{stream}
}

// next returns the next signal with what is said of it, and waits for it.
func (w signalStream) next(t *testing.T) (journeyv1.WatchSignalsResponse_Change, *journeyv1.Signal) {
	t.Helper()
	for {
		m, err := w.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if m.GetSignal() != nil {
			return m.GetChange(), m.GetSignal()
		}
	}
}

// of waits for a signal of a rule in a state.
func (w signalStream) of(t *testing.T, rule string, state journeyv1.Signal_State) *journeyv1.Signal {
	t.Helper()
	for {
		if _, v := w.next(t); v.GetSignalRule() == "brands/acme/signalRules/"+rule && v.GetState() == state {
			return v
		}
	}
}

func (s *suite) allSignals(t *testing.T, filter string) []*journeyv1.Signal {
	t.Helper()
	answer, err := s.ListSignals(t.Context(), &journeyv1.ListSignalsRequest{Parent: "brands/acme", Filter: filter})
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetSignals()
}

const (
	open         = journeyv1.Signal_STATE_OPEN
	acknowledged = journeyv1.Signal_STATE_ACKNOWLEDGED
	actioned     = journeyv1.Signal_STATE_ACTIONED
)

func TestSignalRules(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"a rule is created, listed, changed and deleted": func(t *testing.T, s *suite) {
			r := s.rule(t, "late", broken(0.2, 0, "delivery"))
			want := &journeyv1.SignalRule{
				Name: "brands/acme/signalRules/late", DisplayName: "late", Window: durationpb.New(24 * time.Hour),
				ExpireAfter: durationpb.New(30 * 24 * time.Hour), CreateTime: r.GetCreateTime(), UpdateTime: r.GetCreateTime(), Etag: "1",
				Condition: broken(0.2, 30, "delivery").GetCondition(),
			}
			same(t, r, want)
			r.Window, r.Inactive, r.Condition = durationpb.New(time.Hour), true, &journeyv1.SignalRule_ScoreDrop_{
				ScoreDrop: &journeyv1.SignalRule_ScoreDrop{Points: 10, Segments: []string{"gold"}},
			}
			changed, err := s.UpdateSignalRule(t.Context(), &journeyv1.UpdateSignalRuleRequest{
				SignalRule: r, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"window", "inactive", "score_drop"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			r.UpdateTime, r.Etag = changed.GetUpdateTime(), "2"
			same(t, changed, r)
			s.rule(t, "other", broken(0.2, 0))
			list, err := s.ListSignalRules(t.Context(), &journeyv1.ListSignalRulesRequest{Parent: "brands/acme", Filter: "inactive = true"})
			if err != nil || len(list.GetSignalRules()) != 1 {
				t.Fatalf("list %v, %v, want one", list, err)
			}
			same(t, list.GetSignalRules()[0], changed)
			_, err = s.DeleteSignalRule(t.Context(), &journeyv1.DeleteSignalRuleRequest{Name: r.GetName(), Etag: "1"})
			refused(t, err, codes.Aborted)
			if _, err := s.DeleteSignalRule(t.Context(), &journeyv1.DeleteSignalRuleRequest{Name: r.GetName(), Etag: "2"}); err != nil {
				t.Fatal(err)
			}
			_, err = s.GetSignalRule(t.Context(), &journeyv1.GetSignalRuleRequest{Name: r.GetName()})
			refused(t, err, codes.NotFound)
		},
		"what a rule refers to must exist, and windows are whole hours": func(t *testing.T, s *suite) {
			for want, r := range map[codes.Code]*journeyv1.SignalRule{
				codes.NotFound:        broken(0.2, 0, "teleport"),
				codes.InvalidArgument: {Window: durationpb.New(90 * time.Minute), Condition: broken(0.2, 0).GetCondition()},
			} {
				r.DisplayName = "rule"
				_, err := s.CreateSignalRule(t.Context(), &journeyv1.CreateSignalRuleRequest{Parent: "brands/acme", SignalRule: r})
				refused(t, err, want)
			}
		},
	})
}

func TestSignals(t *testing.T) {
	each(t, map[string]func(*testing.T, *suite){
		"a broken touchpoint opens one signal to its owner, with who said nothing": func(t *testing.T, s *suite) {
			now := time.Now().Add(-time.Second)
			s.deliver(t, "a", 12, now, met) // before the rule, in its window
			s.rule(t, "late", broken(0.3, 15, "delivery"))
			w := s.watchSignals(t, "")
			s.work(t)
			s.deliver(t, "b", 8, now, unmet)
			s.happen(t, "support-interaction", "b", 3, now.Add(time.Second), met)
			s.happen(t, "checkout", "c", 20, now, unmet)
			v := w.of(t, "late", open)
			if v.GetFunctionOwner() != typev1.Function_FUNCTION_LOGISTICS || v.GetKind() != journeyv1.Signal_KIND_BROKEN_TOUCHPOINT ||
				v.GetTouchpointDefinition() != "brands/acme/touchpointDefinitions/delivery" || v.GetLimit() != 0.3 || v.GetBaseline() != nil {
				t.Errorf("signal %v", v)
			}
			if o := v.GetObserved(); o.GetValue() != 0.4 || o.GetN() != 20 || o.GetMethod() != typev1.Method_METHOD_WILSON {
				t.Errorf("observed %v, want 8 of 20", o)
			}
			customers := s.customersOf(t, v, false)
			if len(customers) != 8 || customers[0].GetSilent() || !customers[7].GetSilent() {
				t.Errorf("customers %v, want 8, of whom b3 to b7 are silent", customers)
			}
			if silent := s.customersOf(t, v, true); len(silent) != 5 || silent[0].GetCustomer() != "brands/acme/customers/b3" {
				t.Errorf("silent %v, want b3 to b7", silent)
			}

			// More of the same opens no other signal, as the one of another rule shows.
			s.rule(t, "barrier", broken(0.3, 15, "checkout"))
			s.deliver(t, "d", 8, now, unmet)
			w.of(t, "barrier", open)
			if all := s.allSignals(t, `signal_rule = "brands/acme/signalRules/late"`); len(all) != 1 || all[0].GetAffectedCount() != 8 {
				t.Errorf("signals %v, want the one", all)
			}
		},
		"a share of UNMET above the control limit opens a signal": func(t *testing.T, s *suite) {
			now := time.Now().Add(-time.Second)
			start := now.Truncate(24 * time.Hour)
			s.deliver(t, "a", 90, start.Add(-30*time.Hour), met)
			s.deliver(t, "b", 10, start.Add(-50*time.Hour), unmet)
			s.rule(t, "usual", &journeyv1.SignalRule{
				FunctionOwner: typev1.Function_FUNCTION_PARTNER,
				Condition: &journeyv1.SignalRule_UnmetShare_{UnmetShare: &journeyv1.SignalRule_UnmetShare{
					Baseline: durationpb.New(72 * time.Hour), MinCount: 20,
				}},
			})
			w := s.watchSignals(t, "")
			s.work(t)
			s.deliver(t, "c", 70, now, met)
			s.deliver(t, "d", 30, now, unmet)
			v := w.of(t, "usual", open)
			if v.GetFunctionOwner() != typev1.Function_FUNCTION_PARTNER || fmt.Sprintf("%.4f", v.GetLimit()) != "0.1900" ||
				v.GetBaseline().GetValue() != 0.1 || v.GetObserved().GetValue() != 0.3 || v.GetSilentCount() != 30 {
				t.Errorf("signal %v, want 0.3 above 0.19", v)
			}
		},
		"customers who stay silent open a signal once their patience is tried": func(t *testing.T, s *suite) {
			now := time.Now().Add(-time.Second)
			s.rule(t, "hush", &journeyv1.SignalRule{
				Window: durationpb.New(90 * 24 * time.Hour),
				Condition: &journeyv1.SignalRule_Silence_{Silence: &journeyv1.SignalRule_Silence{
					Patience: durationpb.New(time.Minute), MinCustomers: 5,
				}},
			})
			s.deliver(t, "a", 7, now.Add(-2*time.Minute), unmet)
			s.happen(t, "support-interaction", "a", 2, now, met)
			s.happen(t, "checkout", "b", 9, now, unmet) // just now
			w := s.watchSignals(t, "")
			s.work(t)
			v := w.of(t, "hush", open)
			if v.GetTouchpointDefinition() != "brands/acme/touchpointDefinitions/delivery" || v.GetObserved().GetValue() != 5 ||
				v.GetAffectedCount() != 7 || v.GetContactedCount() != 2 || v.GetSilentCount() != 5 {
				t.Errorf("signal %v, want 5 silent of 7", v)
			}
		},
		"a score that fell opens a signal about the customer": func(t *testing.T, s *suite) {
			now := time.Now().Add(-time.Second)
			s.rule(t, "fall", &journeyv1.SignalRule{
				Window:    durationpb.New(24 * time.Hour),
				Condition: &journeyv1.SignalRule_ScoreDrop_{ScoreDrop: &journeyv1.SignalRule_ScoreDrop{Points: 5}},
			})
			for i := range 3 {
				s.deliver(t, "a", 6, now.Add(-time.Duration(50+i)*time.Hour), typev1.Expectation_EXPECTATION_EXCEEDED)
			}
			w := s.watchSignals(t, "")
			s.work(t)
			for i := range 4 {
				s.deliver(t, "a", 5, now.Add(-time.Duration(i)*time.Second), unmet)
			}
			v := w.of(t, "fall", open)
			if !strings.HasPrefix(v.GetCustomer(), "brands/acme/customers/a") || v.GetObserved().GetValue() < 5 || v.GetFunctionOwner() != typev1.Function_FUNCTION_EXECUTIVE {
				t.Errorf("signal %v, want one about a customer", v)
			}
			if got := v.GetBaseline().GetValue() - v.GetObserved().GetValue(); got <= 0 || got >= v.GetBaseline().GetValue() {
				t.Errorf("from %v by %v", v.GetBaseline().GetValue(), v.GetObserved().GetValue())
			}
			if customers := s.customersOf(t, v, false); len(customers) != 1 || customers[0].GetCustomer() != v.GetCustomer() {
				t.Errorf("customers %v, want the one", customers)
			}
			for range 4 {
				w.of(t, "fall", open)
			}

			// Six customers of a segment fall together, though one of them stays where it was.
			err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
				tx.Defer(`UPDATE customer SET segments = '{"gold":"1"}'`)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			s.happen(t, "support-interaction", "a", 2, now, unmet)
			s.rule(t, "together", &journeyv1.SignalRule{
				Window: durationpb.New(24 * time.Hour),
				Condition: &journeyv1.SignalRule_ScoreDrop_{
					ScoreDrop: &journeyv1.SignalRule_ScoreDrop{Points: 4, Segments: []string{"gold", "silver"}},
				},
			})
			v = w.of(t, "together", open)
			if v.GetSegment() != "gold" || v.GetObserved().GetN() != 6 || v.GetObserved().GetLower() <= 0 || v.GetAffectedCount() != 5 ||
				v.GetContactedCount() != 2 || v.GetSilentCount() != 3 {
				t.Errorf("signal %v, want the mean of 6, of whom 5 fell and 2 of them told", v)
			}
			if customers := s.customersOf(t, v, true); len(customers) != 3 {
				t.Errorf("silent customers %v, want 3", customers)
			}
		},
		"two replicas open one signal, and nobody acts on it for ever": func(t *testing.T, s *suite) {
			s.rule(t, "late", broken(0.3, 5))
			s.work(t)
			start(t, s.db).work(t)
			s.deliver(t, "a", 9, time.Now().Add(-time.Second), unmet)
			eventually(t, func() bool { return len(s.allSignals(t, "state = OPEN")) == 1 })
			var told int
			err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
				tx.Defer(`UPDATE signal SET expire_time = 0`)
				return tx.QueryRow(`SELECT COUNT(*) FROM outbox WHERE kind = 'signal_changed'`).Scan(&told)
			})
			if err != nil || told != 1 {
				t.Errorf("%d events, %v, want 1", told, err)
			}
			eventually(t, func() bool { return len(s.allSignals(t, "state = EXPIRED")) == 1 })
			if all := s.allSignals(t, ""); len(all) != 1 || all[0].GetCloseTime() == nil {
				t.Errorf("signals %v", all)
			}
		},
		"a signal is acknowledged, acted on and resolved":           func(t *testing.T, s *suite) { testSignalMoves(t, s) },
		"a trial finds what the rule would open and writes nothing": func(t *testing.T, s *suite) { testSignalTrial(t, s) },
	})
}

func (s *suite) customersOf(t *testing.T, v *journeyv1.Signal, silent bool) (all []*journeyv1.SignalCustomer) {
	t.Helper()
	req := &journeyv1.ListSignalCustomersRequest{Parent: v.GetName(), PageSize: 3, SilentOnly: silent}
	for {
		answer, err := s.ListSignalCustomers(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, answer.GetCustomers()...)
		if req.PageToken = answer.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
}

func testSignalMoves(t *testing.T, s *suite) {
	now := time.Now().Add(-time.Second)
	s.rule(t, "late", broken(0.3, 5))
	s.deliver(t, "a", 9, now, unmet)
	s.happen(t, "checkout", "a", 9, now, unmet)
	w, onlyOpen := s.watchSignals(t, ""), s.watchSignals(t, "state = OPEN")
	s.work(t)
	v, other := w.of(t, "late", open), w.of(t, "late", open)
	_, err := s.ResolveSignal(t.Context(), &journeyv1.ResolveSignalRequest{Name: v.GetName()})
	refused(t, err, codes.FailedPrecondition)
	if got := status.Convert(err).Message(); !strings.Contains(got, "STATE_ACKNOWLEDGED, STATE_ACTIONED, STATE_DISMISSED") || strings.Contains(got, "STATE_EXPIRED") {
		t.Errorf("message %q, want the states that are allowed", got)
	}
	ack := &journeyv1.AcknowledgeSignalRequest{Name: v.GetName(), Etag: v.GetEtag(), RequestId: "7c9e6679-7425-40de-944b-e07fc1f90ae7"}
	first, err := s.AcknowledgeSignal(t.Context(), ack)
	if err != nil || first.GetState() != acknowledged || first.GetAcknowledgeTime() == nil {
		t.Fatalf("acknowledged %v, %v", first, err)
	}
	if again, err := s.AcknowledgeSignal(t.Context(), ack); err != nil || !proto.Equal(again, first) {
		t.Errorf("again %v, %v, want the first answer", again, err)
	}
	change, gone := onlyOpen.next(t)
	for change != journeyv1.WatchSignalsResponse_CHANGE_GONE { // both were opened, which may be told twice
		change, gone = onlyOpen.next(t)
	}
	if gone.GetName() != v.GetName() {
		t.Errorf("%v is gone, want the one that was acknowledged", gone)
	}
	act := &journeyv1.ActOnSignalRequest{
		Name: v.GetName(), Etag: v.GetEtag(), Kind: journeyv1.SignalAction_KIND_PROACTIVE_MESSAGE, Note: "told them",
		TouchpointDefinition: "brands/acme/touchpointDefinitions/teleport",
	}
	_, err = s.ActOnSignal(t.Context(), act)
	refused(t, err, codes.NotFound)
	act.TouchpointDefinition = "brands/acme/touchpointDefinitions/social-post"
	_, err = s.ActOnSignal(t.Context(), act)
	refused(t, err, codes.Aborted)
	act.Etag = first.GetEtag()
	acted, err := s.ActOnSignal(t.Context(), act)
	if err != nil || acted.GetState() != actioned || acted.GetAction().GetNote() != "told them" || !proto.Equal(acted.GetAcknowledgeTime(), first.GetAcknowledgeTime()) {
		t.Fatalf("acted %v, %v", acted, err)
	}
	resolved, err := s.ResolveSignal(t.Context(), &journeyv1.ResolveSignalRequest{Name: v.GetName(), Note: "new courier"})
	if err != nil || resolved.GetState() != journeyv1.Signal_STATE_RESOLVED || resolved.GetCloseNote() != "new courier" || resolved.GetCloseTime() == nil {
		t.Fatalf("resolved %v, %v", resolved, err)
	}
	_, err = s.DismissSignal(t.Context(), &journeyv1.DismissSignalRequest{Name: v.GetName()})
	refused(t, err, codes.FailedPrecondition)

	skipped, err := s.ActOnSignal(t.Context(), &journeyv1.ActOnSignalRequest{Name: other.GetName(), Kind: journeyv1.SignalAction_KIND_FIX})
	if err != nil || skipped.GetAcknowledgeTime() == nil {
		t.Errorf("acted at once: %v, %v, want an acknowledged signal", skipped, err)
	}
	dismissed, err := s.DismissSignal(t.Context(), &journeyv1.DismissSignalRequest{Name: other.GetName()})
	if err != nil || dismissed.GetState() != journeyv1.Signal_STATE_DISMISSED {
		t.Errorf("dismissed %v, %v", dismissed, err)
	}
	got, err := s.GetSignal(t.Context(), &journeyv1.GetSignalRequest{Name: v.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, resolved)
	if all := s.allSignals(t, "state = DISMISSED AND kind = BROKEN_TOUCHPOINT"); len(all) != 1 || all[0].GetName() != other.GetName() {
		t.Errorf("dismissed %v, want one", all)
	}
}

func testSignalTrial(t *testing.T, s *suite) {
	day := time.Now().UTC().Truncate(24 * time.Hour)
	for i, failed := range []int{1, 6, 2, 7} { // of ten
		at := day.Add(time.Duration(i-5)*24*time.Hour + time.Hour)
		s.deliver(t, "a", 10-failed, at, met)
		s.deliver(t, "b", failed, at, unmet)
	}
	try := func(r *journeyv1.SignalRule) *journeyv1.TestSignalRuleResponse {
		t.Helper()
		r.DisplayName = "rule"
		answer, err := s.TestSignalRule(t.Context(), &journeyv1.TestSignalRuleRequest{
			Parent: "brands/acme", SignalRule: r,
			Window: &typev1.Window{StartTime: timestamppb.New(day.Add(-5 * 24 * time.Hour)), EndTime: timestamppb.New(day)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	days := func(answer *journeyv1.TestSignalRuleResponse) (all []int) {
		for _, v := range answer.GetSignals() {
			all = append(all, 5+int(v.GetWindow().GetStartTime().AsTime().Sub(day)/(24*time.Hour)))
		}
		return all
	}
	answer := try(broken(0.5, 10, "delivery"))
	if got := days(answer); !slices.Equal(got, []int{1, 3}) || answer.GetTotalCount() != 2 || answer.GetTestedCount() != 4 || answer.GetBasis().GetIncluded() != 40 {
		t.Errorf("broken on days %v, %v", got, answer)
	}
	if v := answer.GetSignals()[1]; v.GetAffectedCount() != 7 || v.GetSilentCount() != 7 || v.GetName() != "" || v.GetObserved().GetValue() != 0.7 {
		t.Errorf("signal %v, want 7 of 10", v)
	}
	answer = try(&journeyv1.SignalRule{Condition: &journeyv1.SignalRule_UnmetShare_{UnmetShare: &journeyv1.SignalRule_UnmetShare{
		Baseline: durationpb.New(24 * time.Hour), MinCount: 10,
	}}})
	if got := days(answer); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("above the limit on days %v, want 1 and 3", got)
	}
	answer = try(&journeyv1.SignalRule{Condition: &journeyv1.SignalRule_Silence_{Silence: &journeyv1.SignalRule_Silence{
		Patience: durationpb.New(time.Hour), MinCustomers: 6,
	}}})
	if got := days(answer); !slices.Equal(got, []int{1, 3}) || answer.GetSignals()[0].GetObserved().GetValue() != 6 {
		t.Errorf("silent on days %v, want 1 and 3: %v", got, answer)
	}
	s.happen(t, "support-interaction", "b", 6, day.Add(2*time.Hour), met) // who was silent then has told since
	answer = try(&journeyv1.SignalRule{Condition: &journeyv1.SignalRule_Silence_{Silence: &journeyv1.SignalRule_Silence{
		Patience: durationpb.New(time.Hour), MinCustomers: 6,
	}}})
	if v := answer.GetSignals()[0]; v.GetObserved().GetValue() != 6 || v.GetSilentCount() != 0 {
		t.Errorf("signal %v, want that 6 were silent", v)
	}
	answer = try(&journeyv1.SignalRule{Condition: &journeyv1.SignalRule_ScoreDrop_{ScoreDrop: &journeyv1.SignalRule_ScoreDrop{Points: 0.01}}})
	if answer.GetTotalCount() == 0 || answer.GetSignals()[0].GetCustomer() == "" {
		t.Errorf("scores %v, want some that fell", answer)
	}
	_, err := s.TestSignalRule(t.Context(), &journeyv1.TestSignalRuleRequest{
		Parent: "brands/acme", SignalRule: &journeyv1.SignalRule{DisplayName: "r", Window: durationpb.New(time.Hour), Condition: broken(0.5, 1).GetCondition()},
		Window: &typev1.Window{StartTime: timestamppb.New(day.Add(-100 * 24 * time.Hour)), EndTime: timestamppb.New(day)},
	})
	refused(t, err, codes.InvalidArgument)
	if all := s.allSignals(t, ""); len(all) != 0 {
		t.Errorf("signals %v, want none", all)
	}
}
