package store

import (
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

const moveTicket = `
	UPDATE ticket SET state = $1, first_response_time = $2, resolve_time = $3, outcome = $4, reopen_count = $5, outcome_confirmed = $6,
		close_time = $7, partner = $8, team = $9, agent = $10, priority = $11, escalation_level = $12, handoff_count = $13,
		merged_into = $14, sla_policy = $15, sla_policy_revision = $16, sla_policy_given = $17, interaction_count = $18,
		contact_count = $19, inbound_after = $20, responder = $21, other_responder = $22, cost_micros = $23, costed_count = $24,
		delete_time = $25, update_time = $26, version = $27
	WHERE brand = $28 AND id = $29 AND version = $30`

// Move writes what moves have changed between before, as it was read, and after,
// whose version is the greater one. It returns false if somebody has written the
// ticket since. A move from RESOLVED to OPEN at the time at is kept as a reopening.
func Move(tx *sqldb.Tx, before, after Ticket, at time.Time) (bool, error) {
	s, c := after.Status, after.Counts
	n, err := tx.Exec(moveTicket,
		int32(s.State), sqldb.NullMicros(s.FirstResponse), sqldb.NullMicros(s.ResolveTime), int32(s.Outcome), s.ReopenCount,
		number(s.Confirmed), sqldb.NullMicros(s.CloseTime), after.Partner, after.Team, after.Agent, after.Priority,
		after.EscalationLevel, after.HandoffCount, after.MergedInto, after.Policy.ID, after.Policy.Revision, number(after.Policy.Given),
		c.Interactions, c.Contacts, c.InboundAfter, c.Responder, number(c.OtherResponder), c.CostMicros, c.Costed,
		sqldb.NullMicros(after.DeleteTime), sqldb.Micros(after.UpdateTime), after.Version, before.Brand, before.ID, before.Version)
	if err != nil || n == 0 {
		return false, err
	}
	if s.ReopenCount > before.Status.ReopenCount {
		AddReopening(tx, before, s.ReopenCount, before.Status.ResolveTime, at)
	}
	return true, nil
}

// AddReopening keeps that a ticket was resolved and reopened, for the first time if
// number is 1.
func AddReopening(tx *sqldb.Tx, t Ticket, number int32, resolved, reopened time.Time) {
	tx.Defer(`INSERT INTO reopening (brand, ticket, number, resolve_time, reopen_time) VALUES ($1, $2, $3, $4, $5)`,
		t.Brand, t.ID, number, sqldb.Micros(resolved), sqldb.Micros(reopened))
}

// Edit writes what a caller may change of a ticket, as in after, if its version is
// still that of before. It returns false if it is not.
func Edit(tx *sqldb.Tx, before, after Ticket) (bool, error) {
	n, err := tx.Exec(`
		UPDATE ticket SET subject = $1, priority = $2, issue_kind = $3, stage = $4, phase = $5, channel = $6, handling = $7,
			origin = $8, attributes = $9, issue_type = $10, cause_touchpoint = $11, campaign = $12, external_id = $13,
			follow_up_of = $14, avoidable = $15, grievance = $16, redress_steps = $17, sla_policy = $18,
			sla_policy_revision = $19, sla_policy_given = $20, update_time = $21, version = $22
		WHERE brand = $23 AND id = $24 AND version = $25`,
		after.Subject, after.Priority, after.IssueKind, after.Stage, after.Phase, after.Channel, after.Handling,
		after.Origin, table.Words{Of: &after.Attributes}, after.IssueType, after.CauseTouchpoint, after.Campaign, null(after.ExternalID),
		after.FollowUpOf, number(after.Avoidable), number(after.Grievance), table.Array[RedressStep]{Of: &after.RedressSteps},
		after.Policy.ID, after.Policy.Revision, number(after.Policy.Given), sqldb.Micros(after.UpdateTime), after.Version,
		before.Brand, before.ID, before.Version)
	return n == 1, err
}

// number returns a truth as the database keeps it.
func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Keep is how long a deleted ticket can come back.
const Keep = 30 * 24 * time.Hour
