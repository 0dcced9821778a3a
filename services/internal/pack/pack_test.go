package pack

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatWasWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type one struct {
			number uint64
			signed int64
			bytes  []byte
			text   string
		}
		draw := rapid.Custom(func(t *rapid.T) one {
			return one{
				rapid.Uint64().Draw(t, "number"), rapid.Int64().Draw(t, "signed"),
				rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes"), rapid.SampledFrom([]string{"", "a", "où", "a"}).Draw(t, "text"),
			}
		})
		all := rapid.SliceOfN(draw, 0, 5).Draw(t, "all")
		var w Writer
		for _, v := range all {
			w.Number(v.number)
			w.Signed(v.signed)
			w.Bytes(v.bytes)
			w.Text(v.text)
		}
		read := func(r *Reader) (got []one) {
			for len(r.Data) > 0 {
				got = append(got, one{r.Number(), r.Signed(), r.Bytes(), r.Text()})
			}
			return got
		}
		r := Reader{Data: w.Data}
		got := read(&r)
		if !slices.EqualFunc(got, all, func(a, b one) bool {
			return a.number == b.number && a.signed == b.signed && bytes.Equal(a.bytes, b.bytes) && a.text == b.text
		}) || r.Err() != nil {
			t.Errorf("got %v, %v, want %v", got, r.Err(), all)
		}
		for cut := range w.Data {
			read(&Reader{Data: w.Data[:cut]}) // must not panic or hang
		}
	})
}

func TestATextIsWrittenOnce(t *testing.T) {
	var w Writer
	for range 3 {
		w.Text("touchpoints/delivery")
		w.Text("")
	}
	if want := append([]byte{1, 20}, "touchpoints/delivery\x00\x01\x00\x01\x00"...); !bytes.Equal(w.Data, want) {
		t.Errorf("bytes = %q, want %q", w.Data, want)
	}
}

func TestOtherBytesAreRefused(t *testing.T) {
	for what, tt := range map[string]struct {
		data []byte
		read func(*Reader)
	}{
		"a number without an end": {[]byte{0x80}, func(r *Reader) { r.Number() }},
		"a number too large":      {bytes.Repeat([]byte{0xff}, 11), func(r *Reader) { r.Number() }},
		"no number":               {nil, func(r *Reader) { r.Signed() }},
		"more things than bytes":  {[]byte{2, 0}, func(r *Reader) { r.Count() }},
		"fewer bytes than said":   {[]byte{3, 0, 0}, func(r *Reader) { r.Bytes() }},
		"a text never written":    {[]byte{2, 1, 'a'}, func(r *Reader) { r.Text() }},
		"half a text":             {[]byte{1, 2, 'a'}, func(r *Reader) { r.Text() }},
	} {
		r := Reader{Data: tt.data}
		tt.read(&r)
		if !errors.Is(r.Err(), ErrBytes) || len(r.Data) > 0 {
			t.Errorf("%s: %v with %d bytes to go, want ErrBytes and none", what, r.Err(), len(r.Data))
		}
		if r.Number() != 0 || r.Signed() != 0 || r.Count() != 0 || len(r.Bytes()) != 0 || r.Text() != "" {
			t.Errorf("%s: something is read after that", what)
		}
	}
}
