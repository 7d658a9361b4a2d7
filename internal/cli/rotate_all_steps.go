package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/runbook"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// allStep is a command that changes the secret of one kind, as ocmt rotate all runs it.
type allStep struct {
	kind string
	// waits says that exit status 4 means, before the servers have restarted, that it waits for that.
	waits bool
	// needs says what is missing, with the command that changes it alone; "" for nothing.
	needs string
	// proves says that the step asks servers after they have restarted.
	proves bool
	run    func(ctx context.Context, app *App, settings *config.Settings, restarted, dryRun bool) error
}

// allSteps are the commands that ocmt rotate all runs. The order is that of package runbook.
func (r *allRun) allSteps() []allStep {
	options := r.options
	return append(r.tokenSteps(), []allStep{
		{kind: "redis-password", waits: true, run: func(ctx context.Context, app *App, settings *config.Settings, restarted, dryRun bool) error {
			return app.runRotateRedisPassword(ctx, settings, &redisPasswordOptions{Store: options.Store, Restarted: restarted, DryRun: dryRun,
				Carried: keepFlags(options.Carried, "operator", "store", "redis-ca", "redis-certificate", "redis-certificate-key")})
		}},
		{kind: "gateway-tokens", run: func(ctx context.Context, app *App, settings *config.Settings, _, dryRun bool) error {
			list := options.List
			if dryRun { // the file is written once, with what was done
				list = ""
			}
			return app.runRotateGatewayTokens(ctx, settings, &gatewayTokensOptions{All: true, List: list, DryRun: dryRun})
		}},
		{kind: "database-password", waits: true, run: func(ctx context.Context, app *App, settings *config.Settings, restarted, dryRun bool) error {
			return r.changeDatabasePassword(ctx, app, settings, &databasePasswordOptions{Store: options.Store, TwoRoles: options.TwoRoles,
				Restarted: restarted && len(options.TwoRoles) > 0, Userlist: options.Userlist, PgBouncer: options.PgBouncer, DryRun: dryRun})
		}},
	}...)
}

// steps returns the commands as steps of a runbook.
func (r *allRun) steps() (list []runbook.Step) {
	for _, one := range r.allSteps() {
		list = append(list, runbook.Step{Kind: one.kind, Needs: one.needs, Proves: one.proves,
			Check: func(ctx context.Context) error {
				if r.options.DryRun {
					r.app.printer.Heading("What ocmt rotate " + one.kind + " would do")
				}
				err := r.runStep(one.kind, !r.options.DryRun, func(app *App) error { return one.run(ctx, app, r.settings, false, true) })
				if r.options.DryRun && err != nil {
					r.app.printer.Line("It cannot be done as things are: the list says why.")
				}
				return err
			},
			Run: func(ctx context.Context, restarted bool) (runbook.Outcome, error) {
				err := r.runStep(one.kind, false, func(app *App) error { return one.run(ctx, app, r.settings, restarted, false) })
				if err != nil && one.waits && !restarted && ui.ExitCodeOf(explain(err)) == ui.ExitPartial {
					return runbook.Awaits, nil
				}
				return runbook.Changed, err
			}})
	}
	return list
}

// runStep runs a command with its questions answered, because they were asked in one. In JSON mode its document is
// kept for the report. A silent one shows nothing.
func (r *allRun) runStep(kind string, silent bool, run func(*App) error) error {
	var document bytes.Buffer
	inner := &App{deps: r.app.deps, stop: r.app.stop, globals: r.app.globals, command: r.app.command, carried: r.app.carried}
	inner.globals.yes = true
	streams := &inner.deps.Streams
	if silent || r.app.printer.JSON() {
		streams.Out, streams.OutTTY = &document, false
	}
	if silent {
		streams.Err, streams.ErrTTY = io.Discard, false
	}
	inner.usePrinter(r.app.printer.JSON())
	if silent {
		r.app.doing("trying the change of %s", kind)
	} else {
		defer r.app.handScreen(inner)()
	}
	err := run(inner)
	if r.app.printer.JSON() && document.Len() > 0 {
		r.reports[kind] = lastDocument(document.Bytes())
	}
	return errors.Join(err, inner.printer.Err())
}

// lastDocument returns the last of several documents: a step that first finishes an interrupted change writes two.
func lastDocument(text []byte) (last json.RawMessage) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var one json.RawMessage
		if err := decoder.Decode(&one); err != nil {
			return last
		}
		last = one
	}
}

// changeDatabasePassword changes the password of the database, and follows it: the record may be behind the same one.
func (r *allRun) changeDatabasePassword(ctx context.Context, app *App, settings *config.Settings, options *databasePasswordOptions) error {
	if options.DryRun {
		return app.runRotateDatabasePassword(ctx, settings, options)
	}
	before := r.storedAddress(ctx, options.Store)
	err := app.runRotateDatabasePassword(ctx, settings, options)
	followed := *settings
	followed.DatabaseURL = config.NewURL(followAddress(secret.NewValue(settings.DatabaseURL.Reveal()), before, r.storedAddress(context.WithoutCancel(ctx), options.Store)).Reveal())
	r.settings = &followed
	r.forgetRecord()
	return err
}

// storedAddress returns the address of the database in the store; none where it cannot be read, which the command
// itself reports.
func (r *allRun) storedAddress(ctx context.Context, flag storeFlag) (address secret.Value) {
	store, err := r.app.openStore(r.settings, flag)
	if err != nil {
		return address
	}
	address, err = store.Get(ctx, databasepassword.Setting)
	if err != nil {
		return secret.Value{}
	}
	return address
}

// followAddress returns an address with the account and password that replaced its own in the store.
func followAddress(own, before, after secret.Value) secret.Value {
	old, oldErr := databasepassword.ParseAddress(before)
	changed, changedErr := databasepassword.ParseAddress(after)
	mine, mineErr := databasepassword.ParseAddress(own)
	if oldErr != nil || changedErr != nil || mineErr != nil || mine.Role() != old.Role() || mine.Password().Reveal() != old.Password().Reveal() {
		return own
	}
	followed, err := mine.With(changed.Role(), changed.Password())
	if err != nil {
		return own
	}
	return followed.Text()
}

// open returns the record, and opens it where that is needed.
func (r *allRun) open() (recordStore, error) {
	if r.record == nil {
		record, done, err := r.app.openRecordAlone(r.settings)
		if err != nil {
			return nil, err
		}
		r.record, r.done = record, done
	}
	return r.record, nil
}

// forgetRecord has the record opened anew.
func (r *allRun) forgetRecord() {
	if r.record != nil {
		r.done()
	}
	r.record = nil
}

// Entries returns entries of the record, newest first.
func (r *allRun) Entries(ctx context.Context, query chain.Query) ([]chain.Entry, bool, error) {
	record, err := r.open()
	if err != nil {
		return nil, false, err
	}
	return record.Entries(ctx, query)
}

// Add adds entries to the record.
func (r *allRun) Add(ctx context.Context, events ...chain.Event) error {
	record, err := r.open()
	if err != nil {
		return err
	}
	return record.Add(ctx, events...)
}
