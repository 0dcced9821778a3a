package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

// A Selection picks what is counted.
type Selection struct {
	Brand    string
	Of       rollup.Source
	Window   almanac.Range // microseconds since 1970
	Subjects []int32       // empty for all
	Surveys  []string      // empty for all
	Channels []int32       // empty for all
	Stages   []int32       // empty for all
	Where    filter.Clause // over the response r; the zero Clause for all; of answers only
}

// A Dimension is one that counts may be broken down by, or an attribute of responses.
type Dimension struct {
	Of        rollup.Dim
	Attribute string // the key; empty for what Of says
}

// A Breakdown says by what a tally is told apart.
type Breakdown struct {
	Groups []Dimension  // without the choice
	Choice bool         // what is counted of groups is choices
	Strata []rollup.Dim // of responses
}

// columns is where the tables keep the values of dimensions.
var columns = map[rollup.Dim]string{
	rollup.Channel: "channel", rollup.Stage: "stage", rollup.Phase: "phase", rollup.Origin: "origin", rollup.Survey: "survey",
	rollup.Partner: "partner", rollup.Team: "team", rollup.Agent: "agent", rollup.Language: "language",
	rollup.Rule: "trigger_rule", rollup.Question: "question", rollup.Definition: "definition",
}

// Codes that only tallies have: responses that the population cannot place.
const (
	NoChannel = rollup.Code(1<<15) + iota // for want of a channel
	NoStage                               // for want of a stage
)

// A Tally is a count of one combination of things.
type Tally struct {
	Whole, Group bool // of what it is counted
	Subject      int32
	Code         rollup.Code
	Keys         []string // of the groups, numbers as their digits; valid with Group
	Strata       []string // the same of the strata
	N            int64

	Survey, Question, Choice string // with a Breakdown by choice, of the groups
}

// Tally counts what is selected from the rows and calls add with every count. Several
// counts may be of the same combination: add them up. An error of add ends the tally
// and is returned as it is. Invitations have neither answers nor attributes: by these
// they are counted as a whole only.
func (s *Snapshot) Tally(sel Selection, by Breakdown, add func(*Tally) error) error {
	t := tally{Selection: sel, Breakdown: by}
	if sel.Of == rollup.Invitations {
		t.invitations()
	} else {
		t.responses()
	}
	return s.Each(func(scan func(...any) error) error {
		return t.row(scan, add)
	}, t.text.String(), t.text.Args...)
}

// SetAside counts the responses that are selected but not measured, by their state.
func (s *Snapshot) SetAside(sel Selection) (map[int32]int64, error) {
	t := tally{Selection: sel}
	// They are few, and picked before anything else is looked at: by survey there are many.
	t.text.Add(`WITH aside AS MATERIALIZED (SELECT * FROM response WHERE brand = ? AND submit_time >= ? AND submit_time < ? AND state > 2)
		SELECT r.state, COUNT(*) FROM aside r`, sel.Brand, sel.Window.From, sel.Window.To)
	t.where("r")
	t.text.WriteString(` GROUP BY r.state`)
	found := map[int32]int64{}
	return found, s.Each(func(scan func(...any) error) error {
		var state int32
		var n int64
		err := scan(&state, &n)
		found[state] = n
		return err
	}, t.text.String(), t.text.Args...)
}

// What a row of a tally counts.
const (
	ofAnswers     = iota // and, by the first ones, responses
	ofGroups             // responses by group, where one response may be in many
	ofWords              // responses of words alone
	ofChoices            // answers by what was chosen
	ofInvitations        // by decision and depth
	ofNoChannel
	ofNoStage
)

// A tally is one statement of a few parts.
type tally struct {
	Selection
	Breakdown
	text sqldb.Query
}

// A part is a SELECT of a tally.
type part struct {
	of      int
	table   string // and after it what it is called
	detail  string // an expression
	count   string // another
	also    string // a condition
	grouped bool   // told apart by groups
}

func (t *tally) responses() {
	t.add(part{ofAnswers, "answer a", ofAnswer, "COUNT(*)", " AND a.counted = 1", !t.Choice})
	if t.ofAnswers() && !t.Choice {
		t.add(part{ofGroups, "answer a", "0", "COUNT(DISTINCT a.response)", " AND a.counted = 1", true})
	}
	t.add(part{ofWords, "response r", "0", "COUNT(*)", " AND r.rated = 0 AND r.state = 2", false})
	if t.Choice {
		t.add(part{ofChoices, "answer a", ofAnswer, "COUNT(*)", " AND a.counted = 1 AND a.kind IN (8, 9)", true})
	}
	if len(t.Channels) > 0 {
		t.unknown(ofNoChannel, "channel")
	}
	if len(t.Stages) > 0 {
		t.unknown(ofNoStage, "stage")
	}
}

// ofAnswers reports whether the answers of one response may be in several groups.
func (t *tally) ofAnswers() bool {
	return slices.ContainsFunc(t.Groups, func(d Dimension) bool { return d.Attribute == "" && d.Of.OfAnswers() })
}

// To sort one number is half the work of sorting several columns, so what a row
// counts is packed into one: the subject and, below it, a detail. The detail of an
// answer is its kind, its rating and whether it is the first of its response, of
// which each has one.
const (
	subjectUnit = 1024
	kindUnit    = 64
	noRating    = 31
	ofAnswer    = `a.kind * 64 + COALESCE(a.rating, 31) * 2 + CASE WHEN a.position = 0 THEN 1 ELSE 0 END`
)

// ofDecision is the detail of an invitation: an answer implies that it was started,
// and so on, and what bounced was never delivered.
const ofDecision = `i.decision * 16 + 2 * ` + depth + ` + ` + reported

const depth = `CASE
	WHEN i.decision <> 1 THEN 0
	WHEN i.complete_time IS NOT NULL OR i.state = 6 THEN 4
	WHEN i.state = 8 THEN 0
	WHEN i.start_time IS NOT NULL OR i.state = 5 THEN 3
	WHEN i.display_time IS NOT NULL OR i.dismiss_time IS NOT NULL OR i.state = 4 THEN 2
	WHEN i.deliver_time IS NOT NULL OR i.state = 3 THEN 1
	ELSE 0 END`

// reported is whether an invitation is known to have arrived by more than an answer. Its
// start is no more: an answer that is saved half-way is one.
const reported = `CASE
	WHEN i.decision <> 1 OR i.state = 8 THEN 0
	WHEN i.deliver_time IS NOT NULL OR i.display_time IS NOT NULL OR i.dismiss_time IS NOT NULL OR i.state IN (3, 4) THEN 1
	ELSE 0 END`

// decision returns the code of a detail.
func decision(detail int32) rollup.Code {
	return rollup.Decision{Number: detail / 16, Depth: rollup.Depth(detail % 16 / 2), Reported: detail%2 == 1}.Code()
}

func (t *tally) invitations() {
	t.add(part{ofInvitations, "invitation i", ofDecision, "COUNT(*)", "", t.ofInvitations()})
}

// ofInvitations reports whether invitations can be told by the groups.
func (t *tally) ofInvitations() bool { return !t.Choice && !t.ofAnswers() && !t.ofAttributes() }

// unknown counts the responses, by their first answers, that the population cannot
// place.
func (t *tally) unknown(of int, column string) {
	channels, stages := t.Channels, t.Stages
	t.Channels, t.Stages = nil, nil
	if of == ofNoStage {
		t.Channels = channels
	}
	t.add(part{of, "answer a", "0", "COUNT(*)", " AND a.counted = 1 AND a.position = 0 AND a." + column + " = 0", false})
	t.Channels, t.Stages = channels, stages
}

// add writes a part, its group keys empty unless it is grouped.
func (t *tally) add(p part) {
	_, as, _ := strings.Cut(p.table, " ")
	packed := as + ".subject * " + strconv.Itoa(subjectUnit) + " + " + p.detail
	by := []string{packed}
	for _, d := range t.Strata {
		by = append(by, as+"."+columns[d])
	}
	if p.grouped {
		by = append(by, t.keys(as)...)
	}
	q := &t.text
	if q.Len() > 0 {
		q.WriteString("\nUNION ALL ")
	}
	q.WriteString(`SELECT ` + strconv.Itoa(p.of) + `, ` + packed + `, ` + p.count)
	for _, column := range by[1:] {
		q.WriteString(`, CAST(` + column + ` AS TEXT)`)
	}
	if !p.grouped {
		q.WriteString(strings.Repeat(`, ''`, len(t.keys(as))))
	}
	q.WriteString(` FROM ` + p.table)
	if as == "a" && (t.Where.Text != "" || t.ofAttributes()) {
		q.WriteString(` JOIN response r ON r.brand = a.brand AND r.id = a.response`)
	}
	t.where(as)
	q.WriteString(p.also + ` GROUP BY ` + strings.Join(by, ", "))
}

// keys returns the columns of the groups in the table called as.
func (t *tally) keys(as string) (all []string) {
	for _, d := range t.Groups {
		if d.Attribute != "" {
			all = append(all, "r.attributes")
		} else {
			all = append(all, as+"."+columns[d.Of])
		}
	}
	if t.Choice {
		all = append(all, as+".survey", as+".question", as+".choices")
	}
	return all
}

// ofAttributes reports whether a group is one of attributes, which only responses have.
func (t *tally) ofAttributes() bool {
	return slices.ContainsFunc(t.Groups, func(d Dimension) bool { return d.Attribute != "" })
}

func (t *tally) where(as string) {
	q := &t.text
	at := as + ".submit_time"
	if as == "i" {
		at = as + ".decide_time"
	}
	q.Add(` WHERE `+as+`.brand = ? AND `+at+` >= ? AND `+at+` < ?`, t.Brand, t.Window.From, t.Window.To)
	numbers := func(column string, values []int32) {
		if len(values) > 0 {
			sqldb.In(q, as+column, values)
		}
	}
	numbers(".subject", t.Subjects)
	numbers(".channel", t.Channels)
	numbers(".stage", t.Stages)
	if len(t.Surveys) > 0 {
		sqldb.In(q, as+".survey", t.Surveys)
	}
	if t.Where.Text != "" {
		q.WriteString(` AND `)
		q.Add(t.Where.Text, t.Where.Args...)
	}
}
