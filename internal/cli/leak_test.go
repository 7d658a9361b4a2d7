package cli_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// reach is how far into its settings a command looks.
type reach string

const (
	toNothing  reach = "nothing"  // works without settings
	toSettings reach = "settings" // reads them, and asks no database
	toDatabase reach = "database" // asks the database, and needs no key
	toKeys     reach = "keys"     // needs the keys as well
)

// leakCommand is how the leak test runs one command.
type leakCommand struct {
	args  []string
	reach reach
	code  int // what it ends with where nothing is wrong
}

// leakCommands are all commands: one that is missing here fails the test.
var leakCommands = map[string]leakCommand{
	"ocmt":                 {args: nil, reach: toNothing},
	"ocmt status":          {args: []string{"status"}, reach: toDatabase},
	"ocmt help":            {args: []string{"help", "rotate"}, reach: toNothing},
	"ocmt keygen":          {args: []string{"keygen", "encryption"}, reach: toNothing},
	"ocmt demo":            {args: []string{"demo", "--users", "0"}, reach: toNothing, code: 2},
	"ocmt version":         {args: []string{"version"}, reach: toNothing},
	"ocmt completion":      {args: []string{"completion", "bash"}, reach: toNothing},
	"ocmt validate":        {args: []string{"validate"}, reach: toSettings},
	"ocmt migrate":         {args: []string{"migrate"}, reach: toNothing, code: 2},
	"ocmt migrate columns": {args: []string{"migrate", "columns"}, reach: toDatabase},
	"ocmt migrate accept": {args: []string{"migrate", "accept", "--table", "secrets", "--column", "value_encrypted", "--key", "none", "--reason", "lost"},
		reach: toKeys, code: 2},
	"ocmt migrate status":           {args: []string{"migrate", "status"}, reach: toDatabase},
	"ocmt migrate plan":             {args: []string{"migrate", "plan"}, reach: toKeys},
	"ocmt migrate run":              {args: []string{"migrate", "run"}, reach: toKeys},
	"ocmt migrate verify":           {args: []string{"migrate", "verify"}, reach: toKeys, code: 3},
	"ocmt rotate redis-password":    {args: []string{"rotate", "redis-password", "--yes"}, reach: toNothing, code: 2},
	"ocmt rotate rollback":          {args: []string{"rotate", "rollback", "--to-version", "0"}, reach: toKeys},
	"ocmt rotate all":               {args: []string{"rotate", "all", "--routine", "--dry-run", "--agent-store", "envfile:other.env", "--admin-store", "envfile:other.env"}, reach: toDatabase, code: 4},
	"ocmt rotate mark-compromised":  {args: []string{"rotate", "mark-compromised", "--key-version", "0"}, reach: toDatabase},
	"ocmt rotate mark-done":         {args: []string{"rotate", "mark-done", "github-client-secret"}, reach: toDatabase},
	"ocmt rotate admin-token":       {args: []string{"rotate", "admin-token", "--store", "envfile:own.env", "--yes"}, reach: toDatabase, code: 1},
	"ocmt rotate gateway-token":     {args: []string{"rotate", "gateway-token", "--store", "envfile:own.env", "--yes"}, reach: toDatabase, code: 1},
	"ocmt rotate gateway-tokens":    {args: []string{"rotate", "gateway-tokens", "--all", "--yes", "--list", "l"}, reach: toKeys, code: 5},
	"ocmt rotate readiness":         {args: []string{"rotate", "readiness", "--for", "1s"}, reach: toDatabase, code: 1},
	"ocmt rotate finish":            {args: []string{"rotate", "finish", "--backups-until", "2999-01-01", "--store", "dir:.", "--yes"}, reach: toKeys, code: 5},
	"ocmt migrate pause":            {args: []string{"migrate", "pause"}, reach: toDatabase, code: 1},
	"ocmt migrate resume":           {args: []string{"migrate", "resume"}, reach: toDatabase, code: 1},
	"ocmt migrate set":              {args: []string{"migrate", "set", "rate=5"}, reach: toDatabase, code: 1},
	"ocmt migrate abort":            {args: []string{"migrate", "abort"}, reach: toDatabase, code: 1},
	"ocmt migrate reset-orders":     {args: []string{"migrate", "reset-orders", "--all", "--yes"}, reach: toDatabase},
	"ocmt session-invalidate":       {args: []string{"session-invalidate", "--all", "--yes"}, reach: toDatabase, code: 1},
	"ocmt session-invalidate list":  {args: []string{"session-invalidate", "list"}, reach: toDatabase, code: 1},
	"ocmt session-invalidate stats": {args: []string{"session-invalidate", "stats"}, reach: toDatabase, code: 1},
	"ocmt audit":                    {args: []string{"audit", "--fail-on", "critical", "--skip", "lifecycle"}, reach: toDatabase},
	"ocmt audit list":               {args: []string{"audit", "list"}, reach: toNothing},
	"ocmt audit explain":            {args: []string{"audit", "explain", "OCMT-PG-006"}, reach: toNothing},
	"ocmt audit baseline":           {args: []string{"audit", "baseline"}, reach: toNothing, code: 2},
	"ocmt audit baseline show":      {args: []string{"audit", "baseline", "show"}, reach: toNothing},
	"ocmt audit baseline write": {args: []string{"audit", "baseline", "write", "--owner", "me", "--reason", "test", "--expires", "2999-01-01", "--dry-run", "--only", "tokens"},
		reach: toDatabase},
	"ocmt audit log":                {args: []string{"audit", "log"}, reach: toDatabase},
	"ocmt audit verify-chain":       {args: []string{"audit", "verify-chain"}, reach: toDatabase, code: 1},
	"ocmt audit record":             {args: []string{"audit", "record", "backup-verified"}, reach: toDatabase},
	"ocmt rotate begin":             {args: []string{"rotate", "begin", "--no-escrow", "--store", "dir:."}, reach: toDatabase, code: 5},
	"ocmt rotate status":            {args: []string{"rotate", "status"}, reach: toDatabase},
	"ocmt rotate put-back":          {args: []string{"rotate", "put-back", "--to-version", "0", "--store", "dir:."}, reach: toDatabase, code: 5},
	"ocmt rotate database-password": {args: []string{"rotate", "database-password", "--yes"}, reach: toNothing, code: 2},
	"ocmt rotate":                   {args: []string{"rotate", "--from-version", "0"}, reach: toKeys},
	"ocmt rotate agent-token": {args: []string{"rotate", "agent-token", "--store", "envfile:own.env", "--agent-store", "envfile:other.env", "--yes"},
		reach: toDatabase, code: 1},
	"ocmt rotate internal-admin-token": {args: []string{"rotate", "internal-admin-token", "--store", "envfile:own.env", "--admin-store", "envfile:other.env", "--yes"},
		reach: toDatabase, code: 1},
}

// namingFlags take a name or a path, which any text can be.
var namingFlags = []string{
	"table", "column", "key", "reason", "out", "plan", "env-file", "config", "operator", "user", "users-from",
	"tenant", "session", "user-agent", "except-user", "except-session", "redis-prefix", "redis-ca",
	"redis-certificate", "redis-certificate-key", "endpoint-ca", "record", "note", "list", "store", "escrow",
	"from-escrow", "baseline", "path", "code", "log", "other-env-file", "trusted-group", "sarif", "junit",
	"csv", "html", "owner", "action", "group", "userlist", "two-roles", "no-writes", "evidence",
	"agent-store", "admin-store",
}

// situation is one way to run every command.
type situation struct {
	name    string
	args    []string          // behind those of the command
	environ []string          // beside the good settings, and stronger
	files   map[string]string // in the folder that ocmt runs in
	damaged bool              // there are values that cannot be moved
	other   bool              // there is a table that nothing lists, whose key is a secret
	only    []string          // only these commands; empty for all
	refused bool              // the command line itself is refused, before anything is read
	// want holds the exit code by the path of a command or by its reach. A
	// command that is in neither way there ends as where nothing is wrong.
	want map[string]int
}

func (s situation) code(path string, command leakCommand) int {
	for _, name := range []string{path, string(command.reach)} {
		if code, there := s.want[name]; there {
			return code
		}
	}
	return command.code
}

// movers are the commands that move values.
var movers = []string{"ocmt rotate", "ocmt migrate run"}

// forms are how the result is asked for.
var forms = [...][]string{{"--verbose"}, {"--verbose", "--output", "json"}}

// If this fails, a secret stands in a terminal's scrollback, in the log of a
// pipeline, in the process list, or in the record of a database that more people
// may read than may have the key.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	tree := cli.CommandTree()
	for path := range leakCommands {
		if _, there := tree[path]; !there {
			t.Errorf("there is no command %s any more", path)
		}
	}
	for path, flags := range tree {
		command, there := leakCommands[path]
		if !there {
			t.Errorf("%s is not in the table of this test: add it, so that it is looked at for secrets", path)
			continue
		}
		t.Run(strings.ReplaceAll(path, " ", "_"), func(t *testing.T) {
			t.Parallel()
			l := newLeakTest(t)
			for _, s := range append(l.situations(t), l.slips(flags)...) {
				if len(s.only) > 0 && !slices.Contains(s.only, path) {
					continue
				}
				for _, form := range forms {
					if path == "ocmt" && len(form) > 1 { // as a document it is the status alone
						l.run(t, "ocmt status", leakCommands["ocmt status"], s, form)
						continue
					}
					l.run(t, path, command, s, form)
				}
			}
			if _, err := os.Stat("/proc/self/cmdline"); err == nil && l.seen == 0 {
				t.Error("the arguments of no run could be read: nothing is known of them")
			}
		})
	}
}

// leakTest is a deployment full of marked secrets.
type leakTest struct {
	*deployment
	marks    needles
	stored   needles  // plaintexts and values of the last refill, and what became of these
	filled   []string // the values as that has left them
	damaged  bool     // some of them cannot be moved
	apiKey   string   // in the clear in the database
	slip     string   // what an operator typed in the wrong place
	password string   // of the database
	seen     int      // how many runs were seen in the process list
}

func newLeakTest(t *testing.T) *leakTest {
	l := &leakTest{deployment: newDeployment(t), marks: needles{}, stored: needles{}}
	l.apiKey, l.slip, l.password = random(), random()+"/+ %"+random(), random()+"@/:?#%&é"+random()
	for version, key := range l.keys {
		name := "the key of version " + strconv.Itoa(version)
		l.marks.add(name, key.Reveal())
		raw, err := hex.DecodeString(key.Reveal())
		if err != nil {
			t.Fatal("a key is not hexadecimal")
		}
		l.marks.add(name+" in bytes", string(raw))
	}
	l.marks.add("a plaintext token", l.apiKey)
	l.marks.add("what stands in the wrong place", l.slip)
	l.marks.add("the password of the database", l.password)
	l.refill(t, false)
	return l
}

// find returns the names of the secrets that a text holds, each once.
func (l *leakTest) find(text string) []string { return append(l.marks.in(text), l.stored.in(text)...) }

// random is a text that stands nowhere by chance.
func random() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// refill puts values of every kind under version 0 into the database, and marks what they hold and what they look like.
// Values that the run before has left as they were stay: most commands change none, and marking them takes the time.
func (l *leakTest) refill(t *testing.T, damaged bool) {
	t.Helper()
	if l.filled != nil && l.damaged == damaged && slices.Equal(l.filled, l.values(t)) {
		return
	}
	l.stored, l.damaged = needles{}, damaged
	l.exec(t, "truncate users, secrets, user_integrations, alert_channels cascade")
	insert := func(name, text string) {
		l.exec(t, "insert into secrets (key, value_encrypted) values ($1, $2)", name, text)
	}
	for n := range 10 {
		insert("secret "+strconv.Itoa(n), l.sealMarked(t))
	}
	legacy, err := crypto.Parse(l.sealMarked(t))
	if err != nil {
		t.Fatal(err)
	}
	legacy.Format = crypto.Legacy
	insert("legacy", legacy.String())
	l.exec(t, "insert into users (email, gateway_token) values ('sealed', $1), ('plain', $2)", l.sealMarked(t), l.apiKey)
	l.exec(t, `insert into user_integrations (user_id, provider, access_token_encrypted, refresh_token_encrypted, api_key_encrypted)
		select id, 'p', $1, $2, $3 from users where email = 'sealed'`, l.sealMarked(t), l.sealMarked(t), l.sealMarked(t))
	l.exec(t, "insert into alert_channels (name, channel_type, config_encrypted) values ('c', 'mail', $1)", l.sealMarked(t))
	if damaged {
		good := l.sealMarked(t)
		insert("damaged: tampered", good[:len(good)-8]+"AAAAAAA=")
		insert("damaged: cut", good[:len(good)-10])
		insert("damaged: label", "v7"+good[2:])
		insert("damaged: odd label", "v0x"+good[2:])
		insert("damaged: hexadecimal", legacy.String()[:60]+"zz")
		insert("damaged: in the clear", l.apiKey)
	}
	l.filled = l.values(t)
	for _, text := range l.filled {
		l.stored.add("a stored value", text)
	}
}

func (l *leakTest) sealMarked(t *testing.T) string {
	t.Helper()
	plaintext := random()
	l.stored.add("a plaintext", plaintext)
	return l.seal(t, 0, plaintext)
}

// values returns the values as they stand in the database now, in an order of their own.
func (l *leakTest) values(t *testing.T) (values []string) {
	t.Helper()
	rows, err := l.conn.Query(context.Background(), `select value_encrypted from secrets union all select gateway_token from users
		union all select unnest(array[access_token_encrypted, refresh_token_encrypted, api_key_encrypted]) from user_integrations
		union all select config_encrypted from alert_channels`)
	if err != nil {
		t.Fatal(err)
	}
	if values, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	slices.Sort(values)
	return values
}

// markChanged marks the values that a run has written.
func (l *leakTest) markChanged(t *testing.T) {
	t.Helper()
	for _, text := range l.values(t) {
		if _, as := slices.BinarySearch(l.filled, text); !as {
			l.stored.add("a stored value", text)
		}
	}
}

// run runs one command in one situation and looks for secrets wherever it could
// have left any.
func (l *leakTest) run(t *testing.T, path string, command leakCommand, s situation, form []string) {
	t.Helper()
	where := fmt.Sprintf("%s, %s, %v", path, s.name, form)
	if s.refused || s.code(path, command) == int(ui.ExitUsage) && slices.Contains(form, "json") {
		l.runHere(t, where, s, slices.Concat(command.args, form, s.args))
		return
	}
	if command.reach == toKeys || command.reach == toDatabase {
		l.waitForIdle(t)
		l.refill(t, s.damaged)
		l.exec(t, "drop table if exists unlisted")
		if s.other {
			l.exec(t, "create table unlisted (token text primary key, body text, settings jsonb)")
			l.exec(t, "insert into unlisted select $1::text, value_encrypted, jsonb_build_object($1::text, value_encrypted) from secrets limit 1", l.apiKey)
		}
	}
	l.dir = t.TempDir() // one for each run
	for name, text := range s.files {
		l.write(t, name, text)
	}
	before := l.files(t)
	args := slices.Concat(command.args, form, s.args)
	p := l.start(t, l.environ(s.environ...), args...)
	lines, others := watchArguments(p)
	l.markChanged(t)

	clean := true
	look := func(place, text string) {
		for _, found := range l.find(text) {
			clean = false
			t.Errorf("%s: %s holds %s", where, place, found)
		}
	}
	look("standard output", p.out.String())
	look("standard error", p.errors.String())
	for name, text := range l.written(t, before) {
		look("the file "+name, text)
	}
	for _, table := range []string{"encryption_keys", "encryption_migrations", "audit_log"} {
		look("the table "+table, l.tableText(t, table))
	}
	if l.number(t, "select count(*) from pg_tables where schemaname = 'ocmt'") > 0 {
		look("the tool's own record", l.tableText(t, "ocmt.record"))
	}
	// What was typed stands in the process list. Nothing may be put beside it.
	want := strings.Join(append([]string{"ocmt"}, args...), "\x00") + "\x00"
	for _, line := range lines {
		l.seen++
		if line != want {
			clean = false
			t.Errorf("%s: its arguments in the process list are not those that it was given", where)
		}
	}
	for _, line := range others {
		look("the process list, for a program that it started,", line)
	}
	if want := s.code(path, command); p.code != want {
		said := "(not shown: it holds a secret)"
		if clean {
			said = p.out.String() + p.errors.String()
		}
		t.Errorf("%s: exit code %d, want %d: the test does not reach what it means to\n%s", where, p.code, want, said)
	}
}

func (l *leakTest) tableText(t *testing.T, table string) (text string) {
	t.Helper()
	err := l.conn.QueryRow(context.Background(), "select coalesce(string_agg(t::text, chr(10)), '') from "+table+" t").Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// written returns the files that are new, or others than before.
func (l *leakTest) written(t *testing.T, before map[string]string) map[string]string {
	t.Helper()
	texts := l.files(t)
	maps.DeleteFunc(texts, func(name, text string) bool {
		old, there := before[name]
		return there && old == text
	})
	return texts
}

// files reads everything in the folder that ocmt runs in, which is also its home
// and its place for temporary files.
func (l *leakTest) files(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir(l.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		texts[strings.TrimPrefix(path, l.dir)] = path + string(text) // a name can hold a secret too
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
