package config

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// The settings by their environment names, which Request.Flags uses as well. Those of
// secrets are in pkg/secret.
const (
	NameDatabaseURL      = "DATABASE_URL"
	NameRedisURL         = "REDIS_URL"
	NameMaxSessions      = "MAX_SESSIONS_PER_USER"
	NameSessionTimeout   = "USER_SESSION_TIMEOUT_MS"
	NameRedisPrefix      = "OCMT_REDIS_PREFIX"
	NameRedisCA          = "OCMT_REDIS_CA"
	NameRedisCertificate = "OCMT_REDIS_CERTIFICATE"
	NameRedisKey         = "OCMT_REDIS_KEY"
	NameEndpointCA       = "OCMT_ENDPOINT_CA"
	NameAdminToken       = "INTERNAL_ADMIN_TOKEN"
	NameManagementToken  = "MANAGEMENT_API_TOKEN"
	NameOutput           = "OCMT_OUTPUT"
	NameOperator         = "OCMT_OPERATOR"
	NameRecord           = "OCMT_RECORD"
	NameWorkers          = "OCMT_WORKERS"
	NamePace             = "OCMT_PACE"
	NameChunkTarget      = "OCMT_CHUNK_TARGET"
	NameLockTimeout      = "OCMT_LOCK_TIMEOUT"
	NameStatementTimeout = "OCMT_STATEMENT_TIMEOUT"
	NameMaxRowsPerSecond = "OCMT_MAX_ROWS_PER_SECOND"
	NameMaxReplicaLag    = "OCMT_MAX_REPLICA_LAG"
	NameMaxWALBacklog    = "OCMT_MAX_WAL_BACKLOG"
	NameApplicationName  = "OCMT_APPLICATION_NAME"
)

const (
	defaultEnvFile    = ".env"
	defaultConfigFile = "ocmt.yaml"
)

// Request is everything that settings are read from.
type Request struct {
	// Flags holds the flags that were given, by the name of their setting.
	Flags map[string]string
	// FlagNames holds the name of each of these flags, with its dashes, by the name of its setting.
	FlagNames map[string]string
	// Environ is the environment as NAME=value lines.
	Environ []string
	// Dir is the folder that relative paths start from.
	Dir string
	// EnvFile and ConfigFile are the files that flags name; they must be there. Where they
	// are empty, .env and ocmt.yaml in Dir are read if they are there.
	EnvFile, ConfigFile string
	// FileTimeout is how long a file may take to read; 0 for ten seconds.
	FileTimeout time.Duration
	// Waiting is told of a file that has given nothing for two seconds; nil where nobody listens.
	Waiting func(path string)
}

// Load reads every setting once. Its errors are *FileError, *InvalidError, or
// wrap one of them, or the cause of ctx; none holds a value.
func Load(ctx context.Context, request Request) (*Settings, error) {
	r := &resolver{
		read:      newFileReader(ctx, request),
		dir:       request.Dir,
		flags:     request.Flags,
		flagNames: request.FlagNames,
		environ:   environMap(request.Environ),
		sources:   map[string]Source{},
	}
	if err := r.openEnvFile(request.EnvFile); err != nil {
		return nil, err
	}
	file, err := r.openYAML(request.ConfigFile)
	if err != nil {
		return nil, err
	}
	settings := &Settings{Columns: file.Columns, Known: file.Known, Audit: file.Audit}
	for _, read := range []func(*resolver) error{
		settings.readAddresses, settings.readAccess, settings.readRun, settings.readEngine, settings.readSecrets,
	} {
		if err := read(r); err != nil {
			return nil, err
		}
	}
	settings.plainSecrets = listPlainSecrets(r.environ, r.envFile)
	settings.Files, settings.sources, settings.closed = r.files, r.sources, r.closed
	// What is looked up later is read when ctx may have ended, because its caller ends it with Load.
	r.read = newFileReader(context.WithoutCancel(ctx), request)
	settings.resolve, settings.inEnvFile = r.find, r.findInEnvFile
	settings.filesRead = func() []File { return slices.Clone(r.files) }
	if r.envFile != nil {
		settings.envFile = r.envFile.view
	}
	return settings, nil
}

// isClosed reports whether a file could not be read because its folder may not be entered. Where
// nobody named the file, that matters only if a setting is missing: see MissingError.
func (r *resolver) isClosed(err error) bool {
	if !errors.Is(err, fs.ErrPermission) {
		return false
	}
	_, err = os.Lstat(filepath.Join(r.dir, ".", "ocmt.yaml"))
	r.closed = r.closed || errors.Is(err, fs.ErrPermission)
	return r.closed
}

func (r *resolver) openEnvFile(asked string) error {
	path, optional := asked, false
	if path == "" {
		path, optional = defaultEnvFile, true
	}
	file, err := readEnvFile(r.read, path)
	if err != nil {
		if optional && (errors.Is(err, fs.ErrNotExist) || r.isClosed(err)) {
			return nil
		}
		return err
	}
	for name, value := range file.values {
		file.info.Secret = file.info.Secret || (value != "" && holdsSecret(name))
	}
	file.info.Env = true
	r.envFile = file
	r.noteFile(file.info)
	return nil
}

// holdsSecret reports whether a setting is a secret, by its name. An env file serves the
// OCMT servers too, so it has settings that ocmt does not read.
func holdsSecret(name string) bool {
	upper := strings.ToUpper(name)
	if strings.HasSuffix(upper, "_FILE") {
		return false
	}
	for _, kind := range secret.VersionedKinds() {
		if upper == kind.VersionSetting {
			return false
		}
	}
	for _, part := range []string{"KEY", "SECRET", "TOKEN", "PASSWORD", "DATABASE_URL", "REDIS_URL"} {
		if strings.Contains(upper, part) {
			return true
		}
	}
	return false
}

func (r *resolver) openYAML(asked string) (*yamlFile, error) {
	path, optional := asked, false
	if path == "" {
		path, optional = defaultConfigFile, true
	}
	file, err := readYAML(r.read, path)
	if err != nil {
		if optional && (errors.Is(err, fs.ErrNotExist) || r.isClosed(err)) {
			return &yamlFile{}, nil
		}
		return nil, err
	}
	r.yamlAt = filepath.ToSlash(path)
	r.yaml = map[string]string{
		NameOutput:           file.Output,
		NameRecord:           file.Record,
		NameWorkers:          file.Workers,
		NamePace:             file.Pace,
		NameChunkTarget:      file.ChunkTarget,
		NameLockTimeout:      file.LockTimeout,
		NameStatementTimeout: file.StatementTimeout,
		NameMaxRowsPerSecond: file.MaxRowsPerSecond,
		NameMaxReplicaLag:    file.MaxReplicaLag,
		NameMaxWALBacklog:    file.MaxWALBacklog,
		NameApplicationName:  file.ApplicationName,
	}
	return file, nil
}

// Source returns where the setting of that environment name was found.
func (s *Settings) Source(name string) Source { return s.sources[name] }

// Sources returns where each setting was found, by environment name.
func (s *Settings) Sources() map[string]Source { return maps.Clone(s.sources) }
