package filter

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestWhatAFilterPicks(t *testing.T) {
	late, none, f1 := int64(5*second), "", 1.5
	rows := []thing{
		{id: "1", subject: "refund late", state: 2, open: 0, customer: "ann", urgent: true, attributes: map[string]string{"tenure": "31-60", "city": "éa日"}},
		{id: "2", subject: "Refund", note: &none, state: 1, open: second, close: &late, took: &late, score: &f1, attributes: map[string]string{"a": ""}},
	}
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := filled(t, open(t), rows)
		for text, want := range map[string]string{
			"":                                       "1 2",
			" \t\n":                                  "1 2",
			"state = OPEN":                           "1",
			"state=STATE_OPEN":                       "1",
			"state:NEW":                              "2",
			"NOT state = OPEN":                       "2",
			"-state = OPEN":                          "2",
			"  ( state = OPEN ) ":                    "1",
			"state = NEW AND state = OPEN":           "",
			"state = NEW OR state = OPEN":            "1 2",
			"urgent = true":                          "1",
			"-urgent:*":                              "2",
			`customer = "brands/acme/customers/ann"`: "1",
			`customer = brands/acme/customers/ann`:   "1",
			`customer = "brands/other/customers/ann"`:          "",
			`NOT customer = "brands/other/customers/ann"`:      "1 2",
			`name = "brands/acme/things/2"`:                    "2",
			`subject = "*late"`:                                "1",
			`subject = refund*`:                                "1",
			`subject = "*efun*"`:                               "1 2",
			`subject != "*efun*"`:                              "",
			`subject:efun`:                                     "1 2",
			`subject = ""`:                                     "",
			`note = ""`:                                        "2",
			`note != ""`:                                       "1",
			`NOT note = ""`:                                    "1",
			`note:*`:                                           "2",
			`subject < a`:                                      "2", // by code points
			"score > 1e0":                                      "2",
			`score = "1.5"`:                                    "2",
			"reopen_count >= 99999999999":                      "",
			"reopen_count = 0.5":                               "",
			"open_time < 1970-01-01T00:00:01Z":                 "1",
			`open_time = "1970-01-01T05:30:01+05:30"`:          "2",
			`open_time <= timestamp("1970-01-01T00:00:01Z")`:   "1 2",
			"close_time:*":                                     "2",
			"NOT close_time > 1970-01-01T00:00:00Z":            "1",
			"close_time != 1970-01-01T00:00:05Z":               "1",
			"open_time:*":                                      "1 2",
			"took = 5s":                                        "2",
			`took < duration("1.5h")`:                          "2",
			"attributes:tenure":                                "1",
			"attributes.tenure:*":                              "1",
			"attributes.tenure = 31-60":                        "1",
			`attributes.tenure = "31*"`:                        "1",
			`attributes.tenure != "31-60"`:                     "2",
			`attributes.city = "é*"`:                           "1",
			`attributes.city = "*日"`:                           "1",
			`attributes.a = ""`:                                "2",
			"NOT attributes:tenure":                            "2",
			"attributes:*":                                     "1 2",
			"state = OPEN AND ( subject:x OR NOT subject:x	) ": "1",
		} {
			f, err := fields.Parse(text, "acme")
			if err != nil {
				t.Errorf("Parse(%q) = %v", text, err)
				continue
			}
			where, args := numbered(f.Where(db.Postgres()))
			got := strings.Join(ids(t, db, `SELECT id FROM thing WHERE `+where+` ORDER BY id`, args), " ")
			if got != want {
				t.Errorf("%s picks %q, want %q (%s %q)", text, got, want, where, args)
			}
		}
	})
}

// refusals are filters that are refused, and why.
var refusals = map[string]string{
	"state":                                "filter.syntax",
	`"open"`:                               "filter.syntax",
	"42":                                   "filter.syntax",
	"-42":                                  "filter.syntax",
	"refund late":                          "filter.syntax",
	"state = ":                             "filter.syntax",
	"= OPEN":                               "filter.syntax",
	"state OPEN":                           "filter.syntax",
	"state == OPEN":                        "filter.syntax",
	"state = OPEN urgent = true":           "filter.syntax",
	"state = OPEN AND":                     "filter.syntax",
	"AND state = OPEN":                     "filter.syntax",
	"state = OPEN OR OR state = NEW":       "filter.syntax",
	"NOT NOT state = OPEN":                 "filter.syntax",
	"NOT(state = OPEN)":                    "filter.syntax",
	"AND((state = OPEN), (state = NEW))":   "filter.syntax",
	"(state = OPEN":                        "filter.syntax",
	"state = OPEN)":                        "filter.syntax",
	"()":                                   "filter.syntax",
	`subject = "open`:                      "filter.syntax",
	`subject = 'open"`:                     "filter.syntax",
	`subject = "\q"`:                       "filter.syntax",
	"subject = \xff":                       "filter.syntax",
	"subject = (a OR b)":                   "filter.syntax",
	"subject = (a)":                        "filter.syntax",
	`subject = upper("a")`:                 "filter.syntax",
	"now() = 1":                            "filter.field",
	"now()":                                "filter.syntax",
	`open_time > timestamp()`:              "filter.value",
	`open_time > timestamp(1)`:             "filter.syntax",
	"state::OPEN":                          "filter.syntax",
	"state = !OPEN":                        "filter.syntax",
	"; DROP TABLE thing":                   "filter.syntax",
	"unknown = 1":                          "filter.field",
	"brand = acme":                         "filter.field",
	"STATE = OPEN":                         "filter.field",
	`"state" = OPEN`:                       "filter.field",
	"1 = 1":                                "filter.field",
	"true = true":                          "filter.field",
	"state.x = OPEN":                       "filter.field",
	"attributes.Tenure = a":                "filter.field",
	`attributes."a') --" = a`:              "filter.field",
	"attributes.a.b = a":                   "filter.field",
	"attributes.12 = a":                    "filter.field",
	"thing.id = a":                         "filter.field",
	"attributes = a":                       "filter.value",
	`attributes:"a' OR 1=1"`:               "filter.value",
	"attributes.a < b":                     "filter.value",
	"state = SHUT":                         "filter.value",
	"state = open":                         "filter.value",
	"state = 2":                            "filter.value",
	"state < OPEN":                         "filter.value",
	"urgent = yes":                         "filter.value",
	"urgent > false":                       "filter.value",
	"reopen_count = many":                  "filter.value",
	"reopen_count = inf":                   "filter.value",
	"reopen_count = NaN":                   "filter.value",
	"reopen_count = 0x10":                  "filter.value",
	"reopen_count = 9007199254740992":      "filter.value",
	"reopen_count = 1e400":                 "filter.value",
	"open_time = yesterday":                "filter.value",
	"open_time > 2026-01-05":               "filter.value",
	`open_time > duration("1s")`:           "filter.value",
	"took > 5":                             "filter.value",
	"customer = ann":                       "filter.value",
	"customer > brands/acme/customers/ann": "filter.value",
	"customer = brands/acme/agents/ann":    "filter.value",
	"customer = brands/acme/customers/":    "filter.value",
	"customer = brands//customers/ann":     "filter.value",
	"customer = brands/acme/customers/a/b": "filter.value",
	`subject = "a\x00b"`:                   "filter.value",
	strings.Repeat("(", 21) + "state = OPEN" + strings.Repeat(")", 21): "filter.size",
	"state = OPEN" + strings.Repeat(" OR state = OPEN", 100):           "filter.size",
	"subject = " + strings.Repeat("a", 2039):                           "filter.size",
}

func TestWhatIsNoFilterIsRefused(t *testing.T) {
	for text, reason := range refusals {
		_, err := fields.Parse(text, "acme")
		if err == nil {
			t.Errorf("Parse(%.60q) takes it", text)
			continue
		}
		wantInvalid(t, err, "filter", reason)
	}
}

func TestARefusalSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"  state = OPEN AND  subjekt = a":       "character 21",
		"subject = é AND state = SHUT":          "character 25",
		"state = NEW AND open_time > yesterday": "character 29",
		"state = OPEN urgent = true":            "before character 14",
		"state = OPEN AND (urgent = true":       "ends too early",
		"state = OPEN AND ) urgent = true":      `character 18: ") urgent = true"`,
		`subject = "never ends`:                 `character 11: "\"never ends"`,
		`subject = a-b AND took = 5s OR 7`:      "character 32",
	} {
		_, err := fields.Parse(text, "acme")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want %s", text, err, want)
		}
	}
}

func TestAFilterMayReachItsLimits(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		rows := things(10)
		db := filled(t, open(t), rows)
		for _, text := range []string{
			strings.Repeat("(", 20) + "subject:*" + strings.Repeat(")", 20),
			strings.Repeat("NOT (", 20) + "subject:*" + strings.Repeat(")", 20),
			"subject:*" + strings.Repeat(" OR subject:*", 99),
			"subject:*" + strings.Repeat(" AND subject:*", 99),
			"subject:*" + strings.Repeat(" AND open_time>1900-01-01T00:00:00Z", 58),
			"subject:* OR subject = " + strings.Repeat("a", 2048-23),
		} {
			f, err := fields.Parse(text, "acme")
			if err != nil {
				t.Errorf("Parse(%.60q) = %v", text, err)
				continue
			}
			where, args := numbered(f.Where(db.Postgres()))
			want := matching(rows, func(r thing) bool { return r.subject != "" })
			if got := ids(t, db, `SELECT id FROM thing WHERE `+where+` ORDER BY id`, args); !slices.Equal(got, want) {
				t.Errorf("%.60q picks %v, want %v", text, got, want)
			}
		}
	})
}

// vocabulary is all that the text of a condition may consist of.
var vocabulary = regexp.MustCompile(`^(?:[(), ?]|AND|OR|NOT|TRUE|FALSE|NULL|IS|DISTINCT|FROM|COALESCE|CAST|AS|BIGINT|DOUBLE PRECISION|INTEGER|json` +
	`|COLLATE "C"|substr|length|instr|strpos|->> '[a-z][a-z0-9_]*'|'(?:\{\})?'|[<>]=?|=|<>|[-+] |[01]` +
	`|id|subject|note|state|reopened|score|urgent|open_time|close_time|took|customer|attributes)*$`)

func FuzzParse(f *testing.F) {
	for text := range refusals {
		f.Add(text)
	}
	for _, word := range words {
		f.Add(`subject = "` + word + `" AND attributes.a != '` + word + `' OR NOT note:` + word)
	}
	f.Add(`subject:* OR attributes:* OR attributes.a:* OR urgent:* OR took:*`)
	f.Add(`state = OPEN AND -(open_time > 2026-01-05T12:00:00Z OR took < 1.5h) AND attributes:a`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := fields.Parse(text, "acme")
		if err != nil {
			e, ok := err.(*fault.Error) //nolint:errorlint // it is not wrapped
			if !ok || len(e.Fields) != 1 || e.Fields[0].Path != "filter" || !strings.HasPrefix(e.Fields[0].Reason, "filter.") {
				t.Fatalf("Parse(%q) = %v, want a fault on filter", text, err)
			}
			if len(err.Error()) > 500 {
				t.Fatalf("Parse(%q) says too much: %v", text, err)
			}
			return
		}
		for _, postgres := range []bool{false, true} {
			c := got.Where(postgres)
			if strings.Count(c.Text, "?") != len(c.Args) {
				t.Fatalf("%q: %d arguments for %s", text, len(c.Args), c.Text)
			}
			if !vocabulary.MatchString(c.Text) {
				t.Fatalf("%q leaks into %s", text, c.Text)
			}
		}
	})
}
