package redispassword_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// If this fails, a password is put into the wrong place of an address, or an address without one is taken for
// one that has it.
func TestParseAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		user, password, with string
		err                  error
	}{
		"redis://:old@h:6379/0":                     {"default", "old", "redis://:NEW@h:6379/0", nil},
		"rediss://ocmt:o%40l%3Ad@[::1]:6380?x=1#y":  {"ocmt", "o@l:d", "rediss://ocmt:NEW@[::1]:6380?x=1#y", nil},
		"redis://a%40b:old:er@h":                    {"a@b", "old:er", "redis://a%40b:NEW@h", nil},
		"unix://:old@/run/redis.sock?db=2":          {"default", "old", "unix://:NEW@/run/redis.sock?db=2", nil},
		" redis://:old@h/0 ":                        {"default", "old", " redis://:NEW@h/0 ", nil},
		"redis://:old@h/0?master_name=m&addr=x@y:1": {"default", "old", "redis://:NEW@h/0?master_name=m&addr=x@y:1", nil},
		"redis://secret@h:6379":                     {err: redispassword.ErrNoPassword},
		"redis://user:@h:6379":                      {err: redispassword.ErrNoPassword},
		"redis://h:6379":                            {err: redispassword.ErrNoPassword},
		"redis://:a@h redis://:b@h":                 {err: redispassword.ErrSeveral},
		"http://:old@h":                             {err: redispassword.ErrAddress},
		"redis://:o%zzld@h":                         {err: redispassword.ErrAddress},
		"redis://:ol/d@h:6379":                      {err: redispassword.ErrAddress},
		"":                                          {err: redispassword.ErrAddress},
	} {
		address, err := redispassword.ParseAddress(text)
		if !errors.Is(err, want.err) {
			t.Errorf("%q: %v, want %v", text, err, want.err)
			continue
		}
		if err != nil {
			if strings.Contains(err.Error(), "old") || strings.Contains(err.Error(), "secret") {
				t.Errorf("the error repeats a part of the address")
			}
			continue
		}
		if address.User != want.user || address.Password().Reveal() != want.password || address.With(secret.NewValue("NEW")).Text().Reveal() != want.with {
			t.Errorf("%q: user %q, and with another password %q", text, address.User, address.With(secret.NewValue("NEW")).Text().Reveal())
		}
	}
}

// If this fails, the servers read another password from the address than the one that Redis has.
func FuzzAddress(f *testing.F) {
	for _, seed := range [][2]string{{"redis://:old@h:6379/0", "new"}, {"rediss://u:p%40@h?x=y", "a@b:c/d?e#f%g é\x00"}, {"unix://:a@/s", "+%2B"}, {"redis://%3a:b@c", "%"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, password string) {
		address, err := redispassword.ParseAddress(text)
		if err != nil || password == "" {
			return
		}
		if address.Text().Reveal() != text {
			t.Fatalf("%q is not kept", text)
		}
		changed := address.With(redispassword.Encode(password)).Text().Reveal()
		parsed, err := url.Parse(strings.TrimSpace(changed))
		if err != nil {
			t.Fatalf("%q with another password cannot be read: %v", text, err)
		}
		if got, _ := parsed.User.Password(); got != password {
			t.Fatalf("%q is read as %q", password, got)
		}
		again, err := redispassword.ParseAddress(changed)
		if err != nil || again.User != address.User || again.Password().Reveal() != password || again.With(address.Written()).Text().Reveal() != text {
			t.Fatalf("%q does not come back: %v", text, err)
		}
	})
}
