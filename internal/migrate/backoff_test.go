package migrate_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/testenv"
)

// refusing makes the server roll back the first writes to secrets with an error code, as it does
// where transactions conflict. A sequence counts them, because it is never rolled back.
func (d *database) refusing(code, until string) {
	d.t.Helper()
	d.exec("create sequence tries")
	d.exec(`create function refuse() returns trigger language plpgsql as $$ begin
		if nextval('public.tries') <= ` + until + ` then raise exception 'in the way' using errcode = '` + code + `'; end if; return new; end $$`)
	d.exec("create trigger refuse before update on secrets for each statement execute function refuse()")
}

// If this fails, rows that servers work on are left to a later pass, and where
// servers always do, a rotation never ends; or it goes on asking for a lock that
// somebody holds for long, and all others wait.
func TestTriesAgainAfterConflict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code, until string
		passes      int
	}{
		"serialization failure":   {"40001", "3", 2},
		"deadlock":                {"40P01", "3", 2},
		"lock that is held":       {"55P03", "1", 3},
		"conflict without end":    {"40001", "6", 3},
		"and in the later passes": {"40001", "8", 3}, // 6 tries in the first pass, 3 in the second
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, ring := newDatabaseOn(t, testenv.Shared(t), withoutPages...), readVectors(t).ring(t, 1, 0, 1)
			for range 10 {
				d.insert("secrets.value_encrypted", seal(t, ring, 0, false, "one of ten"))
			}
			d.refusing(c.code, c.until)
			result, err := d.runner(ring).Run(context.Background(), d.plan(ring, d.request()))
			if err != nil {
				t.Fatal(err)
			}
			if result.Passes != c.passes || result.Rows != 10 || result.Left != 0 {
				t.Errorf("%d passes, %d rows, %d left; want %d, 10, 0", result.Passes, result.Rows, result.Left, c.passes)
			}
			if met := result.Changed > 0; met != (c.passes > 2) {
				t.Errorf("%d rows are counted as met again after %d passes", result.Changed, result.Passes)
			}
		})
	}
}

// stopsWaiting is a Reporter that asks the run to stop as soon as it waits.
type stopsWaiting struct {
	silent
	stop func()
}

func (s stopsWaiting) Waiting(wait migrate.Wait) {
	if !wait.IsZero() {
		s.stop()
	}
}

// If this fails, Ctrl-C does nothing while a run waits for other transactions, or
// the operator is not told that it waits.
func TestStopEndsWaitAfterConflict(t *testing.T) {
	t.Parallel()
	d, ring := newDatabaseOn(t, testenv.Shared(t), withoutPages...), readVectors(t).ring(t, 1, 0, 1)
	d.insert("secrets.value_encrypted", seal(t, ring, 0, false, "never written"))
	d.refusing("40001", "1000000")
	runner, stop := d.runner(ring), make(chan struct{})
	runner.Stop, runner.Reporter = stop, stopsWaiting{stop: sync.OnceFunc(func() { close(stop) })}
	if _, err := runner.Run(context.Background(), d.plan(ring, d.request())); !errors.Is(err, migrate.ErrStopped) {
		t.Errorf("the run ended with %v, want %v", err, migrate.ErrStopped)
	}
	if tries := d.texts("select last_value::text from tries")[0]; tries != "5" {
		t.Errorf("%s tries, want the run to have stopped in the wait before the sixth", tries)
	}
}
