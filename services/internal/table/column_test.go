package table

import (
	"database/sql"
	"database/sql/driver"
	"reflect"
	"testing"
	"time"
)

func TestColumnsHold(t *testing.T) {
	var (
		at     = noon
		never  time.Time
		length = -time.Microsecond
		yes    = true
		parts  = []string{"a<"}
		words  = detail{"a"}
		labels = map[string]string{"b": "2", "a": "1"}
		none   []string
	)
	for _, tt := range []struct {
		column driver.Valuer
		want   driver.Value
	}{
		{Micros{&at}, noon.UnixMicro()},
		{Micros{&never}, never.UnixMicro()},
		{Moment{&at}, noon.UnixMicro()},
		{Moment{&never}, nil},
		{Span{&length}, int64(-1)},
		{Flag{&yes}, int64(1)},
		{Flag{new(bool)}, int64(0)},
		{Array[string]{&parts}, `["a\u003c"]`},
		{Array[string]{&none}, ""},
		{Document[detail]{&words}, `{"words":"a"}`},
		{Document[detail]{new(detail)}, ""},
		{Document[*detail]{new(*detail)}, ""},
		{Words{&labels}, `{"a":"1","b":"2"}`},
		{Words{new(map[string]string)}, "{}"},
	} {
		if got, err := tt.column.Value(); err != nil || got != tt.want {
			t.Errorf("%T holds %v, %v, want %v", tt.column, got, err, tt.want)
		}
	}
	if got, err := (Array[func()]{&[]func(){nil}}).Value(); err == nil {
		t.Errorf("what is no JSON is held as %v", got)
	}
}

func TestColumnsRefuseWhatTheyCannotHold(t *testing.T) {
	for _, column := range []sql.Scanner{
		Micros{new(time.Time)},
		Span{new(time.Duration)},
		Flag{new(bool)},
		Array[string]{new([]string)},
		Document[detail]{new(detail)},
		Words{new(map[string]string)},
	} {
		for _, v := range []any{nil, 1.5, "{"} {
			if err := column.Scan(v); err == nil {
				t.Errorf("%T takes %v", column, v)
			}
		}
	}
	if err := (Moment{new(time.Time)}).Scan("x"); err == nil {
		t.Error("a Moment takes text")
	}
}

func TestAnEmptyColumnLeavesNothingFromBefore(t *testing.T) {
	at, parts, one, labels := noon, []string{"left"}, detail{"left"}, map[string]string{"left": ""}
	for _, tt := range []struct {
		column sql.Scanner
		empty  any
	}{
		{Moment{&at}, nil},
		{Array[string]{&parts}, ""},
		{Document[detail]{&one}, ""},
		{Words{&labels}, "{}"},
	} {
		if err := tt.column.Scan(tt.empty); err != nil {
			t.Errorf("%T of nothing: %v", tt.column, err)
		}
	}
	if !at.IsZero() || parts != nil || one != (detail{}) || labels != nil {
		t.Errorf("left: %v, %v, %v, %v", at, parts, one, labels)
	}
	labels = map[string]string{"left": ""}
	if err := (Words{&labels}).Scan(`{"new":""}`); err != nil || !reflect.DeepEqual(labels, map[string]string{"new": ""}) {
		t.Errorf("labels = %v, %v, want the new one alone", labels, err)
	}
	one = detail{"left"}
	if err := (Document[detail]{&one}).Scan(`{}`); err != nil || one != (detail{}) {
		t.Errorf("document = %v, %v, want nothing of before", one, err)
	}
}
