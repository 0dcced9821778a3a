package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"
)

// copyPragmas are of the connection that reads what is copied: it may write, as a file
// whose log of changes is left from a crash can only be read by who may mend it.
var copyPragmas = []string{"busy_timeout(5000)", "query_only(1)"}

// Copy copies the SQLite database in the file from, as it is at one instant, into the new
// file to, which only the current user may read and which is on the disk when Copy returns.
// Others may read and write the database meanwhile.
func Copy(ctx context.Context, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	db, err := sql.Open("sqlite", sqliteURL(from, "rw", copyPragmas))
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	defer conn.Close()
	if err := conn.Raw(func(c any) error { return copyPages(c, to) }); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return f.Sync()
}

// copyPages copies all pages in one step, which sees one state of the database.
func copyPages(conn any, to string) error {
	source, ok := conn.(interface {
		NewBackup(to string) (*sqlite.Backup, error)
	})
	if !ok {
		return errors.ErrUnsupported
	}
	b, err := source.NewBackup(to)
	if err != nil {
		return err
	}
	more, err := b.Step(-1)
	if err == nil && more {
		err = errors.New("the database is not copied to its end")
	}
	return errors.Join(err, b.Finish())
}
