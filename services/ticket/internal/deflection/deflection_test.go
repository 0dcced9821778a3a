package deflection

import (
	"testing"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestEverySessionHasOneSort(t *testing.T) {
	const nothing = Verdict(0)
	for _, tt := range []struct {
		session Session
		want    Sort
	}{
		{Session{Solved, true, false, true}, Confirmed},
		{Session{nothing, true, false, true}, Implied},
		{Session{NotSolved, true, false, true}, None},
		{Session{Solved, true, true, true}, False},
		{Session{nothing, true, true, true}, False},
		{Session{NotSolved, true, true, true}, False},
		{Session{Solved, true, false, false}, Pending},
		{Session{nothing, true, false, false}, Pending},
		{Session{NotSolved, true, false, false}, Pending},
		{Session{Solved, true, true, false}, False}, // as soon as it happens
		{Session{Solved, false, false, true}, Confirmed},
		{Session{nothing, false, false, true}, Unknown},
		{Session{NotSolved, false, false, true}, None},
		{Session{Solved, false, false, false}, Confirmed},
		{Session{nothing, false, false, false}, Unknown},
		{Session{NotSolved, false, false, false}, None},
	} {
		if got := tt.session.Sort(); got != tt.want {
			t.Errorf("%+v is of sort %d, want %d", tt.session, got, tt.want)
		}
	}
}

func TestTheRuleUsesTheNumbersOfTheContract(t *testing.T) {
	for sort, want := range map[Sort]ticketv1.SelfServiceSession_Deflection{
		Confirmed: ticketv1.SelfServiceSession_DEFLECTION_CONFIRMED, Implied: ticketv1.SelfServiceSession_DEFLECTION_IMPLIED,
		False: ticketv1.SelfServiceSession_DEFLECTION_FALSE, None: ticketv1.SelfServiceSession_DEFLECTION_NONE,
		Pending: ticketv1.SelfServiceSession_DEFLECTION_PENDING, Unknown: ticketv1.SelfServiceSession_DEFLECTION_UNKNOWN,
	} {
		if int32(sort) != int32(want) {
			t.Errorf("sort %d is %v in the contract, %d", sort, want, want)
		}
	}
	if int32(Solved) != int32(ticketv1.SelfServiceSession_VERDICT_SOLVED) || int32(NotSolved) != int32(ticketv1.SelfServiceSession_VERDICT_NOT_SOLVED) {
		t.Error("the verdicts have other numbers than in the contract")
	}
}
