package simulator

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// search is what a customer may do about a criterion before asking anybody for help:
// look at the help pages. Who is in trouble will ask all the same. It has dice of its
// own.
func (l *life) search(about criterion, at time.Time, trouble bool) {
	looks, verdicts := .03, []ticketv1.SelfServiceSession_Verdict{
		ticketv1.SelfServiceSession_VERDICT_SOLVED, ticketv1.SelfServiceSession_VERDICT_SOLVED, ticketv1.SelfServiceSession_VERDICT_UNSPECIFIED,
		ticketv1.SelfServiceSession_VERDICT_UNSPECIFIED, ticketv1.SelfServiceSession_VERDICT_NOT_SOLVED,
	}
	if trouble {
		looks, verdicts = .4, verdicts[2:]
	}
	if !l.help.chance(looks) {
		return
	}
	at = at.Add(time.Second)
	end := at.Add(min(l.help.about(time.Minute), 10*time.Minute))
	if !end.Before(l.end) {
		return
	}
	l.searches++
	id := fmt.Sprintf("%s-h%d", l.id, l.searches)
	l.steps = append(l.steps, step{at: at, call: &ticketv1.CreateSelfServiceSessionRequest{
		Parent: l.brand, SelfServiceSessionId: id, RequestId: l.requestID("CreateSelfServiceSession", id),
		SelfServiceSession: &ticketv1.SelfServiceSession{
			Customer: l.customer(), Kind: ticketv1.SelfServiceSession_KIND_KNOWLEDGE_BASE, Channel: web,
			IssueKind: about.trouble.issue, Stage: about.place.stage, Phase: about.place.phase,
			StartTime: timestamppb.New(at), EndTime: timestamppb.New(end), Verdict: pick(l.help, verdicts),
		},
	}})
}
