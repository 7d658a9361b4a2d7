package redispassword_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/internal/secretstore"
)

// deployOne starts a Redis with one password, and the store of its servers.
func deployOne(t *testing.T) *deployment {
	t.Helper()
	s := start(t, "requirepass old-password")
	return deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
}

// makePending brings a change to Pending: the process ends before the store has the new password in the address.
func (d *deployment) makePending() {
	d.t.Helper()
	sound := d.store.fail
	d.store.fail = func() error {
		if d.store.values[redispassword.NamePending] != "" {
			return errPlanned
		}
		return nil
	}
	if _, err := redispassword.Begin(context.Background(), d.sources(), d.plan()); !errors.Is(err, errPlanned) {
		d.t.Fatalf("the change is not cut off: %v", err)
	}
	d.store.fail = sound
	if plan := d.plan(); plan.Stage != redispassword.Pending {
		d.t.Fatalf("the stage is %s", plan.Stage)
	}
}

// If this fails, an answer to a question that stood on a screen while a colleague made the change takes away the
// password that the servers log in with, or ends another change than the one that was asked about.
func TestAnswerAfterAnotherRun(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	begin := func(d *deployment, asked *redispassword.Plan) error {
		_, err := redispassword.Begin(ctx, d.sources(), asked)
		return err
	}
	back := func(d *deployment, asked *redispassword.Plan) error {
		_, err := redispassword.Back(ctx, d.sources(), asked)
		return err
	}
	finish := func(d *deployment, asked *redispassword.Plan) error {
		_, err := redispassword.Finish(ctx, d.sources(), asked, d.options)
		return err
	}
	idle := func(*deployment) {}
	pending := func(d *deployment) { d.makePending() }
	switched := func(d *deployment) { d.begin() }
	another := func(d *deployment) { d.finish(); d.begin() }
	for name, c := range map[string]struct {
		before, meanwhile func(*deployment)
		answer            func(*deployment, *redispassword.Plan) error
	}{
		"begin, after another was begun":                 {idle, switched, begin},
		"begin, after one came and ended":                {idle, func(d *deployment) { d.begin(); d.finish() }, begin},
		"going on, after it went on":                     {pending, switched, begin},
		"back from pending, after it went on":            {pending, switched, back},
		"back from switched, after it ended":             {switched, func(d *deployment) { d.finish() }, back},
		"back from switched, in another change":          {switched, another, back},
		"finish, in another change":                      {switched, another, finish},
		"finish, after it was taken back":                {switched, func(d *deployment) { _ = back(d, d.plan()) }, finish},
		"back from pending, after it was dropped":        {pending, func(d *deployment) { _ = back(d, d.plan()) }, back},
		"finish, after it was taken back, and once more": {switched, func(d *deployment) { _ = back(d, d.plan()); d.finish(); d.begin() }, finish},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deployOne(t)
			d.options.OldClients = true
			c.before(d)
			asked := d.plan()
			c.meanwhile(d)
			current, others := d.passwords()
			if err := c.answer(d, asked); !errors.Is(err, redispassword.ErrOvertaken) {
				t.Errorf("the answer counts for what was not asked: %v", err)
			}
			after, _ := d.passwords()
			if after != current {
				t.Error("the address was changed")
			}
			for _, password := range append(others, current) {
				d.expect("after the refused answer", password, "")
			}
		})
	}
}

// If this fails, two runs at once leave a store that no command can bring to an end.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	d := deployOne(t)
	d.options.OldClients = true
	sources, plan := d.sources(), d.plan()
	sound := sources.Generate
	sources.Generate = func() (string, error) {
		d.begin() // the other run, between the look of this one and its writing
		return sound()
	}
	if _, err := redispassword.Begin(context.Background(), sources, plan); !errors.Is(err, secretstore.ErrChanged) {
		t.Fatalf("the slower one is not refused: %v", err)
	}
	d.finish()
	d.expect("at the end", d.password(), "old-password")
}

// If this fails, a run that takes a change back loses to one that takes the old password away, or wins too late:
// then no password works that the store has.
func TestBackAgainstFinish(t *testing.T) {
	t.Parallel()
	d := deployOne(t)
	d.options.OldClients = true
	d.begin()
	back := d.plan()
	d.store.fail = func() error { // the end is claimed, and then the process dies
		if d.store.values[redispassword.NamePrevious] != "" && contains(d.store.values[redispassword.NameSince], "ending") {
			return errPlanned
		}
		return nil
	}
	if _, err := redispassword.Finish(context.Background(), d.sources(), d.plan(), d.options); !errors.Is(err, errPlanned) {
		t.Fatalf("the end is not cut off: %v", err)
	}
	d.store.fail = nil
	var refused *redispassword.RefusedError
	if err := d.plan().CheckBack(); !errors.As(err, &refused) {
		t.Errorf("a change that is being ended is taken back: %v", err)
	}
	_, _ = redispassword.Back(context.Background(), d.sources(), back)
	d.expect("after the way back was refused", d.password(), "")
	d.finish()
	d.expect("at the end", d.password(), "old-password")
}

// If this fails, taking a change back that is cut off is told as taken back, or leaves what no command ends.
func TestBackIsCutOff(t *testing.T) {
	t.Parallel()
	for _, from := range []redispassword.Stage{redispassword.Pending, redispassword.Switched} {
		for _, onward := range []string{"back", "finish"} {
			t.Run(string(from)+", then "+onward, func(t *testing.T) {
				t.Parallel()
				d := deployOne(t)
				d.options.OldClients = true
				for at, cut := 1, true; cut; at++ {
					old := d.password()
					d.anotherProcess(&failure{})
					if from == redispassword.Pending {
						d.makePending()
					} else {
						d.begin()
					}
					planned := &failure{at: at}
					d.anotherProcess(planned)
					_, err := redispassword.Back(context.Background(), d.sources(), d.plan())
					if cut = errors.Is(err, errPlanned); !cut && (err != nil || at < 4) {
						t.Fatalf("step %d: %v", at, err)
					}
					d.checkNotLockedOut("cut off", redispassword.Overlap)
					d.endBack(onward, old)
				}
			})
		}
	}
}

// endBack ends a change whose way back was cut off, by one of the commands, in another process.
func (d *deployment) endBack(onward, old string) {
	d.t.Helper()
	d.anotherProcess(&failure{})
	plan := d.plan()
	if plan.Stage == redispassword.Switched && plan.Back != (d.password() == old) {
		d.t.Fatalf("the plan says %t of going back, which is not so", plan.Back)
	}
	if onward == "back" && plan.CheckBack() == nil {
		if _, err := redispassword.Back(context.Background(), d.sources(), plan); err != nil {
			d.t.Fatalf("taking back once more: %v", err)
		}
		plan = d.plan()
	}
	if plan.Stage == redispassword.Pending { // nothing was done yet
		if err := d.makeAll(); err != nil {
			d.t.Fatal(err)
		}
		return
	}
	gone := d.store.get(redispassword.NamePrevious)
	if plan.Stage == redispassword.Switched {
		result := d.finish()
		if result.Back != (d.password() == old) {
			d.t.Fatalf("the end says %t of going back, which is not so", result.Back)
		}
	}
	if names, _ := d.store.Names(context.Background()); len(names) != 2 && d.plan().Stage != redispassword.Idle {
		d.t.Fatalf("the store still has %v", names)
	}
	d.expect("at the end", d.password(), "")
	if gone != "" && gone != d.password() {
		d.expect("at the end", "", gone)
	}
}
