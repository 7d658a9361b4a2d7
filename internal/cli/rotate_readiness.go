package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// readinessOptions are the flags of ocmt rotate readiness.
type readinessOptions struct {
	Watch    bool
	For      time.Duration
	NoWrites nameList
	// Endpoints are the management servers that are asked whether they are up.
	Endpoints []string
}

// The bounds of --for: how long is looked.
const (
	defaultLook  = 15 * time.Second
	shortestLook = time.Second
	longestLook  = time.Hour
)

// restFactor is how many times as long as a look took --watch waits at least before the next one.
const restFactor = 4

// Validate refuses a time that shows nothing.
func (o *readinessOptions) Validate() error {
	if o.For < shortestLook || o.For > longestLook {
		return errors.New("--for must be a time from 1s to 1h")
	}
	return nil
}

func newRotateReadinessCommand(app *App, run func(context.Context, *config.Settings, *readinessOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateReadiness
	}
	options := &readinessOptions{}
	cmd := &cobra.Command{
		Use:   "readiness",
		Short: "Look whether every server writes under the new key",
		Long: `Look at the encrypted values twice, and say which key versions the servers
write: which tables have shown the new version since ocmt rotate begin, and
whether a value under an older one is new. Status 0 means that every table that
was written to has shown the new version, and that none of the old one was
written between the two looks; 3, that this is not so.

Of a server that writes nothing meanwhile nothing is seen: --for looks longer.
One that is down writes nothing: --endpoint asks each management server that it
names for GET /health, without a token, and all of them must be up.
A table that servers write to, and never a secret, is named with --no-writes.
With --watch it looks again until the servers are ready; with --output json it
then writes one document a line. It needs DATABASE_URL, and no key.

` + describeDocument("rotate-readiness"),
		Example: `  ocmt rotate readiness
  ocmt rotate readiness --watch
  ocmt rotate readiness --for 5m --no-writes users
  ocmt rotate readiness --watch --endpoint http://10.0.0.5:3000`,
		Args: noArgs,
	}
	cmd.Flags().BoolVar(&options.Watch, "watch", false, "look again until the servers are ready")
	cmd.Flags().DurationVar(&options.For, "for", defaultLook, "how long to look")
	cmd.Flags().Var(&options.NoWrites, "no-writes", "the servers write no secret into this table, as table or schema.table; all where no server runs; may be given again")
	cmd.Flags().StringArrayVar(&options.Endpoints, "endpoint", nil, "ask the management server at this URL whether it is up; may be given again")
	settingFlag(cmd, "endpoint-ca", config.NameEndpointCA, "file of the certificates that endpoints are verified by (default: those of the system)")
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateReadiness(ctx context.Context, settings *config.Settings, options *readinessOptions) error {
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	watch, err := a.newReadinessWatch(ctx, settings, db, options)
	if err != nil {
		return causeOf(ctx, err)
	}
	return causeOf(ctx, watch.run(ctx))
}

// readinessWatch is one run of ocmt rotate readiness.
type readinessWatch struct {
	app      *App
	db       *database
	options  *readinessOptions
	observer *rotation.Observer
	servers  []rotation.Server
	version  int
	state    rotation.ReadinessState
	// tellRecord says once that the tool's own record is made. Only what is green makes an entry.
	tellRecord func()
	next       string // the command for what is next where the servers are ready
}

func (a *App) newReadinessWatch(ctx context.Context, settings *config.Settings, db *database, options *readinessOptions) (*readinessWatch, error) {
	endpoints, err := a.openEndpoints(settings, options.Endpoints)
	if err != nil {
		return nil, err
	}
	keys, err := db.record.KeyStates(ctx)
	if err != nil {
		return nil, err
	}
	found, err := db.tables.Describe(ctx, fullCatalogue(settings))
	if err != nil {
		return nil, err
	}
	if err := a.checkVisible(ctx, db, found); err != nil {
		return nil, err
	}
	request, err := rotation.RequestReadiness(ctx, db.record, keys, found.Tables)
	if err != nil {
		return nil, err
	}
	request.NoWrites = options.NoWrites
	if unknown := request.UnknownTables(); len(unknown) > 0 {
		return nil, &ui.Error{Message: "--no-writes: there is no table " + shownName(unknown[0]) + " with encrypted values", Code: ui.ExitUsage,
			Hints: []string{"ocmt migrate columns lists what there is"}}
	}
	state, err := db.record.Readiness(ctx, request.Version)
	if err != nil {
		return nil, err
	}
	tell, err := a.lookAtRecord(ctx, db.chain)
	if err != nil {
		return nil, err
	}
	var servers []rotation.Server
	for _, one := range endpoints {
		servers = append(servers, one)
	}
	return &readinessWatch{app: a, db: db, next: nextAfterReady(keys, request.From), tellRecord: sync.OnceFunc(tell), options: options, servers: servers, version: request.Version, state: state,
		observer: rotation.NewObserver(db.labels, request)}, nil
}

// hidingCodes are the codes of what hides values from a look.
var hidingCodes = []finding.Code{finding.RowSecurity, finding.ForeignCode, finding.MissingSelect, finding.MissingUsage}

// checkVisible refuses to look where something hides values of the tables: an old write among them would not be seen.
// It warns of what the catalogue names and a look leaves out.
func (a *App) checkVisible(ctx context.Context, db *database, found *migrate.Description) error {
	access, err := db.tables.CheckAccess(ctx, found.Tables)
	if err != nil {
		return err
	}
	hiding := slices.DeleteFunc(access, func(one finding.Finding) bool { return !slices.Contains(hidingCodes, one.Code) })
	if len(hiding) > 0 {
		return withFindings(&ui.Error{Message: "the values could not be looked at", Code: ui.ExitFailed, Findings: hiding}, hiding)
	}
	for _, one := range found.Findings {
		a.printer.Warn("not looked at: %s", one.String())
	}
	return nil
}

// nextAfterReady returns the command for what is next where no server writes an older version. That version can be proven
// to be unused already, where the run was before this look, and after a rollback it can be retired long ago.
func nextAfterReady(keys []rotation.RecordedKey, older int) string {
	if key := rotation.KeyOf(keys, older); key != nil && (key.State == rotation.Retired || !key.Proven.IsZero()) {
		return "ocmt rotate status"
	}
	return "ocmt rotate --from-version " + strconv.Itoa(older)
}

// run looks twice, and with --watch until the servers are ready.
func (w *readinessWatch) run(ctx context.Context) error {
	w.app.doing("looking at the encrypted values")
	if _, _, err := w.look(ctx); err != nil {
		return err
	}
	for wait := w.options.For; ; {
		w.app.doing("looking at what the servers write, for %s", ui.Duration(wait))
		if err := waitFor(ctx, wait); err != nil {
			return err
		}
		w.app.doing("looking again")
		seen, took, err := w.look(ctx)
		if err != nil {
			return err
		}
		if err := seen.AskServers(ctx, w.servers); err != nil {
			return err
		}
		wait = max(w.options.For, restFactor*took)
		w.state = w.state.After(seen, w.options.NoWrites)
		if seen.Ready {
			w.tellRecord()
		}
		if err := w.db.record.RecordReadiness(ctx, w.version, w.state, seen.Ready); err != nil {
			return err
		}
		printReadiness(w.app.printer, seen, w.next)
		if err := w.writeDocument(seen); err != nil {
			return err
		}
		if seen.Ready {
			return nil
		}
		if !w.options.Watch {
			return foundUnready(seen)
		}
		for _, reason := range seen.Reasons {
			w.app.printer.Line("Not ready: %s.", reason.String())
		}
	}
}

// look looks once, and returns how long that took.
func (w *readinessWatch) look(ctx context.Context) (*rotation.Readiness, time.Duration, error) {
	began := w.app.deps.Now()
	seen, err := w.observer.Look(ctx)
	return seen, w.app.deps.Now().Sub(began), err
}

// writeDocument writes what was seen: with --watch, each look is a line.
func (w *readinessWatch) writeDocument(seen *rotation.Readiness) error {
	if w.options.Watch {
		return w.app.printer.DocumentLine("rotate-readiness", seen)
	}
	return w.app.printer.Document("rotate-readiness", seen)
}

// stateTexts are what the screen says of the states of a table.
var stateTexts = map[rotation.TableState]string{
	rotation.NewVersionSeen: "the new version was written",
	rotation.OldVersionSeen: "ANOTHER VERSION WAS WRITTEN",
	rotation.NewNotSeen:     "written, and no secret under the new version seen",
	rotation.NoWritesSeen:   "no writes seen",
	rotation.NoWritesSaid:   "written, and no secret, as --no-writes says",
}

// printReadiness shows what was seen of each table, and how long was looked.
func printReadiness(printer *ui.Printer, seen *rotation.Readiness, next string) {
	table := ui.Table{Columns: []ui.Column{{Title: "TABLE", Flexible: true}, {Title: "NEW", Right: true}, {Title: "OLDER", Right: true}, {Title: "SINCE IT WAS BEGUN", Wrap: true}}}
	for _, one := range seen.Tables {
		row := ui.Row(one.String(), ui.Number(one.New), ui.Number(one.Old), stateTexts[one.State])
		if one.State == rotation.OldVersionSeen {
			row[3].Tone = ui.Bad
		}
		table.Rows = append(table.Rows, row)
	}
	printer.Table(table)
	origin := fmt.Sprintf("The rotation to version %d was begun at %s.", seen.Version, seen.Begun.UTC().Format(time.DateTime+" UTC"))
	if seen.Begun.IsZero() {
		origin = fmt.Sprintf("The rotation to version %d was made by hand: only what was written between the looks tells.", seen.Version)
	}
	printer.Line("%s Looked from %s to %s, %s.", origin, seen.From.UTC().Format(time.TimeOnly), seen.To.UTC().Format(time.TimeOnly+" UTC"), ui.Duration(seen.To.Sub(seen.From)))
	if seen.OneIn > 1 {
		printer.Line("There are more values than are kept in memory: one of %s was compared from look to look.", ui.Number(seen.OneIn))
	}
	printServersUp(printer, seen.Servers)
	if !seen.Ready {
		return
	}
	printer.Line("%s A server that wrote nothing meanwhile was not seen: if one has not restarted since, restart it first.", describeReady(seen))
	printer.Line("")
	printer.Line("next: %s", next)
}

// describeReady says on what it rests that the servers are ready: on what was written, or on the operator's word alone.
func describeReady(seen *rotation.Readiness) string {
	isNew := func(table rotation.TableReadiness) bool { return table.State == rotation.NewVersionSeen }
	if !slices.ContainsFunc(seen.Tables, isNew) {
		return fmt.Sprintf("Ready on your word (--no-writes): no value under version %d was seen to be written, and none under an older one.", seen.Version)
	}
	return fmt.Sprintf("Ready: every table that was written to has shown version %d, and no value under an older one was written while this looked.", seen.Version)
}

// printServersUp says which of the servers that were asked are up. Those that are not stand among the reasons.
func printServersUp(printer *ui.Printer, servers []rotation.ServerAnswer) {
	var up []string
	for _, server := range servers {
		if server.Up {
			up = append(up, ui.Clean(server.Address))
		}
	}
	if len(up) > 0 {
		printer.Line("Up, which says nothing of the key: %s.", strings.Join(up, ", "))
	}
}

// foundUnready explains why the servers are not ready.
func foundUnready(seen *rotation.Readiness) error {
	var where []string
	for _, reason := range seen.Reasons {
		if reason.Code == finding.NothingWritten {
			where = append(where, "no write was seen")
		} else {
			where = append(where, reason.Where)
		}
	}
	return withFindings(&ui.Error{Message: "the servers are not ready for version " + strconv.Itoa(seen.Version) + ": " + strings.Join(where, ", "),
		Code: ui.ExitFound, Findings: seen.Reasons}, seen.Reasons)
}
