package openclaw_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	reference "github.com/titanous/json5"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/openclaw"
	"github.com/ocmt/ocmt/pkg/secret"
)

const (
	before = "5d0b8e3f64a1c27990e6f1b2d3a4c5e6f708192a3b4c5d6e7f8091a2b3c4d5e6"
	after  = "9a41c3e07d52b8f6e1d0c9b8a7968574635241302f1e0d9c8b7a695847362514"
)

// write writes an openclaw.json into a folder of its own.
func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "openclaw.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// change is a change of the token from one text to another; "" is none.
func change(from, to string) secretstore.Change {
	return secretstore.Change{Name: openclaw.Setting, Old: secret.NewValue(from), New: secret.NewValue(to)}
}

// If this fails, a gateway loses its comments or its settings with its token, or does not start any more.
func TestOnlyTheTokenChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, old, want string }{
		{"JSON", `{"gateway": {"auth": {"token": "OLD"}}}`, before, `{"gateway": {"auth": {"token": "NEW"}}}`},
		{"JSON5", "\ufeff// ours\r\n{\r\n  gateway: { auth: { mode: 'token', token: 'OLD', }, /* b */ },\r\n  x: [1,],\r\n}", before,
			"\ufeff// ours\r\n{\r\n  gateway: { auth: { mode: 'token', token: 'NEW', }, /* b */ },\r\n  x: [1,],\r\n}"},
		{"the token in a comment and elsewhere", "{a: 'OLD', /* OLD */ gateway: {auth: {token: 'OLD'}}}", before, "{a: 'OLD', /* OLD */ gateway: {auth: {token: 'NEW'}}}"},
		{"empty", "{gateway: {auth: {token: ''}}}", "", "{gateway: {auth: {token: 'NEW'}}}"},
		{"no token", "{\n  gateway: {\n    auth: { // how\n      mode: 'token',\n    },\n  },\n}", "", "{\n  gateway: {\n    auth: { \"token\": \"NEW\", // how\n      mode: 'token',\n    },\n  },\n}"},
		{"no auth", "{gateway: {\n    port: 1}}", "", "{gateway: {\n    \"auth\": {\"token\": \"NEW\"},\n    port: 1}}"},
		{"nothing", "{ /* none */ }\n", "", "{ \"gateway\": {\"auth\": {\"token\": \"NEW\"}} /* none */ }\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, strings.ReplaceAll(c.text, "OLD", before))
			store := openclaw.New(path, openclaw.Options{})
			if err := store.Apply(t.Context(), change("wrong", after)); !errors.Is(err, secretstore.ErrChanged) {
				t.Errorf("another token than was expected: %v", err)
			}
			if err := store.Apply(t.Context(), change(c.old, after)); err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("OLD", before, "NEW", after).Replace(c.want)
			if got := read(t, path); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if got, err := store.Get(t.Context(), openclaw.Setting); err != nil || got.Reveal() != after {
				t.Errorf("the token is not the new one: %v", err)
			}
			var loose struct {
				Gateway struct{ Auth struct{ Token string } }
			}
			if err := reference.Unmarshal([]byte(strings.TrimPrefix(want, "\ufeff")), &loose); err != nil || loose.Gateway.Auth.Token != after {
				t.Errorf("another reader of JSON5 does not find the new one: %v", err)
			}
			entries, err := os.ReadDir(filepath.Dir(path))
			if err != nil || len(entries) != 1 {
				t.Errorf("something lies beside the file: %v, %v", entries, err)
			}
		})
	}
}

// If this fails, a token is written where the gateway does not read it, or what it reads is thrown away.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want error
	}{
		{"{gateway: {auth: {token: '${OPENCLAW_GATEWAY_TOKEN}'}}}", openclaw.ErrElsewhere},
		{"{gateway: {auth: {token: {source: 'env', id: 'X'}}}}", openclaw.ErrElsewhere},
		{"{gateway: {auth: {token: null}}}", openclaw.ErrElsewhere},
		{"{gateway: {$include: './g.json5'}}", openclaw.ErrElsewhere},
		{"{gateway: {auth: {token: 'a', token: 'b'}}}", secretstore.ErrTwice},
		{"{gateway: {auth: {token: 'a'}}, gateway: {}}", secretstore.ErrTwice},
		{"{gateway: []}", secretstore.ErrNoPlainFile},
		{"[]", secretstore.ErrNoPlainFile},
		{"{gateway: {auth: {token: '" + before, secretstore.ErrNoPlainFile},
		{"A=b\n", secretstore.ErrNoPlainFile},
	} {
		path := write(t, c.text)
		store := openclaw.New(path, openclaw.Options{})
		_, getErr := store.Get(t.Context(), openclaw.Setting)
		for _, err := range []error{getErr, store.Apply(t.Context(), change("", after)), store.Apply(t.Context(), change(before, after))} {
			var problem *secretstore.PlaceError
			if !errors.Is(err, c.want) || !errors.As(err, &problem) || problem.Fix == "" || strings.Contains(err.Error(), before) {
				t.Errorf("%q: %v", c.text, err)
			}
		}
		if read(t, path) != c.text {
			t.Errorf("%q was changed", c.text)
		}
	}
	path := write(t, "{gateway: {auth: {token: 'a'}}}")
	store := openclaw.New(path, openclaw.Options{})
	for _, bad := range []secretstore.Change{change("a", ""), change("a", "${X}"), change("a", "a\x00"), {Name: "ADMIN_TOKEN", New: secret.NewValue(after)}} {
		if err := store.Apply(t.Context(), bad); err == nil {
			t.Error("a change is taken that the file cannot hold")
		}
	}
	if _, err := openclaw.New(filepath.Join(t.TempDir(), "none"), openclaw.Options{}).State(t.Context()); err == nil {
		t.Error("a file that is not there is read")
	}
}

// If this fails, an operator is not told that an empty token in the file wins over the environment.
func TestStates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]openclaw.State{"{}": openclaw.Missing, "{gateway: {auth: {}}}": openclaw.Missing, `{gateway: {auth: {token: ""}}}`: openclaw.Empty,
		"{gateway: {auth: {token: 'a'}}}": openclaw.Set} {
		store := openclaw.New(write(t, text), openclaw.Options{})
		names, err := store.Names(t.Context())
		if got, stateErr := store.State(t.Context()); got != want || stateErr != nil || err != nil || (len(names) == 1) != (want == openclaw.Set) {
			t.Errorf("%s: state %d, names %v", text, got, names)
		}
	}
}

// If this fails, the old token stays in copies that nobody is told of.
func TestCopies(t *testing.T) {
	t.Parallel()
	path := write(t, "{}")
	for name, text := range map[string]string{"openclaw.json.bak": "{gateway: {auth: {token: '" + before + "'}}}", "openclaw.json.bak.1": "{}", "other.json": before, ".openclaw.json.ocmt-new": before} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copies, err := openclaw.New(path, openclaw.Options{}).Copies(secret.NewValue(before))
	if err != nil || len(copies) != 2 || !copies[0].Holds || copies[1].Holds || copies[0].Path != path+".bak" || copies[0].Unread {
		t.Errorf("%+v, %v", copies, err)
	}
}

// If this fails, one of two operators loses a token without a word.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	path := write(t, "{gateway: {auth: {token: '0'}}}")
	const writers, rounds = 4, 25
	var refused atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for done := 0; done < rounds; {
				store := openclaw.New(path, openclaw.Options{})
				held, err := store.Get(context.Background(), openclaw.Setting)
				if err != nil {
					t.Error(err)
					return
				}
				var number int
				_, _ = fmt.Sscan(held.Reveal(), &number)
				switch err := store.Apply(context.Background(), change(held.Reveal(), fmt.Sprint(number+1))); {
				case err == nil:
					done++
				case errors.Is(err, secretstore.ErrChanged):
					refused.Add(1)
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if got := read(t, path); got != fmt.Sprintf("{gateway: {auth: {token: '%d'}}}", writers*rounds) {
		t.Errorf("after %d changes and %d refusals the file is %s", writers*rounds, refused.Load(), got)
	}
}

// FuzzPut: whatever a gateway's file has, a change is refused with the file as it was, or another reader of JSON5
// finds the new token and everything else as before.
func FuzzPut(f *testing.F) {
	for _, seed := range []string{"{}", "{gateway: {auth: {token: 'x'}}}", "// a\n{gateway: { /* b */ auth: {mode: 1,},},}", `{"gateway":{"auth":{"token":""}}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := write(t, text)
		store := openclaw.New(path, openclaw.Options{})
		old, err := store.Get(t.Context(), openclaw.Setting)
		if err == nil {
			err = store.Apply(t.Context(), secretstore.Change{Name: openclaw.Setting, Old: old, New: secret.NewValue(after)})
		}
		changed := read(t, path)
		if err != nil {
			if changed != text {
				t.Fatalf("refused, and yet changed: %v", err)
			}
			return
		}
		var was, is map[string]any
		if reference.Unmarshal([]byte(text), &was) != nil {
			return
		}
		if err := reference.Unmarshal([]byte(changed), &is); err != nil {
			t.Fatalf("%q became %q: %v", text, changed, err)
		}
		gateway, _ := is["gateway"].(map[string]any)
		auth, _ := gateway["auth"].(map[string]any)
		if auth["token"] != after {
			t.Fatalf("%q became %q", text, changed)
		}
		delete(was, "gateway")
		delete(is, "gateway")
		if fmt.Sprint(was) != fmt.Sprint(is) {
			t.Fatalf("%q became %q", text, changed)
		}
	})
}

// If this fails, a dry run changes the token of a gateway, or says that a change would do which fails.
func TestTry(t *testing.T) {
	t.Parallel()
	path := write(t, `{gateway: {auth: {token: "old-token-of-this-test"}}}`)
	before := read(t, path)
	store := openclaw.New(path, openclaw.Options{})
	if err := store.Try(t.Context(), change("old-token-of-this-test", "new-token-of-this-test")); err != nil {
		t.Error(err)
	}
	if err := store.Try(t.Context(), change("another-token", "new-token-of-this-test")); !errors.Is(err, secretstore.ErrChanged) {
		t.Errorf("a token that has changed: %v", err)
	}
	if read(t, path) != before {
		t.Error("the file was changed")
	}
}
