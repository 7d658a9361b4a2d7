package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
)

// serverOfTest is a PostgreSQL server as a test wants it. What it does not say is asked of nobody.
type serverOfTest struct {
	audit.PostgreSQLSource
	transport audit.PostgreSQLTransport
	login     audit.PostgreSQLLogin
	rules     []audit.AccessRule
	libraries []string
	logging   audit.PostgreSQLLogging
	archiving audit.PostgreSQLArchiving
	err       error
}

func (s serverOfTest) Transport(context.Context) (audit.PostgreSQLTransport, error) {
	return s.transport, s.err
}
func (s serverOfTest) Login(context.Context) (audit.PostgreSQLLogin, error)    { return s.login, s.err }
func (s serverOfTest) AccessRules(context.Context) ([]audit.AccessRule, error) { return s.rules, s.err }
func (s serverOfTest) Preloaded(context.Context) ([]string, error)             { return s.libraries, s.err }
func (s serverOfTest) Logging(context.Context) (audit.PostgreSQLLogging, error) {
	return s.logging, s.err
}
func (s serverOfTest) Extensions(context.Context) ([]string, error) { return nil, s.err }
func (s serverOfTest) Archiving(context.Context) (audit.PostgreSQLArchiving, error) {
	return s.archiving, s.err
}

// noReporter is a Reporter that reports nothing.
type noReporter struct{}

func (noReporter) Checking(string, int, int) {}

// askOf asks checks of sources.
func askOf(t *testing.T, sources *audit.Sources, only ...string) []audit.Result {
	t.Helper()
	report, err := audit.Run(context.Background(), sources, audit.Request{Only: only, Now: time.Unix(0, 0)}, noReporter{})
	if err != nil {
		t.Fatal(err)
	}
	return report.Results
}

// askServer asks one check of a server, and returns the outcome with the worst severity and what was said.
func askServer(t *testing.T, s serverOfTest, id string) (audit.Outcome, audit.Severity, string) {
	t.Helper()
	r := askOf(t, &audit.Sources{PostgreSQL: audit.Available[audit.PostgreSQLSource](s)}, id)[0]
	if len(r.Findings) == 0 {
		return r.Outcome, 0, ""
	}
	return r.Outcome, r.Findings[0].Severity, r.Findings[0].Message
}

// A check that passes without having looked would be believed.
func TestChecksOfPostgreSQLWithoutIt(t *testing.T) {
	t.Parallel()
	silent := audit.Gap{What: "the database", Reason: "it does not answer"}
	for name, c := range map[string]struct {
		sources *audit.Sources
		want    audit.Outcome
	}{
		"not set":   {&audit.Sources{PostgreSQL: audit.Absent[audit.PostgreSQLSource]("DATABASE_URL is not set"), Tokens: audit.Absent[audit.TokenSource]("DATABASE_URL is not set")}, audit.NotApplicable},
		"no answer": {&audit.Sources{PostgreSQL: audit.Unanswered[audit.PostgreSQLSource](silent), Tokens: audit.Unanswered[audit.TokenSource](silent)}, audit.Unchecked},
	} {
		results := askOf(t, c.sources, "PG", "TOK")
		if len(results) != 23 {
			t.Errorf("%d checks, want 23", len(results))
		}
		for _, r := range results {
			if r.Outcome != c.want {
				t.Errorf("%s, %s: %s, want %s", name, r.Check.ID, r.Outcome, c.want)
			}
		}
	}
	for _, id := range []string{"PG-001", "PG-002", "PG-006", "PG-008", "PG-010", "PG-011", "PG-012"} {
		if outcome, _, _ := askServer(t, serverOfTest{err: errors.New("lost")}, id); outcome != audit.Unchecked {
			t.Errorf("%s of a server that is lost: %s", id, outcome)
		}
	}
}

// What an operator reads about a check must be there, or a finding comes without a deed.
func TestTextsOfChecks(t *testing.T) {
	t.Parallel()
	for _, check := range audit.Checks() {
		if check.Area() != audit.PostgreSQL && check.Area() != audit.Tokens {
			continue
		}
		for name, text := range map[string]string{"title": check.Title, "why": check.Why, "looks at": check.LooksAt, "right": check.Right, "not a fault": check.NotFault, "fix": check.Fix} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no text for %s", check.ID, name)
			}
		}
	}
}

// A connection in clear over a network gives the database away; one within the machine does not, and a report
// that cannot tell the two apart is not read twice.
func TestTransports(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		transport audit.PostgreSQLTransport
		outcome   audit.Outcome
		says      string
	}{
		"socket":          {audit.PostgreSQLTransport{Local: "a unix socket"}, audit.Pass, ""},
		"verified":        {audit.PostgreSQLTransport{Mode: "verify-full", Offered: true, Used: true}, audit.Pass, ""},
		"verified issuer": {audit.PostgreSQLTransport{Mode: "verify-ca", Offered: true, Used: true}, audit.Pass, ""},
		"not offered":     {audit.PostgreSQLTransport{Mode: "prefer"}, audit.Found, "offers none"},
		"not used":        {audit.PostgreSQLTransport{Mode: "disable", Offered: true}, audit.Found, "though the server offers it"},
		"fell back":       {audit.PostgreSQLTransport{Mode: "allow", Offered: true}, audit.Found, "though the server offers it"},
		"any certificate": {audit.PostgreSQLTransport{Mode: "require", Offered: true, Used: true}, audit.Found, "any certificate"},
		"pool":            {audit.PostgreSQLTransport{Mode: "verify-full", Offered: true, Pooled: true}, audit.Unchecked, ""},
		"pool in clear":   {audit.PostgreSQLTransport{Local: "a unix socket", Pooled: true, PoolInClear: true}, audit.Found, "has no TLS"},
	} {
		outcome, _, says := askServer(t, serverOfTest{transport: c.transport}, "PG-001")
		if outcome != c.outcome || !strings.Contains(says, c.says) {
			t.Errorf("%s: %s, %q", name, outcome, says)
		}
	}
}

// A server that asks no password over a network is critical; peer on a socket is how it should be.
func TestLogins(t *testing.T) {
	t.Parallel()
	socket, loopback := audit.PostgreSQLTransport{Local: "a unix socket"}, audit.PostgreSQLTransport{Local: "a loopback address"}
	for name, c := range map[string]struct {
		server   serverOfTest
		outcome  audit.Outcome
		severity audit.Severity
	}{
		"scram":               {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginSCRAM}}, audit.Pass, 0},
		"kerberos":            {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginOther}}, audit.Pass, 0},
		"trust from outside":  {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginTrust}}, audit.Found, audit.Critical},
		"trust from here":     {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginTrust, PostgreSQLTransport: loopback}}, audit.Found, audit.High},
		"a certificate":       {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginTrust, Certificate: true}}, audit.Pass, 0},
		"peer":                {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginTrust, PostgreSQLTransport: socket}, rules: []audit.AccessRule{{Type: "local", Method: "peer"}}}, audit.Pass, 0},
		"trust on the socket": {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginTrust, PostgreSQLTransport: socket}, rules: []audit.AccessRule{{Type: "local", Method: "trust"}}}, audit.Found, audit.High},
		"clear text":          {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginPassword}}, audit.Found, audit.High},
		"clear text in TLS":   {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginPassword, Encrypted: true}}, audit.Found, audit.Medium},
		"md5":                 {serverOfTest{login: audit.PostgreSQLLogin{Method: audit.LoginMD5}}, audit.Found, audit.High},
	} {
		if outcome, severity, _ := askServer(t, c.server, "PG-002"); outcome != c.outcome || severity != c.severity {
			t.Errorf("%s: %s, %s", name, outcome, severity)
		}
	}
}

// A rule that lets the world in is easily overlooked among those that are narrow.
func TestAccessRules(t *testing.T) {
	t.Parallel()
	for rule, says := range map[audit.AccessRule]string{
		{Type: "local", Method: "peer"}:  "",
		{Type: "local", Method: "trust"}: "every account of the machine",
		{Type: "host", Address: "127.0.0.1", Mask: "255.255.255.255", Method: "scram-sha-256"}:         "",
		{Type: "host", Address: "127.0.0.1", Mask: "255.255.255.255", Method: "trust"}:                 "every account of the machine",
		{Type: "host", Address: "::1", Mask: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Method: "md5"}: "",
		{Type: "host", Address: "172.18.0.0", Mask: "255.255.0.0", Method: "scram-sha-256"}:            "",
		{Type: "host", Address: "172.16.0.0", Mask: "255.0.0.0", Method: "scram-sha-256"}:              "without TLS",
		{Type: "host", Address: "10.0.0.0", Mask: "255.0.0.0", Method: "scram-sha-256"}:                "without TLS",
		{Type: "hostssl", Address: "10.0.0.0", Mask: "255.0.0.0", Method: "scram-sha-256"}:             "",
		{Type: "hostssl", Address: "10.0.0.0", Mask: "255.0.0.0", Method: "password"}:                  "clear text",
		{Type: "hostssl", Address: "10.0.0.0", Mask: "255.0.0.0", Method: "trust"}:                     "without a password",
		{Type: "hostssl", Address: "0.0.0.0", Mask: "0.0.0.0", Method: "scram-sha-256"}:                "every address",
		{Type: "hostssl", Address: "::", Mask: "::", Method: "scram-sha-256"}:                          "every address",
		{Type: "hostssl", Address: "all", Method: "scram-sha-256"}:                                     "every address",
		{Type: "host", Address: "all", Method: "reject"}:                                               "",
		{Type: "host", Address: "samehost", Method: "scram-sha-256"}:                                   "",
		{Type: "host", Address: "db.example.org", Method: "scram-sha-256"}:                             "without TLS",
		{Broken: true}: "cannot be read",
	} {
		if _, _, said := askServer(t, serverOfTest{rules: []audit.AccessRule{rule}}, "PG-008"); (said == "") != (says == "") || !strings.Contains(said, says) {
			t.Errorf("%s: %q, want %q", rule, said, says)
		}
	}
}

// A log with the values of statements holds every secret that a server writes.
func TestLoggingSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]string
		severity audit.Severity
	}{
		"defaults":          {map[string]string{"log_statement": "none", "log_min_duration_statement": "-1", "log_parameter_max_length": "-1", "log_parameter_max_length_on_error": "0", "log_transaction_sample_rate": "0"}, 0},
		"ddl":               {map[string]string{"log_statement": "ddl", "log_parameter_max_length": "-1"}, 0},
		"mod":               {map[string]string{"log_statement": "mod", "log_parameter_max_length": "-1"}, audit.High},
		"mod, no values":    {map[string]string{"log_statement": "mod", "log_parameter_max_length": "0"}, audit.Low},
		"slow":              {map[string]string{"log_min_duration_statement": "1000", "log_parameter_max_length": "-1"}, audit.High},
		"slow, no values":   {map[string]string{"log_min_duration_statement": "1000", "log_parameter_max_length": "0"}, 0},
		"sample":            {map[string]string{"log_min_duration_sample": "10", "log_statement_sample_rate": "0.5", "log_parameter_max_length": "-1"}, audit.High},
		"sample of nothing": {map[string]string{"log_min_duration_sample": "10", "log_statement_sample_rate": "0", "log_parameter_max_length": "-1"}, 0},
		"transactions":      {map[string]string{"log_transaction_sample_rate": "0.1", "log_parameter_max_length": "-1"}, audit.High},
		"errors":            {map[string]string{"log_parameter_max_length_on_error": "64"}, audit.High},
		"plans":             {map[string]string{"auto_explain.log_min_duration": "0"}, audit.High},
	} {
		logging := audit.PostgreSQLLogging{Settings: map[audit.SettingScope]map[string]string{{}: c.settings}}
		if outcome, severity, _ := askServer(t, serverOfTest{logging: logging}, "PG-006"); severity != c.severity || (c.severity == 0) != (outcome == audit.Pass) {
			t.Errorf("%s: %s, %s", name, outcome, severity)
		}
	}
}

// pgaudit that is loaded must pass, or the finding is noise for ever; and a standby does not archive.
func TestServersThatPass(t *testing.T) {
	t.Parallel()
	if outcome, _, _ := askServer(t, serverOfTest{libraries: []string{"pg_stat_statements", "pgaudit"}}, "PG-012"); outcome != audit.Pass {
		t.Errorf("with pgaudit: %s", outcome)
	}
	if outcome, _, _ := askServer(t, serverOfTest{archiving: audit.PostgreSQLArchiving{Mode: "on", Standby: true}}, "PG-011"); outcome != audit.NotApplicable {
		t.Errorf("a standby: %s", outcome)
	}
}
