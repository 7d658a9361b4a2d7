package cli_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// fingerprints returns a checksum of every table, over what its rows hold and
// over where and by which transaction each was written: a row that was written
// anew with the same content counts as changed.
func (d *deployment) fingerprints(t *testing.T) map[string]string {
	t.Helper()
	ctx := context.Background()
	rows, err := d.conn.Query(ctx, "select tablename from pg_tables where schemaname = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, name := range slices.Sorted(slices.Values(names)) {
		var sum string
		err := d.conn.QueryRow(ctx, fmt.Sprintf(`select count(*) || ' rows, ' ||
			coalesce(md5(string_agg(ctid::text || ' ' || xmin::text || ' ' || t::text, ',' order by ctid)), 'empty') from %s t`,
			pgx.Identifier{name}.Sanitize())).Scan(&sum)
		if err != nil {
			t.Fatal(err)
		}
		sums[name] = sum
	}
	return sums
}

// If this fails, whoever tries a rotation out has begun it.
func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	const count, size = 300, 0
	d := newDeployment(t)
	d.fill(t, count, size)
	d.exec(t, "insert into users (email, gateway_token) values ('sealed', $1), ('plain', 'unknown')", d.seal(t, 0, "token"))
	before := d.fingerprints(t)
	for _, args := range [][]string{
		{"rotate", "--from-version", "0", "--dry-run"},
		{"rotate", "--from-version", "0", "--dry-run", "--output", "json", "--yes", "--verbose"},
		{"migrate", "run", "--dry-run"},
		{"migrate", "plan"},
		{"migrate", "columns"},
		{"migrate", "status"},
	} {
		if run := d.run(t, args...); run.code != 0 {
			t.Errorf("%v: exit code %d\n%s\n%s", args, run.code, &run.out, &run.errors)
		}
		if diff := cmp.Diff(before, d.fingerprints(t)); diff != "" {
			t.Fatalf("%v changed the database (-before +after):\n%s", args, diff)
		}
	}
	if run := d.run(t, "migrate", "verify"); run.code != 3 {
		t.Errorf("migrate verify: exit code %d, want 3", run.code)
	}
	if diff := cmp.Diff(before, d.fingerprints(t)); diff != "" {
		t.Fatalf("migrate verify changed the database (-before +after):\n%s", diff)
	}
	// The dry run must not have promised what the real one does not do.
	if run := d.run(t, "rotate", "--from-version", "0"); run.code != 0 || !strings.Contains(run.out.String(), "Moved 301 values in 301 rows") {
		t.Errorf("the real run: exit code %d\n%s\n%s", run.code, &run.out, &run.errors)
	}
}

// If this fails, a script that rotates every quarter fails, or writes the whole
// database anew, on the day that somebody ran it by hand before.
func TestSecondRotationHasNothingToDo(t *testing.T) {
	t.Parallel()
	const count, size = 300, 0
	d := newDeployment(t)
	d.fill(t, count, size)
	if run := d.run(t, "rotate", "--from-version", "0"); run.code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", run.code, &run.out, &run.errors)
	}
	before := d.fingerprints(t)
	run := d.run(t, "rotate", "--from-version", "0")
	if run.code != 0 {
		t.Errorf("exit code %d\n%s\n%s", run.code, &run.out, &run.errors)
	}
	for _, want := range []string{"0 values to move", "300 values open with the new key alone", "ENCRYPTION_KEY_V0 may be removed"} {
		if !strings.Contains(run.out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &run.out)
		}
	}
	after := d.fingerprints(t)
	delete(before, "audit_log") // that somebody ran it may be recorded
	delete(after, "audit_log")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the second rotation wrote (-before +after):\n%s", diff)
	}
}
