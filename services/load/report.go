package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// write prints what the paths did, as medians of the rounds, and the verdicts.
func write(w io.Writer, rounds []round, verdicts []verdict) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PATH\tRATE/S\tP50 MS\tP99 MS\tCPU US\tSTORE US\tCALLER US\tERRORS")
	for _, name := range measured(rounds) {
		if strings.HasPrefix(name, benched) {
			continue // its figure is beside the gate
		}
		s := middle(rounds, name)
		fmt.Fprintf(t, "%s\t%.0f\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t%d\n", name, s.Rate, s.P50, s.P99, s.CPU, s.Store, s.Caller, s.Errors)
	}
	fmt.Fprintln(t)
	fmt.Fprintln(t, "GATE\tOURS\tLIMIT\tRATIO\tWANTED\t\tBY CPU\tWHAT")
	for _, v := range verdicts {
		limit := "-"
		if v.Limit != 0 {
			limit = short(v.Limit) + " " + v.Unit
		}
		byCPU := "-"
		if v.CPU != 0 {
			byCPU = short(v.CPU)
		}
		fmt.Fprintf(t, "%s\t%s %s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			v.ID, short(v.Ours), v.Unit, limit, short(v.Ratio), v.Wanted, v.Verdict, byCPU, v.What)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, name := range measured(rounds) {
		if s := middle(rounds, name); s.Error != "" {
			fmt.Fprintf(w, "\n%s failed with %s\n", name, s.Error)
		}
	}
	return nil
}

// short writes a figure with as many digits as it deserves.
func short(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// measured returns the names of the paths that were measured, sorted.
func measured(rounds []round) []string {
	all := map[string]bool{}
	for _, r := range rounds {
		for name := range r {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// middle returns the medians of what a path did, and its errors of all rounds.
func middle(rounds []round, name string) sample {
	m := sample{Path: name}
	of := func(figure func(sample) float64) float64 {
		var values []float64
		for _, r := range rounds {
			if s, ok := r[name]; ok {
				values = append(values, figure(s))
			}
		}
		return median(values)
	}
	m.Rate, m.P50, m.RSS = of(rate), of(latency), of(memory)
	m.P99 = of(func(s sample) float64 { return s.P99 })
	m.CPU, m.Caller = of(serverCPU), of(func(s sample) float64 { return s.Caller })
	m.Store = of(func(s sample) float64 { return s.Store })
	for _, r := range rounds {
		m.Errors += r[name].Errors
		if m.Error == "" {
			m.Error = r[name].Error
		}
	}
	return m
}

// writeJSON keeps every sample of every round.
func writeJSON(file string, rounds []round, verdicts []verdict) error {
	body, err := json.MarshalIndent(struct {
		Rounds []round   `json:"rounds"`
		Gates  []verdict `json:"gates"`
	}{rounds, verdicts}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(body, '\n'), 0o600)
}
