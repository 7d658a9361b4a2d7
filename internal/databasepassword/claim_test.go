package databasepassword_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// plan makes a plan, which is closed at the end of the test.
func (d *deployment) plan(request databasepassword.Request) *databasepassword.Plan {
	d.t.Helper()
	plan, err := databasepassword.MakePlan(context.Background(), d.parts, request)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { plan.Close(context.Background()) })
	return plan
}

// If this fails, an operator who answers a question after a colleague has changed the password locks every server out.
func TestPlanThatAnotherRunHasMadeOld(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) (*deployment, databasepassword.Request){
		"one role": func(t *testing.T) (*deployment, databasepassword.Request) {
			return newDeployment(t), databasepassword.Request{}
		},
		"two roles": newTwoRoles,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, request := make(t)
			plan, old := d.plan(request), d.store.held[databasepassword.Setting]
			if _, _, err := d.rotate(request); err != nil {
				t.Fatal(err)
			}
			if _, err := databasepassword.Change(context.Background(), d.parts, plan); !errors.Is(err, databasepassword.ErrMovedOn) {
				t.Errorf("it says %v", err)
			}
			d.wantDone(old)
		})
	}
}

// If this fails, a password that somebody has set by hand while the question waited is overwritten.
func TestPlanThatThePasswordHasLeft(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	plan := d.plan(databasepassword.Request{})
	d.admin("alter role " + d.role + " password 'byhand'")
	if _, err := databasepassword.Change(context.Background(), d.parts, plan); !errors.Is(err, databasepassword.ErrStoreRefused) {
		t.Errorf("it says %v", err)
	}
	if !d.logsIn(d.address(d.role, "byhand")) || len(d.store.held) != 1 {
		t.Error("something was changed")
	}
}

// If this fails, the store is changed by hand in the middle of a change, and the role gets a password that the store
// does not have any more.
func TestStoreThatIsChangedMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.store.fail = func(changes []secretstore.Change) (error, bool) {
		if changes[0].Name != databasepassword.Setting {
			return nil, false
		}
		d.store.held[databasepassword.Setting] = d.address(d.role, "another")
		return secretstore.ErrChanged, false
	}
	var halfway *databasepassword.HalfwayError
	if _, _, err := d.rotate(databasepassword.Request{}); !errors.As(err, &halfway) {
		t.Errorf("it says %v", err)
	}
	d.wantWorking()
}

// If this fails, another store than was planned for gets a pending address, where no lock keeps runs apart.
func TestAddressIsComparedWithThePendingOne(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	other := d.address(d.role, "another")
	d.store.fail = func(changes []secretstore.Change) (error, bool) {
		d.store.held[databasepassword.Setting] = other
		return nil, false
	}
	if _, _, err := d.rotate(databasepassword.Request{}); !errors.Is(err, secretstore.ErrChanged) {
		t.Errorf("it says %v", err)
	}
	if !d.logsIn(d.address(d.role, d.first)) || len(d.store.held) != 1 {
		t.Error("something was changed")
	}
}

// If this fails, two runs change one role at once.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	ctx, old := context.Background(), d.store.held[databasepassword.Setting]
	first := d.plan(databasepassword.Request{})
	result, err := databasepassword.Change(ctx, d.parts, first)
	if err != nil {
		t.Fatal(err)
	}
	second := d.plan(databasepassword.Request{})
	var locked *databasepassword.LockedError
	if _, err := databasepassword.Change(ctx, d.parts, second); !errors.As(err, &locked) || locked.Process == "" || locked.Since == "" {
		t.Errorf("it says %v", err)
	}
	if _, err = databasepassword.Finish(ctx, d.parts, first, result, 0); err != nil {
		t.Fatal(err)
	}
	first.Close(ctx)
	if _, err := databasepassword.Change(ctx, d.parts, second); !errors.Is(err, databasepassword.ErrMovedOn) {
		t.Errorf("it says %v", err)
	}
	d.wantDone(old)
}

// If this fails, two runs that take up one change behind PgBouncer record it twice, or one says that it is half done.
func TestTwoRunsBehindPgBouncer(t *testing.T) {
	t.Parallel()
	p := newPooled(t, verifierEntry)
	p.useConsole()
	old := p.store.held[databasepassword.Setting]
	plans := []*databasepassword.Plan{p.plan(databasepassword.Request{}), p.plan(databasepassword.Request{})}
	var mu sync.Mutex
	records := 0
	p.parts.Record = func(context.Context, *databasepassword.Result) error { mu.Lock(); records++; mu.Unlock(); return nil }
	p.parts.Reporter = reporterFunc(func(string) {})
	failures := make([]error, len(plans))
	var runs sync.WaitGroup
	for i, plan := range plans {
		runs.Go(func() {
			ctx := context.Background()
			result, err := databasepassword.Change(ctx, p.parts, plan)
			if err == nil {
				_, err = databasepassword.Finish(ctx, p.parts, plan, result, 0)
			}
			failures[i] = err
			plan.Close(ctx)
		})
	}
	runs.Wait()
	for _, err := range failures {
		var locked *databasepassword.LockedError
		if err != nil && !errors.As(err, &locked) && !errors.Is(err, databasepassword.ErrMovedOn) {
			t.Errorf("it says %v", err)
		}
	}
	if records != 1 {
		t.Errorf("recorded %d times: %v", records, failures)
	}
	p.wantDone(old)
}

// If this fails, whoever says that the servers have restarted after one change locks the old role of the next one, which
// they still use.
func TestAnswerForAnotherChange(t *testing.T) {
	t.Parallel()
	d, request := newTwoRoles(t)
	ctx := context.Background()
	asked := d.plan(request)
	result, err := databasepassword.Change(ctx, d.parts, asked)
	if err != nil {
		t.Fatal(err)
	}
	asked.Release(ctx) // the question waits
	if _, _, err := d.rotate(request); err != nil {
		t.Fatal(err)
	}
	inUse := d.store.held[databasepassword.Setting]
	next := d.plan(request)
	if _, err := databasepassword.Change(ctx, d.parts, next); err != nil {
		t.Fatal(err)
	}
	next.Release(ctx)
	if _, err := databasepassword.Finish(ctx, d.parts, asked, result, 0); !errors.Is(err, databasepassword.ErrOvertaken) {
		t.Errorf("it says %v", err)
	}
	if !d.logsIn(inUse) || !d.logsIn(d.store.held[databasepassword.Setting]) {
		t.Error("a role that is in use is locked")
	}
}

// If this fails, a role that something began to use while the question waited gets another password, or is locked.
func TestOtherRoleThatIsUsedMeanwhile(t *testing.T) {
	t.Parallel()
	d, request := newTwoRoles(t)
	d.admin("alter role " + d.role + "_b login password 'invented'")
	plan, ctx, other := d.plan(request), context.Background(), d.address(d.role+"_b", "invented")
	used, err := d.clientServer().Open(ctx, secret.NewValue(other))
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close(ctx)
	if _, err := databasepassword.Change(ctx, d.parts, plan); !errors.Is(err, databasepassword.ErrInUse) {
		t.Errorf("it says %v", err)
	}
	if !d.logsIn(other) || len(d.store.held) != 1 {
		t.Error("something was changed")
	}
}

// If this fails, a change of two roles is said to be done while the old one still logs in.
func TestChangeOfTwoRolesIsNotThatOfOne(t *testing.T) {
	t.Parallel()
	d, request := newTwoRoles(t)
	ctx, old := context.Background(), d.store.held[databasepassword.Setting]
	plan := d.plan(request)
	if _, err := databasepassword.Change(ctx, d.parts, plan); err != nil {
		t.Fatal(err)
	}
	plan.Close(ctx)
	var two *databasepassword.TwoRolesError
	if _, _, err := d.rotate(databasepassword.Request{}); !errors.As(err, &two) || two.Old != d.role || two.New != d.role+"_b" {
		t.Errorf("it says %v", err)
	}
	if _, _, err := d.rotate(databasepassword.Request{Roles: []string{d.role + "_b", d.role + "_c"}}); !errors.As(err, &two) {
		t.Errorf("it says %v", err)
	}
	if _, result, err := d.rotate(request); err != nil || !result.OldRoleLocked {
		t.Fatal(err)
	}
	d.wantDone(old)
	if len(d.store.held) != 1 {
		t.Error("something is left in the store")
	}
	plan = d.plan(databasepassword.Request{})
	if _, err := databasepassword.Change(ctx, d.parts, plan); err != nil {
		t.Fatal(err)
	}
	plan.Close(ctx)
	if _, _, err := d.rotate(request); !errors.Is(err, databasepassword.ErrOneRole) {
		t.Errorf("it says %v", err)
	}
}

// If this fails, an operator whose role was locked is told to change its password.
func TestRoleThatMayNotLogIn(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.admin("alter role " + d.role + " nologin")
	var barred *databasepassword.NoLoginError
	if _, _, err := d.rotate(databasepassword.Request{}); !errors.As(err, &barred) {
		t.Fatalf("it says %v", err)
	}
	d.admin(barred.Fix)
	if _, _, err := d.rotate(databasepassword.Request{}); err != nil {
		t.Error(err)
	}
}

// If this fails, a run that was killed keeps the next one out for longer than a moment.
func TestLockOfAKilledRun(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	killed := d.plan(databasepassword.Request{})
	ctx := context.Background()
	if _, err := databasepassword.Change(ctx, d.parts, killed); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(500*time.Millisecond, func() { killed.Close(ctx) })
	if _, result, err := d.rotate(databasepassword.Request{}); err != nil || !result.Done {
		t.Error(err)
	}
}
