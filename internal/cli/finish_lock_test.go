package cli_test

import (
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, an operator whose connection was closed in the midst of the end of a rotation is told of values that
// were moved, or cannot go on.
func TestFinishLosesItsLock(t *testing.T) {
	t.Parallel()
	d := newDeploymentOn(t, testenv.Shared(t))
	d.fill(t, 3, 40)
	d.write(t, "a.env", "ENCRYPTION_KEY="+d.keys[0].Reveal()+"\n")
	q := &quarter{deployment: d, t: t}
	q.ocmt(0, "rotate", "begin", "--no-escrow")
	q.ocmt(0, "rotate", "readiness", "--for", "1s", "--no-writes", "all")
	q.ocmt(0, "rotate", "--from-version", "0")
	q.exec(t, `create function hold_still() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$`)
	q.exec(t, `create trigger hold_still before update on encryption_keys for each row when (new.status = 'retired') execute function hold_still()`)
	finish := []string{"rotate", "finish", "--backups-until", "2030-01-01", "--no-escrow", "--yes"}
	p := q.begin("a.env", finish...)
	eventually(t, "the record to hold still", func() bool {
		return q.number(t, "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'") == 1
	})
	q.exec(t, `select pg_terminate_backend(l.pid) from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' and a.datname = current_database()
		and a.application_name like 'ocmt%' and a.wait_event is distinct from 'PgSleep'`)
	<-p.ended
	written := p.out.String() + p.errors.String()
	if p.code != 1 || strings.Contains(written, "moved is safe") || !strings.Contains(written, "where ocmt rotate status shows it") {
		t.Errorf("code %d: %s", p.code, written)
	}
	q.exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'ocmt%'")
	q.exec(t, "drop function hold_still cascade")
	q.must(q.ocmt(0, finish...), "An earlier command had proven the key")
}
