package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/concentric-cx/concentric/services/internal/setting"
)

// inFile looks at a file that others must not open in the ways of bad.
func inFile(name, path string, bad fs.FileMode, advice string) setting.Setting {
	s := setting.Setting{Name: name, Value: path}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.Advice = "made at the first start"
	case err != nil:
		s.State, s.Advice = setting.Unsafe, err.Error()
	default:
		s.Value = fmt.Sprintf("%s (%v)", path, info.Mode().Perm())
		if info.Mode().Perm()&bad != 0 {
			s.State, s.Advice = setting.Unsafe, advice
		}
	}
	return s
}

// folder looks at the data folder. The files in it are for their owner only, whatever the
// folder is.
func folder(dir string) setting.Setting {
	s := setting.Setting{Name: "data folder", Value: dir}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		s.Advice = "made at the first start"
		return s
	}
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	if err == nil {
		err = syscall.Access(dir, 2|1) // to write and to enter
	}
	if err != nil {
		s.State, s.Advice = setting.Unsafe, fmt.Sprintf("nothing can be kept there (%v): choose another --data folder", err)
		return s
	}
	s.Value = fmt.Sprintf("%s (%v)", dir, info.Mode().Perm())
	switch mode := info.Mode(); {
	case mode&0o002 != 0 && mode&fs.ModeSticky == 0:
		s.State, s.Advice = setting.Unsafe, "others may put files of theirs in place of ours: chmod 700 it"
	case mode&0o077 != 0:
		s.State, s.Advice = setting.Weak, "others may look at what is there, though not into the files: chmod 700 it"
	}
	return s
}

// Places that are on other machines, as Linux calls their file systems.
const (
	nfs   = 0x6969
	plan9 = 0x01021997
)

// low is how much space on a disk begins to be little.
const low = 1 << 30

// disk looks at where the data folder is, or will be.
func disk(dir string) setting.Setting {
	s := setting.Setting{Name: "disk"}
	var at syscall.Statfs_t
	for dir, _ = filepath.Abs(dir); ; dir = filepath.Dir(dir) { //nolint:errcheck // Statfs says what is wrong
		err := syscall.Statfs(dir, &at)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			s.Value, s.State, s.Advice = "unknown", setting.Weak, err.Error()
			return s
		}
	}
	free := at.Bavail * uint64(at.Bsize) //nolint:gosec // the size of a block is positive
	s.Value = fmt.Sprintf("%d MiB free", free>>20)
	switch {
	case at.Type == nfs || at.Type == plan9:
		s.State, s.Advice = setting.Weak, "it is on another machine, where SQLite and the embedded bus may lose what they wrote: use a disk of this one, or PostgreSQL"
	case free < low:
		s.State, s.Advice = setting.Weak, "make room: on a full disk writes are refused"
	}
	return s
}
