package filter

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A wanted is a filter and, evaluated by other means, what it picks.
type wanted struct {
	text string
	keep func(thing) bool
}

func TestRandomFiltersPickTheSameRowsAsPlainCode(t *testing.T) {
	rows := things(40)
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := filled(t, open(t), rows)
		some, all := 0, 0
		rapid.Check(t, func(t *rapid.T) {
			w := condition(3).Draw(t, "filter")
			f, err := fields.Parse(w.text, "acme")
			if err != nil {
				t.Fatalf("Parse(%q) = %v", w.text, err)
			}
			where, args := numbered(f.Where(db.Postgres()))
			got := ids(t, db, `SELECT id FROM thing WHERE `+where+` ORDER BY id`, args)
			slices.Sort(got)
			want := matching(rows, w.keep)
			if !slices.Equal(got, want) {
				t.Fatalf("filter %s\nSQL %s %q\ngot  %v\nwant %v", w.text, where, args, got, want)
			}
			all++
			if len(want) > 0 && len(want) < len(rows) {
				some++
			}
		})
		if some*2 < all {
			t.Errorf("only %d of %d filters tell rows apart", some, all)
		}
	})
}

// condition draws a filter of at most that depth.
func condition(depth int) *rapid.Generator[wanted] {
	return rapid.Custom(func(t *rapid.T) wanted {
		if depth == 0 {
			return comparison(t)
		}
		kid := func(label string) wanted {
			w := condition(depth-1).Draw(t, label)
			return wanted{"(" + w.text + ")", w.keep}
		}
		switch rapid.SampledFrom([]string{"one", "and", "or", "not", "minus", "mixed"}).Draw(t, "op") {
		case "and":
			a, b := kid("a"), kid("b")
			return wanted{a.text + " AND " + b.text, func(r thing) bool { return a.keep(r) && b.keep(r) }}
		case "or":
			a, b := kid("a"), kid("b")
			return wanted{a.text + " OR " + b.text, func(r thing) bool { return a.keep(r) || b.keep(r) }}
		case "not":
			a := kid("a")
			return wanted{"NOT " + a.text, func(r thing) bool { return !a.keep(r) }}
		case "minus":
			a := comparison(t)
			return wanted{"-" + a.text, func(r thing) bool { return !a.keep(r) }}
		case "mixed": // OR binds tighter
			a, b, c := comparison(t), kid("b"), comparison(t)
			return wanted{a.text + " AND NOT " + b.text + " OR " + c.text, func(r thing) bool { return a.keep(r) && (!b.keep(r) || c.keep(r)) }}
		}
		return comparison(t)
	})
}

func comparison(t *rapid.T) wanted {
	switch rapid.IntRange(0, 11).Draw(t, "field") {
	case 0:
		return text(t, "subject", false, func(r thing) *string { return &r.subject })
	case 1:
		return text(t, "note", true, func(r thing) *string { return r.note })
	case 2:
		return enumeration(t)
	case 3:
		return numeric(t, "reopen_count", false, func(r thing) *float64 { v := float64(r.reopened); return &v })
	case 4:
		return numeric(t, "score", true, func(r thing) *float64 { return r.score })
	case 5:
		v := rapid.Bool().Draw(t, "value")
		op := rapid.SampledFrom([]string{"=", "!=", ":"}).Draw(t, "op")
		return wanted{"urgent " + op + map[bool]string{true: " true", false: "false"}[v], func(r thing) bool { return (r.urgent == v) == (op != "!=") }}
	case 6:
		return instant(t, "open_time", func(r thing) *int64 { return &r.open })
	case 7:
		return instant(t, "close_time", func(r thing) *int64 { return r.close })
	case 8:
		return duration(t)
	case 9:
		return resource(t)
	default:
		key := rapid.SampledFrom(keys).Draw(t, "key")
		value := func(r thing) *string {
			if v, ok := r.attributes[key]; ok {
				return &v
			}
			return nil
		}
		if rapid.IntRange(0, 4).Draw(t, "has") == 0 {
			return wanted{"attributes:" + key, func(r thing) bool { return value(r) != nil }}
		}
		return text(t, "attributes."+key, true, value)
	}
}

var operators = []string{"=", "!=", "<", "<=", ">", ">=", ":"}

// ordered evaluates a comparison of a value, which may be absent.
func ordered[T int64 | float64 | string](op string, v *T, with T) bool {
	if v == nil {
		return op == "!="
	}
	switch op {
	case "=", ":":
		return *v == with
	case "!=":
		return *v != with
	case "<":
		return *v < with
	case "<=":
		return *v <= with
	case ">":
		return *v > with
	}
	return *v >= with
}

// quoted writes a value in one of the ways that mean the same.
func quoted(t *rapid.T, v string) string {
	switch way := rapid.IntRange(0, 2).Draw(t, "quotes"); {
	case way == 0 && v != "" && v[0] != '"' && strings.Trim(v, "abcrefundlt3160-7.é日本*\\\"") == "":
		return v
	case way == 1:
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "é", `\u00e9`).Replace(v) + `"`
}

func text(t *rapid.T, name string, nullable bool, of func(thing) *string) wanted {
	v := rapid.SampledFrom(words).Draw(t, "value")
	op := rapid.SampledFrom(operators).Draw(t, "op")
	if strings.Contains(name, ".") {
		op = rapid.SampledFrom([]string{"=", "!=", ":"}).Draw(t, "op of a key")
	}
	w := name + rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "space") + op + " " + quoted(t, v)
	if op == ":" && v == "*" {
		return wanted{w, func(r thing) bool { return of(r) != nil && (nullable || *of(r) != "") }}
	}
	if op == ":" && !strings.Contains(name, ".") {
		return wanted{w, func(r thing) bool { return of(r) != nil && strings.Contains(*of(r), v) }}
	}
	rest, suffix := strings.CutPrefix(v, "*")
	rest, prefix := strings.CutSuffix(rest, "*")
	if (op == "=" || op == "!=" || op == ":") && (prefix || suffix) {
		return wanted{w, func(r thing) bool {
			hit := of(r) != nil
			if hit && prefix && suffix {
				hit = strings.Contains(*of(r), rest)
			} else if hit && prefix {
				hit = strings.HasPrefix(*of(r), rest)
			} else if hit {
				hit = strings.HasSuffix(*of(r), rest)
			}
			return hit == (op != "!=")
		}}
	}
	return wanted{w, func(r thing) bool { return ordered(op, of(r), v) }}
}

func enumeration(t *rapid.T) wanted {
	v := rapid.Int32Range(0, 7).Draw(t, "state")
	value := ticketv1.Ticket_State(v).String()
	if rapid.Bool().Draw(t, "short") {
		value = strings.TrimPrefix(value, "STATE_")
	}
	op := rapid.SampledFrom([]string{"=", "!=", ":"}).Draw(t, "op")
	if rapid.IntRange(0, 5).Draw(t, "present") == 0 {
		return wanted{"state:*", func(r thing) bool { return r.state != 0 }}
	}
	return wanted{"state" + op + value, func(r thing) bool { return ordered(op, &r.state, int64(v)) }}
}

func numeric(t *rapid.T, name string, nullable bool, of func(thing) *float64) wanted {
	if rapid.IntRange(0, 6).Draw(t, "present") == 0 {
		return wanted{name + ":*", func(r thing) bool { return of(r) != nil && (nullable || *of(r) != 0) }}
	}
	v := map[string]float64{
		"-3": -3, "-0.5": -0.5, "0": 0, ".25": .25, "1": 1, "2.0": 2, "1e0": 1, "7": 7, "2.5e9": 2.5e9, "-1e-3": -0.001,
		"1099511627776": 1 << 40, "1.5": 1.5, "4294967296": 1 << 32, "9007199254740991": 1<<53 - 1,
	}
	texts := make([]string, 0, len(v))
	for s := range v {
		texts = append(texts, s)
	}
	slices.Sort(texts)
	s := rapid.SampledFrom(texts).Draw(t, "number")
	op := rapid.SampledFrom(operators).Draw(t, "op")
	return wanted{name + op + s, func(r thing) bool { return ordered(op, of(r), v[s]) }}
}

func instant(t *rapid.T, name string, of func(thing) *int64) wanted {
	v := rapid.SampledFrom(times).Draw(t, "time")
	at := sqldb.Time(v)
	if rapid.Bool().Draw(t, "zone") {
		at = at.In(time.FixedZone("", 5*3600+1800))
	}
	value := at.Format(time.RFC3339Nano)
	switch rapid.IntRange(0, 2).Draw(t, "form") {
	case 0:
		value = `"` + value + `"`
	case 1:
		value = `timestamp("` + value + `")`
	}
	op := rapid.SampledFrom(operators).Draw(t, "op")
	if rapid.IntRange(0, 5).Draw(t, "present") == 0 {
		return wanted{name + ":*", func(r thing) bool { return of(r) != nil }}
	}
	if strings.HasPrefix(value, "+") { // a sign belongs to no word
		value = `"` + value + `"`
	}
	return wanted{name + " " + op + " " + value, func(r thing) bool { return ordered(op, of(r), v) }}
}

func duration(t *rapid.T) wanted {
	v := rapid.SampledFrom(times).Draw(t, "took")
	value := (time.Duration(v) * time.Microsecond).String()
	if rapid.Bool().Draw(t, "function") {
		value = `duration("` + value + `")`
	}
	op := rapid.SampledFrom(operators).Draw(t, "op")
	if v > 1<<40 {
		return wanted{"took:*", func(r thing) bool { return r.took != nil }}
	}
	return wanted{"took " + op + value, func(r thing) bool { return ordered(op, r.took, v) }}
}

func resource(t *rapid.T) wanted {
	id := rapid.SampledFrom(customers).Draw(t, "customer")
	brand := rapid.SampledFrom([]string{"acme", "acme", "other"}).Draw(t, "brand")
	op := rapid.SampledFrom([]string{"=", "!=", ":"}).Draw(t, "op")
	if id == "" {
		return wanted{"customer" + op + `""`, func(r thing) bool { return ordered(op, &r.customer, "") }}
	}
	if rapid.IntRange(0, 5).Draw(t, "present") == 0 {
		return wanted{"customer:*", func(r thing) bool { return r.customer != "" }}
	}
	return wanted{"customer " + op + ` "brands/` + brand + `/customers/` + id + `"`, func(r thing) bool {
		if brand == "other" {
			return op == "!="
		}
		return ordered(op, &r.customer, id)
	}}
}
