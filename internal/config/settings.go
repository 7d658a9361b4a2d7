package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Settings are all the settings of one run.
type Settings struct {
	DatabaseURL URL // empty where not set; see RequireDatabase
	RedisURL    URL
	Output      string // "human" or "json"
	Operator    string // who runs this, for the ledger; never empty
	Record      string // file of the tool's own record; "" for the table
	Engine      Engine
	Access      Access
	Columns     []Column // from ocmt.yaml
	Known       []Known  // from ocmt.yaml
	Audit       Audit    // from ocmt.yaml
	Files       []File   // every file that settings were read from

	secrets map[string]Secret // by the name of their setting
	// plainSecrets are the secrets that the commands do not use, by the name of their setting.
	plainSecrets map[string]Secret
	sources      map[string]Source
	closed       bool // the folder may not be entered, so that no file in it was read
	// shadowed has the places of secrets that another value goes before.
	shadowed map[string]Source
	resolve  func(name string) (string, Source, error) // finds a setting that Load has not read
	// inEnvFile finds a setting in the env file alone.
	inEnvFile func(name string) (string, Source, error)
	envFile   func() EnvFile // what stands in the env file; nil for none
	filesRead func() []File  // the files of Files, and those that were read since
}

// Engine limits the load that a re-encryption puts on the database.
type Engine struct {
	Workers          int           // 0 for a number that is chosen by the machine and the server
	Pace             string        // auto, full or gentle
	ChunkTarget      time.Duration // how long one transaction should take
	LockTimeout      time.Duration // longest wait for a row lock
	StatementTimeout time.Duration // longest run of one statement
	MaxRowsPerSecond int           // 0 for no limit
	MaxReplicaLag    time.Duration // 0 for no limit
	MaxWALBacklog    int64         // bytes; 0 for no limit
	ApplicationName  string        // as pg_stat_activity shows it
}

// These are the defaults of Engine. A chunk of a quarter of a second keeps a run easy to stop
// and to steer.
const (
	defaultPace             = "auto"
	defaultChunkTarget      = "250ms"
	defaultLockTimeout      = "5s"
	defaultStatementTimeout = "60s"
	defaultMaxRowsPerSecond = "0"
	defaultApplicationName  = "ocmt"

	maxWorkers = 64
)

func (s *Settings) readAddresses(r *resolver) error {
	database, err := r.lookup(NameDatabaseURL, "")
	if err != nil {
		return err
	}
	redis, err := r.lookup(NameRedisURL, "")
	if err != nil {
		return err
	}
	s.DatabaseURL, s.RedisURL = NewURL(database), NewURL(redis)
	return nil
}

// RequireDatabase returns DATABASE_URL, or a *MissingError. There is no default
// address: a tool that rewrites secrets must not guess which database is meant.
func (s *Settings) RequireDatabase() (URL, error) {
	if s.DatabaseURL.IsSet() {
		return s.DatabaseURL, nil
	}
	return URL{}, &MissingError{Name: NameDatabaseURL, Closed: s.closed,
		Advice: "set DATABASE_URL to the address that the OCMT server uses, such as postgresql://ocmt@localhost:5432/ocmt, in the environment, in .env, or in a file named by DATABASE_URL_FILE"}
}

func (s *Settings) readRun(r *resolver) error {
	output, err := r.lookup(NameOutput, "human")
	if err != nil {
		return err
	}
	if output != "human" && output != "json" {
		return r.refuse(NameOutput, output, "must be human or json")
	}
	operator, err := r.lookup(NameOperator, firstSet(r.environ["SUDO_USER"], r.environ["USER"], "unknown"))
	if err != nil {
		return err
	}
	s.Output, s.Operator = output, operator
	s.Record, err = r.lookup(NameRecord, "")
	return err
}

func firstSet(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func (s *Settings) readEngine(r *resolver) error {
	var err error
	if s.Engine.Workers, err = r.readWorkers(); err != nil {
		return err
	}
	if s.Engine.Pace, err = r.readWord(NamePace, defaultPace, "auto", "full", "gentle"); err != nil {
		return err
	}
	if s.Engine.MaxRowsPerSecond, err = r.readNumber(NameMaxRowsPerSecond, defaultMaxRowsPerSecond, 0, 1_000_000_000); err != nil {
		return err
	}
	if s.Engine.ChunkTarget, err = r.readDuration(NameChunkTarget, defaultChunkTarget, 10*time.Millisecond, time.Minute); err != nil {
		return err
	}
	if s.Engine.LockTimeout, err = r.readDuration(NameLockTimeout, defaultLockTimeout, 10*time.Millisecond, time.Hour); err != nil {
		return err
	}
	if s.Engine.StatementTimeout, err = r.readDuration(NameStatementTimeout, defaultStatementTimeout, 100*time.Millisecond, 24*time.Hour); err != nil {
		return err
	}
	if s.Engine.MaxReplicaLag, err = r.readDuration(NameMaxReplicaLag, "0s", 0, 24*time.Hour); err != nil {
		return err
	}
	if s.Engine.MaxWALBacklog, err = r.readSize(NameMaxWALBacklog, "0"); err != nil {
		return err
	}
	s.Engine.ApplicationName, err = r.lookup(NameApplicationName, defaultApplicationName)
	return err
}

// refuse returns the error for a setting that breaks a rule.
func (r *resolver) refuse(name, text, rule string) error {
	return &InvalidError{Name: name, Source: r.sources[name], Reason: rule + secret.AndGiven(text)}
}

// readWorkers reads a number of workers. It returns 0 for auto.
func (r *resolver) readWorkers() (int, error) {
	text, err := r.lookup(NameWorkers, "auto")
	if err != nil || text == "auto" {
		return 0, err
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 || value > maxWorkers {
		return 0, r.refuse(NameWorkers, text, fmt.Sprintf("must be auto or a whole number from 1 to %d", maxWorkers))
	}
	return value, nil
}

// readWord reads a setting that is one of a few words.
func (r *resolver) readWord(name, fallback string, words ...string) (string, error) {
	text, err := r.lookup(name, fallback)
	if err != nil {
		return "", err
	}
	if !slices.Contains(words, text) {
		return "", r.refuse(name, text, "must be one of "+strings.Join(words, ", "))
	}
	return text, nil
}

// readNumber reads a whole number from low to high.
func (r *resolver) readNumber(name, fallback string, low, high int) (int, error) {
	text, err := r.lookup(name, fallback)
	if err != nil {
		return 0, err
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < low || value > high {
		return 0, r.refuse(name, text, fmt.Sprintf("must be a whole number from %d to %d", low, high))
	}
	return value, nil
}

// readDuration reads a time with its unit, from low to high.
func (r *resolver) readDuration(name, fallback string, low, high time.Duration) (time.Duration, error) {
	text, err := r.lookup(name, fallback)
	if err != nil {
		return 0, err
	}
	value, err := time.ParseDuration(text)
	if err != nil || value < low || value > high {
		return 0, r.refuse(name, text, fmt.Sprintf("must be a time with its unit, such as 250ms or 5s, from %s to %s", low, high))
	}
	return value, nil
}

// sizeForm matches a number of megabytes or gigabytes.
var sizeForm = regexp.MustCompile(`^([0-9]{1,7})(MB|GB)$`)

// readSize reads a number of bytes in PostgreSQL's units: MB and GB are powers of 1024.
func (r *resolver) readSize(name, fallback string) (int64, error) {
	text, err := r.lookup(name, fallback)
	if err != nil || text == "0" {
		return 0, err
	}
	match := sizeForm.FindStringSubmatch(text)
	if match == nil {
		return 0, r.refuse(name, text, "must be a size with its unit, such as 512MB or 4GB, or 0")
	}
	value, _ := strconv.ParseInt(match[1], 10, 64) // seven digits at most
	if match[2] == "GB" {
		return value << 30, nil
	}
	return value << 20, nil
}
