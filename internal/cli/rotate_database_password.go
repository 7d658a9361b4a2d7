package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgpassword"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/userlist"
	"github.com/ocmt/ocmt/pkg/secret"
)

// databasePasswordOptions are the flags of ocmt rotate database-password.
type databasePasswordOptions struct {
	Store     storeFlag
	TwoRoles  nameList
	Restarted bool
	Wait      time.Duration
	Userlist  string
	PgBouncer string
	DryRun    bool
	// Carried are the flags that the next command needs too, as they were given.
	Carried []string
}

// Validate finds what contradicts itself.
func (o *databasePasswordOptions) Validate() error {
	switch {
	case len(o.TwoRoles) != 0 && (len(o.TwoRoles) != 2 || o.TwoRoles[0] == o.TwoRoles[1]):
		return errors.New("--two-roles takes two names, such as ocmt_a,ocmt_b")
	case o.Restarted && len(o.TwoRoles) == 0:
		return errors.New("--restarted says that the old one of --two-roles may be locked; with one role nothing waits for it")
	case o.Wait < 0:
		return errors.New("--wait must be a time such as 10m")
	case o.PgBouncer != "" && o.Userlist == "":
		return errors.New("--pgbouncer tells PgBouncer to read its file again: --userlist names the file")
	}
	return o.validateConsole()
}

// validateConsole refuses a password where every account of the machine can read it.
func (o *databasePasswordOptions) validateConsole() error {
	if o.PgBouncer == "" {
		return nil
	}
	parsed, err := url.Parse(o.PgBouncer)
	if err != nil || parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" {
		return errors.New("--pgbouncer must be an address such as postgresql://pgbouncer@/pgbouncer?host=/run/pgbouncer&port=6432")
	}
	if _, has := parsed.User.Password(); has || parsed.Query().Has("password") {
		return errors.New("--pgbouncer must have no password, because other accounts see it in the list of processes: put it into the file of PGPASSFILE")
	}
	return nil
}

func newRotateDatabasePasswordCommand(app *App, run func(context.Context, *config.Settings, *databasePasswordOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateDatabasePassword
	}
	options := &databasePasswordOptions{}
	cmd := &cobra.Command{
		Use:   "database-password",
		Short: "Give the account of DATABASE_URL a new password, and prove it",
		Long: `Give the role of DATABASE_URL in the store a new password: keep it in the store,
change the role, see the new one log in, put it into DATABASE_URL, see the old
one refused. Where a step before the store fails, the old password is put back.
A command that was cut off goes on when it is run again.

PostgreSQL keeps one password for a role. From the change until each server has
restarted, its new connections are refused; open ones stay. The command asks
before this moment.

With --two-roles there is no such moment. The role that is not in use gets the
new password, the store is switched to it, you restart the servers, and then
--restarted locks the old role, once no connection of it is left.

Only a verifier of the password goes to PostgreSQL, so no log has the password.

` + describeDocument("rotate-database-password"),
		Example: `  ocmt rotate database-password --dry-run
  ocmt rotate database-password --yes --wait 10m
  ocmt rotate database-password --userlist /etc/pgbouncer/userlist.txt
  ocmt rotate database-password --two-roles ocmt_a,ocmt_b
  ocmt rotate database-password --two-roles ocmt_a,ocmt_b --restarted`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	addStoreFlags(flags, &options.Store)
	flags.Var(&options.TwoRoles, "two-roles", "two roles with the same rights that take turns, so that nothing is locked out")
	flags.BoolVar(&options.Restarted, "restarted", false, "all servers have restarted: lock the old one of the two roles")
	flags.DurationVar(&options.Wait, "wait", 0, "wait so long until no connection is left from before the change")
	flags.StringVar(&options.Userlist, "userlist", "", "file in which PgBouncer has its passwords (auth_file)")
	flags.StringVar(&options.PgBouncer, "pgbouncer", "", "address of PgBouncer's console, without a password, to have it read its file again")
	flags.BoolVar(&options.DryRun, "dry-run", false, "only say what would be done")
	body := runWithSettings(app, options, run)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.Carried = carriedFlags(cmd.Flags())
		return body(cmd, args)
	}
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

// reloadWait is how long PgBouncer may take to read its file again where its console is not named.
const reloadWait = 2 * time.Minute

func (a *App) runRotateDatabasePassword(ctx context.Context, settings *config.Settings, options *databasePasswordOptions) error {
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	store, err := a.openStore(settings, options.Store)
	if err != nil {
		return err
	}
	kind, _ := secret.Lookup("database-password")
	work := &databasePasswordChange{app: a, settings: settings, options: options, kind: kind, store: store}
	work.parts = databasepassword.Parts{Store: store, Server: pgpassword.New(work.connecting(), pgpassword.AnswerTimeout), Own: ownAccount(ctx, settings, store),
		Reporter: work, Make: kind.Generate, Random: a.deps.Random, Clock: a.deps.Now, Sleep: pauseFor, Record: work.record}
	if options.Userlist != "" {
		work.parts.Pool = pgpassword.NewPool(userlist.New(a.path(options.Userlist)), secret.NewValue(options.PgBouncer), work.connecting())
	}
	a.doing("looking at the role and its connections")
	err = work.run(ctx)
	if work.plan != nil {
		work.plan.Close(context.WithoutCancel(ctx))
		err = errors.Join(err, a.printer.Document("rotate-database-password", work.document()))
	}
	if !options.DryRun {
		a.tellStore(store)
	}
	return err
}

// ownAccount returns the address of ocmt's own account, where it is another one than that of the store. The address of
// the store itself is none: a change that was cut off may have left it with a password that nobody takes any more.
func ownAccount(ctx context.Context, settings *config.Settings, store secretstore.Store) secret.Value {
	own := settings.DatabaseURL.Reveal()
	if held, err := store.Get(ctx, databasepassword.Setting); err == nil && held.Reveal() == own {
		return secret.Value{}
	}
	return secret.NewValue(own)
}

// databasePasswordChange is one run of ocmt rotate database-password. It is a databasepassword.Reporter.
type databasePasswordChange struct {
	app      *App
	settings *config.Settings
	options  *databasePasswordOptions
	kind     secret.Kind
	store    secretstore.Store
	parts    databasepassword.Parts
	plan     *databasepassword.Plan // nil until it is made
	result   databasepassword.Result
}

// connecting returns how this command connects.
func (c *databasePasswordChange) connecting() postgres.Options {
	return c.app.databaseOptions(c.settings)
}

func (c *databasePasswordChange) run(ctx context.Context) (err error) {
	request := databasepassword.Request{Roles: c.options.TwoRoles, PoolWait: reloadWait}
	if c.plan, err = databasepassword.MakePlan(ctx, c.parts, request); err != nil {
		return causeOf(ctx, err)
	}
	c.result.Left = []databasepassword.Peer{}
	if c.options.Restarted && c.plan.Stage != databasepassword.Stored {
		return databasepassword.ErrIdle
	}
	if err := c.tryStore(ctx); err != nil {
		return causeOf(ctx, err)
	}
	c.printPlan()
	if err := c.tellRecord(ctx); err != nil {
		return causeOf(ctx, err)
	}
	if c.options.DryRun {
		return nil
	}
	if err := c.app.printer.Confirm(ctx, ui.Question{Text: c.question()}); err != nil {
		return err
	}
	result, err := databasepassword.Change(ctx, c.parts, c.plan)
	c.result = *result
	if err != nil {
		return err
	}
	c.printRestart()
	if err := c.confirmRestart(ctx); err != nil {
		return err
	}
	result, err = databasepassword.Finish(ctx, c.parts, c.plan, result, c.options.Wait)
	c.result = *result
	c.result.Recorded = c.result.Recorded && !c.app.isUnrecorded
	if errors.Is(causeOf(ctx, err), ui.ErrInterrupted) {
		return &ui.Error{Message: "interrupted; the new password is in use, and stands in the store", Code: ui.ExitInterrupted, Hints: []string{databasePasswordGoOn}}
	}
	if err != nil {
		return err
	}
	c.printDone()
	if c.options.Wait > 0 && len(c.result.Left) > 0 {
		return errServersLeft
	}
	return nil
}

// tryStore finds out whether the store takes a change, before one is begun.
func (c *databasePasswordChange) tryStore(ctx context.Context) error {
	if c.plan.Stage != databasepassword.Fresh {
		return nil
	}
	held, err := c.store.Get(ctx, databasepassword.PendingName)
	if err != nil {
		return err
	}
	const trial = "trial" // stands for the new address
	return secretstore.TryFirst(ctx, c.store, secretstore.Change{Name: databasepassword.PendingName, Old: held, New: secret.NewValue(trial)})
}

// errServersLeft says that servers have not restarted in time.
var errServersLeft = errors.New("connections of before the change are still open, so not every server has restarted")

// question says what moment the work brings.
func (c *databasePasswordChange) question() string {
	switch {
	case c.plan.Stage == databasepassword.Stored:
		return "Finish the change that an earlier run has begun?"
	case c.plan.OldRole != "":
		return fmt.Sprintf("Give the role %s a new password, and switch the store to it?", ui.Clean(c.plan.Role))
	}
	return fmt.Sprintf("Change the password of the role %s now? Until a server has restarted, its new connections are refused.", ui.Clean(c.plan.Role))
}

// confirmRestart makes sure that somebody says that the servers have restarted, before the old one of two roles is
// locked: a server that has no connection at the moment would be locked out with it. --yes does not say so. While it is asked, other runs may go on with the change.
func (c *databasePasswordChange) confirmRestart(ctx context.Context) error {
	if c.plan.OldRole == "" || c.options.Restarted {
		return nil
	}
	c.plan.Release(ctx)
	if c.app.printer.Interactive() && !c.app.globals.yes {
		err := c.app.printer.Confirm(ctx, ui.Question{Text: fmt.Sprintf("Have all of them restarted, and is the role %s to be locked?", ui.Clean(c.plan.OldRole))})
		if err == nil || !errors.Is(err, ui.ErrDeclined) {
			return err
		}
	}
	return &ui.Error{Message: "both roles may log in until the servers have restarted", Code: ui.ExitPartial,
		Hints: []string{"restart the servers, then " + withFlags("ocmt rotate database-password", c.options.Carried) + " --restarted"}}
}

// tellRecord says what will become of the entry. A file that cannot be written is an error: without its entry, the
// change would stay half done.
func (c *databasePasswordChange) tellRecord(ctx context.Context) error {
	address := c.plan.Working()
	if own := c.parts.Own; own.IsSet() && c.plan.Stage != databasepassword.Changed {
		address = own
	} else if own.IsSet() {
		address = c.plan.Follow(own)
	}
	if !address.IsSet() && c.settings.Record == "" { // nothing logs in before PgBouncer has read its file
		return nil
	}
	record, done, err := c.openRecord(address)
	if err != nil {
		return err
	}
	defer done()
	tell := c.app.tellRecord
	if c.options.DryRun {
		tell = c.app.proposeRecord
	}
	if err := tell(ctx, record); err != nil {
		if c.settings.Record != "" {
			return err
		}
		c.app.warnUnrecorded(err.Error())
	}
	return nil
}

// openRecord returns the tool's own record, in the file of --record or in the database at an address.
func (c *databasePasswordChange) openRecord(address secret.Value) (record recordStore, done func(), err error) {
	if c.settings.Record != "" {
		return c.app.openRecordFile(c.settings), func() {}, nil
	}
	db, err := postgres.New(address.Reveal(), c.connecting())
	if err != nil {
		return nil, nil, err
	}
	return c.app.openRecord(c.settings, db), db.Close, nil
}

// record adds an entry, with the new password where the tool's own account is the one that was changed.
func (c *databasePasswordChange) record(ctx context.Context, result *databasepassword.Result) error {
	address := c.plan.New()
	if c.parts.Own.IsSet() {
		address = c.plan.Follow(c.parts.Own)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	record, done, err := c.openRecord(address)
	if err != nil {
		return err
	}
	defer done()
	return record.Add(ctx, chain.Event{Action: chain.ActionSecretRotated, Subject: databasepassword.Setting, Details: map[string]any{"kind": "database-password",
		"role": c.plan.Role, "old_role": c.plan.OldRole, "new_accepted": result.NewAccepted, "old_known": result.OldKnown, "old_refused": result.OldRefused, "old_role_locked": result.OldRoleLocked}})
}
