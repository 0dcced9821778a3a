package stats

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEncodedDurationsAreSmall(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, tt := range []struct{ n, want int }{{0, 0}, {1, 10}, {10, 40}, {50, 140}, {10_000, 18_000}, {100_000, 1_800}, {1_000_000, 2_200}} {
		var d Durations
		for range tt.n {
			d.Add(time.Duration(3600*math.Exp(1.5*random.NormFloat64())) * time.Second)
		}
		if got := len(encoded(t, &d)); got > tt.want {
			t.Errorf("%d durations take %d bytes, want at most %d", tt.n, got, tt.want)
		}
	}
}

func TestTheFormOfEncodedDurationsStays(t *testing.T) {
	got := encoded(t, durations(90*time.Second, 0, time.Minute, 90*time.Second))
	want := binary.AppendUvarint([]byte{formExact, 4}, uint64(30*time.Second))
	if want = append(want, 0, 2, 1, 0); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
	var d Durations
	for range MaxExact {
		d.Add(0)
	}
	d.Add(time.Nanosecond)
	if got, want := encoded(t, &d), []byte{formSketch, 0, 1, 0, 0x90, 0x4e, 0, 1}; !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestBytesAreMergedInAnyOrder(t *testing.T) {
	d, want := durations(), encoded(t, durations(1, 2, 3, 4))
	for _, part := range []*Durations{durations(2, 4), durations(1, 3)} {
		if err := d.MergeBinary(encoded(t, part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := encoded(t, d); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestBytesThatAreNoDurationsChangeNothing(t *testing.T) {
	var many Durations
	for i := range 2 * MaxExact {
		many.Add(time.Duration(i) * time.Millisecond)
	}
	for name, whole := range map[string][]byte{
		"exact":  encoded(t, durations(1, 2, 3, 1e9, 1e12)),
		"sketch": encoded(t, &many),
	} {
		d, before := durations(4, 5, 6), encoded(t, durations(4, 5, 6))
		bad := [][]byte{{9}, append([]byte{9}, whole[1:]...), append(bytes.Clone(whole), 0)}
		for cut := 1; cut < len(whole) && (name == "exact" || cut < 12); cut++ {
			bad = append(bad, whole[:cut])
		}
		for _, b := range bad {
			if d.MergeBinary(b) == nil || d.UnmarshalBinary(b) == nil {
				t.Errorf("%s: % x was taken", name, b[:min(len(b), 20)])
			}
			if !bytes.Equal(encoded(t, d), before) {
				t.Fatalf("%s: % x left something behind", name, b[:min(len(b), 20)])
			}
		}
	}
	huge, middling := binary.AppendUvarint(nil, math.MaxUint64), binary.AppendUvarint(nil, 1<<32)
	for name, b := range map[string][]byte{
		"nothing":           {formExact, 0, 1},
		"no unit":           {formExact, 1, 0, 1},
		"more than exact":   append([]byte{formExact, 0x91, 0x4e, 1}, make([]byte, 10_001)...),
		"a product too big": append(append([]byte{formExact, 1}, middling...), middling...),
		"a value too big":   append([]byte{formExact, 1, 1}, huge...),
		"a sum too big":     append(append([]byte{formExact, 2, 1, 1}, binary.AppendUvarint(nil, math.MaxInt64)...), 0)[:13],
		"too few for bins":  {formSketch, 0, 1, 0, 0x90, 0x4e},
		"a bin too far":     {formSketch, 0, 1, 0xff, 0x7f, 0x91, 0x4e},
		"an empty bin":      {formSketch, 0, 1, 0, 0x91, 0x4e, 0, 0},
		"a count too big":   append(append([]byte{formSketch, 0, 1, 0}, huge...), 0, 1),
	} {
		if new(Durations).MergeBinary(b) == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestAnyBytesAreTakenWholeOrNotAtAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "nearly right") {
			b = append([]byte{formExact, byte(len(b)), 1}, b...)
		}
		var d Durations
		if d.MergeBinary(b) != nil {
			return
		}
		var again Durations
		if err := again.UnmarshalBinary(encoded(t, &d)); err != nil || again.Count() != d.Count() || again.Sum() != d.Sum() {
			t.Errorf("% x came back as %d durations, %v", b, again.Count(), err)
		}
	})
}

// cells encodes as many small collections as an answer may have to merge.
func cells(n, size int) [][]byte {
	random := rand.New(rand.NewPCG(9, 10))
	all := make([][]byte, n)
	for i := range all {
		var d Durations
		for range 1 + i%size {
			d.Add(time.Duration(3600*math.Exp(1.5*random.NormFloat64())) * time.Second)
		}
		all[i], _ = d.MarshalBinary()
	}
	return all
}

func BenchmarkDurationsMergeCells(b *testing.B) {
	const limit = 1000 // nanoseconds a cell
	for _, size := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("to=%d", size), func(b *testing.B) {
			all := cells(8192, size)
			b.ReportAllocs()
			for b.Loop() {
				var d Durations
				for _, cell := range all {
					if err := d.MergeBinary(cell); err != nil {
						b.Fatal(err)
					}
				}
				d.Quantile(.9)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/cell")
			b.ReportMetric(limit, "limit-ns/cell")
		})
	}
}

func BenchmarkDurationsCodec(b *testing.B) {
	for _, n := range []int{10, 50, 1000, 10_000, 1_000_000} {
		var d Durations
		for i := range n {
			d.Add(time.Duration(i*7919%100_003) * time.Second)
		}
		data, _ := d.MarshalBinary()
		b.Run(fmt.Sprintf("encode/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				data, _ = d.AppendBinary(data[:0])
			}
			b.ReportMetric(float64(len(data)), "bytes")
		})
		b.Run(fmt.Sprintf("decode/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var back Durations
				if err := back.UnmarshalBinary(data); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("addone/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var back Durations
				if err := back.UnmarshalBinary(data); err != nil {
					b.Fatal(err)
				}
				back.Add(1234 * time.Second)
				_, _ = back.MarshalBinary()
			}
		})
	}
}
