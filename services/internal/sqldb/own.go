package sqldb

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var ownMigrations embed.FS

// Own notes that db belongs to the service, or returns an error if it belongs to
// another one: two services in one database would take each other's events and
// requests for their own. From then on db shows its figures as the service's.
func Own(ctx context.Context, db *DB, service string) error {
	dir, err := fs.Sub(ownMigrations, "migrations")
	if err != nil {
		return err
	}
	if err := Migrate(ctx, db, "owner", dir); err != nil {
		return err
	}
	var owner string
	err = db.Write(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(`INSERT INTO owner (one, service) VALUES (1, $1) ON CONFLICT DO NOTHING`, service); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT service FROM owner WHERE one = 1`).Scan(&owner)
	})
	if err == nil && owner != service {
		return fmt.Errorf("the database belongs to the %s service; give %s one of its own", owner, service)
	}
	if err == nil {
		err = db.measure(service)
	}
	return err
}

// Exclusive makes this process the only one that may, until it ends or calls
// release. SQLite files are locked by their folder; on PostgreSQL it is an advisory
// lock of a session.
func (db *DB) Exclusive(ctx context.Context) (release func() error, err error) {
	if !db.postgres {
		return func() error { return nil }, nil
	}
	conn, err := db.hold(ctx, lockWhole)
	if conn == nil && err == nil {
		err = errors.New("another process uses the database with a bus of its own; give them one bus")
	}
	if err != nil {
		return nil, err
	}
	return func() error { unlock(conn); return nil }, nil
}
