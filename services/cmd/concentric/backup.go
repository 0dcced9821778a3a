package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// copied is the order in which databases are copied: who listens comes before whom it
// listens to. What a listener's copy lacks is then in the outbox of the other's, which sends it again.
var copied = []string{"gateway", "journey", "survey", "ticket"}

// contents names the file that says what a backup consists of.
const contents = "backup.json"

// A backup is what that file says.
type backup struct {
	CreateTime time.Time         `json:"create_time"` // when the first database was copied: all that was acknowledged before is in it
	Version    string            `json:"version"`     // of the program
	Files      map[string]string `json:"files"`       // SHA-256 by name
}

// A backupCmd copies what a suite keeps in its data folder.
type backupCmd struct {
	Data string `default:"${data}" help:"Folder of databases and keys." placeholder:"DIR"`
	Out  string `arg:"" help:"The folder to make, for the current user only. Whoever reads it reads everything: it holds the keys as well."`
}

// Run implements the command. The suite may run meanwhile.
func (c *backupCmd) Run(ctx context.Context) (err error) {
	if err := os.Mkdir(c.Out, 0o700); err != nil {
		return ending{fmt.Errorf("make the backup's folder: %w", err), 2}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(c.Out))
		}
	}()
	b := backup{CreateTime: time.Now().UTC(), Version: version, Files: map[string]string{}}
	for _, service := range copied {
		file := service + ".db"
		err := sqldb.Copy(ctx, filepath.Join(c.Data, file), filepath.Join(c.Out, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		b.Files[file] = ""
	}
	if len(b.Files) == 0 {
		return ending{fmt.Errorf("%s holds no databases: name the folder of up with --data; PostgreSQL has tools of its own", c.Data), 2}
	}
	keys, err := filepath.Glob(filepath.Join(c.Data, "*.key"))
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := copyFile(key, filepath.Join(c.Out, filepath.Base(key))); err != nil {
			return err
		}
		b.Files[filepath.Base(key)] = ""
	}
	for file := range b.Files {
		if b.Files[file], err = digest(filepath.Join(c.Out, file)); err != nil {
			return err
		}
	}
	if err := b.write(c.Out); err != nil {
		return err
	}
	fmt.Printf("copied %d files into %s; keys that are not in the data folder are not among them\n", len(b.Files), c.Out)
	return nil
}

// write puts b into its file, the last of the backup, and everything on the disk.
func (b backup) write(dir string) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, contents), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Sync(), f.Close(), syncFolder(dir))
}

// A restoreCmd puts a backup where a suite finds it.
type restoreCmd struct {
	Data string `default:"${data}" help:"Folder to put it into; it holds nothing of a suite yet." placeholder:"DIR"`
	From string `arg:"" help:"The folder that backup has made." type:"existingdir"`
}

// Run implements the command. It puts back everything or nothing.
func (c *restoreCmd) Run(context.Context) error {
	b, err := c.read()
	if err != nil {
		return ending{err, 2}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	for _, kept := range []string{"*.db*", "*.key", "bus"} {
		there, err := filepath.Glob(filepath.Join(c.Data, kept))
		if err != nil {
			return err
		}
		if len(there) > 0 {
			return ending{fmt.Errorf("%s is there: put the backup into another folder, or move that one away", there[0]), 2}
		}
	}
	var done []string
	for file := range b.Files {
		to := filepath.Join(c.Data, file)
		done = append(done, to)
		if err = copyFile(filepath.Join(c.From, file), to); err != nil {
			break
		}
	}
	if err = errors.Join(err, syncFolder(c.Data)); err != nil {
		for _, file := range done {
			err = errors.Join(err, os.RemoveAll(file))
		}
		return err
	}
	fmt.Printf("put back %d files as of %s\n", len(done), b.CreateTime.Format(time.RFC3339))
	fmt.Println("customers that were erased since then are back: erase them again (docs/operations.md)")
	return nil
}

// read returns what the backup consists of, once each file is found as it was written.
func (c *restoreCmd) read() (backup, error) {
	var b backup
	text, err := os.ReadFile(filepath.Join(c.From, contents))
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		return b, fmt.Errorf("%s is no finished backup: %w", c.From, err)
	}
	for file, want := range b.Files {
		if !filepath.IsLocal(file) || filepath.Base(file) != file {
			return b, fmt.Errorf("the backup names %q, which is no file of its folder", file)
		}
		got, err := digest(filepath.Join(c.From, file))
		if err != nil {
			return b, err
		}
		if got != want {
			return b, fmt.Errorf("%s in the backup is not what was written: take another one", file)
		}
	}
	return b, nil
}

// copyFile copies a file into a new one for the current user only, and to the disk.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, source)
	return errors.Join(err, f.Sync(), f.Close())
}

// digest returns the SHA-256 of a file.
func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// syncFolder puts the names of a folder on the disk.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
