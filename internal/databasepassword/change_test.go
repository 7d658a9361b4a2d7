package databasepassword_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/secret"
)

// If this fails, the verifier that is put back, or the new one, is none that the real server takes.
func TestVerifierIsThatOfTheServer(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	kept := secret.NewValue(d.query("select rolpassword from pg_authid where rolname = $1", d.role))
	if same, err := databasepassword.Verifies(kept, secret.NewValue(d.first)); err != nil || !same {
		t.Errorf("the server's own verifier is not of its password: %v", err)
	}
	if same, _ := databasepassword.Verifies(kept, secret.NewValue(d.first+"x")); same {
		t.Error("another password is verified")
	}
}

// If this fails, a rotation leaves the servers without a password that works, or the old one working.
func TestPasswordIsChanged(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	old := d.store.held[databasepassword.Setting]
	plan, result, err := d.rotate(databasepassword.Request{})
	if err != nil {
		t.Fatal(err)
	}
	d.wantDone(old)
	if !result.Stored || !result.NewAccepted || !result.OldRefused || !result.OldKnown || !result.LeftKnown || !result.Recorded || !result.Done {
		t.Errorf("the result says %+v", result)
	}
	if plan.Account != d.role || plan.WayBack != "password" || plan.Pooled || plan.Iterations < 4096 {
		t.Errorf("the plan says %+v", plan)
	}
	again := d.store.held[databasepassword.Setting]
	if _, _, err := d.rotate(databasepassword.Request{}); err != nil {
		t.Fatal(err)
	}
	d.wantDone(again)
}

// If this fails, whoever reads the server's log, its views or the list of processes has the password.
func TestNothingHasThePassword(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	old := d.store.held[databasepassword.Setting]
	if _, _, err := d.rotate(databasepassword.Request{}); err != nil {
		t.Fatal(err)
	}
	d.wantDone(old)
	d.store.fail = func(changes []secretstore.Change) (error, bool) {
		if changes[0].Name == databasepassword.Setting {
			return errInvented, false
		}
		return nil, false
	}
	if _, _, err := d.rotate(databasepassword.Request{}); !errors.Is(err, errInvented) {
		t.Fatal(err)
	}
	now := passwordOf(t, d.store.held[databasepassword.Setting])
	seen := d.log() + d.query("select coalesce(string_agg(query, ' '), '') from pg_stat_activity") + strings.Join(d.told, " ")
	if !strings.Contains(seen, "alter role") || !strings.Contains(seen, "SCRAM-SHA-256$") {
		t.Error("the log does not have the statements, so nothing was looked at")
	}
	for _, password := range []string{now, d.first} {
		if strings.Contains(strings.ReplaceAll(seen, "create role "+d.role+" login password '"+d.first+"'", ""), password) {
			t.Error("a password was seen")
		}
	}
}

// If this fails, a failure somewhere leaves the servers without a password that works, and the next run does not
// go on.
func TestFailureAtEachStep(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(*deployment)
		back    bool // the old password works at the end
	}{
		"the store takes no pending address": {func(d *deployment) { d.store.fail = failAt(databasepassword.PendingName, 1, false) }, true},
		"the store takes it and says no":     {func(d *deployment) { d.store.fail = failAt(databasepassword.PendingName, 1, true) }, true},
		"the role cannot be changed":         {func(d *deployment) { d.broken(&breaks{set: 1}) }, true},
		"the role is changed and it says no": {func(d *deployment) { d.broken(&breaks{set: 1, after: true}) }, true},
		"the connection is lost with it":     {func(d *deployment) { d.broken(&breaks{set: 1, after: true, lost: true}) }, true},
		"the new one is not accepted":        {func(d *deployment) { d.broken(&breaks{logIn: true}) }, true},
		"the store takes no new address":     {func(d *deployment) { d.store.fail = failAt(databasepassword.Setting, 1, false) }, true},
		"the store takes it, and says no":    {func(d *deployment) { d.store.fail = failAt(databasepassword.Setting, 1, true) }, false},
		"the store does not answer any more": {func(d *deployment) {
			d.store.fail = func(changes []secretstore.Change) (error, bool) {
				if changes[0].Name != databasepassword.Setting {
					return nil, false
				}
				d.store.get = func(string) error { return errInvented }
				return errInvented, false
			}
		}, false},
		"another has changed the store": {func(d *deployment) {
			d.store.fail = func(changes []secretstore.Change) (error, bool) {
				if changes[0].Name == databasepassword.Setting {
					return secretstore.ErrChanged, false
				}
				return nil, false
			}
		}, true},
		"it cannot be recorded": {func(d *deployment) {
			d.parts.Record = func(context.Context, *databasepassword.Result) error { return errInvented }
		}, false},
		"the pending address stays":    {func(d *deployment) { d.store.fail = failAt(databasepassword.PendingName, 2, false) }, false},
		"neither change nor way back":  {func(d *deployment) { d.broken(&breaks{set: 2, after: true, lost: true, open: true}) }, false},
		"the change, and the way back": {func(d *deployment) { d.broken(&breaks{set: 2}) }, true},
		"the old one, pending unwanted": {func(d *deployment) {
			d.store.fail = failAt(databasepassword.PendingName, 2, false)
			d.broken(&breaks{logIn: true})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t)
			old := d.store.held[databasepassword.Setting]
			real, record := d.parts.Server, d.parts.Record
			test.prepare(d)
			_, _, err := d.rotate(databasepassword.Request{})
			if err == nil && !strings.Contains(name, "takes it, and") {
				t.Error("it succeeded")
			}
			d.store.fail, d.store.get, d.parts.Server, d.parts.Record = nil, nil, real, record
			d.wantWorking()
			if d.logsIn(old) != test.back {
				t.Errorf("the old password logs in: %t; %v", !test.back, err)
			}
			var back *databasepassword.PutBackError
			if errors.As(err, &back) && !d.logsIn(d.store.held[databasepassword.Setting]) {
				t.Error("it says that the old one works, and it does not")
			}
			if err == nil {
				return
			}
			if _, result, err := d.rotate(databasepassword.Request{}); err != nil || !result.Done {
				t.Fatalf("the next run does not go on: %v", err)
			}
			d.wantDone(old)
		})
	}
}

// failAt fails at the nth change of a name.
func failAt(name string, nth int, after bool) func([]secretstore.Change) (error, bool) {
	count := 0
	return func(changes []secretstore.Change) (error, bool) {
		if !slices.ContainsFunc(changes, func(c secretstore.Change) bool { return c.Name == name && c.Old.Reveal() != c.New.Reveal() }) {
			return nil, false
		}
		if count++; count == nth {
			return errInvented, after
		}
		return nil, false
	}
}

// breaks says what a server does wrong.
type breaks struct {
	set         int  // how many changes of a password fail
	after       bool // they are made all the same
	lost        bool // the connection is gone then
	open, logIn bool // no connection is opened after that; the new password is not accepted
	gone        bool
	first       secret.Value
}

func (d *deployment) broken(b *breaks) {
	b.first = secret.NewValue(d.store.held[databasepassword.Setting])
	d.parts.Server = &brokenServer{d.parts.Server, b}
}

type brokenServer struct {
	databasepassword.Server
	*breaks
}

func (s *brokenServer) LogIn(ctx context.Context, address secret.Value) error {
	if s.logIn && address.Reveal() != s.first.Reveal() {
		return databasepassword.ErrRefused
	}
	return s.Server.LogIn(ctx, address)
}

func (s *brokenServer) Open(ctx context.Context, address secret.Value) (databasepassword.Session, error) {
	if s.open && s.gone {
		return nil, errInvented
	}
	session, err := s.Server.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	return &brokenSession{session, s.breaks, false}, nil
}

type brokenSession struct {
	databasepassword.Session
	*breaks
	dead bool
}

func (s *brokenSession) SetPassword(ctx context.Context, role string, verifier secret.Value) error {
	switch {
	case s.dead:
		return errInvented
	case s.set == 0:
		return s.Session.SetPassword(ctx, role, verifier)
	}
	s.set--
	var err error
	if s.after {
		err = s.Session.SetPassword(ctx, role, verifier)
	}
	s.gone, s.dead = s.lost, s.lost
	return errors.Join(errInvented, err)
}

// If this fails, the tool claims that a password works where the server asks for none.
func TestTrustProvesNothing(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.admin("do $$ begin if not exists (select from pg_roles where rolname = 'trusting') then create role trusting login; end if; end $$")
	d.store.held[databasepassword.Setting] = d.address("trusting", "whatever")
	if _, _, err := d.rotate(databasepassword.Request{}); !errors.Is(err, databasepassword.ErrAnyPassword) {
		t.Errorf("it says %v", err)
	}
}

// If this fails, a change is begun that cannot end well.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(*deployment)
		want    error
	}{
		"no address":            {func(d *deployment) { delete(d.store.held, databasepassword.Setting) }, databasepassword.ErrNotSet},
		"another password":      {func(d *deployment) { d.store.held[databasepassword.Setting] = d.address(d.role, "another") }, databasepassword.ErrStoreRefused},
		"valid until yesterday": {func(d *deployment) { d.admin("alter role " + d.role + " valid until 'yesterday'") }, databasepassword.ErrStoreRefused},
		"neither of two": {func(d *deployment) {
			d.store.held[databasepassword.PendingName] = d.address(d.role, "another")
			d.admin("alter role " + d.role + " password 'third'")
		}, databasepassword.ErrNeither},
		"pending of another": {func(d *deployment) { d.store.held[databasepassword.PendingName] = d.address("another", "x") }, databasepassword.ErrPendingDiffers},
		"pending elsewhere": {func(d *deployment) {
			d.store.held[databasepassword.PendingName] = d.store.held[databasepassword.Setting] + "&x=y"
		}, databasepassword.ErrPendingDiffers},
		"no ASCII, not readable": {func(d *deployment) {
			d.admin("alter role " + d.role + " password 'gehe\u00efm'")
			d.store.held[databasepassword.Setting] = d.address(d.role, "gehe\u00efm")
		}, databasepassword.ErrNoWayBack},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t)
			test.prepare(d)
			before := len(d.store.held)
			if _, _, err := d.rotate(databasepassword.Request{}); !errors.Is(err, test.want) {
				t.Errorf("it says %v", err)
			}
			if len(d.store.held) != before {
				t.Error("the store was changed")
			}
		})
	}
}

// If this fails, a verifier that cannot be made again is lost where the change fails, although the tool's own account
// may read it.
func TestWayBackWithTheServersVerifier(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.admin("alter role " + d.role + " password 'gehe\u00efm'")
	old := d.address(d.role, "gehe\u00efm")
	d.store.held[databasepassword.Setting] = old
	d.parts.Own = secret.NewValue(d.server.URL("postgres", "postgres"))
	kept := d.query("select rolpassword from pg_authid where rolname = $1", d.role)
	d.broken(&breaks{logIn: true})
	var back *databasepassword.PutBackError
	if _, _, err := d.rotate(databasepassword.Request{}); !errors.As(err, &back) {
		t.Errorf("it says %v", err)
	}
	if now := d.query("select rolpassword from pg_authid where rolname = $1", d.role); now != kept {
		t.Error("the server has another verifier than before")
	}
	if !d.logsIn(old) {
		t.Error("the old password does not log in")
	}
}

// If this fails, a role that acts as another one (ALTER ROLE … SET role) cannot change its own password.
func TestRoleThatActsAsAnother(t *testing.T) {
	t.Parallel()
	d, _ := newTwoRoles(t)
	d.parts.Own = secret.Value{}
	old := d.store.held[databasepassword.Setting]
	if _, _, err := d.rotate(databasepassword.Request{}); err != nil {
		t.Fatal(err)
	}
	d.wantDone(old)
}

// If this fails, the password of a role of another server is changed, because the tool's own account is there.
func TestOwnAccountOfAnotherServer(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	elsewhere := testenv.Shared(t)
	if err := testenv.Exec(context.Background(), elsewhere.URL("postgres", "postgres"), "create role "+d.role+" login"); err != nil {
		t.Fatal(err)
	}
	d.parts.Own = secret.NewValue(elsewhere.URL("postgres", "postgres"))
	old := d.store.held[databasepassword.Setting]
	plan, _, err := d.rotate(databasepassword.Request{})
	if err != nil || plan.Account != d.role {
		t.Fatalf("changed by %q: %v", plan.Account, err)
	}
	d.wantDone(old)
}
