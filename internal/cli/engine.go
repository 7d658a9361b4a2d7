package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// engineOptions are the flags of the commands that work the engine.
type engineOptions struct {
	From, To        version
	Tables, Columns []string
	DryRun          bool
	OnError         string
	AllowUnopenable bool
	AllowDowngrade  bool
	ExpectKey       string
	Backwards       bool // not a flag: what rotate rollback does
	AllowEmpty      bool
	Plan            string // file with the plan to hold the run to
}

// The values of --on-error.
const (
	onErrorReport = "report"
	onErrorStop   = "stop"
)

// version is a flag that holds a key version, or none.
type version struct {
	set    bool
	number int
}

func (v *version) pointer() *int {
	if !v.set {
		return nil
	}
	number := v.number
	return &number
}

// Set reads a plain whole number.
func (v *version) Set(text string) error {
	number, err := config.ParseVersion(text)
	if err != nil {
		return err
	}
	*v = version{set: true, number: number}
	return nil
}

// String returns the number, or nothing.
func (v *version) String() string {
	if !v.set {
		return ""
	}
	return fmt.Sprint(v.number)
}

// Type names the kind of value in help texts.
func (v *version) Type() string { return "N" }

// fingerprintForm is that of crypto.Key.Fingerprint.
var fingerprintForm = regexp.MustCompile(`^[0-9a-fA-F]{16}$`)

// Validate refuses options that contradict each other.
func (o *engineOptions) Validate(cmd *cobra.Command) error {
	if o.OnError != onErrorReport && o.OnError != onErrorStop {
		return usageError(cmd, "--on-error must be report or stop")
	}
	if slices.Contains(o.Tables, "") || cmd.Flags().Changed("table") && len(o.Tables) == 0 {
		return usageError(cmd, "--table is empty")
	}
	if slices.Contains(o.Columns, "") || cmd.Flags().Changed("column") && len(o.Columns) == 0 {
		return usageError(cmd, "--column is empty")
	}
	if o.ExpectKey != "" && !fingerprintForm.MatchString(o.ExpectKey) {
		return usageError(cmd, "--expect-key must be a fingerprint: 16 hexadecimal characters, as ocmt validate shows them")
	}
	if cmd.Flags().Changed("plan") && o.Plan == "" {
		return usageError(cmd, "--plan is empty")
	}
	if o.From.set && o.To.set && o.From.number == o.To.number {
		return usageError(cmd, "--from-version and --to-version are the same")
	}
	return nil
}

func addSelectionFlags(cmd *cobra.Command, o *engineOptions) {
	cmd.Flags().Var(&o.To, "to-version", "the key version to reach (default: ENCRYPTION_KEY_VERSION)")
	cmd.Flags().StringSliceVar(&o.Tables, "table", nil, "only this table; may be given again")
	cmd.Flags().StringSliceVar(&o.Columns, "column", nil, "only this column, as column or table.column; may be given again")
	settingFlag(cmd, "workers", config.NameWorkers, "connections that work at once (default: by this machine's cores and the server's room)")
	settingFlag(cmd, "pace", config.NamePace, "auto gives way while others are at work in the database; full, gentle (default auto)")
	// It fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("pace", cobra.FixedCompletions([]string{string(migrate.PaceAuto), string(migrate.PaceFull),
		string(migrate.PaceGentle)}, cobra.ShellCompDirectiveNoFileComp))
}

func addPlanFlags(cmd *cobra.Command, o *engineOptions) {
	cmd.Flags().Var(&o.From, "from-version", "the key version to leave (default: every one below the version to reach)")
	addSelectionFlags(cmd, o)
	cmd.Flags().BoolVar(&o.AllowDowngrade, "allow-downgrade", false, "reach a version older than that of the servers or of the values")
	addKeyFlags(cmd, o)
}

// addKeyFlags adds what says how far keys and data are trusted.
func addKeyFlags(cmd *cobra.Command, o *engineOptions) {
	cmd.Flags().BoolVar(&o.AllowUnopenable, "allow-unopenable", false, "go on where the sample of a version does not open; such values are set aside")
	addEmptyFlag(cmd, o)
	cmd.Flags().StringVar(&o.ExpectKey, "expect-key", "", "go on only if the key to reach has this fingerprint")
	o.OnError = onErrorReport
}

func addEmptyFlag(cmd *cobra.Command, o *engineOptions) {
	cmd.Flags().BoolVar(&o.AllowEmpty, "allow-empty", false, "go on where a table that held values before has none, or the whole database")
}

func addRunFlags(cmd *cobra.Command, o *engineOptions) {
	addPlanFlags(cmd, o)
	cmd.Flags().StringVar(&o.Plan, "plan", "", "refuse if anything differs from the plan in this file")
	addThrottleFlags(cmd, o)
}

// addMoveFlags adds those of a run that has its own way to choose versions.
func addMoveFlags(cmd *cobra.Command, o *engineOptions) {
	addKeyFlags(cmd, o)
	addThrottleFlags(cmd, o)
}

// addThrottleFlags adds what holds a run back.
func addThrottleFlags(cmd *cobra.Command, o *engineOptions) {
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "open and seal every value, and write none")
	cmd.Flags().StringVar(&o.OnError, "on-error", onErrorReport, "for values that cannot be moved: report, or stop at the first")
	settingFlag(cmd, "chunk-target", config.NameChunkTarget, "how long one chunk of a worker should take (default 250ms)")
	settingFlag(cmd, "max-rows-per-second", config.NameMaxRowsPerSecond, "write no more than this, 0 for no limit (default 0)")
	settingFlag(cmd, "max-replica-lag", config.NameMaxReplicaLag, "wait while a standby is further behind, 0s for no limit (default 0s)")
	settingFlag(cmd, "max-wal-backlog", config.NameMaxWALBacklog, "wait while a slot or the archiver holds back more, such as 4GB (default 0)")
	settingFlag(cmd, "lock-timeout", config.NameLockTimeout, "longest wait for a row that a server holds (default 5s)")
	settingFlag(cmd, "statement-timeout", config.NameStatementTimeout, "longest run of one statement that writes (default 60s)")
}

// engine is what the commands of the engine work with.
type engine struct {
	app      *App
	settings *config.Settings
	store    *postgres.Store
	ring     *crypto.Keyring
	request  migrate.Request
	planned  *migrate.Outline // what the run is held to; nil for nothing
	pacing   *migrate.Pacing
}

// engine reads the settings, puts the keys together and makes the request. It
// dials nothing.
func (a *App) engine(cmd *cobra.Command, options *engineOptions) (*engine, error) {
	if err := options.Validate(cmd); err != nil {
		return nil, err
	}
	settings, err := a.settings(cmd)
	if err != nil {
		return nil, err
	}
	var planned *migrate.Outline
	if options.Plan != "" {
		if planned, err = a.readPlan(options.Plan); err != nil {
			return nil, err
		}
	}
	store, err := a.store(settings)
	if err != nil {
		return nil, err
	}
	ring, err := settings.Keyring(nil)
	if err != nil {
		return nil, err
	}
	configured := ring.Current()
	if options.To.set && options.To.number > configured {
		return nil, &ui.Error{Code: ui.ExitRefused,
			Message: fmt.Sprintf("version %d is newer than ENCRYPTION_KEY_VERSION, which is %d", options.To.number, configured),
			Hints:   []string{"servers on an older version cannot read it: switch them all first, then set ENCRYPTION_KEY_VERSION here as they have it"}}
	}
	if options.To.set {
		if ring, err = settings.Keyring(options.To.pointer()); err != nil {
			return nil, err
		}
	}
	if err := checkDirection(options, ring.Current(), configured); err != nil {
		return nil, err
	}
	if err := checkFingerprint(options.ExpectKey, ring); err != nil {
		return nil, err
	}
	return &engine{app: a, settings: settings, store: store, ring: ring, planned: planned, pacing: a.pacing(settings), request: migrate.Request{
		From: options.From.pointer(), To: ring.Current(), Tables: options.Tables, Columns: options.Columns,
		Catalogue: catalogue(settings), Known: known(settings), Workers: cmp.Or(settings.Engine.Workers, migrate.UsualWorkers(a.deps.Cores)),
		ChunkTarget: settings.Engine.ChunkTarget, MaxRowsPerSecond: settings.Engine.MaxRowsPerSecond,
		HolderPatience: settings.Engine.StatementTimeout, MaxReplicaLag: settings.Engine.MaxReplicaLag, MaxWALBacklog: settings.Engine.MaxWALBacklog,
		Backwards: options.Backwards, AllowDowngrade: options.AllowDowngrade, KeyConfirmed: options.ExpectKey != "",
		StopOnSetAside: options.OnError == onErrorStop, AllowUnopenable: options.AllowUnopenable, AllowEmpty: options.AllowEmpty,
	}}, nil
}

// checkDirection refuses to go backwards unless that is what was asked for.
func checkDirection(options *engineOptions, to, configured int) error {
	if options.From.set && options.From.number == to {
		return &ui.Error{Code: ui.ExitUsage,
			Message: fmt.Sprintf("--from-version %d is the version that values are to be brought to", to),
			Hints:   []string{"set ENCRYPTION_KEY and ENCRYPTION_KEY_VERSION to the new key, as the servers have them, and ENCRYPTION_KEY_V0 and so on to the older ones"}}
	}
	if options.AllowDowngrade {
		return nil
	}
	if to < configured {
		return &ui.Error{Code: ui.ExitRefused,
			Message: fmt.Sprintf("version %d is older than ENCRYPTION_KEY_VERSION, which is %d", to, configured),
			Hints:   []string{"add --allow-downgrade to go backwards"}}
	}
	if options.From.set && options.From.number > to {
		return &ui.Error{Code: ui.ExitRefused,
			Message: fmt.Sprintf("from version %d to version %d goes backwards", options.From.number, to),
			Hints:   []string{"add --allow-downgrade if that is meant; else check ENCRYPTION_KEY_VERSION"}}
	}
	return nil
}

// checkFingerprint refuses a key to reach that is not the one that was meant.
func checkFingerprint(expected string, ring *crypto.Keyring) error {
	key, _ := ring.Key(ring.Current())
	if expected == "" || strings.EqualFold(expected, key.Fingerprint()) {
		return nil
	}
	return &ui.Error{Code: ui.ExitRefused,
		Message: fmt.Sprintf("the key of version %d has the fingerprint %s, and --expect-key says another one", ring.Current(), key.Fingerprint()),
		Hints:   []string{"ocmt validate shows the fingerprints here; run it on a server too, and compare"}}
}

func (a *App) store(settings *config.Settings) (*postgres.Store, error) {
	address, err := settings.RequireDatabase()
	if err != nil {
		return nil, err
	}
	return postgres.NewStore(address.Reveal(), postgres.Options{
		ApplicationName: settings.Engine.ApplicationName, LockTimeout: settings.Engine.LockTimeout,
		StatementTimeout: settings.Engine.StatementTimeout, Operator: settings.Operator,
	})
}

// catalogue is what every OCMT has, and what this deployment adds.
func catalogue(settings *config.Settings) []ocmt.Table {
	tables := ocmt.Catalogue()
	for _, extra := range settings.Columns {
		tables = ocmt.Add(tables, ocmt.Table{Schema: extra.Schema, Name: extra.Table, Key: extra.Key,
			Columns: []ocmt.Column{{Name: extra.Column, PlaintextAllowed: extra.PlaintextAllowed, Required: true}}})
	}
	return tables
}

// known is what every OCMT has that looks encrypted under its key and is not,
// and what this deployment says of its own.
func known(settings *config.Settings) []ocmt.Known {
	list := ocmt.KnownColumns()
	for _, extra := range settings.Known {
		list = append(list, ocmt.Known{Schema: extra.Schema, Table: extra.Table, Column: extra.Column, Reason: extra.Reason})
	}
	return list
}

// pacing holds work on the database to the pace of the settings.
func (a *App) pacing(settings *config.Settings) *migrate.Pacing {
	pacing := migrate.NewPacing(migrate.Pace(settings.Engine.Pace), migrate.Clock(a.deps.Now), a.deps.Nap)
	pacing.Unhurried(settings.Engine.MaxRowsPerSecond > 0)
	return pacing
}

// runner is the engine's own, with this process's clock and randomness.
func (e *engine) runner(reporter migrate.Reporter) migrate.Runner {
	return migrate.Runner{Store: e.pacing.Over(e.store), Pacing: e.pacing, Ring: e.ring, Random: rand.Reader, Reporter: reporter,
		Ledger: e.store.Ledger(), Control: e.store.Control(e.request.To), Clock: migrate.Clock(e.app.deps.Now), Stop: e.app.stop.Graceful}
}

// plan makes the plan, with progress, and holds it to the earlier one that was
// given.
func (e *engine) plan(ctx context.Context) (*migrate.Plan, error) {
	ctx, cancel := e.app.stop.Context(ctx)
	defer cancel()
	progress := e.progress("reading", "rows")
	defer progress.end()
	defer e.pacing.Watch(ctx, e.store)()
	if err := e.chooseWorkers(ctx); err != nil {
		return nil, causeOf(ctx, err)
	}
	plan, err := migrate.MakePlan(ctx, e.pacing.Over(e.store), e.ring, e.request, progress)
	if plan != nil && plan.Discovery != nil {
		hideKeys(plan.Discovery)
	}
	if plan != nil && e.planned != nil {
		plan.HoldTo(*e.planned)
	}
	return plan, causeOf(ctx, err)
}

// chooseWorkers takes fewer than this machine is good for where the server has
// little room for connections.
func (e *engine) chooseWorkers(ctx context.Context) error {
	if e.settings.Engine.Workers > 0 {
		return nil
	}
	free, err := e.store.Room(ctx)
	if err != nil {
		return err
	}
	e.request.Workers = migrate.WorkersFor(e.app.deps.Cores, free)
	return nil
}

// verify opens every value of the catalogue under the target key alone.
func (e *engine) verify(ctx context.Context, request migrate.Request) (*migrate.Verification, error) {
	ctx, cancel := e.app.stop.Context(ctx)
	defer cancel()
	progress := e.progress("opening every value", "rows")
	defer progress.end()
	defer e.pacing.Watch(ctx, e.store)()
	result, err := migrate.Verify(ctx, e.pacing.Over(e.store), e.ring, request, progress)
	return result, causeOf(ctx, err)
}

// causeOf returns why a context ended, where that is why work failed.
func causeOf(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ui.ErrInterrupted) {
		return ui.ErrInterrupted
	}
	return err
}

// engineProgress shows an engine's progress.
type engineProgress struct {
	display *ui.Progress
	pacing  *migrate.Pacing
}

func (a *App) newEngineProgress(label, unit string) engineProgress {
	return engineProgress{display: a.printer.Progress(label, unit)}
}

// progress also shows when the work gives way to others.
func (e *engine) progress(label, unit string) engineProgress {
	return engineProgress{e.app.printer.Progress(label, unit), e.pacing}
}

// Phase implements migrate.Reporter.
func (p engineProgress) Phase(name string) { p.display.Phase(name) }

// Progress implements migrate.Reporter.
func (p engineProgress) Progress(done, total int64) {
	note := ""
	if p.pacing.Gentle() {
		note = "gently"
	}
	p.display.Update(done, total, note)
}

// Waiting implements migrate.Reporter.
func (p engineProgress) Waiting(reason string) { p.display.Waiting(reason) }

// end takes the display away.
func (p engineProgress) end() { p.display.End() }

// explainEngine turns the engine's errors into what an operator reads, and
// returns nil for any other.
func explainEngine(err error) *ui.Error {
	var refused *migrate.RefusedError
	var unknown *migrate.UnknownNameError
	var connect *postgres.ConnectError
	var failure *postgres.FailureError
	switch {
	case errors.As(err, &refused):
		told := &ui.Error{Message: "refusing to start; nothing was written", Code: ui.ExitRefused}
		for _, obstacle := range refused.Obstacles {
			told.Hints = append(told.Hints, fmt.Sprintf("%s: %s: %s", obstacle.Where, obstacle.Message, obstacle.Fix))
		}
		return told
	case errors.Is(err, migrate.ErrLocked):
		return &ui.Error{Message: migrate.ErrLocked.Error() + "; nothing was written", Code: ui.ExitRefused,
			Hints: []string{"wait for it to end; ocmt migrate status shows it"}}
	case errors.Is(err, migrate.ErrStopped):
		return &ui.Error{Message: "stopped after what was in hand; what was moved is safe", Code: ui.ExitInterrupted,
			Hints: []string{"run the same command again to go on: what is done is skipped"}}
	case errors.Is(err, migrate.ErrLockLost):
		return &ui.Error{Message: migrate.ErrLockLost.Error() + ", so the run ended itself; what was moved is safe", Code: ui.ExitFailed,
			Hints: []string{"look why the server or a pool closed the connection, then run the same command again: what is done is skipped"}}
	case errors.Is(err, migrate.ErrChangedOnWrite):
		return &ui.Error{Message: err.Error() + "; that was taken back, and nothing was lost", Code: ui.ExitFailed,
			Hints: []string{"look at the triggers of this table; disable for the time of the run the one that writes the encrypted columns"}}
	case errors.Is(err, migrate.ErrAborted):
		return &ui.Error{Message: "aborted from outside, with ocmt migrate abort; what was moved is safe", Code: ui.ExitInterrupted,
			Hints: []string{"run the same command again to go on: what is done is skipped"}}
	case errors.Is(err, postgres.ErrNoRun):
		return &ui.Error{Message: err.Error() + ": there is nothing to steer", Code: ui.ExitFailed,
			Hints: []string{"ocmt migrate status shows what was recorded; a dry run cannot be steered"}}
	case errors.Is(err, migrate.ErrSetAside):
		return &ui.Error{Message: err.Error(), Code: ui.ExitPartial,
			Hints: []string{"look at that row; without --on-error stop such values are set aside and the rest is moved"}}
	case errors.As(err, &unknown):
		return &ui.Error{Message: "the catalogue has no " + unknown.Kind + " " + shownName(unknown.Name), Code: ui.ExitUsage,
			Hints: []string{"ocmt migrate columns lists what there is"}}
	case errors.As(err, &connect):
		return &ui.Error{Message: connect.Error(), Code: ui.ExitFailed, Hints: []string{connectHint(connect)}}
	case errors.As(err, &failure):
		return &ui.Error{Message: err.Error(), Code: ui.ExitFailed, Hints: failureHints(failure.Kind)}
	case errors.Is(err, postgres.ErrAddress):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage, Hints: []string{"it looks like postgresql://user:password@host:5432/ocmt", "in it, @ : / ? # and % of a password are written as %40 %3A %2F %3F %23 and %25"}}
	}
	return nil
}
