package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// grants is what a service needs, and that nobody but the owner of the schema makes tables
// in it.
const grants = `
	REVOKE CREATE ON SCHEMA schema_name FROM PUBLIC;
	GRANT USAGE ON SCHEMA schema_name TO role_name;
	GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA schema_name TO role_name;
	GRANT USAGE ON ALL SEQUENCES IN SCHEMA schema_name TO role_name;
	ALTER DEFAULT PRIVILEGES IN SCHEMA schema_name GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO role_name;
	ALTER DEFAULT PRIVILEGES IN SCHEMA schema_name GRANT USAGE ON SEQUENCES TO role_name`

// Grant lets a role of PostgreSQL read and write the rows of db, which passes
// [DB.Unprivileged] then. It takes an owner of the tables; granting twice is fine.
func (db *DB) Grant(ctx context.Context, role string) (err error) {
	if !db.postgres {
		return errors.New("SQLite has no roles to grant anything to")
	}
	admin, err := db.admin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	var schema string
	if err := admin.QueryRowContext(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return fmt.Errorf("read schema: %w", Fault(err))
	}
	names := strings.NewReplacer("schema_name", pgx.Identifier{schema}.Sanitize(), "role_name", pgx.Identifier{role}.Sanitize())
	for statement := range strings.SplitSeq(grants, ";") {
		if _, err := admin.ExecContext(ctx, names.Replace(statement)); err != nil {
			return fmt.Errorf("grant: %w", err)
		}
	}
	return nil
}
