package cli_test

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// addTokens adds users whose tokens are by turns in the clear and sealed.
func (d *deployment) addTokens(t *testing.T, count int) {
	t.Helper()
	_, err := d.conn.CopyFrom(context.Background(), pgx.Identifier{"users"}, []string{"email", "gateway_token"}, pgx.CopyFromSlice(count, func(n int) ([]any, error) {
		token := random() + random()
		if n%2 == 0 {
			token = d.seal(t, 1, token)
		}
		return []any{fmt.Sprintf("user%d@example.org", n), token}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// tokens returns what stands in each row, and the token in it. It checks that what was sealed is sealed, and opens.
func (d *deployment) tokens(t *testing.T) (stored, opened map[string]string) {
	t.Helper()
	ring, err := crypto.NewKeyring(1, map[int]crypto.Key{1: d.keys[1]})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := d.conn.Query(context.Background(), "select email, gateway_token from users")
	if err != nil {
		t.Fatal(err)
	}
	stored, opened = map[string]string{}, map[string]string{}
	var email, text string
	if _, err := pgx.ForEachRow(rows, []any{&email, &text}, func() error {
		var n int
		if _, err := fmt.Sscanf(email, "user%d@", &n); err != nil {
			return err
		}
		stored[email], opened[email] = text, text
		if n%2 == 0 {
			ciphertext, err := crypto.Parse(text)
			if err != nil {
				return fmt.Errorf("the sealed token of user %d: %w", n, err)
			}
			plaintext, err := ring.Open(ciphertext)
			if err != nil {
				return fmt.Errorf("the sealed token of user %d: %w", n, err)
			}
			opened[email] = string(plaintext)
		}
		if len(opened[email]) != 64 {
			return fmt.Errorf("the token of user %d has %d characters", n, len(opened[email]))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return stored, opened
}

// If this fails, a token of a user stands on a screen, in a file, in the process list or in a record.
func TestGatewayTokensAreSeenNowhere(t *testing.T) {
	t.Parallel()
	for _, form := range forms {
		d := newDeployment(t)
		d.addTokens(t, 60)
		marks := needles{}
		mark := func() {
			stored, opened := d.tokens(t)
			for email := range stored {
				marks.add("a stored token", stored[email])
				marks.add("a token", opened[email])
			}
		}
		mark()
		p := d.start(t, d.environ(), append([]string{"rotate", "gateway-tokens", "--all", "--yes", "--list", "l"}, form...)...)
		lines, others := watchArguments(p)
		mark()
		list, err := os.ReadFile(filepath.Join(d.dir, "l"))
		if p.code != 0 || err != nil || strings.Count(string(list), "\n") != 61 {
			t.Fatalf("exit code %d, and a list with %d lines: %v\n%s", p.code, strings.Count(string(list), "\n"), err, p.errors.String())
		}
		texts := map[string]string{"standard output": p.out.String(), "standard error": p.errors.String(), "the list": string(list), "the process list": strings.Join(append(lines, others...), "\n")}
		for _, table := range []string{"audit_log", "ocmt.record"} {
			var text string
			if err := d.conn.QueryRow(context.Background(), "select string_agg(t::text, chr(10)) from "+table+" t").Scan(&text); err != nil {
				t.Fatal(err)
			}
			texts[table] = text
		}
		for place, text := range texts {
			for _, found := range marks.in(text) {
				t.Errorf("%v: %s holds %s", form, place, found)
			}
		}
	}
}

// If this fails, tokens are sealed with a key that the servers may not have, or an operator who has compared the keys
// cannot say so.
func TestGatewayTokensKeyIsNamed(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.exec(t, "insert into users (email, gateway_token) values ('user1@example.org', $1)", d.seal(t, 0, random()+random()))
	before := d.number(t, "select count(*) from users where gateway_token like 'v0:%'")
	for _, c := range []struct {
		key  string
		code int
		said string
	}{
		{"", 5, "--expect-key"},
		{d.keys[0].Fingerprint(), 5, "--expect-key says another one"},
		{d.keys[1].Fingerprint(), 0, ""},
	} {
		if p := d.run(t, "rotate", "gateway-tokens", "--all", "--yes", "--expect-key", c.key); p.code != c.code || !strings.Contains(p.errors.String(), c.said) {
			t.Errorf("with %q it came to %d: %s", c.key, p.code, p.errors.String())
		}
	}
	if left := d.number(t, "select count(*) from users where gateway_token like 'v0:%'"); before != 1 || left != 0 {
		t.Errorf("%d tokens are under the older key", left)
	}
}

// If this fails, an operator who stops a run believes that the same command goes on where it was, or has no list of those
// whose containers refuse the relay already.
func TestGatewayTokensInterrupted(t *testing.T) {
	t.Parallel()
	const users = 8000
	d := newDeployment(t)
	d.addTokens(t, users)
	_, before := d.tokens(t)
	p := d.start(t, d.environ(), "rotate", "gateway-tokens", "--all", "--yes", "--pace", "gentle", "--list", "l")
	eventually(t, "the first tokens to be written", func() bool {
		return d.number(t, "select count(*) from users where xmin::text <> (select xmin::text from users order by xmin::text::bigint limit 1)") > 0
	})
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if p.code != 130 || !strings.Contains(p.errors.String(), "it makes all tokens of the selection anew") {
		t.Errorf("it came to %d: %s", p.code, p.errors.String())
	}
	_, after := d.tokens(t)
	changed := 0
	for email, token := range after {
		if token != before[email] {
			changed++
		}
	}
	list, err := os.ReadFile(filepath.Join(d.dir, "l"))
	if lines := strings.Count(string(list), "\n") - 1; err != nil || changed == 0 || changed == users || lines != changed {
		t.Errorf("%d tokens have changed, and %d users are in the list: %v", changed, lines, err)
	}
	if d.number(t, "select count(*) from ocmt.record where action = 'secret.rotated'") != 0 || d.number(t, "select count(*) from ocmt.record where action = 'tokens.renewed'") != 1 {
		t.Error("the record takes it for a whole run, or has no end of it")
	}
}

// If this fails, an operator whose machine dies in the middle has users with no token at all, or with one that is not
// in the form that the servers read.
func TestGatewayTokensKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	const users, kills = 4000, 12
	d := newDeployment(t)
	d.addTokens(t, users)
	_, first := d.tokens(t)
	renew := func() *process {
		return d.start(t, d.environ(), "rotate", "gateway-tokens", "--all", "--yes", "--quiet", "--pace", "gentle")
	}
	between, ended, complete, window := 0, 0, 0, 400*time.Millisecond
	last := first
	for i := range kills {
		d.waitForIdle(t)
		before := d.text(t, "select pg_current_xact_id()::text")
		command := renew()
		// The moment is what is tested: it must fall anywhere. Every other one falls behind the first write that is seen, however
		// slow the machine is.
		if i%2 == 0 {
			time.AfterFunc(time.Duration(mathrand.Int64N(int64(window))), func() { _ = command.Process.Kill() })
		} else {
			some := mathrand.IntN(users / 2)
			eventually(t, "a token to be written", func() bool {
				return d.number(t, "select count(*) from users where xmin::text::bigint >= "+before) > some || d.ended(command)
			})
			_ = command.Process.Kill()
		}
		if <-command.ended; command.code == 0 {
			ended++
		}
		d.waitForIdle(t)
		_, now := d.tokens(t)
		changed := 0
		for email, token := range now {
			if token != last[email] {
				changed++
			}
		}
		if len(now) != users {
			t.Fatalf("%d users are there, of %d", len(now), users)
		}
		switch {
		case changed == users:
			complete++ // perhaps recorded, and then killed
		case changed > 0:
			between++
		}
		if changed == 0 {
			window += window / 2
		} else {
			window -= window / 5
		}
		last = now
	}
	if t.Logf("%d of %d were killed while they wrote", between, kills); between == 0 {
		t.Error("none was killed while it wrote: the test proves nothing")
	}
	d.waitForIdle(t)
	command := renew()
	if <-command.ended; command.code != 0 {
		t.Fatalf("running again: exit code %d\n%s", command.code, &command.errors)
	}
	_, now := d.tokens(t)
	for email, token := range now {
		if token == last[email] || token == first[email] {
			t.Fatal("a token of before is there")
		}
	}
	if recorded := d.number(t, "select count(*) from ocmt.record where action = 'secret.rotated'"); recorded < ended+1 || recorded > complete+1 {
		t.Errorf("%d rotations are recorded, and %d to %d were whole", recorded, ended+1, complete+1)
	}
}
