package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cores are two of the processors of this machine. What has to be told apart runs on one of
// them each: a flood of calls takes so much of a machine for itself that it would starve the
// server if both shared it, as those who flood have machines of their own.
type cores struct {
	all, callers, server string // as taskset lists them
}

// halve returns the cores that this process may use.
func halve() (cores, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return cores{}, fmt.Errorf("%w: %w", errAbsent, err)
	}
	_, rest, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	numbers, err := listed(list)
	if err != nil || len(numbers) < 2 {
		return cores{}, fmt.Errorf("%w: two processors, only %q", errAbsent, list)
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		return cores{}, fmt.Errorf("%w: %w", errAbsent, err)
	}
	return cores{all: list, callers: strconv.Itoa(numbers[0]), server: strconv.Itoa(numbers[len(numbers)-1])}, nil
}

// listed reads a list of numbers and ranges of them, such as 0-3,6.
func listed(list string) (numbers []int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		first, last, ranged := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			return nil, err
		}
		to := from
		if ranged {
			if to, err = strconv.Atoi(last); err != nil {
				return nil, err
			}
		}
		for n := from; n <= to; n++ {
			numbers = append(numbers, n)
		}
	}
	return slices.Compact(numbers), nil
}

// apart returns the path with this process on its core alone. The server is on the other one
// since it was started.
func (c cores) apart(p path) path {
	return func(ctx context.Context, length time.Duration) (s sample, err error) {
		if err := move(ctx, c.callers); err != nil {
			return s, err
		}
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		defer func() {
			if e := move(context.WithoutCancel(ctx), c.all); err == nil {
				err = e
			}
		}()
		return p(ctx, length)
	}
}

// move moves all threads of this process to some processors.
func move(ctx context.Context, to string) error {
	out, err := exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", to, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("move to processor %s: %w: %s", to, err, out)
	}
	return nil
}
