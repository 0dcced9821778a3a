package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lock takes the lock file at path for this process. It ends with the process, or
// with the function it returns.
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
		return nil, fmt.Errorf("another process uses %s; stop it or choose another --data folder", filepath.Dir(path))
	}
	return f.Close, nil
}
