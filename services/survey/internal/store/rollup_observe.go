package store

import (
	"database/sql"
	"encoding/json"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

// Observe calls visit with each observation of a source within a time, by time. The
// record is the caller's to keep.
func (s *Snapshot) Observe(brand string, of rollup.Source, within almanac.Range, visit func(*rollup.Record)) error {
	if of == rollup.Invitations {
		return s.observeInvitations(brand, within, visit)
	}
	return s.observeAnswers(brand, within, visit)
}

func (s *Snapshot) observeAnswers(brand string, within almanac.Range, visit func(*rollup.Record)) error {
	var (
		last string
		open *rollup.Record // the response whose answers are coming
	)
	err := s.Each(func(scan func(...any) error) error {
		var (
			one      rollup.Record
			p        rollup.Part
			response string
			kind     int32
			rating   sql.NullInt32
			choices  string
		)
		n, t := &one.Numbers, &one.Texts
		err := scan(&one.At, &response, &n[rollup.Subject], &n[rollup.Channel], &n[rollup.Stage], &n[rollup.Phase],
			&t[0], &t[1], &t[2], &t[3], &t[4], &kind, &rating, &p.Question, &p.Definition, &choices)
		if err != nil {
			return err
		}
		if p.Code = rollup.AnswerCode(kind); rating.Valid {
			p.Code = rollup.RatingCode(kind, rating.Int32)
		}
		if choices != "" {
			if err := json.Unmarshal([]byte(choices), &p.Choices); err != nil {
				return err
			}
		}
		if open == nil || last != response {
			if open != nil {
				visit(open)
			}
			open, last = &one, response
		}
		open.Parts = append(open.Parts, p)
		return nil
	}, `SELECT submit_time, response, subject, channel, stage, phase, survey, partner, team, agent, language, kind, rating, question, definition, choices
		FROM answer WHERE brand = $1 AND submit_time >= $2 AND submit_time < $3 AND counted = 1
		ORDER BY submit_time, response, position`, brand, within.From, within.To)
	if err == nil && open != nil {
		visit(open)
	}
	return err
}

func (s *Snapshot) observeInvitations(brand string, within almanac.Range, visit func(*rollup.Record)) error {
	return s.Each(func(scan func(...any) error) error {
		var (
			one    rollup.Record
			detail int32
		)
		n, t := &one.Numbers, &one.Texts
		err := scan(&one.At, &n[rollup.Subject], &n[rollup.Channel], &n[rollup.Stage], &n[rollup.Phase], &n[rollup.Origin],
			&t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &detail)
		if err != nil {
			return err
		}
		one.Parts = []rollup.Part{{Code: decision(detail)}}
		visit(&one)
		return nil
	}, `SELECT decide_time, subject, channel, stage, phase, origin, survey, partner, team, agent, language, trigger_rule, `+ofDecision+`
		FROM invitation i WHERE brand = $1 AND decide_time >= $2 AND decide_time < $3
		ORDER BY decide_time, survey, id`, brand, within.From, within.To)
}
