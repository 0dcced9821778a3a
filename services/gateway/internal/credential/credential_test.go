package credential

import (
	"strings"
	"testing"
)

func TestAKeySaysWhoseItIs(t *testing.T) {
	for _, tt := range []struct {
		public bool
		prefix string
	}{{false, "ck_acme-2_shop-1_"}, {true, "pk_acme-2_shop-1_"}} {
		key := New("acme-2", "shop-1", tt.public)
		if !strings.HasPrefix(key, tt.prefix) || len(key) < len(tt.prefix)+26 {
			t.Errorf("New = %s, want %s and 26 characters", key, tt.prefix)
		}
		if brand, id, ok := Parse(key); brand != "acme-2" || id != "shop-1" || !ok {
			t.Errorf("Parse(%s) = %s, %s, %v", key, brand, id, ok)
		}
		if other := New("acme-2", "shop-1", tt.public); other == key {
			t.Error("two keys are the same")
		}
	}
}

func TestWhatIsNoKeyIsNotLookedUp(t *testing.T) {
	for _, text := range []string{
		"", "ck", "ck_", "ck___", "ck_acme__x", "ck__id_x", "ck_acme_id", "ck_acme_id_x_y", "sk_acme_id_x", "CK_acme_id_x",
		"ck_Acme_id_x", "ck_ac/me_id_x", "ck_acme_i\x00d_x", "ck_acme_ïd_x", "ck_acme_id_" + strings.Repeat("x", 256), strings.Repeat("_", 1<<20),
		"eyJhbGciOiJub25lIn0.e30.",
	} {
		if brand, id, ok := Parse(text); ok {
			t.Errorf("Parse(%.40q) = %s, %s", text, brand, id)
		}
	}
}

func TestOnlyTheKeyMatchesItsHash(t *testing.T) {
	key := New("acme", "1", false)
	hash := Hash(key)
	if !Matches(key, hash) {
		t.Error("the key does not match its hash")
	}
	for _, other := range []string{"", key[:len(key)-1], key + "x", key[:len(key)-1] + "_", strings.ToUpper(key), hash} {
		if Matches(other, hash) {
			t.Errorf("%q matches", other)
		}
	}
	for _, other := range []string{"", hash[1:], strings.ToUpper(hash)} {
		if Matches(key, other) {
			t.Errorf("the key matches %q", other)
		}
	}
}
