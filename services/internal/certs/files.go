package certs

import (
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// pause is how long what was read is taken for current.
const pause = 5 * time.Second

// files is a value that is read from files, again when they have changed.
type files[T any] struct {
	paths []string
	load  func() (T, error)
	log   *slog.Logger

	mu     sync.Mutex
	value  T
	stamps []stamp
	looked time.Time
}

// A stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// watch reads the value for the first time.
func watch[T any](log *slog.Logger, load func() (T, error), paths ...string) (*files[T], error) {
	f := &files[T]{paths: paths, load: load, log: log, looked: time.Now()}
	f.stamps = f.stat()
	var err error
	f.value, err = load()
	return f, err
}

// get returns the value, read anew if the files are others than before and a pause has
// passed. A value that cannot be read changes nothing.
func (f *files[T]) get() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < pause {
		return f.value
	}
	f.looked = time.Now()
	stamps := f.stat()
	if slices.Equal(stamps, f.stamps) {
		return f.value
	}
	value, err := f.load()
	if err != nil {
		f.log.Error("certificates unchanged: the new ones cannot be used", "err", err)
		return f.value
	}
	f.value, f.stamps = value, stamps
	f.log.Info("certificates read anew", "files", f.paths)
	return f.value
}

// stat returns the state of the files. One that is not there has none.
func (f *files[T]) stat() []stamp {
	stamps := make([]stamp, len(f.paths))
	for i, path := range f.paths {
		if info, err := os.Stat(path); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}
