package faults_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// If this fails, a terminal or an output that is closed kills a run in the middle, and its record says
// nothing.
func TestSignals(t *testing.T) {
	t.Parallel()
	// Where the tests run under nohup, the programs that they start would ignore SIGHUP too, as nohup means it. What a
	// process catches is not ignored in those that it starts.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
	for name, ending := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT, "PIPE": syscall.SIGPIPE} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t, nil)
			d.fill(2000, 0)
			run := d.rotate("--max-rows-per-second", slowly)
			run.untilMoved()
			if err := run.Process.Signal(ending); err != nil {
				t.Fatal(err)
			}
			run.ends(130, "run the same command again")
			if n := d.number("select count(*) from encryption_migrations where status = 'interrupted' and completed_at is not null and error_message like 'ended by SIG" + name + "%'"); n != 1 {
				t.Errorf("%d entries of the record say that the run was interrupted", n)
			}
			d.goOn()
		})
	}
}

// If this fails, a limit of the server or of the account ends a run that waits.
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(12, 0)
	version := d.number("select current_setting('server_version_num')::int / 10000")
	for limit, since := range map[string]int{"idle_in_transaction_session_timeout": 13, "idle_session_timeout": 14, "transaction_timeout": 17} {
		if version >= since {
			d.exec("alter database " + d.name + " set " + limit + " = '100ms'")
		}
	}
	d.rotate("--max-rows-per-second", "4").ends(0, "may be removed")
}
