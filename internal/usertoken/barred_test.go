package usertoken_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/usertoken"
	"github.com/ocmt/ocmt/pkg/crypto"
)

var cryptoRandom = rand.Reader

// If this fails, tokens that the account cannot see, or cannot write, are passed over without a word.
func TestBarred(t *testing.T) {
	t.Parallel()
	const account = "create role R login; grant select (id, email, tenant_id, gateway_token), update (gateway_token) on users to R; "
	for name, c := range map[string]struct{ sql, reason, fix string }{
		"enough":       {account, "", ""},
		"select":       {account + "revoke select (gateway_token) on users from R", "has not the rights", "grant select (gateway_token) on"},
		"update":       {account + "revoke update (gateway_token) on users from R", "has not the rights", "grant update (gateway_token) on"},
		"temporary":    {account + "do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$", "has not the rights", "grant temporary on database"},
		"row security": {account + "alter table users enable row level security", "row security", "BYPASSRLS"},
		"read only":    {account + "alter role R set default_transaction_read_only = on", "read-only", "default_transaction_read_only"},
		"no table":     {account + "alter table users rename to people", "no table users", "search path"},
		"view":         {account + "alter table users rename to people; create view users as select * from people", "no table but a view", "account"},
		"no column":    {account + "alter table users rename gateway_token to token", "no column gateway_token", "migrations"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			d.add("alice", newToken())
			role := "barred_" + strings.ToLower(rand.Text()[:8])
			d.exec(strings.ReplaceAll(c.sql, " R", " "+role))
			t.Cleanup(func() { d.exec("drop owned by " + role + "; drop role " + role) })
			_, result, err := renew(context.Background(), d.sources(d.store(strings.Replace(d.url, "postgres@", role+"@", 1))), everybody)
			var barred *usertoken.BarredError
			switch {
			case c.reason == "" && (err != nil || result.Renewed != 1):
				t.Errorf("the rights that are asked for are not enough: %+v, %v", result, err)
			case c.reason != "" && (!errors.As(err, &barred) || !strings.Contains(barred.Reason, c.reason) || !strings.Contains(barred.Fix+strings.Join(finding.Grants(barred.Missing), " "), c.fix)):
				t.Errorf("it came to %v", err)
			}
		})
	}
}

// If this fails, tokens are sealed with a key that no server has, and every server takes the ciphertext for the token.
func TestKeyIsProven(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.add("alice", d.seal(0, newToken()).String())
	ctx := context.Background()
	var key *usertoken.KeyError
	if _, _, err := renew(ctx, d.sources(d.store("")), everybody); !errors.As(err, &key) || key.Tried != 0 {
		t.Errorf("with nothing under the current version it came to %v", err)
	}
	bob := d.add("bob", d.seal(1, newToken()).String())
	wrong, err := crypto.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sources := d.sources(d.store(""))
	if sources.Ring, err = crypto.NewKeyring(1, map[int]crypto.Key{0: d.keys[0], 1: wrong}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := renew(ctx, sources, everybody); !errors.As(err, &key) || key.Tried != 1 {
		t.Errorf("with a wrong key it came to %v", err)
	}
	// Another user's token proves the key as well.
	if _, result, err := renew(ctx, d.sources(d.store("")), usertoken.Request{Selection: usertoken.Selection{Users: []string{id}}}); err != nil || result.Renewed != 1 {
		t.Errorf("with the right key it came to %v", err)
	}
	d.exec("delete from users where id = $1::text::uuid", bob)
	d.exec("update users set gateway_token = $1", d.seal(0, newToken()).String())
	if _, result, err := renew(ctx, d.sources(d.store("")), usertoken.Request{Selection: everybody.Selection, KeyConfirmed: true}); err != nil || result.Renewed != 1 {
		t.Errorf("with a key that the operator has named it came to %v", err)
	}
}

// If this fails, a command against a standby says nothing of it until it fails.
func TestStandby(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	primary, err := testenv.StartPostgres(ctx, false, "wal_level = replica")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(primary.Stop)
	d := newDatabaseOn(t, primary)
	if err := primary.BecomeStandby(ctx); err != nil {
		t.Fatal(err)
	}
	var barred *usertoken.BarredError
	if _, _, err := renew(ctx, d.sources(d.store("")), everybody); !errors.As(err, &barred) || !strings.Contains(barred.Fix, "primary") {
		t.Errorf("on a standby it came to %v", err)
	}
}
