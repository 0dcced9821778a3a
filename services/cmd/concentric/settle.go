package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// settle gives back the memory that the start needed and serving does not. What
// lives then is some 20 MB, so collecting each time it has doubled would cost more
// than the memory is worth; GOGC and GOMEMLIMIT say otherwise.
func settle() {
	debug.FreeOSMemory()
	forgetProgram()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// forgetProgram gives back the pages of the program's file, half of which only the
// start has used: what is needed again comes from the page cache, sixteen pages at a
// time. Where there is no /proc it does nothing.
func forgetProgram() {
	program, err := os.Executable()
	if err != nil {
		return
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	const dontNeed = 4 // MADV_DONTNEED, on Linux
	for _, m := range unwritten(string(smaps), program) {
		syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, dontNeed) //nolint:errcheck // it is advice
	}
}

// A mapping is a range of addresses.
type mapping struct{ start, end uintptr }

// unwritten returns the mappings of a file whose pages are those of the file, of all
// mappings of a process as Linux describes them: they may be read, not written, and
// nobody, such as a debugger, has.
func unwritten(smaps, file string) (all []mapping) {
	var next *mapping
	for line := range strings.Lines(smaps) {
		words := strings.Fields(line)
		if len(words) >= 6 && strings.Join(words[5:], " ") == file {
			next = readOnly(words[0], words[1])
		} else if len(words) >= 3 && words[0] == "Anonymous:" {
			if next != nil && words[1] == "0" {
				all = append(all, *next)
			}
			next = nil
		}
	}
	return all
}

// readOnly returns the mapping from-to, or nil if its permissions let it be written.
func readOnly(addresses, permissions string) *mapping {
	from, to, _ := strings.Cut(addresses, "-")
	start, err := strconv.ParseUint(from, 16, 64)
	if err != nil {
		return nil
	}
	end, err := strconv.ParseUint(to, 16, 64)
	if err != nil || strings.Contains(permissions, "w") {
		return nil
	}
	return &mapping{uintptr(start), uintptr(end)}
}
