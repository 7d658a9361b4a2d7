package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/session"
	"github.com/ocmt/ocmt/internal/ui"
)

// invalidateOptions are the flags of ocmt session-invalidate.
type invalidateOptions struct {
	sessionSelection
	All          bool
	Include      nameList
	IncludingNew bool
	Reason       string
	Delete       bool
	PlainDelete  bool
	AfterRestart bool
	Endpoints    []string
	CloseStreams bool
	Prove        bool
	KeepLogins   bool
	Watch        time.Duration
	DryRun       bool
}

// Validate finds what contradicts itself.
func (o *invalidateOptions) Validate() error {
	switch {
	case o.AfterRestart:
		return o.validateAfterRestart()
	case o.All && o.selects():
		return errors.New("--all is everything; leave it out to end a part, or the other flags to end all")
	case !o.All && !o.selects():
		return errors.New("nothing is selected: --all, --user, --tenant, --session or another flag says what is to end")
	case o.Expired && !o.Delete:
		return errors.New("--expired is for --delete: what has expired has ended already")
	case len([]rune(o.Reason)) > session.MaxReason:
		return fmt.Errorf("--reason has %d characters, and a session's row takes %d", len([]rune(o.Reason)), session.MaxReason)
	case o.Watch < 0:
		return errors.New("--watch must be a time such as 60s")
	}
	for _, validate := range []func() error{o.validateInclude, o.validateServers, o.validate} {
		if err := validate(); err != nil {
			return err
		}
	}
	return nil
}

// validateAfterRestart refuses what the removal of tombstones does not heed.
func (o *invalidateOptions) validateAfterRestart() error {
	switch {
	case o.All || o.selects():
		return errors.New("--after-restart removes what earlier runs have left, and takes no selection")
	case len(o.Endpoints)+len(o.Include)+len(o.ExceptUsers)+len(o.ExceptSessions) > 0 || o.Delete || o.PlainDelete || o.Watch != 0 || o.IncludingNew || o.KeepLogins:
		return errors.New("--after-restart goes with --dry-run alone")
	}
	return nil
}

// validateInclude refuses kinds that end anyway, or are none.
func (o *invalidateOptions) validateInclude() error {
	for _, name := range o.Include {
		if !session.Kind(name).IsOptional() {
			return fmt.Errorf("--include takes %s", accessNames(session.OptionalKinds()))
		}
	}
	return nil
}

// validateServers finds what contradicts itself in the flags about servers.
func (o *invalidateOptions) validateServers() error {
	switch {
	case len(o.Endpoints) == 0 && (o.CloseStreams || o.Prove):
		return errors.New("--close-streams and --prove ask the servers: --endpoint says where they are")
	case o.Prove && (o.TokenStdin || o.UsersFrom == "-"):
		return errors.New("--prove reads a session from standard input, and so does another flag")
	case o.KeepLogins && (o.Prove || o.Delete || o.Expired):
		return errors.New("--keep-logins leaves login sessions alone, and another flag is about them")
	case o.PlainDelete && len(o.Endpoints) > 0:
		return errors.New("--plain-delete and --endpoint exclude each other: without the key in Redis nothing tells which vaults to lock")
	}
	return nil
}

func accessNames(kinds []session.Kind) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

func newSessionInvalidateCommand(app *App, run func(context.Context, *config.Settings, *invalidateOptions) error) *cobra.Command {
	if run == nil {
		run = app.runSessionInvalidate
	}
	options := &invalidateOptions{}
	cmd := &cobra.Command{
		Use:   "session-invalidate SELECTION",
		Short: "End login sessions and unlocked vaults",
		Long: `End live access: login sessions, sign-in states, magic links, invitations and
tokens in PostgreSQL; unlocked vaults and OAuth flows in Redis. It says first
what would end, and what it cannot reach. It looks again until a whole look
finds nothing. What begins after the start stays, but for --including-new.

The flags that select are combined: a session ends if all of them take it. A
vault tells its user only, so the vaults of the users selected end.

A vault is overwritten and not deleted: without its key in Redis the server
takes it from its memory. --after-restart removes what stands in its place.

--endpoint names a server process, which is asked to forget the vaults too. It
takes INTERNAL_ADMIN_TOKEN. A process that no --endpoint names keeps them in its
memory until it restarts.

` + describeDocument("session-invalidate"),
		Example: `  ocmt session-invalidate --all --reason 'incident 12'
  ocmt session-invalidate --user mallory@example.org
  ocmt session-invalidate --ip 203.0.113.0/24 --created-before 2h --dry-run
  ocmt session-invalidate --all --yes --watch 60s
  ocmt session-invalidate --all --endpoint https://ocmt-1:3000 --close-streams`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.All, "all", false, "everything of everybody, but for --except-user and --except-session")
	options.addFlags(cmd)
	flags.Var(&options.Include, "include", "also "+accessNames(session.OptionalKinds())+", with which automation breaks")
	flags.BoolVar(&options.IncludingNew, "including-new", false, "also what begins during the work")
	flags.StringVar(&options.Reason, "reason", "", "why, for the rows and the audit log; 50 characters at most (default operator)")
	flags.BoolVar(&options.Delete, "delete", false, "delete the rows of sessions rather than mark them as revoked")
	flags.BoolVar(&options.PlainDelete, "plain-delete", false, "delete vaults in Redis: the servers then take them from memory until they restart")
	flags.BoolVar(&options.AfterRestart, "after-restart", false, "after all servers have restarted: remove what stands in place of ended vaults")
	flags.DurationVar(&options.Watch, "watch", 0, "keep looking for so long, and end what is there again")
	flags.BoolVar(&options.KeepLogins, "keep-logins", false, "leave login sessions alone, and end the rest")
	flags.StringArrayVar(&options.Endpoints, "endpoint", nil, "also lock vaults in the memory of the server at this address; may be given again")
	flags.BoolVar(&options.CloseStreams, "close-streams", false, "close the WebSockets of the users concerned, through a session of a minute for each")
	flags.BoolVar(&options.Prove, "prove", false, "show that each --endpoint refuses the session on standard input, which it accepted before")
	settingFlag(cmd, "endpoint-ca", config.NameEndpointCA, "file of the certificates that endpoints are verified by (default: those of the system)")
	flags.BoolVar(&options.DryRun, "dry-run", false, "only say what would end")
	addPaceFlags(cmd)
	addRedisFlags(cmd)
	_ = cmd.RegisterFlagCompletionFunc("include", cobra.FixedCompletions(strings.Split(accessNames(session.OptionalKinds()), ", "), cobra.ShellCompDirectiveNoFileComp))
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	cmd.AddCommand(newSessionListCommand(app, nil), newSessionStatsCommand(app, nil))
	return cmd
}

// addRedisFlags adds the flags that say how Redis is reached.
func addRedisFlags(cmd *cobra.Command) {
	settingFlag(cmd, "redis-prefix", config.NameRedisPrefix, "what stands before each key in Redis")
	addRedisTLSFlags(cmd)
}

// addRedisTLSFlags adds the flags that say how Redis is reached with TLS.
func addRedisTLSFlags(cmd *cobra.Command) {
	settingFlag(cmd, "redis-ca", config.NameRedisCA, "file of the certificates that Redis is verified by (default: those of the system)")
	settingFlag(cmd, "redis-certificate", config.NameRedisCertificate, "file of the certificate to show to Redis")
	settingFlag(cmd, "redis-certificate-key", config.NameRedisKey, "file of the key of that certificate")
}

// defaultReason stands in the rows where the operator gives none.
const defaultReason = "operator"

func (a *App) runSessionInvalidate(ctx context.Context, settings *config.Settings, options *invalidateOptions) error {
	access, err := a.openAccess(settings, options.PlainDelete)
	if err != nil {
		return err
	}
	defer access.close()
	if options.AfterRestart {
		return a.removeTombstones(ctx, access, options.DryRun)
	}
	servers, err := a.openServers(settings, options.Endpoints, len(access.cache))
	if err != nil {
		return err
	}
	work := &invalidation{app: a, access: access, servers: servers, settings: settings, options: options, pacing: a.newPacing(settings)}
	return work.run(ctx)
}

// removeTombstones removes what earlier runs have put in place of vaults.
func (a *App) removeTombstones(ctx context.Context, access *access, dryRun bool) error {
	if access.cache == nil {
		return &config.MissingError{Name: config.NameRedisURL, Advice: "set REDIS_URL to the address that the servers use"}
	}
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	count, err := access.cache.Tombstones(ctx)
	if err != nil {
		return causeOf(ctx, err)
	}
	removed := int64(0)
	a.printer.Line("There are %s. A server that has not restarted since takes a vault without one from its memory.", ui.Count(count, "tombstone", "tombstones"))
	if count > 0 {
		a.tellTombstones(ctx, access)
	}
	if count > 0 && !dryRun {
		if err := a.printer.Confirm(ctx, ui.Question{Text: "Have all servers restarted, and are the tombstones to be removed?"}); err != nil {
			return err
		}
		a.recordTombstones(ctx, access, count)
		if removed, err = access.cache.Restore(ctx); err != nil {
			return causeOf(ctx, err)
		}
		a.printer.Line("Removed %s.", ui.Count(removed, "tombstone", "tombstones"))
	}
	return a.printer.Document("session-invalidate", invalidateDocument{DryRun: dryRun, Counts: []session.Count{}, Skipped: []session.Skip{}, LeftAlone: []session.Count{}, Unreachable: []session.Unreachable{},
		Result: *session.NewResult(), Removed: removed})
}

// invalidation is one run of ocmt session-invalidate.
type invalidation struct {
	app      *App
	access   *access
	servers  []session.Server
	settings *config.Settings
	options  *invalidateOptions
	pacing   *migrate.Pacing
	proof    session.Token // nil without --prove
	begun    bool          // the tool's own record says that it begins
}

func (i *invalidation) run(ctx context.Context) error {
	asking, answered := i.app.stop.Context(ctx)
	defer answered()
	request, err := i.request(asking)
	if err != nil {
		return causeOf(asking, err)
	}
	sources := session.Sources{Database: i.access.store, Servers: i.servers, Pace: i.pacing, Clock: session.Clock(i.app.deps.Now)}
	if i.access.cache != nil {
		sources.Cache = i.access.cache
	}
	shown := i.app.newProgress("ending", "", i.pacing)
	plan, err := session.MakePlan(asking, sources, request, shown)
	shown.end()
	if err != nil {
		return causeOf(asking, err)
	}
	if err := i.readProof(asking, sources, plan); err != nil {
		return causeOf(asking, err)
	}
	i.printPlan(plan)
	tell := i.app.tellRecord
	if i.options.DryRun {
		tell = i.app.proposeRecord
	}
	if err := tell(asking, i.access.chain); err != nil {
		return causeOf(asking, err)
	}
	if i.options.DryRun {
		i.app.printer.Line("Dry run, nothing ended: would end %s.", ui.Count(plan.Live(), "session, vault or token", "sessions, vaults and tokens"))
		return i.app.printer.Document("session-invalidate", i.document(plan, session.NewResult()))
	}
	// What is watched, or could not be looked at yet, may have something to end later.
	if plan.Live() > 0 || len(i.servers)+len(plan.Skipped) > 0 || request.Watch > 0 || request.IncludingNew {
		if err := i.app.printer.Confirm(asking, i.question(plan)); err != nil {
			return err
		}
		if err := i.recordBegin(asking, plan); err != nil {
			return causeOf(asking, err)
		}
	}
	return i.end(ctx, sources, plan)
}

// request puts the request together.
func (i *invalidation) request(ctx context.Context) (session.Request, error) {
	i.app.doing("looking for users and sessions")
	selection, err := i.options.selection(ctx, i.app, i.settings, i.access.store)
	selection.All = i.options.All
	request := session.Request{Selection: selection, IncludingNew: i.options.IncludingNew, Watch: i.options.Watch, CloseStreams: i.options.CloseStreams, KeepLogins: i.options.KeepLogins,
		Ending: session.Ending{Reason: i.options.Reason, Delete: i.options.Delete}, Target: i.settings.Engine.ChunkTarget, Workers: i.settings.Engine.Workers}
	if request.Ending.Reason == "" {
		request.Ending.Reason = defaultReason
	}
	if request.Workers == 0 {
		request.Workers = migrate.DefaultWorkers(i.app.deps.Cores)
	}
	for _, name := range i.options.Include {
		request.Include = append(request.Include, session.Kind(name))
	}
	return request, err
}

// question asks whether to go on. Where everybody is concerned, the name of the database is to be
// typed.
func (i *invalidation) question(plan *session.Plan) ui.Question {
	if i.options.All {
		return ui.Question{Text: fmt.Sprintf("Everybody in the database %s is put out.", plan.Moment.Database), Word: plan.Moment.Database}
	}
	return ui.Question{Text: fmt.Sprintf("End %s of %s?", ui.Count(plan.Live(), "live access", "live accesses"), ui.Count(plan.Users, "user", "users"))}
}

// end ends what the plan has, records it, and says what became of it.
func (i *invalidation) end(ctx context.Context, sources session.Sources, plan *session.Plan) error {
	stopWatching := i.pacing.WatchActivity(ctx, i.access.DB)
	shown := i.app.newStoppableProgress("ending", "", i.pacing)
	began := i.app.deps.Now()
	result, err := session.End(ctx, sources, plan, i.app.stop.Graceful, shown)
	shown.end()
	stopWatching()
	took := i.app.deps.Now().Sub(began)
	if i.proof != nil {
		i.app.doing("asking the servers whether they refuse the session")
		refusedAt, proofErr := session.ProveRefusal(context.WithoutCancel(ctx), i.servers, i.proof)
		result.RefusedAt, err = append(result.RefusedAt, refusedAt...), errors.Join(err, proofErr)
	}
	i.app.doing("recording")
	if recordErr := i.record(ctx, plan, result); recordErr != nil {
		err = errors.Join(err, recordErr)
	}
	i.printResult(plan, result, took)
	if documentErr := i.app.printer.Document("session-invalidate", i.document(plan, result)); documentErr != nil {
		err = errors.Join(err, documentErr)
	}
	return i.withFinish(causeOf(ctx, err), result)
}

// maxNamed is how many users a command names; more are written into a file.
const maxNamed = 10

// withFinish adds to an error the command that finishes the work, where the same one would not: the
// sessions that tell whose the rest is have ended.
func (i *invalidation) withFinish(err error, result *session.Result) error {
	var explained *ui.Error
	if err == nil || len(result.UsersLeft) == 0 || !errors.As(explain(err), &explained) {
		return err
	}
	command := "ocmt session-invalidate --keep-logins"
	if len(result.UsersLeft) <= maxNamed {
		command += " --user " + strings.Join(result.UsersLeft, ",")
	} else {
		const file = "ocmt-users-left.txt"
		if err := writePrivateFile(i.app.path(file), strings.Join(result.UsersLeft, "\n")+"\n", true, ""); err != nil {
			i.app.printer.Warn("the users whose access is left could not be written into %s: %v; --output json lists them", file, err)
		}
		command += " --users-from " + file
	}
	for _, endpoint := range i.options.Endpoints {
		command += " --endpoint " + ui.Clean(endpoint)
	}
	if i.options.CloseStreams {
		command += " --close-streams"
	}
	finish := "the sessions have ended, so the same command finds none: what is left ends with " + command
	hints := slices.DeleteFunc(slices.Clone(explained.Hints), func(hint string) bool { return strings.Contains(hint, "the same command") })
	return &ui.Error{Message: explained.Message, Code: explained.Code, Hints: append(hints, finish)}
}
