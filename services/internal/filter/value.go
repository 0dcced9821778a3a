package filter

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// tooLarge is where floats no longer hold every integer. Below it databases that
// compare integers as floats, and those that do not, agree.
const tooLarge = 1 << 53

// value returns what the column of f holds for text: nil for a name that no row
// has. Its errors are for the caller to read.
func (c *checker) value(f Field, text string) (any, error) {
	switch f.Kind {
	case Number:
		return number(text)
	case Bool:
		switch text {
		case "true":
			return int64(1), nil
		case "false":
			return int64(0), nil
		}
		return nil, errors.New(f.Name + " takes true or false")
	case Enum:
		return enum(f, text)
	case Time:
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, errors.New(f.Name + " takes a time such as 2026-01-05T12:00:00Z")
		}
		return sqldb.Micros(t), nil
	case Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, errors.New(f.Name + " takes a duration such as 90s or 1.5h")
		}
		return d.Microseconds(), nil
	case Name:
		return c.id(f, text)
	default:
		return text, nil
	}
}

// number returns an int64 where it can, and else a float64.
func number(text string) (any, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(text, "_xXpP") || math.IsNaN(v) || math.Abs(v) >= tooLarge {
		return nil, errors.New("a number below 2^53 belongs here")
	}
	if v == math.Trunc(v) {
		return int64(v), nil
	}
	return v, nil
}

// enum returns the number of the value called text.
func enum(f Field, text string) (any, error) {
	values := f.Enum.Values()
	zero := string(values.Get(0).Name())
	prefix, _ := strings.CutSuffix(zero, "UNSPECIFIED")
	if prefix == zero {
		prefix = ""
	}
	var known []string
	for i := range values.Len() {
		v := values.Get(i)
		short := strings.TrimPrefix(string(v.Name()), prefix)
		if text == short || v.Name() == protoreflect.Name(text) {
			return int64(v.Number()), nil
		}
		known = append(known, short)
	}
	return nil, errors.New(f.Name + " takes one of " + strings.Join(known, ", "))
}

// id returns the last segment of a name. Without a name it is empty, as is the
// column of a row that has none.
func (c *checker) id(f Field, text string) (any, error) {
	if text == "" {
		return "", nil
	}
	parts := strings.Split(text, "/")
	if len(parts) != 4 || parts[0] != "brands" || parts[1] == "" || parts[2] != f.Collection || parts[3] == "" {
		return nil, errors.New(f.Name + " takes a name such as brands/BRAND/" + f.Collection + "/ID")
	}
	if parts[1] != c.brand {
		return nil, nil
	}
	return parts[3], nil
}
