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
		eventually(t, c.name+": the run to say what it waits for", func() bool {
			return strings.Contains(p.errors.String(), c.waits) || p.over()
		})
		if p.over() {
			t.Fatalf("%s: exit code %d without %q in what it said:\n%s", c.name, p.code, c.waits, &p.errors)
		}
		waits := false
		eventually(t, c.name+": nothing to be written meanwhile", func() bool {
			waits = d.number(t, `select count(*) from encryption_keys where not (metadata->'run'->>'ended')::bool
				and metadata->'run'->>'waiting_for' <> '' and (metadata->'run'->>'rows_per_second')::float = 0`) > 0
			return waits || p.over()
		})
		if !waits {
			t.Errorf("%s: it said that it waits, and wrote on", c.name)
		}
		d.exec(t, c.after)
		<-p.ended
		if p.code != 0 {
			t.Errorf("%s: exit code %d once nothing is behind any more:\n%s", c.name, p.code, &p.errors)
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
