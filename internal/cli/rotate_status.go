package cli

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// rotateStatusOptions are the flags of ocmt rotate status.
type rotateStatusOptions struct{ Store storeFlag }

// Validate finds nothing wrong.
func (o *rotateStatusOptions) Validate() error { return nil }

func newRotateStatusCommand(app *App, run func(context.Context, *config.Settings, *rotateStatusOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateStatus
	}
	options := &rotateStatusOptions{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say where the rotation of the encryption key is, and what is next",
		Long: `Say which key versions there are, in what state the record has each, how many
values of the database are labelled with it, and where its key stands here; then
what is next, as a command. It reads the labels of the values and opens none. It
changes nothing, needs no right to write, and says what it could not look at.
Where record, store and settings do not have one and the same key, it says that
first, and nothing else is advised (exit status 3). So it does where the
database has none of OCMT's tables.

` + describeDocument("rotate-status"),
		Example: `  ocmt rotate status
  ocmt rotate status --output json`,
		Args: noArgs,
	}
	addStatusFlags(cmd, options)
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitInterrupted)
	return cmd
}

// addStatusFlags adds the flags of ocmt rotate status, which ocmt rotate takes too.
func addStatusFlags(cmd *cobra.Command, options *rotateStatusOptions) {
	cmd.Flags().Var(&options.Store, "store", "where the secrets are kept: envfile:PATH, dir:PATH, or the path of an env file or a folder (default: the env file that is read)")
}

func (a *App) runRotateStatus(ctx context.Context, settings *config.Settings, options *rotateStatusOptions) error {
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	engine := a.newEngineOn(settings, db, engineRequest{})
	defer engine.close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	found, err := engine.lookAtStory(ctx, options.Store)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return causeOf(ctx, ctx.Err())
	}
	// As with ocmt status, the database is named where it answers; else the error names it.
	if found.failure == nil {
		printDatabase(a.printer, newStatusDatabase(db, found))
	}
	printRotateStatus(a.printer, found.status, a.deps.Now())
	if err := a.printer.Document("rotate-status", found.status); err != nil || found.failure != nil {
		return cmp.Or(err, found.failure)
	}
	return wrongKey(found.status)
}

// story is where the keys of a deployment stand, as settings, store and database have it.
type story struct {
	status  rotation.Status
	running bool   // a run is at work
	account string // that statements run as; "" where the database did not answer
	failure error  // the database did not answer at all
}

// lookAtStory looks where the keys stand. The error is about a store that the operator has named.
func (e *engine) lookAtStory(ctx context.Context, store storeFlag) (found story, err error) {
	place := placementOf(e.settings)
	view := rotation.View{Settings: &place}
	if err := e.app.viewStore(ctx, e.settings, store, &view); err != nil {
		return story{}, err
	}
	found.account, found.failure = e.viewDatabase(ctx, &view)
	found.status, found.running = rotation.Assess(view), view.Running
	if store.path == "" {
		store = findRecordedStore(view, e.app.deps.Host)
	}
	found.status.Next = carryStoreInSteps(found.status.Next, store)
	return found, nil
}

// viewStore fills in what the store has. The error is about a store that the operator has named.
func (a *App) viewStore(ctx context.Context, settings *config.Settings, flag storeFlag, view *rotation.View) error {
	store, err := a.openKeyStore(settings, flag)
	if err == nil {
		var place rotation.Placement
		if place, err = rotation.ReadPlacement(ctx, store); err == nil {
			view.Store = &place
			if place.Problem != "" {
				view.Gaps = append(view.Gaps, rotation.Gap{What: place.Place, Reason: finding.Reason{Text: place.Problem}})
			}
			return nil
		}
	}
	if flag.path != "" {
		return err
	}
	reason := err.Error()
	if envFileOf(settings) == "" {
		reason = "no env file was read; --store names where a server has its secrets, as envfile:PATH or dir:PATH"
	}
	view.Gaps = append(view.Gaps, rotation.Gap{What: "the store", Reason: finding.Reason{Text: reason}})
	return nil
}

// gapReason says why a question was not answered: which rights are missing, or where a lock was waited for, who holds it
// and what ends that.
func gapReason(err error) finding.Reason {
	if locked := explainLocked(err); locked != nil {
		return finding.Reason{Text: locked.Message + "; " + locked.Hints[0]}
	}
	if explained := cmp.Or(explainClosed(err), explainChain(err)); explained != nil && len(explained.Missing) > 0 {
		return finding.Reason{Text: explained.Message, Missing: explained.Missing}
	}
	return finding.Reason{Text: err.Error()}
}

// viewDatabase fills in what the database has, and returns the account that it is looked at with. What one question could
// not look at is a gap; the error says that the database did not answer at all.
func (e *engine) viewDatabase(ctx context.Context, view *rotation.View) (account string, failure error) {
	ask := func(what string, question func() error) {
		if failure != nil {
			return
		}
		err := e.app.nameLockHolders(ctx, question())
		var connect *postgres.ConnectError
		if errors.As(err, &connect) {
			failure = err
		}
		if err != nil {
			view.Gaps = append(view.Gaps, rotation.Gap{What: what, Reason: gapReason(err)})
		}
	}
	view.Unread = true
	ask("the database", func() (err error) {
		_, account, err = e.db.Server(ctx)
		return err
	})
	ask("the record of key versions", func() (err error) {
		view.Keys, err = e.db.record.KeyStates(ctx)
		view.Unread = err != nil
		return err
	})
	ask("what the servers were seen to write", func() error {
		active := rotation.NewestIn(view.Keys, rotation.Active)
		if active == nil {
			return nil
		}
		state, err := e.db.record.Readiness(ctx, active.Version)
		if err == nil {
			view.Readiness = &state
		}
		return err
	})
	ask("whether a run is at work", func() error {
		work, err := e.db.record.Work(ctx)
		view.Running, view.Paused, view.Holder = work.Lock != nil && !work.Lock.Stranger, pauseOf(work.Run), holderOf(work)
		return err
	})
	ask("the tool's own record", func() (err error) {
		view.Due, view.Unknown, err = e.app.findDue(ctx, e.settings, e.db.chain)
		return err
	})
	ask("the values of the database", func() (err error) {
		view.Look, err = e.lookForStatus(ctx)
		return err
	})
	return account, failure
}
