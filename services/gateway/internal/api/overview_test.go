package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestFiltersSpeakOfAllNamesBetweenThem(t *testing.T) {
	for _, n := range []int{1, 2, 10, 11, 200} {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("brands/%s/customers/%s%03d", strings.Repeat("b", 63), strings.Repeat("c", 60), i))
		}
		filters := about(names)
		for _, f := range filters {
			if len(f) > 1900 {
				t.Errorf("a filter about some of %d names has %d bytes", n, len(f))
			}
		}
		all := strings.Join(filters, "")
		for _, name := range names {
			if strings.Count(all, `customer = "`+name+`"`) != 1 {
				t.Errorf("%d names: the filters speak of %s %d times", n, name, strings.Count(all, name))
			}
		}
	}
}

func TestGatheredRowsAreTheLatestOfAllLists(t *testing.T) {
	at := func(i int) *timestamppb.Timestamp { return timestamppb.New(time.Unix(int64(i), 0)) }
	lists := map[string][]int{"odd": {49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27}, "even": {48, 46, 44, 42, 40, 38, 36, 34, 32, 30, 28, 26}}
	got, err := gather([]string{"odd", "even"}, func(f string) ([]int, error) { return lists[f], nil }, at)
	if err != nil || len(got) != latest {
		t.Fatalf("gather = %v, %v, want %d rows", got, err, latest)
	}
	for i, row := range got {
		if row != 49-i {
			t.Errorf("row %d is %d, want %d", i, row, 49-i)
		}
	}
	if _, err := gather([]string{"a", "b"}, func(f string) ([]int, error) { return nil, map[string]error{"b": errors.New("down")}[f] }, at); err == nil {
		t.Error("a list that cannot be had is left out")
	}
}
