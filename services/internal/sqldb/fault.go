package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/grpc/codes"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// Unique reports whether err says that a row of the same key exists already.
func Unique(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23505"
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY ||
			e.Code() == sqlite3.SQLITE_CONSTRAINT_ROWID
	}
	return false
}

// Fault turns an error of the storage itself (full, read-only, out of reach,
// damaged, too slow) into a fault that keeps err for the log. It returns any
// other error as it is: nil, faults, broken constraints, sql.ErrNoRows, the end
// of a context.
func Fault(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return postgresFault(e.Code, err)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteFault(e.Code(), err)
	}
	if disconnected(err) {
		return unavailable(err)
	}
	return err
}

func postgresFault(code string, err error) error {
	switch {
	case code == "53100":
		return full(err)
	case code == "25006":
		return readOnly(err)
	case code == "57014":
		return &fault.Error{
			Code: codes.DeadlineExceeded, Reason: "STORAGE_TIMEOUT", Cause: err,
			Message: "the storage took too long",
		}
	case code == "XX001", code == "XX002":
		return corrupt(err)
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"), code == "57P01", code == "57P02", code == "57P03", code == "57P05", code == "25P03":
		return unavailable(err)
	}
	return err
}

func sqliteFault(code int, err error) error {
	if damaged(code) {
		return corrupt(err)
	}
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return full(err)
	case sqlite3.SQLITE_READONLY:
		return readOnly(err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM:
		return unavailable(err)
	}
	return err
}

// damaged reports whether the code of a SQLite error says that the file is.
func damaged(code int) bool {
	return code&0xff == sqlite3.SQLITE_CORRUPT || code&0xff == sqlite3.SQLITE_NOTADB
}

func full(err error) error {
	return &fault.Error{
		Code: codes.ResourceExhausted, Reason: "STORAGE_FULL", Cause: err,
		Message: "the storage is full",
	}
}

func readOnly(err error) error {
	return fault.Unavailable("STORAGE_READ_ONLY", "the storage takes no writes now", err)
}

func corrupt(err error) error {
	return &fault.Error{
		Code: codes.DataLoss, Reason: "STORAGE_CORRUPT", Cause: err,
		Message: "the storage is damaged",
	}
}

func unavailable(err error) error {
	return fault.Unavailable("STORAGE_UNAVAILABLE", "the storage is out of reach", err)
}

// collision reports whether the transaction can succeed when it runs again.
func collision(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "40001" || e.Code == "40P01" || e.Code == "55P03"
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}

// disconnected reports whether err comes from a connection that is gone.
func disconnected(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	_, broke := errors.AsType[net.Error](err)
	return broke || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF)
}
