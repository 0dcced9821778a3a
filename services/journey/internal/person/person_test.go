package person

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

const external = journeyv1.IdentityType_IDENTITY_TYPE_EXTERNAL_ID

func TestNormalize(t *testing.T) {
	for _, tt := range []struct {
		name  string
		of    journeyv1.IdentityType
		value string
		want  string
		err   error
	}{
		{"an address goes by lower case", email, " Ann.Lee@Example.COM ", "ann.lee@example.com", nil},
		{"what follows a plus is a remark", email, "ann+shop+2@example.com", "ann@example.com", nil},
		{"a plus in front is not", email, "+ann@example.com", "+ann@example.com", nil},
		{"dots in an address count", email, "a.nn@example.com", "a.nn@example.com", nil},
		{"the dot of the root does not", email, "ann@example.com.", "ann@example.com", nil},
		{"composed and decomposed letters are one", email, "Zoe\u0308@example.com", "zo\u00eb@example.com", nil},
		{"an address has one at sign", email, "ann@b@example.com", "", ErrEmail},
		{"an address has a local part", email, "@example.com", "", ErrEmail},
		{"an address has a domain", email, "ann@", "", ErrEmail},
		{"a domain has one dot of the root", email, "ann@example.com..", "", ErrEmail},
		{"a domain has something between its dots", email, "ann@example..com", "", ErrEmail},
		{"an address has no spaces within", email, "ann lee@example.com", "", ErrEmail},
		{"a number is plus and digits", phone, "+49 (30) 123-456.7/8", "+493012345678", nil},
		{"00 in front is a plus", phone, "0049 30 123456", "+4930123456", nil},
		{"a number without its country is of many", phone, "030 123456", "", ErrPhone},
		{"an optional zero is of two readings", phone, "+49 (0)30 123456", "", ErrPhone},
		{"a number has 7 digits at least", phone, "+123456", "", ErrPhone},
		{"and 15 at most", phone, "+1234567890123456", "", ErrPhone},
		{"letters are no digits", phone, "+49 30 CALLNOW", "", ErrPhone},
		{"a handle goes by lower case without at sign", social, "@AnnLee", "annlee", nil},
		{"a handle is more than an at sign", social, "@", "", ErrHandle},
		{"keys of systems differ by case", external, " AbC+1 ", "AbC+1", nil},
		{"nothing is no value", external, " \u00a0 ", "", ErrControl},
		{"control characters are no value", device, "a\x07b", "", ErrControl},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Normalize(tt.of, "crm", tt.value)
			if got.Value != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Normalize(%q) = %q, %v, want %q, %v", tt.value, got.Value, err, tt.want, tt.err)
			}
		})
	}
}

func TestTheSourceIsPartOfKeysButNotOfAddresses(t *testing.T) {
	for _, tt := range []struct {
		of    journeyv1.IdentityType
		value string
		want  string
	}{{email, "a@b", ""}, {phone, "+4930123456", ""}, {external, "7", "crm"}, {device, "7", "crm"}, {social, "ann", "crm"}} {
		got, err := Normalize(tt.of, "crm", tt.value)
		if err != nil || got.Source != tt.want {
			t.Errorf("%v: source = %q, %v, want %q", tt.of, got.Source, err, tt.want)
		}
	}
}

// Whatever form a value comes in, its normal form is the normal form of that.
func TestNormalizingTwiceIsNormalizingOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom([]journeyv1.IdentityType{email, phone, external, device, social}).Draw(t, "type")
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-zé+.]{1,8}@[A-Za-z.]{1,8}`), rapid.StringMatching(`(\+|00)[0-9 ()-]{5,18}`)).Draw(t, "value")
		once, err := Normalize(of, "crm", value)
		if err != nil {
			return
		}
		twice, err := Normalize(of, "crm", once.Value)
		if err != nil || twice != once {
			t.Fatalf("of %q: %+v, then %+v, %v", value, once, twice, err)
		}
		for _, form := range []norm.Form{norm.NFD, norm.NFC} {
			if other, err := Normalize(of, "crm", form.String(value)); err != nil || other != once {
				t.Fatalf("of %q in another form: %+v, %v, want %+v", value, other, err, once)
			}
		}
	})
}

func TestAMailboxOfManyIdentifiesNobody(t *testing.T) {
	for value, want := range map[string]bool{
		"Info@example.com": true, "no-reply+7@example.com": true, "NO_REPLY@example.com": true, "customer.service@example.com": true,
		"ann@example.com": false, "infoann@example.com": false, "ann@info": false,
	} {
		id, err := Normalize(email, "", value)
		if err != nil || id.Shared() != want {
			t.Errorf("%s: shared = %v, %v, want %v", value, id.Shared(), err, want)
		}
	}
	if id, err := Normalize(external, "crm", "info@example.com"); err != nil || id.Shared() {
		t.Errorf("the key of a system: shared = %v, %v, want false", id.Shared(), err)
	}
}

func keys(t *testing.T, fill string) *Keys {
	t.Helper()
	k, err := NewKeys([]byte(strings.Repeat(fill, KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAHashIsOfOneIdentityBrandAndKey(t *testing.T) {
	k := keys(t, "k")
	id := Identity{external, "crm", "7"}
	want := k.Hash("acme", id)
	if len(want) != 64 || want != k.Hash("acme", id) {
		t.Errorf("the hash is %q, then %q", want, k.Hash("acme", id))
	}
	for name, other := range map[string]string{
		"brand": k.Hash("bolt", id), "type": k.Hash("acme", Identity{device, "crm", "7"}), "source": k.Hash("acme", Identity{external, "web", "7"}),
		"value": k.Hash("acme", Identity{external, "crm", "8"}), "key": keys(t, "l").Hash("acme", id),
		"parts": k.Hash("acme", Identity{external, "cr", "m7"}),
	} {
		if other == want {
			t.Errorf("another %s has the same hash", name)
		}
	}
}

func TestWhatIsSealedIsOpenedByItsKeyForItsCustomer(t *testing.T) {
	k := keys(t, "k")
	want := Private{DisplayName: "Ann Lee", Custom: map[string]string{"shoe": "38"}}
	sealed, err := k.Seal("brands/acme/customers/ann", want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.Open("brands/acme/customers/ann", sealed)
	if err != nil || got.DisplayName != want.DisplayName || got.Custom["shoe"] != "38" {
		t.Errorf("opened %+v, %v, want %+v", got, err, want)
	}
	if strings.Contains(sealed, "Ann") {
		t.Errorf("sealed = %q tells the name", sealed)
	}
	for name, open := range map[string]func() (Private, error){
		"another customer": func() (Private, error) { return k.Open("brands/acme/customers/ben", sealed) },
		"another key":      func() (Private, error) { return keys(t, "l").Open("brands/acme/customers/ann", sealed) },
		"a torn one":       func() (Private, error) { return k.Open("brands/acme/customers/ann", sealed[:8]) },
		"none":             func() (Private, error) { return k.Open("brands/acme/customers/ann", "?") },
	} {
		if p, err := open(); err == nil {
			t.Errorf("%s: opened %+v, want an error", name, p)
		}
	}
	if sealed, err := k.Seal("x", Private{}); sealed != "" || err != nil {
		t.Errorf("sealing nothing = %q, %v, want nothing", sealed, err)
	}
	if _, err := NewKeys(make([]byte, 16)); err == nil {
		t.Error("a short key: no error")
	}
}
