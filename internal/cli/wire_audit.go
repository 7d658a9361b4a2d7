package cli

import (
	"cmp"
	"context"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/audit/report"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/containers"
	"github.com/ocmt/ocmt/internal/files"
	"github.com/ocmt/ocmt/internal/gitrepo/gitaudit"
	"github.com/ocmt/ocmt/internal/leak"
	"github.com/ocmt/ocmt/internal/logfile"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/probe"
	"github.com/ocmt/ocmt/internal/processes"
	"github.com/ocmt/ocmt/internal/redis/redisaudit"
	"github.com/ocmt/ocmt/internal/ui"
)

// auditDeployment is what the checks of an audit look at, and what is to be closed after them.
type auditDeployment struct {
	app        *App
	settings   *config.Settings
	scope      *auditScope
	deployment *config.Deployment
	sources    audit.Sources
	encryption audit.EncryptionSource
	database   audit.Input   // what is known of the database when the snapshot is taken
	endpoints  []audit.Input // those that were named
	closers    []func()
	asked      []audit.Check
}

// asks reports whether a check of one of the areas is asked. What no check looks at is no input of the audit.
func (d *auditDeployment) asks(areas ...audit.Area) bool {
	return slices.ContainsFunc(d.asked, func(check audit.Check) bool { return slices.Contains(areas, check.Area()) })
}

// openAudit opens what the checks that are asked look at. What does not answer becomes a gap of its checks.
func (a *App) openAudit(ctx context.Context, settings *config.Settings, scope *auditScope, asked []audit.Check) (*auditDeployment, error) {
	d := &auditDeployment{app: a, settings: settings, scope: scope, deployment: settings.Deployment(), asked: asked}
	d.sources.Settings = audit.Available[audit.Settings](d.deployment)
	d.sources.Unread = unreadSettings(d.deployment)
	for _, open := range []func(context.Context) error{d.openRedis, d.openFiles, d.openEndpoints, d.openDatabase} {
		if err := open(ctx); err != nil {
			d.close()
			return nil, err
		}
	}
	return d, nil
}

// unreadSettings returns the gaps of settings whose files cannot be read.
func unreadSettings(deployment *config.Deployment) (gaps []audit.Gap) {
	for _, name := range slices.Sorted(maps.Keys(deployment.Unread)) {
		gaps = append(gaps, audit.Gap{What: name, Reason: deployment.Unread[name].Error(), Missing: "to read the file of " + name + "_FILE"})
	}
	return gaps
}

// close closes what is open, the last first.
func (d *auditDeployment) close() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		d.closers[i]()
	}
}

// openDatabase takes the snapshot that all checks of the database look at.
func (d *auditDeployment) openDatabase(ctx context.Context) error {
	if !slices.ContainsFunc(d.asked, audit.Check.AsksDatabase) {
		return nil
	}
	if d.settings.DatabaseURL.Reveal() == "" {
		const reason = "DATABASE_URL is not set"
		d.database = audit.Input{Kind: inputDatabase, Absent: reason}
		d.sources.Encryption, d.sources.Tokens = audit.Absent[audit.EncryptionSource](reason), audit.Absent[audit.TokenSource](reason)
		d.sources.PostgreSQL, d.sources.Lifecycle = audit.Absent[audit.PostgreSQLSource](reason), audit.Absent[audit.LifecycleSource](reason)
		if d.settings.Record != "" { // what it knows needs no database
			d.sources.Lifecycle = audit.Available(audit.NewRecordLifecycle(d.app.openRecordFile(d.settings), time.Duration(d.scope.Horizon), reason))
		}
		return nil
	}
	db, err := d.app.openDatabase(d.settings)
	if err != nil {
		return err
	}
	d.closers = append(d.closers, db.Close)
	snapshot, err := pgaudit.Open(ctx, db.DB, d.scope.CheckTimeout)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		gap := audit.Gap{What: "the database", Reason: err.Error()}
		d.database = audit.Input{Kind: inputDatabase, Name: databaseName(db), Absent: err.Error()}
		d.sources.Encryption, d.sources.Tokens = audit.Unanswered[audit.EncryptionSource](gap), audit.Unanswered[audit.TokenSource](gap)
		d.sources.PostgreSQL, d.sources.Lifecycle = audit.Unanswered[audit.PostgreSQLSource](gap), audit.Unanswered[audit.LifecycleSource](gap)
		return nil
	}
	d.sources.LetGoOfDatabase = sync.OnceFunc(func() { snapshot.Close(context.WithoutCancel(ctx)) })
	d.closers = append(d.closers, d.sources.LetGoOfDatabase)
	d.database = audit.Input{Kind: inputDatabase, Name: databaseName(db), As: snapshot.Rights(ctx)}
	d.encryption = audit.NewEncryptionSource(snapshot.Values(), audit.EncryptionOptions{Catalogue: fullCatalogue(d.settings), Known: knownColumns(d.settings),
		Search: db.searchers, Workers: cmp.Or(d.settings.Engine.Workers, migrate.DefaultWorkers(d.app.deps.Cores))})
	d.sources.Encryption = audit.Available(d.encryption)
	d.sources.Tokens = audit.Available[audit.TokenSource](snapshot)
	d.sources.PostgreSQL = audit.Available[audit.PostgreSQLSource](snapshot)
	d.sources.Lifecycle = audit.Available[audit.LifecycleSource](&pgaudit.Lifecycle{Snapshot: snapshot, Record: d.app.openRecord(d.settings, db.DB), Horizon: time.Duration(d.scope.Horizon)})
	return nil
}

// databaseName names a database without a password.
func databaseName(db *database) string {
	target := db.Target()
	return target.Database + " at " + net.JoinHostPort(target.Host, strconv.Itoa(int(target.Port)))
}

// openRedis makes the clients of all addresses of REDIS_URL. It dials nothing.
func (d *auditDeployment) openRedis(context.Context) error {
	if !d.asks(audit.Redis) {
		return nil
	}
	addresses := strings.Fields(d.settings.RedisURL.Reveal())
	if len(addresses) == 0 {
		d.sources.Redis = audit.Absent[audit.RedisSource](noRedis)
		return nil
	}
	options, err := d.app.redisOptions(d.settings)
	if err != nil {
		return err
	}
	source, err := redisaudit.New(addresses, options, redisaudit.Options{Prefix: d.settings.Access.RedisPrefix,
		Application: d.settings.Audit.RedisApplicationUser, Operators: d.settings.Audit.RedisOperators})
	if err != nil {
		return err
	}
	d.closers = append(d.closers, source.Close)
	d.sources.Redis = audit.Available[audit.RedisSource](source)
	return nil
}

// openFiles looks for the repositories and files of the folders.
func (d *auditDeployment) openFiles(ctx context.Context) error {
	a, folders := d.app, d.scope.folders()
	matcher := leak.New(slices.Concat(leak.Configured(d.deployment), leak.Configured(ownAddresses{d.settings})))
	absolute := make([]string, len(folders))
	for i, name := range folders {
		var err error
		if absolute[i], err = filepath.Abs(a.path(name)); err != nil {
			return err
		}
		if info, err := os.Stat(absolute[i]); err != nil || !info.IsDir() {
			return &ui.Error{Message: "--path " + name + " is no folder that can be read", Code: ui.ExitUsage}
		}
	}
	dir, err := filepath.Abs(a.deps.Dir)
	if err != nil {
		return err
	}
	places := files.NameFolders(dir, absolute)
	finder, socket := secretFinder{matcher}, ""
	if d.scope.Docker {
		socket = d.dockerSocket()
	}
	named, running := d.envFiles()
	d.sources.Files = audit.Available[audit.FileSource](files.New(files.Options{Dir: dir, Folders: places, BackupDirs: d.backupFolders(), EnvFiles: named,
		Home: a.getenv("HOME"), System: "/", Groups: slices.Concat(d.settings.Audit.TrustedGroups, d.scope.Groups), Finder: finder, Parse: config.ParseEnv}))
	d.sources.Containers = audit.Available[audit.ContainerSource](containers.New(containers.Options{Folders: places, Finder: finder, Socket: socket}))
	d.sources.Processes = audit.Available[audit.ProcessSource](processes.New(processes.Options{Finder: finder, EnvFiles: running, Parse: config.ParseEnv, Root: a.deps.Root}))
	d.sources.Git = gitaudit.OpenFolders(ctx, places, matcher, a.getenv)
	d.sources.Logs = audit.Available[audit.LogSource](logfile.New(matcher, logfile.Places{Logs: a.paths(d.scope.Logs), Code: a.paths(d.scope.Code), Home: a.getenv("HOME")}))
	return nil
}

// dockerSocket returns where Docker is asked.
func (d *auditDeployment) dockerSocket() string {
	return cmp.Or(strings.TrimPrefix(d.app.getenv("DOCKER_HOST"), "unix://"), "/var/run/docker.sock")
}

// ownAddresses are the addresses with the accounts of the audit itself, whose passwords are secrets too.
type ownAddresses struct{ settings *config.Settings }

// Text implements leak.Settings.
func (o ownAddresses) Text(name string) string {
	switch name {
	case config.NameDatabaseURL:
		return o.settings.DatabaseURL.Reveal()
	case config.NameRedisURL:
		return o.settings.RedisURL.Reveal()
	}
	return ""
}

// Names implements leak.Settings.
func (ownAddresses) Names(string) []string { return nil }

// secretFinder names the settings whose secrets a text has.
type secretFinder struct{ matcher *leak.Matcher }

// Find implements files.Finder.
func (f secretFinder) Find(text []byte) (names []string) {
	for _, hit := range f.matcher.Find(text) {
		if !slices.Contains(names, hit.Name) {
			names = append(names, hit.Name)
		}
	}
	return names
}

// envFiles returns the env file of the settings and those of other servers: as files, and as what servers
// read.
func (d *auditDeployment) envFiles() (named []files.EnvFile, running []processes.EnvFile) {
	for _, file := range d.settings.Files {
		if file.Env {
			named = append(named, files.EnvFile{Path: file.Path, Own: true})
		}
	}
	for _, path := range d.scope.EnvFiles {
		named = append(named, files.EnvFile{Path: path})
	}
	for _, file := range named {
		if path, err := filepath.Abs(d.app.path(file.Path)); err == nil {
			running = append(running, processes.EnvFile{Path: path, Name: file.Path})
		}
	}
	return named, running
}

// backupFolders returns the folder of BACKUP_DIR, where the server puts backups of tenants.
func (d *auditDeployment) backupFolders() []files.Folder {
	folder := d.deployment.Text("BACKUP_DIR")
	if folder == "" {
		return nil
	}
	return []files.Folder{{Path: d.app.path(folder), Name: folder}}
}

// getenv returns a variable of the environment; "" where it is not set.
func (a *App) getenv(name string) (value string) {
	for _, line := range a.deps.Environ {
		if text, found := strings.CutPrefix(line, name+"="); found {
			value = text
		}
	}
	return value
}

// paths resolves files named on the command line.
func (a *App) paths(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = a.path(name)
	}
	return list
}

// openEndpoints makes the clients of the endpoints that were named. It dials nothing.
func (d *auditDeployment) openEndpoints(context.Context) error {
	if !d.asks(audit.Endpoints) {
		return nil
	}
	if len(d.scope.Endpoints) == 0 {
		d.sources.Endpoints = audit.Absent[audit.EndpointSource]("no --endpoint was named")
		return nil
	}
	certificates, err := d.app.readCertificates(d.settings.Access.EndpointCA)
	if err != nil {
		return err
	}
	endpoints, err := probe.NewEndpoints(d.scope.Endpoints, probe.Options{CA: certificates}, d.endpointToken, d.scope.Live)
	if err != nil {
		return err
	}
	for _, one := range endpoints.Endpoints() {
		as := "without a token"
		if d.scope.Live {
			as = "with the configured tokens too"
		}
		d.endpoints = append(d.endpoints, audit.Input{Kind: inputEndpoint, Name: one.Name(), As: as})
	}
	d.sources.Endpoints = audit.Available[audit.EndpointSource](endpoints)
	return nil
}

// endpointToken returns the token of a setting. AUTH_TOKEN stands in the env file of another component, and must
// equal AGENT_SERVER_TOKEN (contract, section 2).
func (d *auditDeployment) endpointToken(setting string) string {
	text := d.deployment.Text(setting)
	if text == "" && setting == "AUTH_TOKEN" {
		return d.deployment.Text("AGENT_SERVER_TOKEN")
	}
	return text
}

// extras are what the page of an audit shows besides the report.
func (d *auditDeployment) extras(ctx context.Context) (extras report.Extras) {
	events, err := audit.Events(ctx, &d.sources)
	if err != nil {
		d.app.printer.Note("the page has no timeline: %s", err.Error())
	}
	extras.Events = events
	current, _ := strconv.Atoi(d.deployment.Text("ENCRYPTION_KEY_VERSION"))
	for _, count := range d.encryption.VersionCounts() {
		last := len(extras.Columns) - 1
		if last < 0 || extras.Columns[last].Column != count.Column {
			extras.Columns = append(extras.Columns, report.ColumnVersions{Column: count.Column})
			last++
		}
		extras.Columns[last].Versions = append(extras.Columns[last].Versions,
			report.VersionCount{Label: "v" + strconv.Itoa(count.Version), Current: count.Version == current, Values: count.Values})
	}
	return extras
}
