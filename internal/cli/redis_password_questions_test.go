package cli

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, the old password of Redis is taken away though the operator did not say that the servers have
// restarted, or his answer is not enough.
func TestRedisPasswordQuestions(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartRedis(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	dir := t.TempDir()
	envFile := filepath.Join(dir, ".env")
	if err := os.WriteFile(envFile, []byte("REDIS_URL="+server.URL()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		answers, args string
		code          int
		want          string
		underWay      bool // after it
	}{
		{"n\n", "", 5, "nothing was changed", false},
		{"y\nn\n", "", 4, "next: restart the servers, then ocmt rotate redis-password --restarted", true},
		{"n\n", "", 4, "Have all of them restarted", true},
		{"n\n", "--back", 5, "nothing was changed", true},
		{"y\n", "", 0, "refused by 1 server", false},
		{"y\ny\n", "", 0, "refused by 1 server", false},
		{"y\n", "--wait 1m", 0, "refused by 1 server", false},
	} {
		deps, out, diagnostics := testDeps(t)
		deps.Streams.In, deps.Streams.InTTY, deps.Streams.ErrTTY = strings.NewReader(c.answers), true, true
		deps.Dir, deps.Random, deps.Now = dir, rand.Reader, time.Now
		code := Main(context.Background(), append([]string{"rotate", "redis-password"}, strings.Fields(c.args)...), deps)
		screen := out.String() + diagnostics.String()
		text, err := os.ReadFile(envFile)
		if err != nil {
			t.Fatal(err)
		}
		if code != c.code || !strings.Contains(screen, c.want) || strings.Contains(string(text), "OCMT_PREVIOUS") != c.underWay {
			t.Fatalf("answers %q, %s: exit code %d, want %d\n%s", c.answers, c.args, code, c.code, screen)
		}
	}
}
