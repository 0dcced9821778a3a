package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lock takes the lock file at path for this process, whose number is in it then. It ends
// with the process, or with the function it returns.
func lock(path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another process uses %s (%s); stop it or choose another --data folder", filepath.Dir(path), lastHolder(path))
	}
	if err := f.Truncate(0); err == nil { // on a full disk the number is missing
		fmt.Fprintln(f, os.Getpid()) //nolint:errcheck // likewise
	}
	return f.Close, nil
}

// holder says which process has the lock file at path, "" if none has.
func holder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return ""
	}
	return lastHolder(path)
}

// lastHolder says which process had the lock file at path last.
func lastHolder(path string) string {
	text, err := os.ReadFile(path)
	if number := strings.TrimSpace(string(text)); err == nil && number != "" {
		return "process " + number
	}
	return "an unknown process"
}
