package cli

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/runbook"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// rotateAllOptions are the flags of ocmt rotate all.
type rotateAllOptions struct {
	Routine   bool
	Incident  bool
	Restarted bool
	Anew      bool
	Store     storeFlag
	TwoRoles  nameList
	Userlist  string
	PgBouncer string
	List      string
	DryRun    bool
	allTokenOptions
	// Carried are the flags that the next command needs too, as they were given.
	Carried []string
}

// Validate needs an occasion, and what the single commands need.
func (o *rotateAllOptions) Validate() error {
	switch {
	case o.Routine == o.Incident:
		return errors.New("one of --routine and --incident says which secrets are to be changed")
	case o.Anew && o.Restarted:
		return errors.New("--anew begins a run, and --restarted goes on with one")
	}
	database := databasePasswordOptions{TwoRoles: o.TwoRoles, Userlist: o.Userlist, PgBouncer: o.PgBouncer}
	return firstError(database.Validate(), o.validateTokens(o.occasion()))
}

// occasion returns what the flags say.
func (o *rotateAllOptions) occasion() runbook.Occasion {
	if o.Incident {
		return runbook.Incident
	}
	return runbook.Routine
}

func newRotateAllCommand(app *App, run func(context.Context, *config.Settings, *rotateAllOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateAll
	}
	options := &rotateAllOptions{}
	cmd := &cobra.Command{
		Use:   "all --routine|--incident",
		Short: "Change every secret that a quarter or an incident asks for",
		Long: `List the secrets that are to be changed each quarter (--routine), or after an
incident (--incident), in a safe order; try whether each can be changed; ask;
then change one after the other, as the commands for each do: ocmt rotate
redis-password, database-password, gateway-tokens, and admin-token,
agent-token, internal-admin-token and gateway-token where their stores are
named. Secrets that need a restart of the same servers share one. After it,
--restarted goes on. With --prove it then asks each --endpoint for the tokens,
as those commands do.

The list also has what cannot be changed from here: secrets that are set by
hand, secrets that others issue, the end of all sessions, and the encryption
key. Each has the command or the place. The encryption key comes last, by its
own commands.

The tool's own record has what is done. A run that was cut off goes on when
the command is run again, and leaves out what was changed since it began, by
any command. After an incident that is recorded (ocmt audit record
incident-opened), what was changed since the incident counts. --anew changes
all of it again.

The exit status is 4 while something of the list is left.

` + describeDocument("rotate-all"),
		Example: `  ocmt rotate all --routine --dry-run
  ocmt rotate all --routine --agent-store agent.env --admin-store admin.env
  ocmt rotate all --routine --restarted
  ocmt rotate all --incident --yes --list containers.csv`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.Routine, "routine", false, "the secrets that are due each quarter")
	flags.BoolVar(&options.Incident, "incident", false, "the secrets that are due after an incident")
	flags.BoolVar(&options.Restarted, "restarted", false, "all servers have restarted since the run told to: take the old secrets away that were kept until then")
	flags.BoolVar(&options.Anew, "anew", false, "begin a new run, in which nothing that was changed before counts")
	addStoreFlags(flags, &options.Store)
	flags.Var(&options.TwoRoles, "two-roles", "two roles of the database with the same rights that take turns, so that nothing is locked out")
	flags.StringVar(&options.Userlist, "userlist", "", "file in which PgBouncer has its passwords (auth_file)")
	flags.StringVar(&options.PgBouncer, "pgbouncer", "", "address of PgBouncer's console, without a password, to have it read its file again")
	flags.StringVar(&options.List, "list", "", "write the users whose containers are to be made anew into this new file, as CSV")
	flags.BoolVar(&options.DryRun, "dry-run", false, "show the list, and what each step would do")
	options.addTokenFlags(cmd)
	addRedisTLSFlags(cmd)
	body := runWithSettings(app, options, run)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options.Carried = carriedFlags(cmd.Flags())
		return body(cmd, args)
	}
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

// allRun is one run of ocmt rotate all. It is a runbook.Reporter, and the runbook.Record that follows a password which
// the run changes.
type allRun struct {
	app      *App
	options  *rotateAllOptions
	settings *config.Settings // with the address of the database as the steps have changed it
	plan     *runbook.Plan
	record   recordStore // nil where it is to be opened anew
	done     func()
	reports  map[string]json.RawMessage // the documents of the steps, in JSON mode
	ran      []runbook.Task             // the steps that were carried out, as they ended
}

func (a *App) runRotateAll(ctx context.Context, settings *config.Settings, options *rotateAllOptions) error {
	if err := a.checkTokenEndpoints(settings, options); err != nil {
		return err
	}
	work := &allRun{app: a, options: options, settings: settings, reports: map[string]json.RawMessage{}}
	defer work.forgetRecord()
	asking, answered := a.stop.Context(ctx)
	defer answered()
	sources := runbook.Sources{Record: work, Steps: work.steps(), IsSet: work.isSet, Now: a.deps.Now, NewID: work.newID,
		Stopped: func() error { return context.Cause(asking) }}
	var err error
	if work.plan, err = runbook.MakePlan(asking, sources, runbook.Request{Occasion: options.occasion(), Anew: options.Anew}); err != nil {
		return causeOf(asking, err)
	}
	err = causeOf(asking, work.run(ctx, asking, sources))
	if failed := a.printer.Document("rotate-all", work.document()); failed != nil {
		return errors.Join(err, failed)
	}
	if errors.Is(err, ui.ErrInterrupted) {
		return &ui.Error{Message: "interrupted; the record has what was done", Code: ui.ExitInterrupted, Hints: []string{work.again() + " goes on with what is left"}}
	}
	if err != nil {
		return err
	}
	return work.leftError()
}

// newID returns an identifier of 128 random bits.
func (r *allRun) newID() (string, error) {
	var id [16]byte
	if _, err := io.ReadFull(r.app.deps.Random, id[:]); err != nil {
		return "", fmt.Errorf("reading random bytes: %w", err)
	}
	return hex.EncodeToString(id[:]), nil
}

// run tries, asks, and carries out. Steps are not ended by an interruption, because each has its own way to end;
// asking is the context of all else.
func (r *allRun) run(ctx, asking context.Context, sources runbook.Sources) error {
	if err := runbook.Check(ctx, sources, r.plan); err != nil {
		return err
	}
	r.printPlan()
	r.printUnkept()
	steps := r.plan.Ready(r.options.Restarted)
	if r.options.DryRun || len(r.plan.Left()) == 0 && r.plan.Begun.IsZero() {
		return nil
	}
	if err := r.checkRecord(asking); err != nil {
		return err
	}
	if len(steps) > 0 {
		if err := r.app.printer.Confirm(asking, r.question(steps)); err != nil {
			return err
		}
	}
	err := runbook.Run(ctx, sources, r.plan, r.options.Restarted, r)
	if len(steps) > 0 {
		r.printReport()
	}
	return err
}

// checkRecord refuses to begin where nothing could be taken up again.
func (r *allRun) checkRecord(ctx context.Context) error {
	record, err := r.open()
	if err != nil {
		return err
	}
	prospect, err := record.Prospect(ctx)
	switch {
	case err != nil:
		return err
	case prospect.Reason != "":
		return &ui.Error{Message: "the changes cannot be recorded, and without a record no run can be taken up: " + prospect.Reason, Code: ui.ExitFailed,
			Missing: prospect.Missing, Hints: []string{prospect.Fix}}
	case prospect.Made:
		r.app.tellMade(prospect, false)
	}
	return nil
}

// question asks once for all steps. Their own questions are not asked.
func (r *allRun) question(steps []runbook.Task) ui.Question {
	text := "Change " + ui.Count(int64(len(steps)), "secret", "secrets") + " now, in this order? What each ends is told above."
	if r.options.Incident {
		return ui.Question{Text: text, Word: string(runbook.Incident)}
	}
	return ui.Question{Text: text}
}

// isSet reports whether the settings of this process have a setting of a kind.
func (r *allRun) isSet(kind secret.Kind) bool {
	deployment := r.settings.Deployment()
	return slices.ContainsFunc(kind.Names(), func(name string) bool { return deployment.Text(name) != "" || deployment.Unread[name] != nil })
}
