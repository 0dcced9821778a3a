package gateway_test

import (
	"strings"
	"testing"

	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func TestASecretKeyThatIsNotTheOneBeforeIsRefused(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		start := func(key []byte) error {
			_, err := gateway.New(t.Context(), db, gateway.Upstreams{}, gateway.Config{SecretKey: key})
			return err
		}
		another := []byte(strings.Repeat("x", gateway.SecretKeySize))
		for _, tt := range []struct {
			name string
			key  []byte
			want string
		}{
			{"the first", secretKey, ""},
			{"the same", secretKey, ""},
			{"another", another, "the secret key is another"},
			{"one that nobody knows", nil, ""},
			{"the same, after another", secretKey, ""},
		} {
			err := start(tt.key)
			if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
			}
		}
	})
}
