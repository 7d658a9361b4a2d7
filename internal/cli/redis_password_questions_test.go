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
	if err := os.WriteFile(filepath.Join(dir, ".env.ocmt-new"), []byte("REDIS_URL=redis://:invented@127.0.0.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		answers, args string
		code          int
		want          string
		underWay      bool // after it
	}{
		{"", "--dry-run", 0, "next change of that file removes it", false},
		{"", "--restarted", 2, ".env.ocmt-new", false},
		{"", "--dry-run", 0, "written into a file by hand, and that Redis has not loaded, are lost", false},
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
		screen := strings.Join(strings.Fields(out.String()+diagnostics.String()), " ")
		text, err := os.ReadFile(envFile)
		if err != nil {
			t.Fatal(err)
		}
		if code != c.code || !strings.Contains(screen, c.want) || strings.Contains(string(text), "OCMT_PREVIOUS") != c.underWay {
			t.Fatalf("answers %q, %s: exit code %d, want %d\n%s", c.answers, c.args, code, c.code, screen)
		}
	}
}

// answerLater answers a question after something else has been done.
type answerLater struct {
	meanwhile func()
	answer    *strings.Reader
}

func (a *answerLater) Read(p []byte) (int, error) {
	if a.meanwhile != nil {
		meanwhile := a.meanwhile
		a.meanwhile = nil
		meanwhile()
	}
	return a.answer.Read(p)
}

// If this fails, an answer on one screen counts for a change that a colleague has made meanwhile: the password that
// the servers log in with is taken away.
func TestRedisPasswordAnswerAfterAnotherRun(t *testing.T) {
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
	run := func(in *answerLater, args ...string) (int, string) {
		deps, out, diagnostics := testDeps(t)
		deps.Streams.In, deps.Streams.InTTY, deps.Streams.ErrTTY = in, in != nil, true
		deps.Dir, deps.Random, deps.Now = dir, rand.Reader, time.Now
		code := Main(context.Background(), append([]string{"rotate", "redis-password"}, args...), deps)
		return code, out.String() + diagnostics.String()
	}
	colleague := func(want int, args ...string) {
		if code, screen := run(&answerLater{answer: strings.NewReader("")}, append(args, "--yes")...); code != want {
			t.Errorf("the colleague's %v: exit code %d\n%s", args, code, screen)
		}
	}
	for _, args := range [][]string{nil, {"--back"}, {"--wait", "1m"}} {
		colleague(4)
		in := &answerLater{answer: strings.NewReader("y\n"), meanwhile: func() { colleague(0, "--restarted"); colleague(4) }}
		code, screen := run(in, args...)
		text, err := os.ReadFile(envFile)
		if err != nil {
			t.Fatal(err)
		}
		if code != 5 || !strings.Contains(screen, "another run of ocmt") || !strings.Contains(string(text), "OCMT_PREVIOUS") {
			t.Errorf("%v: exit code %d\n%s", args, code, screen)
		}
		colleague(0, "--restarted")
	}
}
