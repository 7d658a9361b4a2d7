package databasepassword_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// clients are servers that make a new connection every 50 ms, with the password that they read at their start, and
// one that keeps its connection.
type clients struct {
	t        *testing.T
	d        *deployment
	address  atomic.Pointer[string]
	failures atomic.Int64
	attempts atomic.Int64
	kept     databasepassword.Session
	end      func()
}

func (d *deployment) startClients() *clients {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &clients{t: d.t, d: d}
	c.restart()
	kept, err := d.clientServer().Open(ctx, secret.NewValue(*c.address.Load()))
	if err != nil {
		d.t.Fatal(err)
	}
	c.kept = kept
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for ctx.Err() == nil {
			c.attempts.Add(1)
			if err := d.clientServer().LogIn(ctx, secret.NewValue(*c.address.Load())); err != nil && ctx.Err() == nil {
				c.failures.Add(1)
			}
			<-ticker.C
		}
	}()
	c.end = func() { cancel(); <-done; kept.Close(context.Background()) }
	return c
}

// restart makes the clients read the store, as a server does at its start.
func (c *clients) restart() {
	held, err := c.d.store.Get(context.Background(), databasepassword.Setting)
	if err != nil {
		c.t.Fatal(err)
	}
	text := held.Reveal()
	c.address.Store(&text)
}

// more waits for some more log-ins, and returns how many of all have failed.
func (c *clients) more() int64 {
	before := c.attempts.Load()
	eventually(c.t, "clients log in", func() bool { return c.attempts.Load() > before+4 })
	return c.failures.Load()
}

// If this fails, servers fail at other times than between the change and their restart, which is announced, or their
// open connections are cut.
func TestClientsFailOnlyInTheAnnouncedMoment(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	c := d.startClients()
	defer c.end()
	ctx := context.Background()
	plan, err := databasepassword.MakePlan(ctx, d.parts, databasepassword.Request{})
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close(ctx)
	if failed := c.more(); failed > 0 {
		t.Errorf("%d log-ins failed before the change", failed)
	}
	result, err := databasepassword.Change(ctx, d.parts, plan)
	if err != nil {
		t.Fatal(err)
	}
	if failed := c.more(); failed == 0 {
		t.Error("no log-in failed in the moment, so the test shows nothing")
	}
	c.restart()
	c.more() // one may be under way with the old password
	failed := c.failures.Load()
	if result, err = databasepassword.Finish(ctx, d.parts, plan, result, 0); err != nil {
		t.Fatal(err)
	}
	if after := c.more(); after != failed {
		t.Errorf("%d log-ins failed after the restart", after-failed)
	}
	if _, err := c.kept.Describe(ctx, d.role); err != nil {
		t.Errorf("a connection that was open was cut: %v", err)
	}
	if len(result.Left) != 1 || result.Left[0].Count != 1 {
		t.Errorf("the connection of before the change is not seen: %+v", result.Left)
	}
}

// newTwoRoles makes two roles with one group that owns what they make, and the account of the tool that may change them.
func newTwoRoles(t *testing.T) (d *deployment, request databasepassword.Request) {
	t.Helper()
	return newTwoRolesOn(newDeployment(t))
}

func newTwoRolesOn(d *deployment) (*deployment, databasepassword.Request) {
	group, a, b, tool := d.role+"_owner", d.role, d.role+"_b", d.role+"_tool"
	d.admin("create role "+group+" nologin", "grant "+group+" to "+a, "create role "+b+" nologin in role "+group,
		"alter role "+a+" set role = '"+group+"'", "alter role "+b+" set role = '"+group+"'", "create role "+tool+" login createrole password 'invented-tool'",
		"grant "+a+", "+b+" to "+tool+" with admin option") // without it, version 16 and later let it change neither
	d.parts.Own = secret.NewValue(d.address(tool, "invented-tool"))
	return d, databasepassword.Request{Roles: []string{a, b}}
}

// If this fails, two roles that take turns lock servers out, although nothing ever has to be.
func TestClientsNeverFailWithTwoRoles(t *testing.T) {
	t.Parallel()
	d, request := newTwoRoles(t)
	c := d.startClients()
	defer c.end()
	for round := range 2 {
		ctx, old := context.Background(), d.store.held[databasepassword.Setting]
		plan, err := databasepassword.MakePlan(ctx, d.parts, request)
		if err != nil {
			t.Fatal(err)
		}
		result, err := databasepassword.Change(ctx, d.parts, plan)
		if err != nil {
			t.Fatal(err)
		}
		c.more()
		if round == 0 { // a connection is kept
			if _, err := databasepassword.Finish(ctx, d.parts, plan, result, 0); !errors.Is(err, databasepassword.ErrStillUsed) {
				t.Errorf("the old role is locked while a connection of it is open: %v", err)
			}
			c.kept.Close(ctx)
		}
		plan.Close(ctx)
		if !d.logsIn(old) {
			t.Error("the old role is locked before the servers have restarted")
		}
		c.restart()
		c.more()
		if plan, err = databasepassword.MakePlan(ctx, d.parts, request); err != nil {
			t.Fatal(err)
		}
		if plan.Stage != databasepassword.Stored {
			t.Errorf("the next run begins at %s", plan.Stage)
		}
		if result, err = databasepassword.Change(ctx, d.parts, plan); err != nil {
			t.Fatal(err)
		}
		if result, err = databasepassword.Finish(ctx, d.parts, plan, result, 5*time.Second); err != nil || !result.Done || !result.OldRoleLocked {
			t.Fatalf("%v: %+v", err, result)
		}
		plan.Close(ctx)
		d.wantDone(old)
		if failed := c.more(); failed > 0 {
			t.Fatalf("%d log-ins failed", failed)
		}
	}
}

// If this fails, two roles take turns that do not have the same rights, and the servers fail at what only one may do.
func TestTwoRolesThatDiffer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(d *deployment) []string
		want    string
	}{
		"a membership": {func(d *deployment) []string {
			return []string{"create role " + d.role + "_x", "grant " + d.role + "_x to " + d.role}
		}, "is a member of"},
		"an attribute": {func(d *deployment) []string { return []string{"alter role " + d.role + "_b createdb"} }, "is CREATEDB"},
		"a setting":    {func(d *deployment) []string { return []string{"alter role " + d.role + " set search_path = x"} }, "has the setting search_path"},
		"an object": {func(d *deployment) []string {
			return []string{"create table public." + d.role + "_t ()", "alter table public." + d.role + "_t owner to " + d.role}
		}, "owns 1 objects"},
		"a grant": {func(d *deployment) []string {
			return []string{"create table public." + d.role + "_g ()", "grant select on public." + d.role + "_g to " + d.role + "_b"}
		}, "1 grants"},
		"default privileges": {func(d *deployment) []string {
			return []string{"alter default privileges for role " + d.role + " grant select on tables to postgres"}
		}, "default privileges"},
		"no such role": {func(d *deployment) []string { return []string{"drop role " + d.role + "_b"} }, "there is no role"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, request := newTwoRoles(t)
			d.admin(test.prepare(d)...)
			var unequal *databasepassword.UnequalError
			if _, _, err := d.rotate(request); !errors.As(err, &unequal) || !strings.Contains(unequal.Error(), test.want) {
				t.Errorf("it says %v", err)
			}
			if len(d.store.held) != 1 {
				t.Error("the store was changed")
			}
		})
	}
}

// If this fails, a role that something uses is given another password, or an account without the right begins.
func TestTwoRolesThatCannotBeChanged(t *testing.T) {
	t.Parallel()
	d, request := newTwoRoles(t)
	d.admin("alter role " + d.role + "_tool nocreaterole")
	var missing *databasepassword.MissingRightError
	if _, _, err := d.rotate(request); !errors.As(err, &missing) || !strings.Contains(missing.Grant, "CREATEROLE") {
		t.Errorf("it says %v", err)
	}
	d.admin("alter role "+d.role+"_tool createrole", "alter role "+d.role+"_b login password 'invented'")
	used, err := d.clientServer().Open(context.Background(), secret.NewValue(d.address(d.role+"_b", "invented")))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.rotate(request); !errors.Is(err, databasepassword.ErrInUse) {
		t.Errorf("it says %v", err)
	}
	used.Close(context.Background())
	if _, _, err := d.rotate(databasepassword.Request{Roles: []string{"x", "y"}}); !errors.Is(err, databasepassword.ErrNotOfTheTwo) {
		t.Errorf("it says %v", err)
	}
	if len(d.store.held) != 1 {
		t.Error("the store was changed")
	}
}

// If this fails, a failure with two roles locks the servers out, or leaves the other role open.
func TestTwoRolesFailureAtEachStep(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*deployment){
		"the store takes no pending address": func(d *deployment) { d.store.fail = failAt(databasepassword.PendingName, 1, false) },
		"the role cannot be changed":         func(d *deployment) { d.broken(&breaks{set: 1}) },
		"the connection is lost with it":     func(d *deployment) { d.broken(&breaks{set: 1, after: true, lost: true}) },
		"the new one is not accepted":        func(d *deployment) { d.broken(&breaks{logIn: true}) },
		"the store takes no new address":     func(d *deployment) { d.store.fail = failAt(databasepassword.Setting, 1, false) },
		"it cannot be recorded": func(d *deployment) {
			d.parts.Record = func(context.Context, *databasepassword.Result) error { return errInvented }
		},
		"the pending address stays": func(d *deployment) { d.store.fail = failAt(databasepassword.PendingName, 2, false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, request := newTwoRoles(t)
			old := d.store.held[databasepassword.Setting]
			real, record := d.parts.Server, d.parts.Record
			prepare(d)
			if _, _, err := d.rotate(request); err == nil {
				t.Error("it succeeded")
			}
			d.store.fail, d.parts.Server, d.parts.Record = nil, real, record
			if !d.logsIn(d.store.held[databasepassword.Setting]) {
				t.Error("what stands in the store does not log in")
			}
			if _, result, err := d.rotate(request); err != nil || !result.Done {
				t.Fatalf("the next run does not go on: %v", err)
			}
			d.wantDone(old)
		})
	}
}
