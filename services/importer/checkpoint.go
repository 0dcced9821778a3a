package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// A checkpoint is how far an import got. It is written after each chunk of rows and
// survives kill -9 and a power cut, each time whole.
type checkpoint struct {
	path string

	Key    string // what is imported: brand, mapping and the contents of the files
	Store  string // where to: when the brand was made there
	Import string // a UUID; the request ids are made of it
	Rows   int    // rows of the main file that are done
	Done   bool
	Report *Report
}

// begin returns the checkpoint of the import that key stands for into the store, as
// an interrupted run left it, or else a new one. With an empty dir nothing is
// remembered.
func begin(dir, file, key, store string) (*checkpoint, error) {
	fresh := &checkpoint{Key: key, Store: store, Import: uuid.NewString()}
	if dir == "" {
		return fresh, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	fresh.path = filepath.Join(dir, file)
	text, err := os.ReadFile(fresh.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return nil, err
	}
	old := &checkpoint{}
	if err := json.Unmarshal(text, old); err != nil || old.Done || old.Report == nil || old.Key != key || old.Store != store {
		return fresh, nil // another import, or one that is over: everything may be sent again
	}
	old.path = fresh.path
	return old, nil
}

// save writes c in place of what was there.
func (c *checkpoint) save() error {
	if c.path == "" {
		return nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := replace(c.path, text); err != nil {
		return fmt.Errorf("remember how far the import got: %w", err)
	}
	return nil
}

// replace puts text in a file so that there is always the old one or the new one.
func replace(path string, text []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
