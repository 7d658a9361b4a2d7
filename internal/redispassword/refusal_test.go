package redispassword_test

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/internal/secretstore"
)

// refused returns why nothing is changed.
func (d *deployment) refused() []redispassword.Obstacle {
	d.t.Helper()
	before := d.store.get("REDIS_URL")
	_, err := redispassword.Begin(context.Background(), d.sources(), d.plan())
	var refused *redispassword.RefusedError
	if !errors.As(err, &refused) {
		d.t.Fatalf("it is not refused: %v", err)
	}
	if names, _ := d.store.Names(context.Background()); len(names) != 2 || d.store.get("REDIS_URL") != before {
		d.t.Error("the store was changed")
	}
	return refused.Obstacles
}

// say runs a line of Redis as a user who may do everything.
func (s *server) say(password, line string) error {
	client := s.open(s.url("", password))
	defer func() { _ = client.Close() }()
	words := make([]any, 0, 8)
	for word := range strings.FieldsSeq(line) {
		words = append(words, word)
	}
	return client.Do(context.Background(), words...).Err()
}

// If this fails, an operator does not learn which rights are missing, or the line that he is given is not enough.
func TestMissingRights(t *testing.T) {
	t.Parallel()
	s := start(t, "requirepass of-the-admin", "user ocmt on >old-password ~* +@all", "user few on >of-few -@all +info +multi +discard")
	d := deploy(t, []*server{s}, s.url("few", "of-few"), "ocmt", "old-password")
	for tries := 0; ; tries++ {
		plan := d.plan()
		if plan.Check() == nil {
			break
		}
		obstacles := d.refused()
		if tries == 3 || len(obstacles) == 0 || !strings.HasPrefix(obstacles[0].Fix, "ACL SETUSER few +") {
			t.Fatalf("the rights are not named: %+v", obstacles)
		}
		if err := s.say("of-the-admin", obstacles[0].Fix); err != nil {
			t.Fatalf("%s: %v", obstacles[0].Fix, err)
		}
	}
	d.begin()
	if result := d.finish(); !result.Done {
		t.Error("it is not done")
	}
}

// If this fails, a change is made that locks somebody out, or that a restart undoes, without a word before.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, "requirepass of-the-admin", "user off off >old-password ~* +@all", "user open on nopass ~* +@all", "user ocmt on >old-password ~* +@all")
	for user, want := range map[string]string{"off": "is off", "open": "nopass", "absent": "has no user absent", "ocmt": ""} {
		d := deploy(t, []*server{s}, s.url("", "of-the-admin"), user, "old-password")
		if want == "" {
			d.store.values["REDIS_URL"] = strings.Replace(d.store.get("REDIS_URL"), "old-password", "another", 1)
			want = "refuses the password of REDIS_URL"
		}
		if obstacles := d.refused(); len(obstacles) != 1 || !strings.Contains(obstacles[0].Message, want) {
			t.Errorf("%s: %+v", user, obstacles)
		}
	}
}

// If this fails, Redis has another password before it is seen that the store does not take it, or a preview of such a change
// says that it can be made.
func TestStoreThatTakesNoChange(t *testing.T) {
	t.Parallel()
	s := start(t, "requirepass old-password")
	d := deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
	d.store.closed = secretstore.ErrReadOnly
	var trial *secretstore.TrialError
	if _, err := redispassword.MakePlan(context.Background(), d.sources(), d.options); !errors.As(err, &trial) || !errors.Is(err, secretstore.ErrReadOnly) {
		t.Fatalf("a store that takes nothing is planned with: %v", err)
	}
	// What was begun is gone on with: there the store is not tried.
	d.store.closed = nil
	d.begin()
	d.store.closed = secretstore.ErrReadOnly
	if result, err := redispassword.Finish(context.Background(), d.sources(), d.plan(), d.options); err != nil || !result.Done {
		t.Errorf("it is not done: %v", err)
	}
}

// If this fails, an operator takes a change for done that the next restart of Redis undoes.
func TestUnsaved(t *testing.T) {
	t.Parallel()
	s := &server{t: t, folder: t.TempDir(), port: freePort(t)}
	s.process = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", portText(s), "--dir", s.folder, "--save", "", "--requirepass", "old-password")
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	await(t, "the start of Redis", func() bool { return s.accepts("default", "old-password") })
	d := deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
	if obstacles := d.refused(); len(obstacles) != 1 || !strings.Contains(obstacles[0].Message, "a restart of it brings the old password back") {
		t.Errorf("%+v", obstacles)
	}
	d.options.Unsaved = true
	d.begin()
	if result := d.finish(); !result.Done || !slices.Equal(result.Unsaved, []string{s.address()}) {
		t.Errorf("what is not saved is not said: %+v", result)
	}
	d.expect("at the end", d.password(), "old-password")
}

// If this fails, another password of the user default, which somebody else logs in with, is taken away.
func TestAnotherPasswordStays(t *testing.T) {
	t.Parallel()
	s := start(t, "requirepass old-password")
	if err := s.say("old-password", "ACL SETUSER default >of-another"); err != nil {
		t.Fatal(err)
	}
	d := deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
	d.begin()
	result := d.finish()
	d.expect("at the end", "of-another", "old-password")
	if !slices.ContainsFunc(result.Notes, func(note string) bool { return strings.Contains(note, "requirepass still has the old password") }) {
		t.Errorf("what requirepass has is not said: %v", result.Notes)
	}
	s.restart()
	d.expect("after a restart of Redis", "of-another", "old-password")
	d.expect("after a restart of Redis", d.password(), "")
}
