package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// If this fails, users have new tokens and nobody knows whose containers refuse the relay: the list is tried for the
// first time when the tokens are written, or is lost with its folder.
func TestGatewayTokensListThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	const users = 30
	for name, c := range map[string]struct {
		spoil func(folder string) error
		there bool // something has the name of the list afterwards
	}{
		"its folder is gone": {os.RemoveAll, false},
		"another file has its name": {func(folder string) error {
			return errors.Join(os.WriteFile(filepath.Join(folder, "m"), []byte("of somebody else"), 0o600), os.Rename(filepath.Join(folder, "m"), filepath.Join(folder, "l")))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			d := newDeployment(t)
			d.addTokens(t, users)
			folder := filepath.Join(d.dir, "lists")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			// The rows are held, so that nothing is written before the list is looked for.
			holding, err := d.conn.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := holding.Exec(ctx, "select 1 from users for update"); err != nil {
				t.Fatal(err)
			}
			p := d.start(t, d.environ(), "rotate", "gateway-tokens", "--all", "--yes", "--list", "lists/l")
			eventually(t, "the renewal to be recorded before the first token is written", func() bool {
				recorded := false
				err := d.conn.QueryRow(ctx, "select to_regclass('ocmt.record') is not null").Scan(&recorded)
				return err == nil && recorded
			})
			if _, err := os.Stat(filepath.Join(folder, "l")); err != nil {
				t.Error(err)
			}
			if err := errors.Join(c.spoil(folder), holding.Rollback(ctx)); err != nil {
				t.Fatal(err)
			}
			<-p.ended
			if p.code != 4 || !strings.Contains(p.errors.String(), "the list of users is not in lists/l") || strings.Contains(p.out.String(), "more, in") {
				t.Errorf("it came to %d:\n%s\n%s", p.code, p.out.String(), p.errors.String())
			}
			for n := range users {
				if !strings.Contains(p.out.String(), fmt.Sprintf("user%d@example.org", n)) {
					t.Errorf("user %d is in no list", n)
				}
			}
			if text, err := os.ReadFile(filepath.Join(folder, "l")); c.there != (err == nil) || err != nil && !errors.Is(err, fs.ErrNotExist) || c.there && string(text) != "of somebody else" {
				t.Errorf("the place of the list holds %q: %v", text, err)
			}
		})
	}
}

// If this fails, every token is renewed before the operator learns that the list has no place.
func TestGatewayTokensListWithoutAPlace(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.addTokens(t, 2)
	before, _ := d.tokens(t)
	p := d.run(t, "rotate", "gateway-tokens", "--all", "--yes", "--list", "nowhere/l")
	after, _ := d.tokens(t)
	if p.code != 1 || !strings.Contains(p.errors.String(), "there is no folder") {
		t.Errorf("it came to %d: %s", p.code, p.errors.String())
	}
	for email := range before {
		if before[email] != after[email] {
			t.Error("a token was renewed")
		}
	}
}
