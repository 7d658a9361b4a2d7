package cli

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
	"github.com/ocmt/ocmt/internal/postgres/pgmigrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/postgres/pgrotation"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// database is the OCMT database of a command, through the adapter of each domain.
type database struct {
	*postgres.DB
	tables    *pgmigrate.Store
	record    *pgrecord.Record
	labels    *pgrotation.Store
	searchers *pgdiscover.Opener
	chain     recordStore // the tool's own record
}

// openDatabase returns the database of DATABASE_URL. It dials nothing.
func (a *App) openDatabase(settings *config.Settings) (*database, error) {
	address, err := settings.RequireDatabase()
	if err != nil {
		return nil, err
	}
	db, err := postgres.New(address.Reveal(), a.databaseOptions(settings))
	if err != nil {
		return nil, err
	}
	if names := db.PassedOver(); len(names) > 0 {
		a.printer.Note("DATABASE_URL: passed over, as it means nothing here: %s", strings.Join(names, ", "))
	}
	a.databases = append(a.databases, db)
	own := a.openRecord(settings, db)
	record := pgrecord.New(db, settings.Operator).WithChain(own).WithProcess(pgrecord.Process{Host: a.deps.Host, PID: a.deps.Process})
	return &database{DB: db, tables: pgmigrate.New(db), record: record, labels: pgrotation.New(db), searchers: pgdiscover.New(db), chain: own}, nil
}

// fullCatalogue returns the tables that every OCMT release encrypts, and those that
// this deployment adds.
func fullCatalogue(settings *config.Settings) []ocmt.Table {
	tables := ocmt.Catalogue()
	for _, extra := range settings.Columns {
		tables = ocmt.Add(tables, ocmt.Table{Schema: extra.Schema, Name: extra.Table, Key: extra.Key,
			Columns: []ocmt.Column{{Name: extra.Column, PlaintextAllowed: extra.PlaintextAllowed, Required: true}}})
	}
	return tables
}

// knownColumns returns the columns that look encrypted under OCMT's key and are not:
// those of every OCMT release, and those that this deployment adds.
func knownColumns(settings *config.Settings) []ocmt.Known {
	list := ocmt.KnownColumns()
	for _, extra := range settings.Known {
		list = append(list, ocmt.Known{Schema: extra.Schema, Table: extra.Table, Column: extra.Column, Reason: extra.Reason})
	}
	return list
}

// newPacing holds work on the database to the pace of the settings.
func (a *App) newPacing(settings *config.Settings) *migrate.Pacing {
	pacing := migrate.NewPacing(migrate.Pace(settings.Engine.Pace), migrate.Clock(a.deps.Now), a.deps.Sleep)
	pacing.SetLimit(settings.Engine.MaxRowsPerSecond)
	return pacing
}

// engineRequest is what the flags of a command ask of the engine.
type engineRequest struct {
	selectionOptions
	guardOptions
	From           versionFlag
	AllowDowngrade bool
	Backwards      bool
	StopOnSetAside bool
	Plan           inputFlag // file with the plan to hold the run to
	Search         discover.Depth
}

// engine is the re-encryption engine with everything that it works with.
type engine struct {
	app      *App
	settings *config.Settings
	db       *database
	ring     *crypto.Keyring
	request  migrate.Request
	planned  *migrate.Outline // what the run is held to; nil for nothing
	pacing   *migrate.Pacing
	around   *overview // where a run works, once its plan is made
	reserved bool      // the connections that are needed are known to be there
}

// newEngine puts the engine together for a request. It dials nothing.
func (a *App) newEngine(settings *config.Settings, asked engineRequest) (*engine, error) {
	var planned *migrate.Outline
	if asked.Plan != "" {
		var err error
		if planned, err = a.readPlan(string(asked.Plan)); err != nil {
			return nil, err
		}
	}
	db, err := a.openDatabase(settings)
	if err != nil {
		return nil, err
	}
	ring, configured, err := targetKeyring(settings, asked)
	if err != nil {
		return nil, err
	}
	made := a.newEngineOn(settings, db, asked)
	made.useKeys(ring, configured)
	made.planned = planned
	return made, nil
}

// newEngineOn puts the engine together for a database, without keys.
func (a *App) newEngineOn(settings *config.Settings, db *database, asked engineRequest) *engine {
	return &engine{app: a, settings: settings, db: db, pacing: a.newPacing(settings), request: migrate.Request{
		From: asked.From.pointer(), Tables: asked.Tables, Columns: asked.Columns,
		Catalogue: fullCatalogue(settings), Known: knownColumns(settings), Workers: cmp.Or(settings.Engine.Workers, migrate.DefaultWorkers(a.deps.Cores)),
		ChunkTarget: settings.Engine.ChunkTarget, MaxRowsPerSecond: settings.Engine.MaxRowsPerSecond,
		HolderTimeout: settings.Engine.StatementTimeout, MaxReplicaLag: settings.Engine.MaxReplicaLag, MaxWALBacklog: settings.Engine.MaxWALBacklog,
		Backwards: asked.Backwards, AllowDowngrade: asked.AllowDowngrade, KeyConfirmed: asked.ExpectKey != "",
		StopOnSetAside: asked.StopOnSetAside, AllowUnopenable: asked.AllowUnopenable, AllowEmpty: asked.AllowEmpty, RepairLabels: asked.RepairLabels, Search: asked.Search, MostBytes: migrate.MostRowBytes(a.deps.Memory),
	}}
}

// useKeys gives the engine its keys: values are brought to the current version of the ring. The servers
// write the version that is configured.
func (e *engine) useKeys(ring *crypto.Keyring, configured int) {
	e.ring, e.request.To, e.request.Configured = ring, ring.Current(), configured
}

// targetKeyring returns the keyring that seals under the version to reach, once the
// direction and the key are known to be meant, and the version that is configured.
func targetKeyring(settings *config.Settings, asked engineRequest) (ring *crypto.Keyring, configured int, err error) {
	if ring, err = settings.Keyring(nil); err != nil {
		return nil, 0, err
	}
	configured = ring.Current()
	direction := rotation.Direction{From: asked.From.pointer(), To: configured, Configured: configured, AllowDowngrade: asked.AllowDowngrade}
	if asked.To.set {
		direction.To = asked.To.number
	}
	if err := direction.Check(); err != nil {
		return nil, 0, err
	}
	if asked.To.set {
		if ring, err = settings.Keyring(asked.To.pointer()); err != nil {
			return nil, 0, err
		}
	}
	return ring, configured, rotation.CheckFingerprint(asked.ExpectKey, ring)
}

// close closes the connections of the engine.
func (e *engine) close() { e.db.Close() }

// runner returns the engine's runner, with the clock and the randomness of this process.
func (e *engine) runner(reporter migrate.Reporter) migrate.Runner {
	target, _ := e.ring.Key(e.request.To)
	key := migrate.KeyFingerprint{Version: e.request.To, Fingerprint: target.Fingerprint()}
	return migrate.Runner{Conns: e.db.tables, Locker: e.db.tables, Held: true, Tables: e.db.tables, Holders: e.db.tables, Replication: e.db.tables, Blockers: e.db.tables,
		Ledger: e.db.record.Ledger(), Control: e.db.record.Control(key, e.app.warnMalformedOrders), Ring: e.ring, Random: e.app.deps.Random,
		Reporter: reporter, Clock: migrate.Clock(e.app.deps.Now), Pacing: e.pacing, Stop: e.app.stop.Graceful, StopReason: e.app.stop.Reason}
}

// plan makes the plan, with progress, and compares it with an earlier one where the
// command names one.
func (e *engine) plan(ctx context.Context) (*migrate.Plan, error) {
	ctx, cancel := e.app.stop.Context(ctx)
	defer cancel()
	progress := engineProgress{e.app.newProgress("planning: connecting", "rows", e.pacing)}
	defer progress.end()
	defer e.pacing.WatchActivity(ctx, e.db)()
	if err := e.reserveToRead(ctx); err != nil {
		return nil, causeOf(ctx, err)
	}
	sources := migrate.PlanSources{Tables: e.db.tables, Conns: e.db.tables, Record: e.db.record, Searchers: e.db.searchers,
		Trier: e.db.tables, Random: e.app.deps.Random, Pacing: e.pacing}
	plan, err := migrate.MakePlan(ctx, sources, e.ring, e.request, progress)
	if plan != nil && e.planned != nil {
		plan.HoldTo(*e.planned)
	}
	return plan, causeOf(ctx, err)
}

// reserve asks for the connections that are needed at least, and takes fewer workers than this
// machine could run where the server has few to give.
func (e *engine) reserve(ctx context.Context, needed int) error {
	e.app.doing("connecting to the database")
	free, err := e.db.Reserve(ctx, needed)
	if err != nil {
		return err
	}
	if e.settings.Engine.Workers == 0 {
		e.request.Workers = migrate.WorkersFor(e.app.deps.Cores, free)
	}
	e.request.Workers = max(1, min(e.request.Workers, free-needed+1))
	e.reserved = true
	return nil
}

// reserveToRead asks for the connections that a command needs which only reads.
func (e *engine) reserveToRead(ctx context.Context) error {
	const needed = 2 // one to read, and one for short questions
	if e.reserved {
		return nil
	}
	return e.reserve(ctx, needed)
}

// verify opens every value of a request under the target key alone, with progress.
func (e *engine) verify(ctx context.Context, request migrate.Request) (*migrate.Verification, error) {
	ctx, cancel := e.app.stop.Context(ctx)
	defer cancel()
	if err := e.reserveToRead(ctx); err != nil {
		return nil, causeOf(ctx, err)
	}
	e.db.OpenAhead(ctx) // the snapshot's, while the tables are described
	progress := engineProgress{e.app.newProgress("verifying", "rows", e.pacing)}
	defer progress.end()
	defer e.pacing.WatchActivity(ctx, e.db)()
	sources := migrate.VerifySources{Tables: e.db.tables, Conns: e.db.tables, Record: e.db.record,
		Guard: e.db.tables, Clock: migrate.Clock(e.app.deps.Now), Pacing: e.pacing}
	verification, err := migrate.Verify(ctx, sources, e.ring, request, progress)
	return verification, causeOf(ctx, err)
}

// search looks through the columns that nothing lists, with progress.
func (e *engine) search(ctx context.Context, request migrate.Request, verified *migrate.Verification, since *uint32) (*discover.Report, error) {
	ctx, cancel := e.app.stop.Context(ctx)
	defer cancel()
	progress := engineProgress{e.app.newProgress("searching", "values", e.pacing)}
	defer progress.end()
	defer e.pacing.WatchActivity(ctx, e.db)()
	sources := migrate.SearchSources{Searchers: e.db.searchers, Holders: e.db.tables, Clock: migrate.Clock(e.app.deps.Now), Pacing: e.pacing}
	report, err := migrate.SearchUnlisted(ctx, sources, e.ring, request, verified, since, progress)
	if err != nil {
		return nil, causeOf(ctx, err)
	}
	return report, nil
}

// underLock does work while no other run can begin, from the plan to the record of what it
// came to.
func (e *engine) underLock(ctx context.Context, work func(context.Context) error) error {
	const needed = 3 // the lock, and two to read a snapshot and write what it shows
	if err := e.reserve(ctx, needed); err != nil {
		return causeOf(ctx, err)
	}
	e.app.doing("taking the lock of the database")
	held, release, err := e.db.tables.Lock(ctx)
	if err != nil {
		return causeOf(ctx, e.db.nameHolder(ctx, err))
	}
	defer release()
	return causeOf(held, work(held))
}

// causeOf returns why a context ended, where that is why work failed.
func causeOf(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(context.Cause(ctx), ui.ErrInterrupted) {
		var told *ui.Error
		if errors.Is(err, ui.ErrInterrupted) && errors.As(err, &told) {
			return err // it says what that means
		}
		return ui.ErrInterrupted
	}
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), migrate.ErrLockLost) {
		return context.Cause(ctx)
	}
	return err
}
