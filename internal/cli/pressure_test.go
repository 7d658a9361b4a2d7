package cli_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, a rotation outruns the standby that would take over if the
// primary died, or fills the primary's disk with log that nobody has fetched.
func TestWaitsForWhatLivesOnTheLog(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	primary, err := testenv.StartPostgres(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	defer primary.Stop()
	standby, err := testenv.StartStandby(ctx, primary, "recovery_min_apply_delay = 1500")
	if err != nil {
		t.Fatal(err)
	}
	defer standby.Stop()
	d := newDeploymentOn(t, primary)
	for _, c := range []struct{ name, flag, limit, waits, before, after string }{
		{"standby", "--max-replica-lag", "1s", "waiting for standby", "select", "select"},
		{"slot", "--max-wal-backlog", "1MB", "waiting for replication slot held",
			"select pg_create_physical_replication_slot('held', true), pg_logical_emit_message(false, 'x', repeat('x', 3000000))",
			"select pg_drop_replication_slot('held')"},
	} {
		d.exec(t, "truncate secrets")
		d.fill(t, 6000, 0)
		d.exec(t, c.before)
		p := d.start(t, d.environ(), "rotate", "--from-version", "0", "--max-rows-per-second", "1500", c.flag, c.limit)
		waiting := 0
		for waiting == 0 && !p.over() {
			// Nothing was written in the last half second: the workers wait too.
			waiting = d.number(t, `select count(*) from encryption_keys
				where metadata->'run'->>'waiting_for' <> '' and (metadata->'run'->>'rows_per_second')::float = 0`)
		}
		d.exec(t, c.after)
		<-p.ended
		if waiting == 0 {
			t.Errorf("%s: the run was not seen to wait", c.name)
		}
		if p.code != 0 || !strings.Contains(p.errors.String(), c.waits) {
			t.Errorf("%s: exit code %d, want 0 and %q in what it said:\n%s", c.name, p.code, c.waits, p.errors.String())
		}
	}
}

// over reports whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}
