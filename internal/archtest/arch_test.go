package archtest_test

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/ocmt/ocmt/"

// Each library may be used in one layer only; the rules say in which.
const (
	cobra = "github.com/spf13/cobra"
	viper = "github.com/spf13/viper"
	term  = "golang.org/x/term"
	pgx   = "github.com/jackc/pgx"
	redis = "github.com/redis/go-redis"
)

// rules say what a package must not depend on, at any depth. A package that does not exist
// breaks no rule.
var rules = []struct {
	pkg    string
	why    string
	forbid []string
}{
	{"pkg/crypto", "others import it, and cannot import what is internal", []string{module + "internal"}},
	{"pkg/secret", "it knows kinds of secret, and no settings, databases or screens", []string{cobra, viper, term, pgx, redis}},
	{"internal/finding", "it is the form in which every layer reports, and stands below all of them", []string{module + "internal/", module + "pkg/", cobra, viper, term, pgx, redis}},
	{"internal/config", "reading settings dials nothing and shows nothing", []string{module + "internal/cli", module + "internal/ui", cobra, term, pgx, redis}},
	{"internal/ui", "showing things knows nothing of what is shown", []string{module + "internal/cli", module + "internal/config", cobra, viper, pgx, redis}},
	{"internal/ocmt", domain, domainForbids},
	{"internal/discover", domain, append([]string{module + "internal/migrate", module + "internal/rotation"}, domainForbids...)},
	{"internal/migrate", domain, append([]string{module + "internal/rotation"}, domainForbids...)},
	{"internal/rotation", domain, domainForbids},
	{"internal/rotation/evidence", domain, domainForbids},
	{"internal/audit", domain, domainForbids},
	{"internal/audit/review", domain, domainForbids},
	{"internal/audit/report", domain, domainForbids},
	{"internal/leak", "it finds secrets in bytes, and knows no settings, databases or screens", append([]string{module + "internal/audit"}, domainForbids...)},
	{"internal/ivset", "others keep their numbers in it", []string{module + "internal/", module + "pkg/", cobra, viper, term, pgx, redis}},
	{"internal/files", localAdapter, localForbids},
	{"internal/containers", localAdapter, localForbids},
	{"internal/processes", localAdapter, localForbids},
	{"internal/logfile", localAdapter, localForbids},
	{"internal/gitrepo", localAdapter, localForbids},
	{"internal/gitrepo/gitaudit", localAdapter, localForbids},
	{"internal/secretstore", domain, domainForbids},
	{"internal/secretstore/securefile", domain, domainForbids},
	{"internal/secretstore/envfile", domain, domainForbids},
	{"internal/secretstore/dir", domain, domainForbids},
	{"internal/secretstore/openclaw", domain, domainForbids},
	{"internal/token", domain, append([]string{module + "internal/audit", module + "internal/migrate", module + "internal/rotation"}, domainForbids...)},
	{"internal/json5", "what audits a gateway's file and what edits it read it alike", []string{module + "internal/", module + "pkg/", cobra, viper, term, pgx, redis}},
	{"internal/dotenv", "what reads settings and what edits an env file read it alike", []string{module + "internal/", module + "pkg/", cobra, viper, term, pgx, redis}},
	{"internal/session", domain, domainForbids},
	{"internal/validation", domain, append([]string{module + "internal/audit", module + "internal/migrate", module + "internal/rotation"}, domainForbids...)},
	{"internal/due", domain, append([]string{module + "internal/migrate", module + "internal/rotation"}, domainForbids...)},
	{"internal/runbook", domain, append([]string{module + "internal/migrate", module + "internal/rotation"}, domainForbids...)},
	{"internal/usertoken", domain, append([]string{module + "internal/migrate", module + "internal/rotation"}, domainForbids...)},
	{"internal/redispassword", domain, domainForbids},
	{"internal/chain", domain, domainForbids},
	{"internal/databasepassword", domain, domainForbids},
	{"internal/userlist", "it is a file of PgBouncer, and knows no settings, databases or screens", localForbids},
	{"internal/postgres", "what every adapter needs knows no domain", []string{module + "internal/migrate", module + "internal/discover", module + "internal/rotation",
		module + "internal/session", module + "internal/audit", module + "internal/ocmt", module + "internal/cli", module + "internal/ui", module + "internal/config", cobra, viper, term, redis}},
	{"internal/postgres/pgmigrate", adapter, append([]string{module + "internal/rotation"}, adapterForbids...)},
	{"internal/postgres/pgdiscover", adapter, append([]string{module + "internal/migrate", module + "internal/rotation"}, adapterForbids...)},
	{"internal/postgres/pgrecord", adapter, adapterForbids},
	{"internal/postgres/pgrotation", adapter, adapterForbids},
	{"internal/postgres/pgsession", adapter, append([]string{module + "internal/migrate", module + "internal/rotation"}, adapterForbids...)},
	{"internal/postgres/pgusertoken", adapter, append([]string{module + "internal/migrate", module + "internal/rotation"}, adapterForbids...)},
	{"internal/postgres/pgchain", adapter, append([]string{module + "internal/migrate", module + "internal/rotation", module + "internal/session"}, adapterForbids...)},
	{"internal/postgres/pgpassword", adapter, append([]string{module + "internal/migrate", module + "internal/rotation", module + "internal/session", module + "internal/audit"}, adapterForbids...)},
	{"internal/postgres/pgaudit", adapter, append([]string{module + "internal/migrate", module + "internal/rotation"}, adapterForbids...)},
	{"internal/redis/redisaudit", adapter, []string{module + "internal/cli", module + "internal/ui", module + "internal/config", module + "internal/migrate", cobra, viper, term, pgx}},
	{"internal/redis/redisacl", adapter, []string{module + "internal/cli", module + "internal/ui", module + "internal/config", module + "internal/migrate", module + "internal/session", cobra, viper, term, pgx}},
	{"internal/redis/redissession", adapter, []string{module + "internal/cli", module + "internal/ui", module + "internal/config", module + "internal/migrate", cobra, viper, term, pgx}},
	{"internal/redis", "a store is handed its address and prints nothing", []string{module + "internal/cli", module + "internal/ui", cobra, viper, term, pgx}},
	{"internal/rowkey", "every layer shows keys of rows", []string{module + "internal/", cobra, viper, term, pgx, redis}},
	{"internal/crash", "every layer catches its panics with it", []string{module + "internal/", module + "pkg/", cobra, viper, term, pgx, redis}},
	{"internal/testenv/tmux", "it shows any program, and knows nothing of this one", []string{module + "internal/", module + "pkg/", cobra, viper, term, pgx, redis}},
	{"internal/visible", "every layer shows text of others", []string{module + "internal/", module + "pkg/", cobra, viper, term, pgx, redis}},
	{"internal/trace", "what is told of connections knows nothing of what is sent", []string{module + "internal/", module + "pkg/", cobra, viper, term, pgx, redis}},
	{"internal/netconn", "a connection knows nothing of what is sent", []string{module + "internal/", cobra, viper, term, pgx, redis}},
	{"cmd/ocmt", "what only tests use stays out of the program", []string{"testing", "github.com/rogpeppe/go-internal"}},
}

const domain = "the domain takes values and gives values: it reads no settings, shows nothing and knows no database driver"

const adapter = "an adapter serves one domain: it is handed its database, prints nothing, and does not decide about keys"

const localAdapter = "an adapter of the audit reads this machine: it dials no store and prints nothing"

var localForbids = []string{module + "internal/cli", module + "internal/ui", module + "internal/config", module + "internal/postgres", module + "internal/redis", cobra, viper, term, pgx, redis}

var adapterForbids = []string{module + "internal/cli", module + "internal/ui", module + "internal/config", cobra, viper, term, redis}

var domainForbids = []string{
	module + "internal/cli", module + "internal/ui", module + "internal/config",
	module + "internal/postgres", module + "internal/redis",
	cobra, viper, term, pgx, redis,
}

// TestLayers: where a layer reaches past its neighbours, a test of the engine needs a terminal,
// and a secret can be printed.
func TestLayers(t *testing.T) {
	t.Parallel()
	watch(t)
	present := list(t, "./...")
	for _, rule := range rules {
		if !present[module+rule.pkg] {
			continue
		}
		t.Run(rule.pkg, func(t *testing.T) {
			t.Parallel()
			for dependency := range list(t, "-deps", "./"+rule.pkg) {
				for _, forbidden := range rule.forbid {
					if within(dependency, forbidden) {
						t.Errorf("%s depends on %s: %s", rule.pkg, dependency, rule.why)
					}
				}
			}
		})
	}
}

// TestCryptoIsStandardLibrary: a reviewer of how secrets are encrypted must have to read one
// package only, and no code that others can change.
func TestCryptoIsStandardLibrary(t *testing.T) {
	t.Parallel()
	for dependency := range list(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./pkg/crypto") {
		if dependency != module+"pkg/crypto" {
			t.Errorf("pkg/crypto depends on %s", dependency)
		}
	}
}

// TestPkgImportsOnlyFinding: others import pkg and cannot import what is internal. The exception
// is internal/finding, because the reports of all domains have one form.
func TestPkgImportsOnlyFinding(t *testing.T) {
	t.Parallel()
	watch(t)
	for dependency := range list(t, "-deps", "./pkg/...") {
		if within(dependency, module+"internal") && dependency != module+"internal/finding" {
			t.Errorf("pkg depends on %s", dependency)
		}
	}
}

// TestOnlyMainImportsCLI: the command line is the outermost layer. A package that imports it
// cannot be used without it.
func TestOnlyMainImportsCLI(t *testing.T) {
	t.Parallel()
	for line := range list(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		importer, imports, _ := strings.Cut(line, " ")
		if strings.HasPrefix(importer, module+"cmd/") {
			continue
		}
		for imported := range strings.FieldsSeq(imports) {
			if within(imported, module+"internal/cli") && !within(importer, module+"internal/cli") {
				t.Errorf("%s imports %s", importer, imported)
			}
		}
	}
}

// watch reads the state of each Go file of the module, so that the go command knows that the
// result depends on them. Otherwise it would print an old result from its cache.
func watch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(entry.Name()) != ".go" {
			return err
		}
		_, err = os.Stat(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// within reports whether path is the package root or below it.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// list runs go list at the top of the module and returns its lines.
func list(t *testing.T, args ...string) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	lines := map[string]bool{}
	for scanner := bufio.NewScanner(bytes.NewReader(out)); scanner.Scan(); {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			lines[line] = true
		}
	}
	return lines
}
