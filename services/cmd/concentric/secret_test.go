package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestTheFirstStartMakesOneTokenKey(t *testing.T) {
	c := &upCmd{common: common{Data: filepath.Join(t.TempDir(), "data")}}
	var (
		wg   sync.WaitGroup
		keys [8][]byte
	)
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = tokenKey(c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, key := range keys {
		if len(key) != 32 || !bytes.Equal(key, keys[0]) {
			t.Errorf("keys of processes that start together = %x, want one of 32 bytes", keys)
		}
	}
	path := filepath.Join(c.Data, "token.key")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file = %v, %v, want it for its owner only", info, err)
	}
	if left, err := os.ReadDir(c.Data); err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v, want the key alone", left, err)
	}
	named := &upCmd{TokenKey: path}
	if key, err := tokenKey(named); err != nil || !bytes.Equal(key, keys[0]) {
		t.Errorf("the key by its name = %x, %v, want the same", key, err)
	}
}

func TestEachKeyHasAFileOfItsOwn(t *testing.T) {
	c := &upCmd{common: common{Data: t.TempDir()}}
	token, err := tokenKey(c)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := identityKey(c)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(token, identity) {
		t.Error("both keys are the same")
	}
	again, err := identityKey(&upCmd{IdentityKey: filepath.Join(c.Data, "identity.key")})
	if err != nil || !bytes.Equal(again, identity) {
		t.Errorf("the identity key by its name = %x, %v, want %x", again, err, identity)
	}
}

func TestATokenKeyOfAnotherFormIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.key")
	for _, text := range []string{"", "00", strings.Repeat("0", 65), strings.Repeat("g", 64), strings.Repeat("\x00", 32)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if key, err := tokenKey(&upCmd{TokenKey: path}); err == nil {
			t.Errorf("%q: key %x, want it refused", text, key)
		}
	}
	if _, err := tokenKey(&upCmd{TokenKey: path + "x"}); err == nil {
		t.Error("a file that is not there: no error")
	}
}
