package importer

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
)

// How many refusals, and how many lines of each oddity, a report names one by one.
const (
	maxRefusals = 1000
	maxOdd      = 5
)

// A Report says what became of an import.
type Report struct {
	Brand        string
	ValidateOnly bool
	Resumed      int      // rows that an interrupted run had done before
	Counts       []*Count // in the order in which things depend on each other
	Skipped      []*Skip
	Refused      int       // refusals in all
	Refusals     []Refusal // the first 1,000 of them, by file and line
	Oddities     []*Oddity
	Notes        []string // what else a person should know
}

// A Count is what became of one kind of thing.
type Count struct {
	Resource string // such as `tickets`; `rows` are those that could not be read or joined
	Sent     int    // stored by this import; with ValidateOnly: would be
	Repeated int    // there already, left as it was
	Refused  int
	Skipped  int // the mapping says not to, or something it needs was refused
}

// A Skip counts what was left out for one reason.
type Skip struct {
	Resource string
	Reason   string
	Count    int
}

// An Oddity counts the things that were imported as they are though something about
// them cannot be right.
type Oddity struct {
	Resource string
	Text     string
	Count    int
	Lines    []string // FILE:LINE of the first few
}

// A Refusal is one thing that was not imported, and why.
type Refusal struct {
	File     string
	Line     int
	Resource string
	Message  string // with the field first, such as `response.answers[0].rating: must be 1 to 5`
}

// String returns the refusal as a line that editors can follow.
func (r Refusal) String() string { return fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Message) }

func newReport(opt Options) *Report { return &Report{Brand: opt.Brand, ValidateOnly: opt.ValidateOnly} }

// of returns the count of kind, which exists from then on.
func (r *Report) of(kind mapping.Kind) *Count {
	i := slices.IndexFunc(r.Counts, func(c *Count) bool { return c.Resource == string(kind) })
	if i >= 0 {
		return r.Counts[i]
	}
	c := &Count{Resource: string(kind)}
	r.Counts = append(r.Counts, c)
	slices.SortStableFunc(r.Counts, func(a, b *Count) int { return cmp.Compare(rank(a.Resource), rank(b.Resource)) })
	return c
}

// rank orders the kinds as they depend on each other.
func rank(kind string) int {
	return slices.Index([]mapping.Kind{
		mapping.Rows, mapping.Brands, mapping.Definitions, mapping.Surveys, mapping.Touchpoints,
		mapping.Histories, mapping.Feedback, mapping.Tickets, mapping.Interactions, mapping.Resolutions, mapping.Responses,
	}, mapping.Kind(kind))
}

func (r *Report) skip(kind mapping.Kind, reason string, n int) {
	r.of(kind).Skipped += n
	i := slices.IndexFunc(r.Skipped, func(s *Skip) bool { return s.Resource == string(kind) && s.Reason == reason })
	if i < 0 {
		i = len(r.Skipped)
		r.Skipped = append(r.Skipped, &Skip{Resource: string(kind), Reason: reason})
	}
	r.Skipped[i].Count += n
}

// refuse counts one thing that was refused, with a line for each field that is wrong.
func (r *Report) refuse(kind mapping.Kind, refusals []Refusal) {
	r.of(kind).Refused++
	r.Refused++
	if n := min(len(refusals), maxRefusals-len(r.Refusals)); n > 0 {
		r.Refusals = append(r.Refusals, refusals[:n]...)
	}
}

// odd counts what is odd about what step makes.
func (r *Report) odd(step *mapping.Step, texts []string) {
	for _, text := range texts {
		i := slices.IndexFunc(r.Oddities, func(o *Oddity) bool { return o.Resource == string(step.Kind) && o.Text == text })
		if i < 0 {
			i = len(r.Oddities)
			r.Oddities = append(r.Oddities, &Oddity{Resource: string(step.Kind), Text: text})
		}
		o := r.Oddities[i]
		if o.Count++; len(o.Lines) < maxOdd {
			o.Lines = append(o.Lines, fmt.Sprintf("%s:%d", step.At.Header.File, step.At.Line))
		}
	}
}

// sort puts the refusals in the order of the files and their lines.
func (r *Report) sort() {
	slices.SortStableFunc(r.Refusals, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}

func (r *Report) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

// Write prints the report for people.
func (r *Report) Write(to io.Writer) {
	b := bufio.NewWriter(to)
	defer b.Flush()
	sent := "sent"
	if r.ValidateOnly {
		sent = "valid"
		fmt.Fprintf(b, "Nothing was written to brand %s: this run only checked.\n", r.Brand)
	}
	if r.Resumed > 0 {
		fmt.Fprintf(b, "Went on after %d rows that an interrupted run had done.\n", r.Resumed)
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\t%s\tthere already\trefused\tskipped\t\n", sent)
	for _, c := range r.Counts {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t\n", c.Resource, c.Sent, c.Repeated, c.Refused, c.Skipped)
	}
	t.Flush()
	if len(r.Skipped) > 0 {
		fmt.Fprintln(b, "\nSkipped:")
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(b, "  %d %s: %s\n", s.Count, s.Resource, s.Reason)
	}
	if len(r.Oddities) > 0 {
		fmt.Fprintln(b, "\nOdd, and imported as it is:")
	}
	for _, o := range r.Oddities {
		more := ""
		if o.Count > len(o.Lines) {
			more = ", …"
		}
		fmt.Fprintf(b, "  %d %s: %s (%s%s)\n", o.Count, o.Resource, oneLine(o.Text), strings.Join(o.Lines, ", "), more)
	}
	if r.Refused > 0 {
		fmt.Fprintf(b, "\nRefused (%d):\n", r.Refused)
	}
	for _, f := range r.Refusals {
		fmt.Fprintf(b, "  %s\n", oneLine(f.String()))
	}
	if len(r.Refusals) == maxRefusals {
		fmt.Fprintf(b, "  … only the first %d are named\n", maxRefusals)
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(b, "\nNote:")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "  %s\n", n)
	}
}

// oneLine keeps a line of the report a line.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}
