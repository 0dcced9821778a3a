package main

import (
	"slices"
	"testing"
)

func TestTheFiguresOfOneBenchmarkAreRead(t *testing.T) {
	const said = `goos: linux
BenchmarkScore/touchpoint/put-2         	 9000000	        12.5 ns/op	       0 B/op
BenchmarkScore/touchpoint/put-2         	 9000000	        13.5 ns/op	       0 B/op
BenchmarkScore/touchpoint/put_more-2    	 9000000	        99 ns/op
BenchmarkDepth/sqlite-16                	       1	         1.05 of-limit	     870 calls/s
BenchmarkAlone                          	       1	         7 bytes/row
PASS
`
	for _, c := range []struct {
		benchmark, unit string
		want            []float64
	}{
		{"BenchmarkScore/touchpoint/put", "ns/op", []float64{12.5, 13.5}},
		{"BenchmarkDepth/sqlite", "of-limit", []float64{1.05}},
		{"BenchmarkAlone", "bytes/row", []float64{7}},
		{"BenchmarkDepth", "of-limit", nil},
		{"BenchmarkDepth/sqlite", "ns/op", nil},
	} {
		if got := figures(said, c.benchmark, c.unit); !slices.Equal(got, c.want) {
			t.Errorf("%s says %v in %s, want %v", c.benchmark, got, c.unit, c.want)
		}
	}
}
