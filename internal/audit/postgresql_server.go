package audit

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// SettingScope is for whom a setting is made. The zero value is the whole server.
type SettingScope struct{ Role, Database string }

// String names the scope for people.
func (s SettingScope) String() string {
	switch {
	case s.Role != "" && s.Database != "":
		return "role " + s.Role + " in database " + s.Database
	case s.Role != "":
		return "role " + s.Role
	case s.Database != "":
		return "database " + s.Database
	}
	return "the server"
}

// PostgreSQLLogging has the settings that say what a server logs.
type PostgreSQLLogging struct {
	Settings map[SettingScope]map[string]string // numbers in the unit of pg_settings
	// Hidden are settings of the server that the account cannot see, with what would show them.
	Hidden []Gap
}

// value returns a setting in a scope: that of the server where the scope says nothing.
func (l PostgreSQLLogging) value(scope SettingScope, name string) (value string, own bool) {
	if value, own = l.Settings[scope][name]; own {
		return value, true
	}
	return l.Settings[SettingScope{}][name], scope == SettingScope{}
}

// number returns a setting as a number; 0 where it is none or not there.
func number(text string) float64 {
	n, _ := strconv.ParseFloat(text, 64)
	return n
}

// lookAtLogging finds settings with which secrets get into the log.
func lookAtLogging(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	logging, err := source.Logging(ctx)
	if err != nil {
		return seen, err
	}
	seen.Gaps = logging.Hidden
	seen.Looked = countThings(int64(len(logging.Settings)), "scope of settings", "scopes of settings")
	for scope := range logging.Settings {
		seen.Faults = append(seen.Faults, loggingFaults(logging, scope)...)
	}
	slices.SortFunc(seen.Faults, func(a, b Fault) int { return strings.Compare(a.Object, b.Object) })
	return seen, nil
}

// loggingRule is a setting that can write secrets into the log.
type loggingRule struct {
	name     string
	message  string
	expected string
	// limited says that log_parameter_max_length decides what is written.
	limited bool
	wrong   func(value string, l PostgreSQLLogging, scope SettingScope) bool
}

// withParameters reports whether a number is at least least, and the parameters of statements are logged.
func withParameters(least func(float64) bool) func(string, PostgreSQLLogging, SettingScope) bool {
	return func(value string, l PostgreSQLLogging, scope SettingScope) bool {
		length, _ := l.value(scope, "log_parameter_max_length")
		return length != "0" && least(number(value))
	}
}

const logsValues = "writes the values of statements into the log"

// loggingRules are the settings that can write secrets into the log (PostgreSQL documentation, Error Reporting
// and Logging).
var loggingRules = []loggingRule{
	{"log_statement", "writes statements into the log", "ddl or none", true, func(v string, _ PostgreSQLLogging, _ SettingScope) bool { return v == "mod" || v == "all" }},
	{"log_min_duration_statement", logsValues, "log_parameter_max_length = 0", true, withParameters(func(n float64) bool { return n >= 0 })},
	{"log_min_duration_sample", logsValues, "log_parameter_max_length = 0", true, func(v string, l PostgreSQLLogging, scope SettingScope) bool {
		rate, _ := l.value(scope, "log_statement_sample_rate")
		return number(rate) > 0 && withParameters(func(n float64) bool { return n >= 0 })(v, l, scope)
	}},
	{"log_transaction_sample_rate", logsValues, "log_parameter_max_length = 0", true, withParameters(func(n float64) bool { return n > 0 })},
	{"log_parameter_max_length_on_error", "writes the values of failing statements into the log", "0", false, func(v string, _ PostgreSQLLogging, _ SettingScope) bool { return v != "0" }},
	{"auto_explain.log_min_duration", "writes plans with the values of statements into the log", "-1", false, func(v string, _ PostgreSQLLogging, _ SettingScope) bool { return number(v) >= 0 }},
}

// loggingFaults finds what is wrong in one scope. A setting of the server is told once.
func loggingFaults(l PostgreSQLLogging, scope SettingScope) (faults []Fault) {
	length, lengthHere := l.value(scope, "log_parameter_max_length")
	for _, rule := range loggingRules {
		value, here := l.value(scope, rule.name)
		if concerned := here || lengthHere && rule.limited; !concerned || value == "" || !rule.wrong(value, l, scope) {
			continue
		}
		fault := Fault{Object: "setting " + rule.name + " of " + scope.String(), Message: rule.message, Expected: rule.expected, Actual: rule.name + " = " + value}
		if rule.name == "log_statement" && length == "0" {
			fault.Severity = Low
			fault.Message = "writes statements into the log, without their parameters: values that are typed by hand stand there"
		}
		faults = append(faults, fault)
	}
	return faults
}

// CatalogueSecret is an object of the catalogue that holds a secret. It has nothing of the secret.
type CatalogueSecret struct {
	Object string // "function public.f", "user mapping of ocmt at server s"
	Kind   string // "a password", "a private key"
}

// lookAtCatalogue finds secrets in the catalogue.
func lookAtCatalogue(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	secrets, gaps, err := source.CatalogueSecrets(ctx)
	seen.Gaps, seen.Looked = gaps, "functions, user mappings, subscriptions, settings of roles and databases"
	for _, one := range secrets {
		seen.Faults = append(seen.Faults, Fault{Object: one.Object, Message: "holds " + one.Kind, Expected: "no secret", Actual: one.Kind})
	}
	return seen, err
}

// riskyExtensions reach beyond the database: what each does.
var riskyExtensions = map[string]string{
	"adminpack": "writes files of the server", "file_fdw": "reads files and runs programs", "dblink": "connects to other servers", "postgres_fdw": "connects to other servers",
	"plpython3u": "runs programs", "plpython2u": "runs programs", "plpythonu": "runs programs", "plperlu": "runs programs", "pltclu": "runs programs", "plsh": "runs programs",
	"pageinspect": "reads rows past every right", "pg_surgery": "changes rows past every check", "http": "connects to other servers", "pg_net": "connects to other servers", "xml2": "is outdated and reads outside entities",
}

// lookAtExtensions finds extensions that reach beyond the database.
func lookAtExtensions(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	names, err := source.Extensions(ctx)
	seen.Looked = countThings(int64(len(names)), "extension", "extensions")
	for _, name := range names {
		if does := riskyExtensions[name]; does != "" {
			seen.Faults = append(seen.Faults, Fault{Object: "extension " + name, Message: "is installed: it " + does, Expected: "not installed", Actual: "installed"})
		}
	}
	return seen, err
}

// PostgreSQLArchiving is how a server archives its log.
type PostgreSQLArchiving struct {
	Mode      string // archive_mode: off, on or always
	Standby   bool
	NoCommand bool // archive_command and archive_library are seen, and empty
	Failing   bool // the last attempt failed
	Archived  int64
	Failed    int64
}

// lookAtArchiving finds a log that is not archived.
func lookAtArchiving(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	a, err := source.Archiving(ctx)
	if err != nil {
		return seen, err
	}
	seen.Looked = "archive_mode " + a.Mode + ", " + countThings(a.Archived, "file", "files") + " archived, " + countThings(a.Failed, "failure", "failures")
	fault := Fault{Object: "WAL archiving", Expected: "every file archived"}
	switch {
	case a.Standby && a.Mode != "always":
		return Seen{Absent: "pg_is_in_recovery() says that the server is a standby, which archives nothing"}, nil
	case a.Mode == "off":
		fault.Message, fault.Actual, fault.Severity = "is off, and no other backup is named", "archive_mode = off", Low
	case a.NoCommand:
		fault.Message, fault.Actual = "has no command, so that the log fills the disk", "archive_command is empty"
	case a.Failing:
		fault.Message, fault.Actual = "fails", "the last attempt failed, "+countThings(a.Failed, "failure", "failures")+" in all"
	default:
		return seen, nil
	}
	seen.Faults = append(seen.Faults, fault)
	return seen, nil
}

// lookAtPgaudit finds a server without pgaudit.
func lookAtPgaudit(ctx context.Context, source PostgreSQLSource) (seen Seen, err error) {
	libraries, err := source.Preloaded(ctx)
	if err != nil {
		return seen, err
	}
	seen.Looked = "shared_preload_libraries"
	if !slices.Contains(libraries, "pgaudit") {
		seen.Faults = append(seen.Faults, Fault{Object: "pgaudit", Message: "is not loaded", Expected: "pgaudit in shared_preload_libraries", Actual: "not there"})
	}
	return seen, nil
}
