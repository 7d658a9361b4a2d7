package logfile_test

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/leak"
	"github.com/ocmt/ocmt/internal/logfile"
)

// token is an invented secret.
const token = "Zq8vT2mK5xR1wN7cB4yH9sD3"

func newMatcher() *leak.Matcher {
	return leak.New([]leak.Secret{{Name: "ADMIN_TOKEN", Value: config.NewSecret(token)}})
}

type silent struct{}

func (silent) Checking(string, int, int) {}

// ask runs one check, and fails if its result has a secret.
func ask(t *testing.T, id string, source audit.LogSource) audit.Result {
	t.Helper()
	report, err := audit.Run(t.Context(), &audit.Sources{Logs: audit.Available(source)}, audit.Request{Only: []string{id}, Now: time.Unix(0, 0)}, silent{})
	if err != nil {
		t.Fatal(err)
	}
	if printed := fmt.Sprintf("%+v", report); len(newMatcher().Find([]byte(printed))) > 0 {
		t.Error("the result has a secret")
	}
	return report.Results[0]
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// expect fails unless a result has an outcome, and findings of these causes.
func expect(t *testing.T, r audit.Result, outcome audit.Outcome, causes ...string) {
	t.Helper()
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Cause)
	}
	if r.Outcome != outcome || strings.Join(got, "|") != strings.Join(causes, "|") {
		t.Errorf("%s: %s, findings %q, gaps %v, absent %q", r.Check.ID, r.Outcome, got, r.Gaps, r.Absent)
	}
}

// If this fails, an operator believes that no log has a secret, and one has.
func TestSecretsInLogs(t *testing.T) {
	t.Parallel()
	home, logs := t.TempDir(), t.TempDir()
	source := func() audit.LogSource {
		return logfile.New(newMatcher(), logfile.Places{Logs: []string{logs}, Home: home})
	}
	expect(t, ask(t, "LOG-001", source()), audit.NotApplicable)
	write(t, filepath.Join(logs, "app.log"), "a line\n")
	expect(t, ask(t, "LOG-001", source()), audit.Pass)
	write(t, filepath.Join(logs, "old/app.log"), strings.Repeat("line\n", 100_000)+"auth "+base64.StdEncoding.EncodeToString([]byte("user:"+token))+"\n")
	write(t, filepath.Join(home, ".bash_history"), "export ADMIN_TOKEN="+token+"\n")
	write(t, filepath.Join(home, ".pm2/logs/a-out.log"), "token "+token+"\n")
	zipped, err := os.Create(filepath.Join(logs, "app.log.1.gz"))
	if err != nil {
		t.Fatal(err)
	}
	w := gzip.NewWriter(zipped)
	_, _ = w.Write([]byte("token " + token + "\n"))
	w.Close()
	zipped.Close()
	r := ask(t, "LOG-001", source())
	expect(t, r, audit.Found, "ADMIN_TOKEN")
	if r.Findings[0].Count != 4 || len(r.Findings[0].Places) != 4 {
		t.Errorf("found %+v", r.Findings[0])
	}
}

// If this fails, a log that could not be read counts as clean.
func TestUnreadableLogsAreGaps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := write(t, filepath.Join(dir, "broken.gz"), "\x1f\x8b\x08\x00broken")
	journal := write(t, filepath.Join(dir, "system.journal"), "LPKSHHRH\x00\x00")
	gone := filepath.Join(dir, "gone.log")
	for _, path := range []string{broken, journal, gone} {
		for _, id := range []string{"LOG-001", "LOG-002"} {
			r := ask(t, id, logfile.New(newMatcher(), logfile.Places{Logs: []string{path}}))
			if expect(t, r, audit.Unchecked); len(r.Gaps) != 1 || r.Gaps[0].What != path {
				t.Errorf("gaps %+v", r.Gaps)
			}
		}
	}
	r := ask(t, "LOG-003", logfile.New(newMatcher(), logfile.Places{Code: []string{gone}}))
	expect(t, r, audit.Unchecked)
	short := leak.New([]leak.Secret{{Name: "ADMIN_PASSWORD", Value: config.NewSecret("short")}})
	r = ask(t, "LOG-001", logfile.New(short, logfile.Places{Logs: []string{write(t, filepath.Join(dir, "a.log"), "line\n")}}))
	expect(t, r, audit.Unchecked)
}

// If this fails, a search cannot be stopped.
func TestSearchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log"), "line\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := logfile.New(newMatcher(), logfile.Places{Logs: []string{dir}}).Logs(ctx); err == nil {
		t.Error("no error")
	}
}

// If this fails, passwords in access logs are overlooked, or masked ones are reported.
func TestCredentialsInQueries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	look := func() audit.Result {
		return ask(t, "LOG-002", logfile.New(newMatcher(), logfile.Places{Logs: []string{dir}}))
	}
	clean := `1.2.3.4 "GET /a?id=7&page=2 HTTP/1.1" 200
"GET /a?password=*** HTTP/1.1" "GET /a?token=[REDACTED]" "GET /a?password=&x=1" "/a?next=token" token=abcdefghij
"GET /a?password=%5Bhidden%5D HTTP/1.1" mytoken=abcdefghij
"GET /a?Password=abc HTTP/1.1" "GET /a?access_token=abcde HTTP/1.1" "/a;token=abcdef" "/a?b=1; token=abcdef"
`
	write(t, path, clean)
	expect(t, look(), audit.Pass)
	write(t, path, clean+`"GET /vault/credentials?id=1&password=hunter2hunter2 HTTP/1.1" 200
"GET https://a.example.org/events?token=0123456789abcdef HTTP/1.1" 200 "-" "https://b.example.org/?token=0123456789abcdef"
"GET /auth/verify?token=0123456789abcdef HTTP/1.1" 200
"GET /a?PassWord=abcdef HTTP/1.1" "GET /a?a=1;Token=abcdef HTTP/1.1"
`)
	r := look()
	expect(t, r, audit.Found, "password= in the query of URLs", "token= in the query of URLs", "token= of links that can be used once")
	if r.Findings[0].Count != 2 || r.Findings[1].Count != 2 || r.Findings[2].Severity != audit.Low {
		t.Errorf("findings %+v", r.Findings)
	}
}

// If this fails, a line that logs a secret with its next run is overlooked, or careful code is
// reported.
func TestCodeThatPrintsSecrets(t *testing.T) {
	t.Parallel()
	harmless := []string{
		`console.log("ADMIN_TOKEN is not set")`, `console.log('set', !!process.env.ADMIN_TOKEN)`, "console.log(`length ${ADMIN_TOKEN.length}`)",
		`console.log(process.env.ADMIN_TOKEN ? "set" : "not set")`, `// console.log(process.env.ADMIN_TOKEN)`, `logger.info(maskToken(ADMIN_TOKEN))`,
		`console.log(ADMIN_TOKEN.slice(0, 4) + "***")`, `const t = process.env.ADMIN_TOKEN`, `console.log(process.env.ENCRYPTION_KEY_VERSION)`, `console.log(process.env.NODE_ENV)`,
	}
	printing := []string{
		`console.log("token", process.env.ADMIN_TOKEN)`, `console.error(process.env["ADMIN_TOKEN"])`, "logger.debug(`token ${process.env.ADMIN_TOKEN}`)", `  log.info({ key: ADMIN_TOKEN })`,
	}
	for _, line := range harmless {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.js"), line+"\n")
		write(t, filepath.Join(dir, "a.test.js"), printing[0]+"\n")
		write(t, filepath.Join(dir, "node_modules/a/index.js"), printing[0]+"\n")
		t.Log(line)
		expect(t, ask(t, "LOG-003", logfile.New(newMatcher(), logfile.Places{Code: []string{dir}})), audit.Pass)
	}
	for _, line := range printing {
		path := write(t, filepath.Join(t.TempDir(), "a.ts"), "\n"+line+"\n")
		t.Log(line)
		r := ask(t, "LOG-003", logfile.New(newMatcher(), logfile.Places{Code: []string{path}}))
		if expect(t, r, audit.Found, "ADMIN_TOKEN"); len(r.Findings) == 1 && !strings.HasSuffix(r.Findings[0].Places[0], "a.ts:2") {
			t.Errorf("places %v", r.Findings[0].Places)
		}
	}
	shell := write(t, filepath.Join(t.TempDir(), "a.sh"), "echo \"$ADMIN_TOKEN\" | sha256sum\necho \"${ENCRYPTION_KEY}\" >.env\necho \"key: $CSRF_SECRET\"\n")
	expect(t, ask(t, "LOG-003", logfile.New(newMatcher(), logfile.Places{Code: []string{shell}})), audit.Found, "CSRF_SECRET")
	expect(t, ask(t, "LOG-003", logfile.New(newMatcher(), logfile.Places{})), audit.NotApplicable)
}
