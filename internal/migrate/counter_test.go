package migrate_test

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/migrate"
)

// manySecrets fills the table secrets with so many values, four to a page. Three in ten are
// under another key than their label says, and some are no ciphertext.
func (d *database) manySecrets(rows int) {
	d.t.Helper()
	v := readVectors(d.t)
	ring := v.ring(d.t, 1, 0, 1)
	body := strings.Repeat("as long as it takes ", 65)
	for _, part := range []struct {
		from, to int
		text     func(n int) string
	}{
		{0, rows / 10, func(n int) string { return seal(d.t, ring, 0, true, fmt.Sprint(n, body)) }},
		{rows / 10, rows * 6 / 10, func(n int) string { return seal(d.t, ring, 0, false, fmt.Sprint(n, body)) }},
		{rows * 6 / 10, rows * 7 / 10, func(n int) string { return fmt.Sprint("no ciphertext ", n, body) }},
		{rows * 7 / 10, rows, func(n int) string {
			return strings.Replace(seal(d.t, ring, 1, false, fmt.Sprint(n, body)), "v1:", "v0:", 1)
		}},
	} {
		texts := make([]string, 0, part.to-part.from)
		for n := part.from; n < part.to; n++ {
			texts = append(texts, part.text(n))
		}
		d.exec("insert into secrets (key, value_encrypted) select gen_random_uuid(), t from unnest($1::text[]) t", texts)
	}
}

// If this fails, what a plan says of a table depends on how many workers read it, and the
// number of values under a wrong key that it finds is left to chance.
func TestCountByManyWorkers(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	const rows = 4000
	d.manySecrets(rows)
	d.exec("vacuum analyze secrets")
	if pages := d.texts("select (pg_relation_size('secrets') / 8192)::text"); len(pages[0]) < 3 || pages[0] < "600" {
		t.Fatalf("%s pages are too few for several ranges", pages[0])
	}
	ring := readVectors(t).ring(t, 1, 0, 1)
	var first *migrate.Plan
	for _, workers := range []int{1, 2, 3, 7} {
		request := d.request()
		request.Workers = workers
		plan := d.plan(ring, request)
		for _, counted := range plan.Columns {
			if counted.Table == "secrets" && (counted.Values != rows || counted.Legacy != rows/10 || counted.NotRead != rows/10 || counted.ByVersion[0] != rows*9/10) {
				t.Errorf("%d workers counted %d values, %d in the legacy form, %d not read, %d of version 0",
					workers, counted.Values, counted.Legacy, counted.NotRead, counted.ByVersion[0])
			}
		}
		if first == nil {
			first = plan
		}
		if !reflect.DeepEqual(plan.Findings, first.Findings) || plan.Pending() != first.Pending() {
			t.Errorf("%d workers found %v, one found %v", workers, plan.Findings, first.Findings)
		}
	}
	if len(first.Findings) != 1 || first.Findings[0].Code != "mislabelled" {
		t.Errorf("values under a key that their label does not name: %v", first.Findings)
	}
}

// If this fails, values in a table that inherits from one of OCMT's are not in the
// plan: no key is tried on them before a run writes.
func TestCountOfInheritedRows(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ring := readVectors(t).ring(t, 1, 0, 1)
	d.exec("insert into secrets (key, value_encrypted) select gen_random_uuid(), $1 || repeat(' ', 1500) from generate_series(1, 4000)", "no ciphertext")
	d.exec("create table archived_secrets () inherits (secrets)")
	for n := range 3 * 64 {
		d.exec("insert into archived_secrets (key, value_encrypted) values (gen_random_uuid(), $1)",
			strings.Replace(seal(t, ring, 1, false, fmt.Sprint("archived ", n)), "v1:", "v0:", 1))
	}
	for _, workers := range []int{1, 2, 5} {
		request := d.request()
		request.Workers = workers
		plan := d.plan(ring, request)
		if plan.Pending() != 3*64 || len(plan.Findings) != 1 || plan.Findings[0].Code != "mislabelled" {
			t.Errorf("%d workers: %d values to move, obstacles %v", workers, plan.Pending(), plan.Findings)
		}
	}
}

// If this fails, copies of one damaged value keep a run from starting because its key seems
// wrong, or copies of a good value hide a wrong key.
func TestCopiesAreTriedOnce(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ring := readVectors(t).ring(t, 1, 0, 1)
	for n := range 100 {
		d.insert("secrets.value_encrypted", seal(t, ring, 0, false, fmt.Sprint("good ", n)))
	}
	zeros := base64.StdEncoding.EncodeToString(make([]byte, 16))
	d.exec("insert into secrets (key, value_encrypted) select gen_random_uuid(), $1 from generate_series(1, 64)", "v0:"+zeros+":"+zeros+":AAAA")
	if plan := d.plan(ring, d.request()); len(plan.Findings) > 0 {
		t.Errorf("one damaged value in 64 places: %v", plan.Findings)
	}
}
