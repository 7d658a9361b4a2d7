package faults_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// If this fails, a row that a server deletes while the run has it in hand comes
// back, or takes another one with it.
func TestRowDeletedInFlight(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(3000, 0)
	run := d.rotate("--max-rows-per-second", slowly)
	run.untilMoved()
	// What is read and not yet written is in hand: all the rest of so small a table.
	rows, err := d.connect().Query(context.Background(), `delete from secrets where key in
		(select key from secrets where starts_with(value_encrypted, 'v0:') limit 100) returning key`)
	if err != nil {
		t.Fatal(err)
	}
	deleted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(deleted) == 0 {
		t.Fatalf("%d rows deleted: %v", len(deleted), err)
	}
	for _, name := range deleted {
		d.record.remove(place{"secrets", "value_encrypted", name})
	}
	run.hurry()
	run.ends(0, "met again")
	d.allMoved()
	d.goOn()
}

// partitioned makes a table of two partitions and tells ocmt of it.
func (d *deployment) partitioned(rows int) {
	d.t.Helper()
	d.exec(`create table tenant_integrations (id uuid not null default gen_random_uuid(), region text not null,
		access_token_encrypted text, refresh_token_encrypted text, primary key (id, region)) partition by list (region)`,
		"create table tenant_integrations_east partition of tenant_integrations for values in ('east')",
		"create table tenant_integrations_west partition of tenant_integrations for values in ('west')")
	conn := d.connect()
	for n := range rows {
		var id string
		texts := [2]string{plaintextOf(fmt.Sprintf("access %d", n), 0), plaintextOf(fmt.Sprintf("refresh %d", n), 0)}
		err := conn.QueryRow(context.Background(), `insert into tenant_integrations (region, access_token_encrypted, refresh_token_encrypted)
			values ($1, $2, $3) returning id::text`, []string{"east", "west"}[n%2], d.seal(0, texts[0]), d.seal(0, texts[1])).Scan(&id)
		if err != nil {
			d.t.Fatal(err)
		}
		d.record.set(place{"tenant_integrations", "access_token_encrypted", id}, texts[0])
		d.record.set(place{"tenant_integrations", "refresh_token_encrypted", id}, texts[1])
	}
	d.write("ocmt.yaml", `columns:
  - {table: tenant_integrations, key: id, column: access_token_encrypted}
  - {table: tenant_integrations, key: id, column: refresh_token_encrypted}
`)
}

// If this fails, a row that moves to another partition between being read and
// being written is passed over, and its secret goes with the old key.
func TestRowMovedToOtherPartition(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.partitioned(800)
	other := map[string]string{"east": "west", "west": "east"}
	// One row is on its way when the run comes to it, and arrives while it waits.
	moving := d.hold("update tenant_integrations set region = 'west' where id = (select id from tenant_integrations_east order by ctid limit 1)")
	run := d.rotate("--max-rows-per-second", slowly, "--lock-timeout", "1h", "--statement-timeout", "2h")
	run.untilWaiting()
	if err := moving.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	// Others go both ways at once, behind its back.
	for from, to := range other {
		d.exec(fmt.Sprintf(`update tenant_integrations set region = '%s' where id in (select id from tenant_integrations_%s
			where starts_with(access_token_encrypted, 'v0:') limit 50)`, to, from))
	}
	run.hurry()
	run.ends(0, "met again")
	d.allMoved()
	d.goOn()
}

// If this fails, a database whose triggers keep updated_at cannot be rotated, or
// its rows are taken for changed by somebody else for ever.
func TestTriggerChangesUpdatedAt(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil, `create function touch() returns trigger language plpgsql as
		$$ begin new.updated_at := clock_timestamp() + interval '1 day'; return new; end $$`,
		"create trigger touch before update on secrets for each row execute function touch()")
	d.fill(400, 0)
	d.rotate().ends(0)
	if n := d.number("select count(*) from secrets where updated_at < now() + interval '1 hour'"); n != 0 {
		t.Errorf("the trigger did not run for %d rows", n)
	}
	d.allMoved()
	d.goOn()
}

// If this fails, a trigger that refuses writes leaves an operator with a message
// about something else, or puts the row's values into a log.
func TestTriggerRaises(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil, `create function frozen() returns trigger language plpgsql as
		$$ begin
			if old.key = 'secret 7' then raise exception 'frozen row % had % and gets %', old.key, old.value_encrypted, new.value_encrypted; end if;
			return new;
		end $$`,
		"create trigger frozen before update on secrets for each row execute function frozen()")
	d.fill(400, 0)
	d.rotate().ends(1, "public.secrets", "a trigger or a constraint of the table refuses the new value", "frozen()", "next: change the trigger")
	d.exec("drop trigger frozen on secrets")
	d.goOn()
}

// If this fails, a trigger that drops writes without a word makes a run say that
// everything is moved.
func TestTriggerDropsWrite(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil, `create function ignored() returns trigger language plpgsql as
		$$ begin if old.key = 'secret 7' then return null; end if; return new; end $$`,
		"create trigger ignored before update on secrets for each row execute function ignored()")
	d.fill(400, 0)
	d.rotate().ends(4, "1 row was still found in the last of 10 passes", "trigger", "Remove no key")
	d.exec("drop trigger ignored on secrets")
	d.goOn()
}

// If this fails, a trigger that is added during a run spoils every value that the run still writes, or runs code of
// whoever was given TRIGGER on the table with the rights of the operator.
func TestTriggerAddedDuringRun(t *testing.T) {
	t.Parallel()
	for _, had := range []bool{false, true} {
		d := newDeployment(t, nil, `create function kept() returns trigger language plpgsql as $$ begin return new; end $$`,
			`create function cut() returns trigger language plpgsql as $$ begin new.value_encrypted := left(new.value_encrypted, 30); return new; end $$`)
		if had {
			d.exec("create trigger kept before update on secrets for each row execute function kept()")
		}
		d.fill(3000, 0)
		run := d.rotate("--max-rows-per-second", slowly)
		run.untilMoved()
		d.exec("create trigger later before update on secrets for each row execute function cut()")
		run.hurry()
		run.ends(4, "still found in the last of 10 passes", "trigger", "next: ")
		d.check()
		d.rotate().ends(5, "a trigger")
		d.exec("drop trigger later on secrets")
		d.goOn()
	}
}

// If this fails, a rotation under an account that sees only some of the rows says
// that all of them are moved.
func TestRowSecurityHidesRows(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	role := d.name
	d.exec("create role "+role+" login", "grant select, insert, update on all tables in schema public to "+role,
		"alter table secrets enable row level security",
		"create policy shown on secrets to "+role+" using (key < 'secret 3')")
	d.fill(400, 0)
	owner := d.url
	d.url = d.server.URL(role+":"+password, d.name)
	d.rotate().ends(5, "row-level security", "BYPASSRLS", "nothing was written")
	d.start("migrate", "verify").ends(1, "row-level security")
	if moved := d.check(); moved != 0 {
		t.Errorf("%d rows were moved all the same", moved)
	}
	d.url = owner
	d.goOn()
}

// If this fails, whoever was given TRIGGER on a table runs any statement with the rights of the operator.
func TestForeignCode(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	other := d.name + "_other"
	d.exec("create role "+other, "create sequence called", "grant usage on sequence called to public",
		"create function taken() returns trigger language plpgsql as 'begin perform nextval(''public.called''); return new; end'", "alter function taken() owner to "+other,
		"create trigger took before update on secrets for each row execute function taken()")
	d.fill(400, 0)
	d.rotate().ends(5, "trigger took on table public.secrets uses function public.taken() of "+other, "nothing was written")
	d.start("migrate", "verify").ends(1, "trigger took")
	if moved := d.check(); moved != 0 {
		t.Errorf("%d rows were moved all the same", moved)
	}
	d.exec("do $$ begin if (select is_called from called) then raise 'the function was called'; end if; end $$",
		"drop trigger took on secrets", "drop function taken()", "drop role "+other)
	d.goOn()
}

// If this fails, one large value, such as a file of keys, stops a rotation or is
// cut.
func TestLargeValue(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(100, 0)
	for n := range pick(1, 4) {
		name := fmt.Sprintf("large %d", n)
		plain := plaintextOf(name, 5<<20)
		d.record.set(place{"secrets", "value_encrypted", name}, plain)
		if _, err := d.connect().Exec(context.Background(), "insert into secrets (key, value_encrypted) values ($1, $2)", name, d.seal(0, plain)); err != nil {
			t.Fatal(err)
		}
	}
	d.rotate().ends(0)
	d.allMoved()
	d.goOn()
}

// If this fails, a rotation that works in a test does not in a deployment of a
// million secrets: it forgets some, or cannot be resumed.
func TestMillionRows(t *testing.T) {
	if !full {
		return // the long form's: see the package comment
	}
	d := newDeployment(t, nil)
	const count = 1_000_000
	d.fill(count, 0)
	run := d.rotate()
	run.untilMoved()
	d.exec("select pg_terminate_backend(pid) from (" + oneWorker + ") ended")
	run.ends(1, "the connection", "run the same command again")
	d.goOn()
	if said := strings.TrimSpace(run.out.String()); said == "" {
		t.Error("the run said nothing")
	}
}

// If this fails, a few values of many megabytes make the system end the run for its memory, at the
// same place each time, and the old key stays for ever.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	// A transaction that is open elsewhere on the server can make the last look count the run's own writes, and values
	// of this size are not looked through there.
	d := newDeployment(t, startServer(t, false))
	d.fill(3, 24<<20)
	if _, err := d.connect().Exec(context.Background(), "create table user_copies (id uuid primary key, token text); insert into user_copies select gen_random_uuid(), value_encrypted from secrets"); err != nil {
		t.Fatal(err)
	}
	d.write("ocmt.yaml", "columns: [{table: user_copies, key: id, column: token}]\n")
	run := d.rotate()
	run.ends(0, "may be removed")
	d.allMoved()
	const most = 512 << 10 // KiB
	if used := run.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; used > most && !raceDetector {
		t.Errorf("the run took %d KiB", used)
	}
}
