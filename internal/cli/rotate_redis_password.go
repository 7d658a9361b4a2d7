package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/redis/redisacl"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// redisPasswordOptions are the flags of ocmt rotate redis-password.
type redisPasswordOptions struct {
	Store               storeFlag
	Restarted           bool
	AfterRestart        bool
	Wait                time.Duration
	Back                bool
	AllowUnsaved        bool
	AllowOldConnections bool
	AllowUnreached      bool
	DryRun              bool
	// Carried are the flags that the next command needs too, as they were given.
	Carried []string
}

// Validate finds what contradicts itself.
func (o *redisPasswordOptions) Validate() error {
	switch {
	case o.AfterRestart && (o.Restarted || o.Back || o.Wait != 0 || o.DryRun):
		return errors.New("--after-restart only looks, once Redis itself has restarted: it goes without --restarted, --back, --wait and --dry-run")
	case o.Restarted && o.Back:
		return errors.New("--back puts the old password back, and the servers must restart after it: --restarted comes then")
	case o.Restarted && o.Wait > 0:
		return errors.New("--wait waits until the servers have restarted, and --restarted says that they have")
	case o.Wait < 0:
		return errors.New("--wait must be a time such as 10m")
	}
	return nil
}

func newRotateRedisPasswordCommand(app *App, run func(context.Context, *config.Settings, *redisPasswordOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateRedisPassword
	}
	options := &redisPasswordOptions{}
	cmd := &cobra.Command{
		Use:   "redis-password",
		Short: "Change the password of Redis while the servers run",
		Long: `Change the password in REDIS_URL, in three steps:

  1. A new password is made and put beside the old one at every server of Redis:
     replicas and all nodes of a cluster too. A log-in with it is tried at each.
     Then REDIS_URL in the store gets it.
  2. You restart the servers of OCMT. One whose connection is cut tries with the
     password that it has for some 5 seconds, and then never again.
  3. The old password is taken away, once no connection is left from before the
     change, and a log-in with it is seen to be refused.

The command ends after the first step, unless --wait or your answer says that
the servers have restarted. The same command goes on with --restarted. A command
that was cut off goes on when it is run again. --back is the way back until the
third step.

Where Redis knows no users, or ocmt may not change them, requirepass is replaced
at one moment, which is said before.

Once Redis itself has restarted too, --after-restart looks whether each server
came back with the new password and no other. It changes nothing in Redis.

REDIS_URL of ocmt may name another user than that of the servers, in the store.

` + describeDocument("rotate-redis-password"),
		Example: `  ocmt rotate redis-password --dry-run
  ocmt rotate redis-password
  ocmt rotate redis-password --restarted
  ocmt rotate redis-password --yes --wait 10m
  ocmt rotate redis-password --back
  ocmt rotate redis-password --after-restart`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	addStoreFlags(flags, &options.Store)
	flags.BoolVar(&options.Restarted, "restarted", false, "all servers have restarted: take the old password away")
	flags.BoolVar(&options.AfterRestart, "after-restart", false, "Redis has restarted since the change: look whether the password holds, change nothing")
	flags.DurationVar(&options.Wait, "wait", 0, "wait so long until no connection is left from before the change, then take the old password away")
	flags.BoolVar(&options.Back, "back", false, "take a change back that is under way")
	flags.BoolVar(&options.AllowUnsaved, "allow-unsaved", false, "go on where a restart of Redis brings the old password back")
	flags.BoolVar(&options.AllowOldConnections, "allow-old-connections", false, "take the old password away though connections are left from before the change")
	flags.BoolVar(&options.AllowUnreached, "allow-unreached", false, "go on where the address in the store cannot be tried from here")
	flags.BoolVar(&options.DryRun, "dry-run", false, "only say what would be done")
	addRedisTLSFlags(cmd)
	body := runWithSettings(app, options, run)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.Carried = carriedFlags(cmd.Flags())
		return body(cmd, args)
	}
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateRedisPassword(ctx context.Context, settings *config.Settings, options *redisPasswordOptions) error {
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	store, err := a.openStore(settings, options.Store)
	if err != nil {
		return err
	}
	client, err := a.openRedisAdmin(ctx, settings, store)
	if err != nil {
		return causeOf(ctx, err)
	}
	finder := redisacl.New(client)
	defer finder.Close()
	kind, _ := secret.Lookup("redis-password")
	work := &redisPasswordChange{app: a, settings: settings, options: options, kind: kind, sources: redispassword.Sources{Store: store, Finder: finder, Enter: a.enterRedis(settings),
		Generate: func() (string, error) { return kind.Generate(a.deps.Random) },
		Pause:    func(ctx context.Context) error { return pauseFor(ctx, redisPasswordPause) }}}
	if options.AfterRestart {
		err = work.prove(ctx)
	} else {
		err = work.run(ctx)
	}
	if documentErr := a.printer.Document("rotate-redis-password", work.document()); documentErr != nil {
		err = errors.Join(err, documentErr)
	}
	a.tellStore(store)
	return work.withCommand(work.explainInterruption(causeOf(ctx, err)))
}

// redisPasswordPause and redisWaitPeriod are how long the command waits before it looks again: at the clocks of
// Redis, and at the connections.
const (
	redisPasswordPause = 100 * time.Millisecond
	redisWaitPeriod    = time.Second
)

// redisPasswordChange is one run of ocmt rotate redis-password.
type redisPasswordChange struct {
	app      *App
	settings *config.Settings
	options  *redisPasswordOptions
	kind     secret.Kind
	sources  redispassword.Sources
	plan     *redispassword.Plan
	result   redispassword.Result
	recorded bool
	proof    *redispassword.Proof // nil but with --after-restart
}

func (c *redisPasswordChange) allowed() redispassword.Options {
	return redispassword.Options{Unsaved: c.options.AllowUnsaved, OldClients: c.options.AllowOldConnections, Unreached: c.options.AllowUnreached}
}

func (c *redisPasswordChange) run(ctx context.Context) error {
	c.app.doing("looking at Redis")
	plan, err := redispassword.MakePlan(ctx, c.sources, c.allowed())
	if err != nil {
		return err
	}
	c.plan, c.result.Stage, c.result.Back = plan, plan.Stage, plan.Back
	c.printPlan()
	switch {
	case c.options.Restarted && plan.Stage != redispassword.Switched:
		return redispassword.ErrIdle
	case c.options.Back && plan.CheckBack() != nil:
		return plan.CheckBack()
	case plan.Check() != nil:
		return plan.Check()
	case c.options.DryRun:
		return nil
	case c.options.Back || plan.Unread && !c.options.Restarted:
		return c.takeBack(ctx)
	case plan.Stage != redispassword.Switched:
		if err := c.begin(ctx); err != nil {
			return err
		}
	case c.options.Wait > 0:
		if err := c.app.printer.Confirm(ctx, ui.Question{Text: "Take the other password away, once no connection is left from before the change?"}); err != nil {
			return err
		}
	}
	return c.goOn(ctx)
}

// begin brings the new password into place.
func (c *redisPasswordChange) begin(ctx context.Context) error {
	if err := c.app.printer.Confirm(ctx, ui.Question{Text: c.question()}); err != nil {
		return err
	}
	c.app.doing("putting the new password in place")
	result, err := redispassword.Begin(ctx, c.sources, c.plan)
	return c.take(result, err)
}

// takeBack puts the old password back.
func (c *redisPasswordChange) takeBack(ctx context.Context) error {
	if err := c.app.printer.Confirm(ctx, ui.Question{Text: "Take the change back, so that the old password stays?"}); err != nil {
		return err
	}
	c.app.doing("putting the old password back")
	result, err := redispassword.Back(ctx, c.sources, c.plan)
	if err := c.take(result, err); err != nil || result.Done {
		return err
	}
	return c.goOn(ctx)
}

// goOn takes the other password away where the servers have restarted, and else says what is to be done.
func (c *redisPasswordChange) goOn(ctx context.Context) error {
	switch {
	case c.options.Restarted:
		return c.finish(ctx)
	case c.options.Wait > 0:
		if err := c.await(ctx); err != nil {
			return err
		}
		return c.finish(ctx)
	}
	c.tellRestart()
	if c.app.printer.Interactive() && !c.app.globals.yes {
		err := c.app.printer.Confirm(ctx, ui.Question{Text: "Have all of them restarted, and is the other password to be taken away?"})
		if err == nil {
			return c.finish(ctx)
		}
		if !errors.Is(err, ui.ErrDeclined) {
			return err
		}
	}
	return &ui.Error{Message: c.halfDone(), Code: ui.ExitPartial, Hints: []string{"restart the servers, then ocmt rotate redis-password --restarted", redisChangeBack}}
}

// await waits until no connection is left from before the change.
func (c *redisPasswordChange) await(ctx context.Context) error {
	c.tellRestart()
	c.app.doing("waiting for connections from before the change to end")
	for deadline := c.app.deps.Now().Add(c.options.Wait); ; {
		plan, err := redispassword.MakePlan(ctx, c.sources, c.allowed())
		if err != nil {
			return err
		}
		if err := errors.Join(plan.CheckSame(c.plan), plan.Check()); err != nil {
			return err
		}
		c.plan = plan
		if len(plan.Clients) == 0 || c.options.AllowOldConnections {
			return nil
		}
		if !c.app.deps.Now().Before(deadline) {
			return &redispassword.LeftError{Since: plan.Since, Clients: plan.Clients}
		}
		if err := pauseFor(ctx, redisWaitPeriod); err != nil {
			return err
		}
	}
}

// finish takes the other password away, and records the change.
func (c *redisPasswordChange) finish(ctx context.Context) error {
	c.app.doing("taking the other password away")
	result, err := redispassword.Finish(ctx, c.sources, c.plan, c.allowed())
	var left *redispassword.LeftError
	if errors.As(err, &left) {
		c.plan.Clients = left.Clients
	}
	if err := c.take(result, err); err != nil {
		return err
	}
	c.plan.Clients = nil
	c.printDone()
	if c.result.Back {
		c.app.printer.Line("The password is what it was before, so no rotation is recorded.")
	}
	c.record(ctx)
	c.tellAfterRestart()
	if len(c.result.Unsaved) > 0 {
		return &ui.Error{Message: "a restart of Redis brings the old password back: " + ui.Clean(strings.Join(c.result.Unsaved, ", ")), Code: ui.ExitPartial,
			Hints: []string{"put the password of REDIS_URL into what starts these servers, restart them, then ocmt rotate redis-password --after-restart"}}
	}
	return nil
}

// take keeps and prints what was done.
func (c *redisPasswordChange) take(result *redispassword.Result, err error) error {
	steps := append(c.result.Steps, result.Steps...)
	if result.Stage != "" {
		c.result = *result
	}
	c.result.Steps = steps
	c.printSteps(result)
	return err
}

// record adds an entry to the tool's own record. What was changed stands in Redis and in the store, so
// a database that does not answer keeps nobody from it.
func (c *redisPasswordChange) record(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := c.addEntry(ctx, c.event()); err != nil {
		c.app.warnUnrecorded(err.Error())
	}
	c.recorded = !c.app.isUnrecorded
	if !c.recorded && !c.result.Back {
		c.app.printer.Note("ocmt audit record secret-rotated --secret %s adds the entry later", c.kind.Setting)
	}
}

// addEntry adds the entry.
func (c *redisPasswordChange) addEntry(ctx context.Context, event chain.Event) error {
	record, done, err := c.app.openRecordAlone(c.settings)
	if err != nil {
		return err
	}
	defer done()
	if err := c.app.tellRecord(ctx, record); err != nil {
		return err
	}
	return record.Add(ctx, event)
}

// event returns what the record keeps of the end: which processes of Redis have written the password into their
// files, so that a later look tells whether they have restarted.
func (c *redisPasswordChange) event() chain.Event {
	details := map[string]any{"kind": c.kind.Name, "user": c.plan.User, "mode": string(c.plan.Mode), "servers": len(c.plan.Nodes)}
	if c.result.Back {
		return chain.Event{Action: chain.ActionSecretTakenBack, Subject: c.kind.Setting, Details: details}
	}
	details["fingerprint"], details["processes"] = c.result.Fingerprint, processDetails(c.result.Processes)
	return chain.Event{Action: chain.ActionSecretRotated, Subject: c.kind.Setting, Details: details}
}

// withCommand completes the commands in the hints of an error, so that each works as it is written.
func (c *redisPasswordChange) withCommand(err error) error {
	var explained *ui.Error
	if err == nil || !errors.As(explain(err), &explained) {
		return err
	}
	const bare = "ocmt rotate redis-password"
	command := c.command()
	completed := *explained
	completed.Hints = nil
	for _, hint := range explained.Hints {
		completed.Hints = append(completed.Hints, strings.ReplaceAll(hint, bare, command))
	}
	return &completed
}

// command returns the command with the flags that the next one needs too.
func (c *redisPasswordChange) command() string {
	return withFlags("ocmt rotate redis-password", c.options.Carried)
}

// explainInterruption says how to go on after an interruption.
func (c *redisPasswordChange) explainInterruption(err error) error {
	if !errors.Is(err, ui.ErrInterrupted) || c.plan == nil {
		return err
	}
	return &ui.Error{Message: "interrupted; the store has every password that a server may want", Code: ui.ExitInterrupted, Hints: []string{redisChangeGoesOn}}
}
