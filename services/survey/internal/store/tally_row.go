package store

import (
	"encoding/json"

	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

// row calls add with what one row counts.
func (t *tally) row(scan func(...any) error, add func(*Tally) error) error {
	var (
		of     int
		packed int32
		one    Tally
	)
	values := make([]string, len(t.Strata)+len(t.keys("a")))
	into := []any{&of, &packed, &one.N}
	for i := range values {
		into = append(into, &values[i])
	}
	if err := scan(into...); err != nil {
		return err
	}
	one.Subject, packed = packed/subjectUnit, packed%subjectUnit
	one.Strata, one.Keys = values[:len(t.Strata)], values[len(t.Strata):len(t.Strata)+len(t.Groups)]
	if err := t.attribute(one.Keys); err != nil {
		return err
	}
	switch of {
	case ofAnswers:
		return t.answer(one, packed, add)
	case ofChoices:
		return t.choices(one, packed, values[len(t.Strata)+len(t.Groups):], add)
	case ofGroups:
		one.Group, one.Code = true, rollup.Responses
	case ofWords:
		one.Whole, one.Code = true, rollup.Unrated
	case ofInvitations:
		one.Whole, one.Group, one.Code = true, t.ofInvitations(), decision(packed)
	case ofNoChannel:
		one.Whole, one.Code = true, NoChannel
	case ofNoStage:
		one.Whole, one.Code = true, NoStage
	}
	return add(&one)
}

// answer adds answers of one detail: the ratings, the responses or both.
func (t *tally) answer(one Tally, detail int32, add func(*Tally) error) error {
	one.Whole, one.Group = true, !t.Choice
	kind, rating := detail/kindUnit, detail%kindUnit/2
	if one.Code = rollup.AnswerCode(kind); rating != noRating {
		one.Code = rollup.RatingCode(kind, rating)
	}
	if err := add(&one); err != nil || detail%2 == 0 {
		return err
	}
	one.Code, one.Group = rollup.Responses, one.Group && !t.ofAnswers()
	return add(&one)
}

// choices adds answers to choice questions, and each choice that was taken.
func (t *tally) choices(one Tally, detail int32, of []string, add func(*Tally) error) error {
	one.Group, one.Code = true, rollup.AnswerCode(detail/kindUnit)
	one.Survey, one.Question = of[0], of[1]
	if err := add(&one); err != nil {
		return err
	}
	var taken []string
	if err := json.Unmarshal([]byte(of[2]), &taken); err != nil {
		return err
	}
	one.Code = rollup.Taken
	for _, one.Choice = range taken {
		if err := add(&one); err != nil {
			return err
		}
	}
	return nil
}

// attribute replaces the JSON among keys by the attributes asked for.
func (t *tally) attribute(keys []string) error {
	for i, d := range t.Groups {
		if d.Attribute == "" || keys[i] == "" {
			continue
		}
		var values map[string]string
		if err := json.Unmarshal([]byte(keys[i]), &values); err != nil {
			return err
		}
		keys[i] = values[d.Attribute]
	}
	return nil
}
