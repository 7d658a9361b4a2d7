package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/viper"
)

// Column is a column of encrypted values that a deployment has beside those
// that every OCMT database has.
type Column struct {
	Schema string `mapstructure:"schema"` // "" for the first schema of the search path that has the table
	Table  string `mapstructure:"table"`
	Key    string `mapstructure:"key"` // primary key column
	Column string `mapstructure:"column"`
	// PlaintextAllowed says that the column may contain plaintext, which is counted and left
	// alone.
	PlaintextAllowed bool `mapstructure:"plaintext_allowed"`
}

// Known is a column that looks as if its values were encrypted under ENCRYPTION_KEY, and
// that the deployment says is not.
type Known struct {
	Schema string `mapstructure:"schema"` // "" for the first schema of the search path that has the table
	Table  string `mapstructure:"table"`
	Column string `mapstructure:"column"`
	Reason string `mapstructure:"reason"`
}

// Audit is what an audit is told about a deployment that no server knows: the section audit of ocmt.yaml.
type Audit struct {
	// RedisApplicationUser is the user of Redis that the servers log in as; "" for that of REDIS_URL.
	RedisApplicationUser string `mapstructure:"redis_application_user"`
	// RedisOperators are users of Redis that may list names of keys, such as that of ocmt session-invalidate.
	RedisOperators []string `mapstructure:"redis_operators"`
	// TrustedGroups are groups of the system whose members may read files with secrets.
	TrustedGroups []string `mapstructure:"trusted_groups"`
}

// yamlFile is ocmt.yaml. Every scalar is read as text, and is checked later by the same rules
// as its flag and its environment variable.
type yamlFile struct {
	Output           string   `mapstructure:"output"`
	Record           string   `mapstructure:"record"`
	Workers          string   `mapstructure:"workers"`
	Pace             string   `mapstructure:"pace"`
	ChunkTarget      string   `mapstructure:"chunk_target"`
	LockTimeout      string   `mapstructure:"lock_timeout"`
	StatementTimeout string   `mapstructure:"statement_timeout"`
	MaxRowsPerSecond string   `mapstructure:"max_rows_per_second"`
	MaxReplicaLag    string   `mapstructure:"max_replica_lag"`
	MaxWALBacklog    string   `mapstructure:"max_wal_backlog"`
	ApplicationName  string   `mapstructure:"application_name"`
	Columns          []Column `mapstructure:"columns"`
	Known            []Known  `mapstructure:"known"`
	Audit            Audit    `mapstructure:"audit"`

	path string
}

// knownKeys are the keys of ocmt.yaml, for the message about an unknown one.
var knownKeys = [...]string{
	"application_name", "audit", "chunk_target", "columns", "known", "lock_timeout",
	"max_replica_lag", "max_rows_per_second", "max_wal_backlog", "output", "pace", "record", "statement_timeout", "workers",
}

// secretLike matches keys that would hold a secret.
var secretLike = regexp.MustCompile(`(?i)(key$|key_v|key_file|password|passwd|token|secret|database_url|redis_url|dsn)`)

// readYAML reads ocmt.yaml with a viper of its own.
func readYAML(read fileReader, path string) (*yamlFile, error) {
	text, _, err := read(path)
	if err != nil {
		return nil, err
	}
	// No key contains the delimiter, so that a dot in a key has no meaning.
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00"))
	v.SetConfigType("yaml")
	if err := v.ReadConfig(strings.NewReader(text)); err != nil {
		return nil, makeYAMLError(path, err, "it is not valid YAML")
	}
	if err := checkYAMLKeys(path, v.AllSettings()); err != nil {
		return nil, err
	}
	file := &yamlFile{path: path}
	if err := v.UnmarshalExact(file); err != nil {
		return nil, makeYAMLError(path, err, "a setting has the wrong form: columns is a list of {table, key, column}, known one of {table, column, reason}, audit has redis_application_user, redis_operators and trusted_groups, every other setting is one value")
	}
	if err := checkColumns(path, file.Columns); err != nil {
		return nil, err
	}
	return file, checkKnown(path, file.Known)
}

// checkYAMLKeys refuses keys that ocmt does not know, because a misspelt limit that is
// skipped would not hold.
func checkYAMLKeys(path string, settings map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if slices.Contains(knownKeys[:], name) {
			continue
		}
		if secretLike.MatchString(name) {
			return &FileError{Path: path,
				Reason: fmt.Sprintf("%q looks like a secret, and secrets do not belong in this file", redactName(name)),
				Advice: "put it in the environment, in a file named by its _FILE variable, or in an env file with mode 0600; if this file was ever committed or shared, make a new secret"}
		}
		return &FileError{Path: path,
			Reason: fmt.Sprintf("unknown setting %q", redactName(name)),
			Advice: "known settings: " + strings.Join(knownKeys[:], ", ")}
	}
	return nil
}

func checkColumns(path string, columns []Column) error {
	for i, column := range columns {
		if column.Table == "" || column.Key == "" || column.Column == "" {
			return &FileError{Path: path,
				Reason: fmt.Sprintf("entry %d of columns needs table, key and column", i+1),
				Advice: "write it as - {table: notes, key: id, column: body_encrypted}"}
		}
	}
	return nil
}

// checkKnown asks for a reason, so that a later reader of the file can tell a decision from a
// way to silence a check.
func checkKnown(path string, known []Known) error {
	for i, entry := range known {
		if entry.Table == "" || entry.Column == "" || entry.Reason == "" {
			return &FileError{Path: path,
				Reason: fmt.Sprintf("entry %d of known needs table, column and reason", i+1),
				Advice: "write it as - {table: archive, column: body, reason: sealed by the archive's own key}"}
		}
	}
	return nil
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// makeYAMLError keeps only the line number of a message of the parser, because those messages
// quote the file.
func makeYAMLError(path string, err error, reason string) error {
	fileError := &FileError{Path: path, Reason: reason}
	var parse viper.ConfigParseError
	if match := yamlLine.FindStringSubmatch(err.Error()); errors.As(err, &parse) && match != nil {
		fileError.Line, _ = strconv.Atoi(match[1]) // digits only; 0 if there are too many
	}
	return fileError
}
