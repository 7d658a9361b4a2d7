package config_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
)

// If this fails, a note with a secret in it goes into a record that is kept for ever.
func TestFindSecretIn(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("0123456789abcdef", 4)
	for _, address := range []string{"postgresql://ocmt:pa%2Fss-word@db/ocmt", "host=db password='pa/ss-word' dbname=ocmt", "postgresql://ocmt:pa/ss-word@db/ocmt", "postgresql://db/ocmt?password=pa/ss-word"} {
		settings, err := config.Load(context.Background(), config.Request{Dir: t.TempDir(), Environ: []string{
			"DATABASE_URL=" + address, "REDIS_URL=redis://:redis-word@a redis://:other-word@b", "ENCRYPTION_KEY=" + key, "INTERNAL_ADMIN_TOKEN=admin-word"}})
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]string{
			"":                          "",
			"ticket 4711 of ocmt on db": "",
			"was pa/ss-word.":           "DATABASE_URL",
			"redis-word":                "REDIS_URL",
			"xother-wordx":              "REDIS_URL",
			"(admin-word)":              "INTERNAL_ADMIN_TOKEN",
			"key=" + key:                "ENCRYPTION_KEY",
		} {
			if got := settings.FindSecretIn(text); got != want {
				t.Errorf("%s: %q holds %q, want %q", address, text, got, want)
			}
		}
	}
}
