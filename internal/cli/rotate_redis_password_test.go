package cli_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// redisPasswordTest is a folder with an env file whose Redis is real.
type redisPasswordTest struct {
	*deployment
	server *testenv.Redis
	marks  needles
}

func newRedisPasswordTest(t *testing.T) *redisPasswordTest {
	t.Helper()
	server, err := testenv.StartRedis(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	r := &redisPasswordTest{deployment: &deployment{dir: t.TempDir()}, server: server, marks: needles{}}
	r.write(t, ".env", "REDIS_URL="+server.URL()+"\nOTHER=kept\n")
	r.mark(t)
	return r
}

// settings returns the env file.
func (r *redisPasswordTest) settings(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mark marks every password in the env file.
func (r *redisPasswordTest) mark(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(r.settings(t)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if parsed, err := url.Parse(value); err == nil && name == "REDIS_URL" {
			password, _ := parsed.User.Password()
			r.marks.add(name, password)
		}
		if strings.HasSuffix(name, "_REDIS_PASSWORD") {
			r.marks.add(name, value)
		}
	}
}

// runMarked runs ocmt, and looks for passwords in what it shows and in the process list. It returns what it shows.
func (r *redisPasswordTest) runMarked(t *testing.T, code int, args ...string) (said string) {
	t.Helper()
	args = append(args, "--record", "rec", "--verbose")
	p := r.start(t, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "TMPDIR=" + r.dir, "USER=tester"}, args...)
	lines, others := watchArguments(p)
	r.mark(t)
	clean := true
	for place, text := range map[string]string{"standard output": p.out.String(), "standard error": p.errors.String(), "the process list": strings.Join(append(lines, others...), "\n")} {
		if found := r.marks.in(text); len(found) > 0 {
			clean = false
			t.Errorf("%v: %s holds %v", args, place, found)
		}
	}
	if len(others) > 0 {
		t.Errorf("%v: it started a program", args)
	}
	if p.code != code {
		said := "(not shown: it holds a secret)"
		if clean {
			said = p.out.String() + p.errors.String()
		}
		t.Fatalf("%v: exit code %d, want %d\n%s", args, p.code, code, said)
	}
	return p.out.String() + p.errors.String()
}

// If this fails, a password of Redis stands in a terminal's scrollback, in the log of a pipeline or in the
// process list.
func TestRedisPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	for _, form := range [][]string{{}, {"--output", "json"}} {
		r := newRedisPasswordTest(t)
		run := func(code int, args ...string) {
			t.Helper()
			r.runMarked(t, code, append(append([]string{"rotate", "redis-password"}, args...), form...)...)
		}
		run(0, "--dry-run")
		run(4, "--yes")
		run(4, "--yes", "--back")
		run(0, "--yes", "--restarted")
		run(4, "--yes")
		run(0, "--dry-run")
		run(0, "--yes", "--restarted")
		run(0, "--yes", "--wait", "1m")
		r.server.Stop()
		run(1, "--yes")
		record, err := os.ReadFile(filepath.Join(r.dir, "rec"))
		if err != nil {
			t.Fatal(err)
		}
		if found := r.marks.in(string(record)); len(found) > 0 || strings.Count(string(record), "secret.rotated") != 2 {
			t.Errorf("the record has %d rotations, and holds %v", strings.Count(string(record), "secret.rotated"), found)
		}
	}
}

// If this fails, a change that is killed cannot be ended, or leaves a server of OCMT without a password that works.
func TestRedisPasswordAfterAKill(t *testing.T) {
	t.Parallel()
	r := newRedisPasswordTest(t)
	p := r.start(t, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "TMPDIR=" + r.dir, "USER=tester"}, "rotate", "redis-password", "--yes")
	eventually(t, "the new password to be kept", func() bool { return strings.Contains(r.settings(t), "REDIS_PASSWORD=") })
	_ = p.Process.Kill()
	<-p.ended
	r.mark(t)
	r.runMarked(t, 4, "rotate", "redis-password", "--yes")
	r.runMarked(t, 0, "rotate", "redis-password", "--yes", "--restarted")
	if text := r.settings(t); strings.Contains(text, "OCMT_") || !strings.Contains(text, "OTHER=kept") {
		t.Error("the env file still has a part of the change, or lacks what it had")
	}
}
