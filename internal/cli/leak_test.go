package cli_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/cli"
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
	"ocmt":                 {args: nil, reach: toNothing, code: 2},
	"ocmt help":            {args: []string{"help", "rotate"}, reach: toNothing},
	"ocmt keygen":          {args: []string{"keygen", "encryption"}, reach: toNothing},
	"ocmt demo":            {args: []string{"demo", "--users", "0"}, reach: toNothing, code: 2},
	"ocmt version":         {args: []string{"version"}, reach: toNothing},
	"ocmt completion":      {args: []string{"completion", "bash"}, reach: toNothing},
	"ocmt validate":        {args: []string{"validate"}, reach: toSettings},
	"ocmt migrate":         {args: []string{"migrate"}, reach: toNothing, code: 2},
	"ocmt migrate columns": {args: []string{"migrate", "columns"}, reach: toDatabase},
	"ocmt migrate status":  {args: []string{"migrate", "status"}, reach: toDatabase},
	"ocmt migrate plan":    {args: []string{"migrate", "plan"}, reach: toKeys},
	"ocmt migrate run":     {args: []string{"migrate", "run"}, reach: toKeys},
	"ocmt migrate verify":  {args: []string{"migrate", "verify"}, reach: toKeys, code: 3},
	"ocmt rotate rollback": {args: []string{"rotate", "rollback", "--to-version", "0"}, reach: toKeys},
	"ocmt migrate pause":   {args: []string{"migrate", "pause"}, reach: toDatabase, code: 1},
	"ocmt migrate resume":  {args: []string{"migrate", "resume"}, reach: toDatabase, code: 1},
	"ocmt migrate set":     {args: []string{"migrate", "set", "rate=5"}, reach: toDatabase, code: 1},
	"ocmt migrate abort":   {args: []string{"migrate", "abort"}, reach: toDatabase, code: 1},
	"ocmt rotate":          {args: []string{"rotate", "--from-version", "0"}, reach: toKeys},
}

// namingFlags take a name or a path, which any text can be.
var namingFlags = []string{"table", "column", "out", "env-file", "config", "operator"}

// situation is one way to run every command.
type situation struct {
	name    string
	args    []string          // behind those of the command
	environ []string          // beside the good settings, and stronger
	files   map[string]string // in the folder that ocmt runs in
	damaged bool              // there are values that cannot be moved
	other   bool              // there is a table that nothing lists, whose key is a secret
	only    []string          // only these commands; empty for all
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
	apiKey   string // in the clear in the database
	slip     string // what an operator typed in the wrong place
	password string // of the database
	seen     int    // how many runs were seen in the process list
}

func newLeakTest(t *testing.T) *leakTest {
	l := &leakTest{deployment: newDeployment(t), marks: needles{}}
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

// random is a text that stands nowhere by chance.
func random() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// refill puts values of every kind under version 0 into the database, and marks
// what they hold and what they look like.
func (l *leakTest) refill(t *testing.T, damaged bool) {
	t.Helper()
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
	l.markValues(t)
}

func (l *leakTest) sealMarked(t *testing.T) string {
	t.Helper()
	plaintext := random()
	l.marks.add("a plaintext", plaintext)
	return l.seal(t, 0, plaintext)
}

// markValues marks the ciphertexts as they stand in the database now.
func (l *leakTest) markValues(t *testing.T) {
	t.Helper()
	rows, err := l.conn.Query(context.Background(), `select value_encrypted from secrets union all select gateway_token from users
		union all select unnest(array[access_token_encrypted, refresh_token_encrypted, api_key_encrypted]) from user_integrations
		union all select config_encrypted from alert_channels`)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	if _, err := pgx.ForEachRow(rows, []any{&text}, func() error {
		l.marks.add("a stored value", text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// situations are what an operator meets, good and bad.
func (l *leakTest) situations(t *testing.T) []situation {
	t.Helper()
	wrong, err := crypto.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l.marks.add("the wrong key", wrong.Reveal())
	current, older, escaped := l.keys[1].Reveal(), l.keys[0].Reveal(), url.QueryEscape(l.password)
	away := "postgresql://ocmt:" + escaped + "@127.0.0.1:1/ocmt"
	refused := strings.Replace(l.url, "postgres@/", "postgres:"+escaped+"@/no_", 1)
	settings := func(code int) map[string]int {
		return map[string]int{string(toSettings): code, string(toDatabase): code, string(toKeys): code}
	}
	fromDatabase := func(code int) map[string]int {
		return map[string]int{string(toDatabase): code, string(toKeys): code}
	}
	keys := func(engine, validate int) map[string]int {
		return map[string]int{string(toKeys): engine, string(toSettings): validate}
	}
	unfit := map[string]int{"ocmt rotate": 5, "ocmt rotate rollback": 5, "ocmt migrate run": 5, "ocmt migrate plan": 3, "ocmt migrate verify": 3}
	nowhere := map[string]int{string(toNothing): 2, string(toSettings): 2, string(toDatabase): 2, string(toKeys): 2}
	return []situation{
		{name: "sound"},
		{name: "damaged values", damaged: true, want: map[string]int{"ocmt rotate rollback": 5, "ocmt rotate": 4, "ocmt migrate run": 4}},
		{name: "stop at damaged values", damaged: true, args: []string{"--on-error", "stop"}, only: movers, want: map[string]int{"ocmt rotate": 4, "ocmt migrate run": 4}},
		{name: "dry run over damaged values", damaged: true, args: []string{"--dry-run"}, only: movers, want: map[string]int{"ocmt rotate": 4, "ocmt migrate run": 4}},
		{name: "discovering", args: []string{"--discover", "--full"}, only: []string{"ocmt migrate columns"}},
		{name: "discovering in a table of its own", other: true, args: []string{"--discover"}, only: []string{"ocmt migrate columns"}, want: map[string]int{string(toDatabase): 3}},
		{name: "an unlisted table", other: true, only: slices.Concat(movers, []string{"ocmt migrate plan"}),
			want: map[string]int{"ocmt rotate": 5, "ocmt migrate run": 5, "ocmt migrate plan": 3}},
		{name: "keys in files", environ: []string{"ENCRYPTION_KEY=", "ENCRYPTION_KEY_FILE=key"}, files: map[string]string{"key": current + "\n"}},
		{name: "settings in an env file", environ: []string{"ENCRYPTION_KEY=", "ENCRYPTION_KEY_V0="},
			files: map[string]string{".env": "ENCRYPTION_KEY=" + current + "\nexport ENCRYPTION_KEY_V0='" + older + "'\nOTHER=" + l.slip + "\n"}},

		{name: "wrong older key", environ: []string{"ENCRYPTION_KEY_V0=" + wrong.Reveal()}, want: unfit},
		{name: "swapped keys", environ: []string{"ENCRYPTION_KEY_V0=" + current, "ENCRYPTION_KEY=" + older}, want: unfit},
		{name: "one key twice", environ: []string{"ENCRYPTION_KEY_V0=" + current}, want: keys(2, 3)},
		{name: "two keys of one version", environ: []string{"ENCRYPTION_KEY_V1=" + wrong.Reveal()}, want: keys(2, 3)},
		{name: "malformed key", environ: []string{"ENCRYPTION_KEY=" + l.slip}, want: keys(2, 3)},
		{name: "malformed older key", environ: []string{"ENCRYPTION_KEY_V0=" + current[:63]}, want: keys(2, 3)},
		{name: "key in place of a version", environ: []string{"ENCRYPTION_KEY_VERSION=" + current}, want: keys(2, 3)},
		{name: "malformed key in a file", environ: []string{"ENCRYPTION_KEY=", "ENCRYPTION_KEY_FILE=key"}, files: map[string]string{"key": l.slip + "\n" + current}, want: keys(2, 3)},
		{name: "key twice in two forms", environ: []string{"ENCRYPTION_KEY_FILE=key"}, files: map[string]string{"key": current}, want: settings(2)},

		{name: "unreachable database", environ: []string{"DATABASE_URL=" + away}, want: fromDatabase(1)},
		{name: "unreachable database in libpq's form", environ: []string{"DATABASE_URL=host=127.0.0.1 port=1 user=ocmt dbname=ocmt password='" + l.slip + "'"}, want: fromDatabase(1)},
		{name: "refusing server", environ: []string{"DATABASE_URL=" + refused}, want: fromDatabase(1)},
		{name: "password not escaped", environ: []string{"DATABASE_URL=postgresql://ocmt:" + l.password + "@127.0.0.1:1/ocmt"}, want: fromDatabase(2)},
		{name: "unknown address", environ: []string{"DATABASE_URL=mysql://ocmt:" + escaped + "@127.0.0.1:1/ocmt"}, want: fromDatabase(2)},
		{name: "key as address", environ: []string{"DATABASE_URL=" + current}, want: fromDatabase(2)},
		{name: "password with a slash", environ: []string{"DATABASE_URL=postgresql://ocmt:1234/" + l.slip + "@127.0.0.1:1/ocmt"}, want: fromDatabase(2)},
		{name: "key as the path of a key", environ: []string{"ENCRYPTION_KEY=", "ENCRYPTION_KEY_FILE=" + current}, want: settings(2)},
		{name: "address as the path of an address", environ: []string{"DATABASE_URL=", "DATABASE_URL_FILE=" + away}, want: settings(2)},
		{name: "key as the number of a key", environ: []string{"ENCRYPTION_KEY_V" + older + "=x"}, want: keys(2, 3)},
		{name: "key as a table", args: []string{"--table", current}, only: movers, want: map[string]int{"ocmt rotate": 2, "ocmt migrate run": 2}},
		{name: "key as a setting in ocmt.yaml", files: map[string]string{"ocmt.yaml": current + ": 1\n"}, want: settings(2)},
		{name: "unknown TLS mode", environ: []string{"DATABASE_URL=" + away + "?sslmode=" + l.slip}, want: fromDatabase(2)},

		{name: "unknown flag with a value", args: []string{"--bogus=" + l.slip}, want: nowhere},
		{name: "unknown flag", args: []string{"--" + l.slip}, want: nowhere},
		{name: "unknown short flag", args: []string{"-" + current}, want: nowhere},
		{name: "key as argument", args: []string{current}, want: nowhere},
		{name: "other secret as argument", args: []string{l.slip}, want: nowhere},

		{name: "broken env file", files: map[string]string{".env": "A=1\n" + l.slip + "\nB=2\n"}, want: settings(2)},
		{name: "unclosed quote in env file", files: map[string]string{".env": "ENCRYPTION_KEY_V0=\"" + older + "\nB=" + l.slip + "\n"}, want: settings(2)},
		{name: "key in env file without a name", files: map[string]string{".env": current + "\n"}, want: settings(2)},
		{name: "workers in env file", environ: []string{"OCMT_WORKERS="}, files: map[string]string{".env": "OCMT_WORKERS=" + l.slip + "\n"}, want: settings(2)},
		{name: "secret in ocmt.yaml", files: map[string]string{"ocmt.yaml": "encryption_key: " + current + "\n"}, want: settings(2)},
		{name: "address in ocmt.yaml", files: map[string]string{"ocmt.yaml": "database_url: '" + away + "'\n"}, want: settings(2)},
		{name: "secret under an unknown name in ocmt.yaml", files: map[string]string{"ocmt.yaml": "wokers: " + current + "\n"}, want: settings(2)},
		{name: "secret as a limit in ocmt.yaml", files: map[string]string{"ocmt.yaml": "workers: " + current + "\n"}, want: settings(2)},
		{name: "secret as a list in ocmt.yaml", files: map[string]string{"ocmt.yaml": "workers: [" + current + "]\n"}, want: settings(2)},
		{name: "secret beside a column in ocmt.yaml", files: map[string]string{"ocmt.yaml": "columns:\n  - {table: t, key: id, column: c, password: " + current + "}\n"}, want: settings(2)},
		{name: "env file as ocmt.yaml", files: map[string]string{"ocmt.yaml": "ENCRYPTION_KEY=" + current + "\nOTHER=" + l.slip + "\n"}, want: settings(2)},
		{name: "broken ocmt.yaml", files: map[string]string{"ocmt.yaml": "workers: '" + current + "\n  - " + l.slip + "\n"}, want: settings(2)},
		{name: "secret as a limit in the environment", environ: []string{"OCMT_LOCK_TIMEOUT=" + current}, want: settings(2)},
	}
}

// slips give every flag that takes a value a secret for it.
func (l *leakTest) slips(flags []string) []situation {
	var list []situation
	for _, flag := range flags {
		if slices.Contains(namingFlags, flag) {
			continue
		}
		for _, value := range []string{l.keys[1].Reveal(), l.slip} {
			s := situation{name: "secret as value of --" + flag, args: []string{"--" + flag, value},
				want: map[string]int{string(toNothing): 2, string(toSettings): 2, string(toDatabase): 2, string(toKeys): 2}}
			list = append(list, s)
		}
	}
	return list
}

// run runs one command in one situation and looks for secrets wherever it could
// have left any.
func (l *leakTest) run(t *testing.T, path string, command leakCommand, s situation, form []string) {
	t.Helper()
	where := fmt.Sprintf("%s, %s, %v", path, s.name, form)
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
	l.markValues(t)

	clean := true
	look := func(place, text string) {
		for _, found := range l.marks.in(text) {
			clean = false
			t.Errorf("%s: %s holds %s", where, place, found)
		}
	}
	look("standard output", p.out.String())
	look("standard error", p.errors.String())
	for name, text := range l.files(t) {
		if old, there := before[name]; !there || old != text {
			look("the file "+name, text)
		}
	}
	for _, table := range []string{"encryption_keys", "encryption_migrations", "audit_log"} {
		look("the table "+table, l.tableText(t, table))
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

// watchArguments reads the arguments of a process, and of those that it starts,
// from the process list until it ends. It returns the different ones.
func watchArguments(p *process) (own, others []string) {
	folder := filepath.Join("/proc", strconv.Itoa(p.Process.Pid))
	note := func(list *[]string, text []byte) {
		if len(text) > 0 && !slices.Contains(*list, string(text)) {
			*list = append(*list, string(text))
		}
	}
	look := func() {
		text, _ := os.ReadFile(filepath.Join(folder, "cmdline")) // gone: it has ended
		note(&own, text)
		tasks, _ := filepath.Glob(filepath.Join(folder, "task", "*", "children"))
		for _, task := range tasks {
			children, _ := os.ReadFile(task)
			for _, child := range bytes.Fields(children) {
				text, _ := os.ReadFile(filepath.Join("/proc", string(child), "cmdline"))
				note(&others, text)
			}
		}
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		look()
		select {
		case <-p.ended:
			return own, others
		case <-ticker.C:
		}
	}
}

// If this fails, the new key stands where nobody asked for it: on the terminal
// though it went into a file, or in a log of errors.
func TestKeygenShowsItsKeyOnlyWhereAsked(t *testing.T) {
	t.Parallel()
	l := newLeakTest(t)
	for _, test := range []struct {
		args string
		file string
	}{
		{args: "encryption"},
		{args: "encryption --verbose --format env --key-version 3"},
		{args: "encryption --verbose --output json"},
		{args: "encryption --format json"},
		{args: "encryption --verbose --out key", file: "key"},
		{args: "encryption --verbose --out key --force --format env", file: "key"},
		{args: "encryption --verbose --out key --output json", file: "key"},
		{args: "encryption --quiet --out key --format json", file: "key"},
	} {
		l.dir = t.TempDir()
		if strings.Contains(test.args, "--force") {
			l.write(t, "key", "another")
		}
		p := l.start(t, l.environ(), append([]string{"keygen"}, strings.Fields(test.args)...)...)
		lines, _ := watchArguments(p)
		if p.code != 0 {
			t.Errorf("keygen %s: exit code %d", test.args, p.code)
		}
		files := l.files(t)
		asked := p.out.String()
		if test.file != "" {
			asked = files["/"+test.file]
		}
		made := needles{}
		made.add("the new key", longestHex(asked))
		if len(made) == 0 {
			t.Errorf("keygen %s: there is no key where it was asked for", test.args)
		}
		look := func(place, text string) {
			for _, found := range made.in(text) {
				t.Errorf("keygen %s: %s holds %s", test.args, place, found)
			}
			for _, found := range l.marks.in(text) {
				t.Errorf("keygen %s: %s holds %s", test.args, place, found)
			}
		}
		look("standard error", p.errors.String())
		look("the process list", strings.Join(lines, " "))
		if test.file != "" {
			look("standard output", p.out.String())
		}
		for name, text := range files {
			if name != "/"+test.file {
				look("the file "+name, text)
			}
		}
	}
}

// longestHex returns the key in what keygen wrote, or nothing.
func longestHex(text string) (longest string) {
	for _, run := range strings.FieldsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
		if len(run) == 64 {
			longest = run
		}
	}
	return longest
}

// needles finds secrets in texts by any part of so many characters, in whatever
// case. It maps each part to the name of the secret, for a failure must not show
// what it found.
type needles map[string]string

const needleLength = 16

func (n needles) add(name, secret string) {
	for _, text := range formsOf(secret) {
		text = strings.ToLower(text)
		for i := 0; i+needleLength <= len(text); i++ {
			n[text[i:i+needleLength]] = name
		}
	}
}

// in returns the names of the secrets that a text holds, each once.
func (n needles) in(text string) []string {
	text = strings.ToLower(text)
	var found []string
	for i := 0; i+needleLength <= len(text); i++ {
		if name, there := n[text[i:i+needleLength]]; there && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found
}

// formsOf returns a secret in the forms that programs put texts into.
func formsOf(secret string) []string {
	inJSON, _ := json.Marshal(secret) // a string always can be
	list := []string{secret, hex.EncodeToString([]byte(secret)), strconv.Quote(secret), string(inJSON),
		url.QueryEscape(secret), url.PathEscape(secret), asNumbers(secret)}
	// Within a longer text a secret can begin at any of three places of Base64.
	for offset := range 3 {
		padded := append(make([]byte, offset), secret...)
		list = append(list, base64.RawStdEncoding.EncodeToString(padded)[(offset*4+2)/3:],
			base64.RawURLEncoding.EncodeToString(padded)[(offset*4+2)/3:])
	}
	return list
}

// asNumbers is what fmt makes of the bytes of a text.
func asNumbers(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%d ", c)
	}
	return b.String()
}

// If this fails, the leak test finds nothing because it cannot find anything.
func TestNeedles(t *testing.T) {
	t.Parallel()
	secret, other := random()+"/+ %é", random()+"/+ %é"
	n := needles{}
	n.add("it", secret)
	for name, text := range map[string]string{
		"as it is": "x " + secret + " y", "a part": secret[5:25], "upper-case": strings.ToUpper(secret), "URL": "a=" + url.QueryEscape(secret),
		"hex": hex.EncodeToString([]byte(secret)), "HEX": fmt.Sprintf("%X", secret), "Base64": base64.StdEncoding.EncodeToString([]byte(secret)),
		"Base64 of more": base64.URLEncoding.EncodeToString([]byte("password=" + secret + "\n")),
		"Base64 of one":  base64.StdEncoding.EncodeToString([]byte("p" + secret)), "Base64 of two": base64.StdEncoding.EncodeToString([]byte("pp" + secret)),
		"bytes": asNumbers(secret), "JSON": fmt.Sprintf("%q", secret),
	} {
		if len(n.in(text)) == 0 {
			t.Errorf("%s is not found", name)
		}
		if found := n.in(strings.ReplaceAll(text, secret, other)); text != strings.ReplaceAll(text, secret, other) && len(found) > 0 {
			t.Errorf("%s: found where it is not", name)
		}
	}
}
