package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// rotateOptions are the flags of ocmt rotate: those of ocmt migrate run, and of the proof.
type rotateOptions struct {
	runOptions
	proofOptions
}

// Validate needs a version to leave.
func (o *rotateOptions) Validate() error {
	if err := firstError(o.runOptions.Validate(), o.proofOptions.Validate()); err != nil {
		return err
	}
	if !o.From.set {
		return errors.New("--from-version is needed: the key version to leave")
	}
	return nil
}

func newRotateCommand(app *App, run func(context.Context, *config.Settings, *rotateOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotate
	}
	options, shown := &rotateOptions{}, &rotateStatusOptions{}
	cmd := &cobra.Command{
		Use:   "rotate [--from-version N]",
		Short: "Bring the database under the new key, and prove it",
		Long: `Alone, or with --store alone, say where the rotation of the encryption key is
and what is next, as ocmt rotate status does.

With --from-version, show the plan, ask, move every value from version N to the
version of ENCRYPTION_KEY (or --to-version), then open every value with the new
key alone and say which key may be retired. The servers keep running: each must
have both keys and the new ENCRYPTION_KEY_VERSION before this begins, since a
server on the old version cannot read the new values.

At the end it looks through every other column for values that nothing lists.
Of tables above 256 MiB, or 1 GiB in all, it takes a sample, and then it names
no key: --search full looks at everything.

` + describeDocument("rotate"),
		Example: `  ocmt rotate
  ocmt rotate --from-version 0
  ocmt rotate --from-version 0 --dry-run
  ocmt rotate --from-version 1 --to-version 2 --yes --output json`,
		Args: noArgs,
	}
	options.runOptions.addFlags(cmd)
	options.proofOptions.addFlags(cmd)
	addStatusFlags(cmd, shown)
	cmd.Flag("from-version").Usage = "the key version to leave (needed to move anything)"
	move, status := runWithSettings(app, options, run), runWithSettings(app, shown, app.runRotateStatus)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case isBare(cmd):
			return status(cmd, args)
		case shown.Store.path != "":
			return &ui.Error{Message: "--store is for the status: --from-version works with the keys of the settings", Code: ui.ExitUsage,
				Hints: []string{"leave --store out, and name the env file of the server with --env-file"}}
		}
		return move(cmd, args)
	}
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	cmd.AddCommand(newRotateRollbackCommand(app, nil))
	cmd.AddCommand(newRotateGatewayTokensCommand(app, nil))
	cmd.AddCommand(newRotateMarkDoneCommand(app, nil))
	cmd.AddCommand(newRotateMarkCompromisedCommand(app, nil))
	cmd.AddCommand(newRotateAllCommand(app, nil))
	cmd.AddCommand(newRotateBeginCommand(app, nil))
	cmd.AddCommand(newRotateStatusCommand(app, nil))
	cmd.AddCommand(newRotatePutBackCommand(app, nil))
	cmd.AddCommand(newRotateRedisPasswordCommand(app, nil))
	cmd.AddCommand(newRotateDatabasePasswordCommand(app, nil))
	cmd.AddCommand(newRotateReadinessCommand(app, nil))
	cmd.AddCommand(newRotateFinishCommand(app, nil))
	cmd.AddCommand(newRotateAdminTokenCommand(app, nil))
	cmd.AddCommand(newRotateAgentTokenCommand(app, nil))
	cmd.AddCommand(newRotateInternalAdminTokenCommand(app, nil))
	cmd.AddCommand(newRotateGatewayTokenCommand(app, nil))
	return cmd
}

// isBare reports whether a command was given none of its own flags, but for the store to look at.
func isBare(cmd *cobra.Command) bool {
	bare := true
	cmd.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) { bare = bare && (!flag.Changed || flag.Name == "store") })
	return bare
}

func (a *App) runRotate(ctx context.Context, settings *config.Settings, options *rotateOptions) error {
	asked := options.request()
	asked.Search = options.depth()
	engine, err := a.newEngine(settings, asked)
	if err != nil {
		return a.tellUnknownVersion(ctx, settings, asked.From, err)
	}
	defer engine.close()
	return engine.underLock(ctx, func(ctx context.Context) error { return engine.rotate(ctx, options.DryRun) })
}

// rotate runs, verifies the whole database, and says what to do next. Where the run is
// cut off, the document says what was done until then.
func (e *engine) rotate(ctx context.Context, dry bool) error {
	plan, result, err := e.run(ctx, dry)
	if result == nil {
		return err
	}
	var proof *rotation.Proof
	var verdict rotation.Verdict
	moved := rotation.JudgeRun(plan, result, err)
	if err != nil || dry {
		verdict = e.printRun(plan, result, err)
	} else {
		prover := rotation.Prover{Verify: e.verify, Search: e.search, Record: e.db.record}
		if proof, err = prover.Prove(ctx, plan, result); errors.Is(causeOf(ctx, err), ui.ErrInterrupted) {
			err = ui.InterruptedAs("interrupted while every value was opened; what was moved is safe, and nothing is proven",
				"run the same command again: what is done is skipped")
		}
		verdict = printRotation(e.app.printer, plan, result, proof, err)
	}
	if failed := e.app.printer.Document("rotate", e.newRotateDocument(result, proof, verdict, moved)); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	if err := rotation.CheckFinished(e.request, result); err != nil || proof == nil {
		return endOf(e.request, verdict, err)
	}
	return endOf(e.request, verdict, partial(rotation.CheckProven(e.request, proof.Verification, proof.Search)))
}
