package testenv_test

import (
	"context"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// Operators run ocmt against clusters, and clusters fail over during a run. A test of that needs
// a standby that has what the primary had.
func TestStandbyFollowsAndTakesOver(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	primary, err := testenv.StartPostgres(ctx, false)
	must(t, err)
	defer primary.Stop()
	standby, err := testenv.StartStandby(ctx, primary)
	must(t, err)
	defer standby.Stop()
	name, err := primary.CreateDatabase(ctx, "create table t (n int)", "insert into t values (1)")
	must(t, err)
	lsn, err := primary.LSN(ctx)
	must(t, err)
	must(t, standby.WaitReplayed(ctx, lsn))
	address := standby.URL("postgres", name)
	if found := value(t, address, "select n::text from t"); found != "1" {
		t.Errorf("the standby shows %s", found)
	}
	if err := testenv.Exec(ctx, address, "insert into t values (2)"); err == nil {
		t.Error("the standby could be written")
	}

	must(t, primary.Kill(ctx))
	must(t, standby.Promote(ctx))
	must(t, testenv.Exec(ctx, address, "insert into t values (2)"))
	if found := value(t, address, "select count(*)::text from t"); found != "2" {
		t.Errorf("after the failover there are %s rows", found)
	}
}

// A standby that lags shows old values to its readers. A test of that needs a lag that does not
// depend on chance.
func TestStandbyReceivesBeforeItShows(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	primary, err := testenv.StartPostgres(ctx, false, testenv.ListenTCP)
	must(t, err)
	defer primary.Stop()
	name, err := primary.CreateDatabase(ctx, "create table t (n int)")
	must(t, err)
	standby, err := testenv.StartStandby(ctx, primary, "recovery_min_apply_delay = '1h'", testenv.ListenTCP)
	must(t, err)
	defer standby.Stop()
	if standby.Port() == primary.Port() {
		t.Errorf("both listen on port %d", primary.Port())
	}
	must(t, testenv.Exec(ctx, primary.TCPURL("postgres", name), "insert into t values (1)"))
	lsn, err := primary.LSN(ctx)
	must(t, err)
	must(t, standby.WaitStreaming(ctx, lsn))
	if found := value(t, standby.TCPURL("postgres", name), "select count(*)::text from t"); found != "0" {
		t.Errorf("the standby shows %s rows at once", found)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := standby.WaitReplayed(over, lsn); err == nil {
		t.Error("waiting for what comes in an hour ended well")
	}
}
