package cli_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// guarded is a database in which a rotation must not do, or not say that it did,
// what it is asked to.
type guarded struct {
	name    string
	prepare func(t *testing.T, d *deployment) (end func())
	args    []string
	code    int
	says    string
	moved   int // values under version 1 afterwards; -1 where that is left open
}

const guardedValues = 100

// If one of these fails, an operator is told that a rotation is done, and takes
// the old key away, while values need it; or values are sealed under a key that
// no server has.
func TestRotationIsNotTalkedIntoHarm(t *testing.T) {
	t.Parallel()
	strange, err := crypto.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	nothing := func() {}
	for _, g := range []guarded{
		{name: "few values of the servers do not open with the new key", code: 5, says: "opens none of the 3 values", moved: 3,
			prepare: func(t *testing.T, d *deployment) func() {
				d.insertUnder(t, strange, 3)
				return nothing
			}},
		{name: "and the operator only says that values may be damaged", code: 5, says: "opens none of the 20 values", moved: 20,
			args: []string{"--allow-unopenable"},
			prepare: func(t *testing.T, d *deployment) func() {
				d.insertUnder(t, strange, 20)
				return nothing
			}},
		{name: "another key is recorded for the version", code: 5, says: "two keys under one version number",
			prepare: func(t *testing.T, d *deployment) func() {
				d.exec(t, "insert into encryption_keys (version, key_id) values (1, $1)", strange.Fingerprint())
				return nothing
			}},
		{name: "the key is recorded for another version", code: 5, says: "as version 2: one key under two version numbers",
			prepare: func(t *testing.T, d *deployment) func() {
				d.exec(t, "insert into encryption_keys (version, key_id) values (2, $1)", d.keys[1].Fingerprint())
				return nothing
			}},
		{name: "the servers use the key under another version", code: 5, says: "opens values that are labelled version 2",
			prepare: func(t *testing.T, d *deployment) func() {
				d.insertLabelled(t, 2, d.keys[1], 3)
				return nothing
			}},
		{name: "a trigger writes something else", code: 5, says: "a trigger changes the values",
			prepare: func(t *testing.T, d *deployment) func() {
				d.exec(t, `create function spoil() returns trigger language plpgsql as $$ begin new.value_encrypted := 'x'; return new; end $$;
					create trigger spoil before update on secrets for each row execute function spoil()`)
				return nothing
			}},
		{name: "a trigger changes another column", says: "Nothing in the database is under version 0", moved: guardedValues,
			prepare: func(t *testing.T, d *deployment) func() {
				d.exec(t, `create function touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
					create trigger touch before update on secrets for each row execute function touch()`)
				return nothing
			}},
		{name: "a trigger refuses, and tells the value", code: 5, says: "not today", moved: -1,
			prepare: func(t *testing.T, d *deployment) func() {
				d.exec(t, `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not today: %', new.value_encrypted; end $$;
					create trigger refuse before update on secrets for each row execute function refuse()`)
				return nothing
			}},
		{name: "a rule keeps copies", code: 5, says: "a rule makes something else of updates",
			prepare: func(t *testing.T, d *deployment) func() {
				d.exec(t, `create table copies (like secrets); create rule keep as on update to secrets do also insert into copies values (old.*)`)
				return nothing
			}},
		{name: "the same table is in another schema", code: 5, says: "app.secrets: it has the name",
			prepare: func(t *testing.T, d *deployment) func() {
				d.exec(t, "create schema app; create table app.secrets (like secrets including all)")
				return nothing
			}},
		{name: "the same table is in another schema, and known", says: "Nothing in the database is under version 0", moved: guardedValues,
			prepare: func(t *testing.T, d *deployment) func() {
				d.exec(t, "create schema app; create table app.secrets (like secrets including all)")
				d.write(t, "ocmt.yaml", "known:\n  - {schema: app, table: secrets, column: value_encrypted, reason: a copy of last year}\n")
				return nothing
			}},
		{name: "a view has the old name of a table", says: "Nothing in the database is under version 0", moved: guardedValues,
			prepare: func(t *testing.T, d *deployment) func() {
				d.exec(t, "create view org_resources as select * from group_resources")
				return nothing
			}},
		{name: "a transaction has written and not ended", code: 4, says: "what it wrote could not be looked at", moved: guardedValues,
			args: []string{"--statement-timeout", "300ms"},
			prepare: func(t *testing.T, d *deployment) func() {
				return d.hold(t, "insert into secrets (key, value_encrypted) values ('late', $1)", d.seal(t, 0, "late"))
			}},
		{name: "a row is locked all the time", code: 4, says: "locked by another transaction all the time", moved: guardedValues - 1,
			args: []string{"--lock-timeout", "50ms"},
			prepare: func(t *testing.T, d *deployment) func() {
				return d.hold(t, "select from secrets where key = $1 for update", "secret 50")
			}},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t)
			d.fill(t, guardedValues, 0)
			end := g.prepare(t, d)
			p := d.start(t, d.environ(), append([]string{"rotate", "--from-version", "0"}, g.args...)...)
			<-p.ended
			end()
			said := p.out.String() + p.errors.String()
			if p.code != g.code || !strings.Contains(said, g.says) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", p.code, g.code, g.says, said)
			}
			if strings.Contains(said, "may be removed") != (g.code == 0) {
				t.Errorf("what is said of the old key does not fit exit code %d", g.code)
			}
			if moved := d.number(t, "select count(*) from secrets where value_encrypted like 'v1:%'"); g.moved >= 0 && moved != g.moved {
				t.Errorf("%d values are under version 1, want %d", moved, g.moved)
			}
			retired := d.number(t, "select count(*) from encryption_keys where version = 0 and status = 'decrypt-only' and rotated_at is not null")
			if (retired == 1) != (g.code == 0) {
				t.Errorf("version 0 is recorded as proven: %t", retired == 1)
			}
			if strings.Contains(said, "v1:") || strings.Contains(said, "v0:") {
				t.Error("a ciphertext was shown")
			}
		})
	}
}

// insertUnder puts values into the table secrets that a server wrote with
// another key as version 1.
func (d *deployment) insertUnder(t *testing.T, key crypto.Key, count int) {
	t.Helper()
	d.insertLabelled(t, 1, key, count)
}

// insertLabelled puts values into the table secrets that a server wrote with a key as a version.
func (d *deployment) insertLabelled(t *testing.T, version int, key crypto.Key, count int) {
	t.Helper()
	ring, err := crypto.NewKeyring(version, map[int]crypto.Key{version: key})
	if err != nil {
		t.Fatal(err)
	}
	for n := range count {
		c, err := ring.Seal([]byte("plaintext"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		d.exec(t, "insert into secrets (key, value_encrypted) values ($1, $2)", fmt.Sprintf("strange %d", n), c.String())
	}
}

// hold runs a statement in a transaction of its own and leaves that open.
func (d *deployment) hold(t *testing.T, sql string, args ...any) (end func()) {
	t.Helper()
	ctx := context.Background()
	tx, err := d.connect(t).Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, sql, args...); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback(ctx) }
}
