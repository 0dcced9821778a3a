package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Unprivileged returns an error that says what the role of db may do beyond reading and
// writing rows: no row-level security, and no privilege that was taken from it, holds a
// superuser, a role that bypasses it, or the owner of a table. It asks PostgreSQL; whoever
// can open a SQLite file may do everything, so that is an error as well.
func (db *DB) Unprivileged(ctx context.Context) error {
	if !db.postgres {
		return errors.New("SQLite has no roles: an unprivileged one needs PostgreSQL")
	}
	var (
		role                             string
		super, bypass, owns, makes, base bool
	)
	err := db.readers.QueryRowContext(ctx, `
		SELECT rolname, rolsuper, rolbypassrls,
			COALESCE(has_schema_privilege(current_schema(), 'CREATE'), FALSE),
			EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND pg_has_role(datdba, 'MEMBER')),
			EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::REGNAMESPACE AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'MEMBER'))
		FROM pg_roles WHERE rolname = current_user`).Scan(&role, &super, &bypass, &makes, &base, &owns)
	if err != nil {
		return fmt.Errorf("read role: %w", Fault(err))
	}
	var may []string
	for _, p := range []struct {
		has  bool
		what string
	}{
		{super, "is a superuser"},
		{bypass, "bypasses row-level security"},
		{owns, "owns tables"},
		{base, "owns the database"},
		{makes, "may make tables"},
	} {
		if p.has {
			may = append(may, p.what)
		}
	}
	if len(may) > 0 {
		return fmt.Errorf("the role %s %s; it must do no more than read and write rows", role, strings.Join(may, " and "))
	}
	return nil
}
