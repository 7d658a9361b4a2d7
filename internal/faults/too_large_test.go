package faults_test

import (
	"context"
	"strings"
	"testing"
)

// If this fails, a value that does not fit into the memory of the process is passed over in silence,
// and the proof names a key that this value still needs.
func TestTooLargeValue(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes more memory than the test allows")
	}
	t.Parallel()
	d := newDeployment(t, nil)
	d.more = []string{"GOMEMLIMIT=48MiB"} // a sixth of it is what a row may have
	d.fill(20, 0)
	const name = "a file of keys"
	d.record.set(place{"secrets", "value_encrypted", name}, plaintextOf(name, 8<<20))
	if _, err := d.connect().Exec(context.Background(), "insert into secrets (key, value_encrypted) values ($1, $2)", name, d.seal(0, plaintextOf(name, 8<<20))); err != nil {
		t.Fatal(err)
	}
	left := []string{"secrets.value_encrypted", name, "fit into the memory of this process"}
	ends := func(code int, args ...string) {
		t.Helper()
		run := d.start(args...)
		run.ends(code, left...)
		if said := run.out.String(); strings.Contains(said, "may be removed") || strings.Contains(said, "Done") {
			t.Errorf("%v: names a key that may be removed:\n%s", args, said)
		}
	}
	ends(4, "rotate", "--from-version", "0", "--dry-run")
	ends(4, "rotate", "--from-version", "0", "--yes", "--search", "full")
	if moved := d.moved(); moved != 20 {
		t.Errorf("%d values were moved, not all that fit", moved)
	}
	ends(3, "migrate", "verify")
	ends(4, "rotate", "rollback", "--to-version", "0", "--yes", "--search", "full")
	d.more = nil
	d.rotate().ends(0, "may be removed")
	d.allMoved()
}
