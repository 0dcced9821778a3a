package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// benched begins the paths that are figures of Go benchmarks: the folder beneath services,
// the benchmark and the unit of the figure follow, apart by spaces.
const benched = "bench "

// benchTimes is how often a benchmark runs: the median counts. One that begins by filling
// a database with a million rows runs once.
const (
	benchTimes = 3
	million    = "/1000000/"
)

func figure(s sample) float64 { return s.Figure }

// bench runs a Go benchmark, which needs the source, and keeps what came of it: it stands
// in every round.
func (l *lab) bench(ctx context.Context, name string) (path, error) {
	words := strings.Fields(name)
	if len(words) != 4 {
		return nil, fmt.Errorf("%q is no benchmark", name)
	}
	folder, benchmark, unit := words[1], words[2], words[3]
	text, known := l.benches[folder+benchmark]
	if !known {
		times := benchTimes
		if strings.Contains(benchmark, million) {
			times = 1
		}
		run := exec.CommandContext(ctx, "go", "test", "-timeout", "60m", "-run", "^$", "-bench", exactly(benchmark), "-count", strconv.Itoa(times),
			"github.com/concentric-cx/concentric/services/"+folder)
		out, err := run.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%w: %w: %s", errAbsent, err, out)
		}
		text = string(out)
		l.benches[folder+benchmark] = text
	}
	values := figures(text, benchmark, unit)
	if len(values) == 0 {
		return nil, fmt.Errorf("%w: %s of %s says nothing in %s", errAbsent, benchmark, folder, unit)
	}
	return func(context.Context, time.Duration) (sample, error) { return sample{Figure: median(values)}, nil }, nil
}

// exactly is the pattern of one benchmark, each part of whose name counts by itself.
func exactly(benchmark string) string {
	return "^" + strings.ReplaceAll(benchmark, "/", "$/^") + "$"
}

// figures returns what a benchmark says in a unit, once for each time it ran.
func figures(text, benchmark, unit string) (values []float64) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.TrimRight(words[0], "0123456789") != benchmark+"-" && words[0] != benchmark {
			continue
		}
		for i := 2; i+1 < len(words); i += 2 {
			if v, err := strconv.ParseFloat(words[i], 64); err == nil && words[i+1] == unit {
				values = append(values, v)
			}
		}
	}
	return values
}
