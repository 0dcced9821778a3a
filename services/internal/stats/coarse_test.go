package stats

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCoarseDurationsDoNotDependOnHowTheyWereSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		waits := rapid.SliceOfN(rapid.Int64Range(0, 1e15), 0, 300).Draw(t, "waits")
		cut := rapid.IntRange(0, len(waits)).Draw(t, "cut")
		var all, first, rest, merged Durations
		for i, w := range waits {
			all.Add(time.Duration(w))
			if i < cut {
				first.Add(time.Duration(w))
			} else {
				rest.Add(time.Duration(w))
			}
		}
		whole := all.AppendCoarse(nil)
		for _, part := range []*Durations{&rest, &first} {
			if err := merged.MergeBinary(part.AppendCoarse(nil)); err != nil {
				t.Fatal(err)
			}
		}
		all.Coarsen()
		for name, d := range map[string]*Durations{"coarsened": &all, "merged": &merged} {
			if got, _ := d.MarshalBinary(); !bytes.Equal(got, whole) {
				t.Errorf("%s: %x, want %x", name, got, whole)
			}
		}
		for _, q := range []float64{.5, .9} {
			if a, b := all.Quantile(q), merged.Quantile(q); a != b || a.N != int64(len(waits)) {
				t.Errorf("quantiles %+v and %+v of %d", a, b, len(waits))
			}
			if e := merged.Quantile(q); e.Known && e.Interval && (e.Lower > e.Value || e.Upper < e.Value) {
				t.Errorf("%+v, want the value inside its interval", e)
			}
		}
		if a, b := all.Mean(), merged.Mean(); a != b {
			t.Errorf("means %+v and %+v", a, b)
		}
	})
}
