// Package fence tests that PostgreSQL keeps the brands apart by itself, whatever the
// statements of the services say.
package fence
