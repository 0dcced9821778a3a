package privacy

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Trace is a table of bytes in which a customer may be mentioned. Page reads rows after
// {after}, the text by which they are ordered, which is the first column; the others are
// the bytes. Remove is what is done about the row {row}; all of it is SQL.
type Trace struct {
	Page   string
	Bytes  int // how many columns of bytes there are
	Remove []string
}

// Answers are those kept for repeats: a repeat gets an empty one.
func Answers() Trace {
	return Trace{
		Page:   `SELECT request_id, response FROM request WHERE brand = {brand} AND request_id > {after} ORDER BY request_id LIMIT 500`,
		Bytes:  1,
		Remove: []string{`UPDATE request SET response = {empty} WHERE brand = {brand} AND request_id = {row}`},
	}
}

// Events are those to be sent and those sent lately.
func Events() Trace {
	return Trace{
		Page:   `SELECT id, payload FROM outbox WHERE id > {after} AND brand = {brand} ORDER BY id LIMIT 500`,
		Bytes:  1,
		Remove: []string{`DELETE FROM outbox WHERE id = {row}`},
	}
}

// Letters are the events that were put aside.
func Letters() Trace {
	return Trace{
		Page:  `SELECT id, payload FROM dead_letter WHERE id > {after} AND brand = {brand} ORDER BY id LIMIT 500`,
		Bytes: 1,
		Remove: []string{
			`DELETE FROM dead_letter WHERE id = {row}`,
			`DELETE FROM stopped_key WHERE brand = {brand} AND NOT EXISTS (
			   SELECT 1 FROM dead_letter d WHERE d.brand = stopped_key.brand AND d.key = stopped_key.key)`,
		},
	}
}

// Audited are what was changed by whom: the name of what it was goes, and the chain stays whole.
func Audited() Trace {
	return Trace{
		Page:   `SELECT id, resource FROM audit_event WHERE brand = {brand} AND id > {after} ORDER BY id LIMIT 500`,
		Bytes:  1,
		Remove: []string{`UPDATE audit_event SET resource = '', salt = '' WHERE brand = {brand} AND id = {row}`},
	}
}

// Operations are the long pieces of work that are finished.
func Operations() Trace {
	return Trace{
		Page: `SELECT id, request, progress, COALESCE(result, progress) FROM operation
		  WHERE brand = {brand} AND id > {after} AND end_time IS NOT NULL ORDER BY id LIMIT 500`,
		Bytes:  3,
		Remove: []string{`DELETE FROM operation WHERE brand = {brand} AND id = {row}`},
	}
}

// A place is how far a sweep has come.
type place struct {
	Trace int    `json:"t"`
	After string `json:"a"`
}

// sweep removes traces of names from where token says, for some seconds. It returns how
// many there were and, if there may be more, a token to go on with.
func (s *Server) sweep(ctx context.Context, brand string, names map[string]bool, token string) (n int64, next string, err error) {
	var at place
	if token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err == nil {
			err = json.Unmarshal(raw, &at)
		}
		if err != nil || at.Trace < 0 {
			return 0, "", fault.Invalid(fault.Field{Path: "token", Reason: "TOKEN", Description: "is none of this call's"})
		}
	}
	for end := time.Now().Add(sweepFor); at.Trace < len(s.Traces); {
		if time.Now().After(end) {
			raw, err := json.Marshal(at)
			return n, base64.RawURLEncoding.EncodeToString(raw), err
		}
		removed, last, err := s.sweepPage(ctx, s.Traces[at.Trace], brand, at.After, names)
		if err != nil {
			return n, "", err
		}
		n, at.After = n+removed, last
		if last == "" {
			at.Trace++
		}
	}
	return n, "", nil
}

// sweepPage removes traces from some rows. It returns the last of them, "" if there are
// no more.
func (s *Server) sweepPage(ctx context.Context, t Trace, brand, after string, names map[string]bool) (n int64, last string, err error) {
	query, args := fill(t.Page, map[string]any{"brand": brand, "after": after})
	rows, err := s.DB.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return 0, "", sqldb.Fault(err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		texts := make([][]byte, t.Bytes)
		into := []any{&last}
		for i := range texts {
			into = append(into, &texts[i])
		}
		if err := rows.Scan(into...); err != nil {
			return 0, "", sqldb.Fault(err)
		}
		for _, text := range texts {
			if mentions(text, brand, names) {
				found = append(found, last)
				break
			}
		}
	}
	if err := rows.Err(); err != nil {
		return 0, "", sqldb.Fault(err)
	}
	if len(found) == 0 {
		return 0, last, nil
	}
	err = s.DB.Write(ctx, func(tx *sqldb.Tx) error {
		for _, row := range found {
			for _, remove := range t.Remove {
				query, args := fill(remove, map[string]any{"brand": brand, "row": row, "empty": []byte{}})
				if _, err := tx.Exec(query, args...); err != nil {
					return fmt.Errorf("remove a trace: %w", err)
				}
			}
		}
		return nil
	})
	return int64(len(found)), last, err
}

// mentions reports whether text, which may be a message or JSON, holds one of names or the
// name of something that belongs to one.
func mentions(text []byte, brand string, names map[string]bool) bool {
	prefix := []byte(name.Join("brands", brand) + "/")
	for from := 0; ; {
		i := bytes.Index(text[from:], prefix)
		if i < 0 {
			return false
		}
		at := from + i
		from = at + len(prefix)
		for _, end := range extents(text, at) {
			for n := text[at:end]; len(n) > len(prefix); {
				if names[string(n)] {
					return true
				}
				slash := bytes.LastIndexByte(n, '/')
				n = n[:max(slash, 0)]
			}
		}
	}
}

// extents returns where the name that begins at may end. A message says before it how long
// it is, in one byte or two; anywhere else it ends with its letters. Which it is cannot be
// told, as the quotation mark of JSON is a length too.
func extents(text []byte, at int) (ends []int) {
	for width := 1; width <= min(2, at); width++ {
		size, n := protowire.ConsumeVarint(text[at-width : at])
		if n == width && size > 0 && size <= uint64(len(text)-at) && !bytes.ContainsFunc(text[at:at+int(size)], strange) { //nolint:gosec // it fits
			ends = append(ends, at+int(size)) //nolint:gosec // it fits
		}
	}
	if end := bytes.IndexFunc(text[at:], strange); end >= 0 {
		return append(ends, at+end)
	}
	return append(ends, len(text))
}

// strange reports whether no name has the letter.
func strange(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/-_.~", r)
}
