package migrate_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
)

// If this fails, what came to the tables while an operator thought about a question is not
// noticed: a trigger that changes what is written, a column that went, a right that was taken.
func TestRunLooksAgainBeforeItWrites(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile, code string // "" where the run goes on
	}{
		"nothing":                {"select 1", ""},
		"a column is renamed":    {"alter table secrets rename value_encrypted to value", "drifted"},
		"a table is dropped":     {"drop table user_mfa", "drifted"},
		"a view takes its place": {"alter table secrets rename to others; create view secrets as select key, '' as value_encrypted from users, others", "drifted"},
		"a rule is made":         {"create rule r as on update to secrets do instead nothing", "rule"},
		"a trigger drops values": {`create function spoil() returns trigger language plpgsql as $$ begin new.value_encrypted := 'x'; return new; end $$;
			create trigger spoil before update on secrets for each row execute function spoil()`, "changed on write"},
		"a trigger of an heir": {`create table heirs () inherits (secrets); insert into heirs select key || '2', value_encrypted from secrets;
			create function spoil() returns trigger language plpgsql as $$ begin new.value_encrypted := 'x'; return new; end $$;
			create trigger spoil before update on heirs for each row execute function spoil()`, "changed on write"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, v := newDatabase(t), readVectors(t)
			ring := v.ring(t, 1, 0, 1)
			d.insert("secrets.value_encrypted", seal(t, ring, 0, false, "x"))
			plan := d.plan(ring, d.request())
			d.exec(c.meanwhile)
			_, err := d.runner(ring).Run(context.Background(), plan)
			var refused *migrate.RefusedError
			switch {
			case c.code == "":
				if err != nil {
					t.Error(err)
				}
				return
			case c.code == "changed on write":
				if !errors.Is(err, migrate.ErrChangedOnWrite) || len(d.texts("select key from secrets where value_encrypted = 'x'")) > 0 {
					t.Errorf("%v; want a trigger that was noticed, and no value of it", err)
				}
			case !errors.As(err, &refused) || string(refused.Findings[0].Code) != c.code:
				t.Errorf("%v; want a refusal with the code %s", err, c.code)
			}
		})
	}
}

// If this fails, what a transaction has written to a table that inherits from another one, or
// to a partition of a partition, is not waited for.
func TestHoldersOfHeirsCount(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d, v := newDatabase(t), readVectors(t)
	d.exec("create table heirs () inherits (secrets); create table heirs_of_heirs () inherits (heirs)")
	d.insert("secrets.value_encrypted", seal(t, v.ring(t, 1, 1), 1, false, "x"))
	other, err := pgx.Connect(ctx, d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(ctx) }()
	if _, err := other.Exec(ctx, "begin; insert into heirs_of_heirs values ('late', 'x')"); err != nil {
		t.Fatal(err)
	}
	verified := d.verify(v.ring(t, 1, 1), d.verifySources(), silent{})
	if codesOf(verified.Doubts) != "not_ended" {
		t.Errorf("doubts %q, want not_ended", codesOf(verified.Doubts))
	}
	if _, err := other.Exec(ctx, "rollback"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if verified = d.verify(v.ring(t, 1, 1), d.verifySources(), silent{}); verified.Clean() {
			return
		}
	}
	t.Errorf("not clean after the rollback: %+v", verified)
}
