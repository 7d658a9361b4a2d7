package screens_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/testenv/tmux"
	"github.com/ocmt/ocmt/testdata"
)

// The forms of a screen beside the plain one of 80 columns.
const (
	wide   = "200"
	dyed   = "80-colour"
	piped  = "pipe"
	dumb   = "dumb"
	narrow = "80"
)

// every is all of them.
var every = []string{wide, dyed, piped, dumb}

// scene is a command that an operator types, and what was before.
type scene struct {
	name    string
	line    string
	prepare func(*deployment)
	asks    bool     // on a terminal it asks a question: the screen is that of the question, and the answer is no
	changes bool     // each form needs a deployment of its own, because the command changes it
	forms   []string // beside 80 columns
}

// firstPage gives its database a second. So nothing else is at work beside it.
var firstPage = scene{name: "bare", line: "ocmt", forms: every}

var scenes = []scene{
	{name: "bare-alone", line: "ocmt", prepare: func(d *deployment) { d.set("DATABASE_URL=") }},
	{name: "plan", line: "ocmt migrate plan", forms: every},
	{name: "question", line: "ocmt rotate --from-version 0", asks: true, changes: true, forms: every},
	{name: "done", line: "ocmt rotate --from-version 0 --yes", changes: true, forms: every},
	{name: "dry-run", line: "ocmt rotate --from-version 0 --dry-run"},
	{name: "nothing-left", line: "ocmt rotate --from-version 0", prepare: rotated},
	{name: "elsewhere", line: "ocmt rotate --from-version 1 --yes", prepare: secondVersion, changes: true, forms: every},
	{name: "left-under-0", line: "ocmt rotate --from-version 0 --yes --table user_integrations", changes: true, forms: every},
	{name: "set-aside", line: "ocmt rotate --from-version 0 --yes", prepare: broken, changes: true, forms: every},
	{name: "verify-good", line: "ocmt migrate verify", prepare: rotated, forms: every},
	{name: "verify-found", line: "ocmt migrate verify", forms: every},
	{name: "status", line: "ocmt status", forms: every},
	{name: "migrate-status-none", line: "ocmt migrate status", forms: every},
	{name: "migrate-status-ended", line: "ocmt migrate status", prepare: rotated, forms: every},
	{name: "rotate-status", line: "ocmt rotate status", prepare: rotated},
	{name: "rotate-readiness", line: "ocmt rotate readiness"},
	{name: "rotate-begin", line: "ocmt rotate begin --escrow ocmt-key-v1 --yes", prepare: beforeBegin},
	{name: "rotate-readiness-ready", line: "ocmt rotate readiness --for 1s --no-writes all", prepare: keyBegun},
	{name: "rotate-finish", line: "ocmt rotate finish --backups-until 2999-01-01 --escrow old.key --yes", prepare: readyToFinish, changes: true, forms: []string{wide}},
	{name: "rotate-finish-refused", line: "ocmt rotate finish"},
	{name: "session-invalidate", line: "ocmt session-invalidate --all --dry-run", prepare: sessions},
	{name: "validate", line: "ocmt validate"},
	{name: "audit", line: "ocmt audit"},

	{name: "error-no-url", line: "ocmt rotate --from-version 0", forms: every, prepare: func(d *deployment) { d.set("DATABASE_URL=") }},
	{name: "error-no-answer", line: "ocmt migrate status", forms: every, prepare: silentServer},
	{name: "error-password", line: "ocmt migrate status", forms: every, prepare: func(d *deployment) {
		d.set("DATABASE_URL=" + strings.Replace(d.server.TCPURL("locked", d.name), "locked@", "locked:wrong@", 1))
	}},
	{name: "error-tls", line: "ocmt migrate status", forms: every, prepare: func(d *deployment) {
		d.set("DATABASE_URL=" + strings.Replace(d.server.TCPURL("postgres", d.name), "sslmode=disable", "sslmode=require", 1))
	}},
	{name: "error-rights", line: "ocmt rotate --from-version 0 --yes", forms: every, prepare: func(d *deployment) {
		d.set("DATABASE_URL=" + d.server.TCPURL("reader", d.name))
	}},
	{name: "error-key", line: "ocmt rotate --from-version 0 --yes", prepare: wrongKey, forms: every},
	{name: "error-table-locked", line: "ocmt rotate --from-version 0 --yes --lock-timeout 200ms", forms: every, prepare: func(d *deployment) {
		d.hold("lock table user_integrations in access exclusive mode")
	}},
	{name: "error-command", line: "ocmt rotae --from-version 0", forms: every},
	{name: "error-flag", line: "ocmt rotate --from-versio 0", forms: every},
	{name: "error-mode", line: "ocmt --env-file shared.env validate", forms: every, prepare: sharedFile},
	{name: "error-unset", line: "ocmt rotate --from-version 2", forms: every},
}

// If this fails, an operator reads something else than what was looked at and found good. Where that is meant, write
// the files anew and read them.
func TestScreens(t *testing.T) {
	t.Parallel()
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			t.Parallel()
			scene.play(t)
		})
	}
}

// If this fails, a new user does not learn from ocmt alone what it is and where the deployment stands.
//
//nolint:paralleltest // The page says another thing where its database needs more than a second.
func TestFirstPage(t *testing.T) {
	firstPage.play(t)
}

// If this fails, an operator who has asked for no colour gets colour sequences, or another text.
func TestNoColour(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.set("NO_COLOR=1")
	const line = "ocmt migrate verify"
	screen := d.open(line, 80, "")
	code := screen.End()
	check(t, "verify-found", narrow, shown(line, d.neutral(screen.Colours()), code))
}

// play runs the scene in each of its forms.
func (s scene) play(t *testing.T) {
	t.Helper()
	var d *deployment
	for _, form := range append([]string{narrow}, s.forms...) {
		if form == dyed { // the run at 80 columns shows both
			continue
		}
		if d == nil || s.changes {
			if d = deploy(t); s.prepare != nil {
				s.prepare(d)
			}
		}
		s.record(d, form)
	}
}

// record runs the scene in a form, and compares what is seen.
func (s scene) record(d *deployment, form string) {
	d.t.Helper()
	seen := s.show(d, form)
	for deadline := time.Now().Add(time.Minute); strings.Contains(seen.text, tooSlow) && time.Now().Before(deadline); {
		seen = s.show(d, form)
	}
	check(d.t, s.name, form, d.neutral(seen.text))
	if form == narrow && slices.Contains(s.forms, dyed) {
		check(d.t, s.name, dyed, d.neutral(seen.colours))
	}
	if s.asks && form != piped {
		s.refuse(d, seen.screen, form)
	}
}

// tooSlow is what the first page says where the machine is so busy that its database needs a second.
const tooSlow = "did not tell all within a second"

// sight is what is seen of a scene.
type sight struct {
	text    string
	colours string       // the same with colours; "" in a pipe
	screen  *tmux.Screen // nil in a pipe
}

// show runs the scene in a pipe, or on a terminal up to its end or its question.
func (s scene) show(d *deployment, form string) sight {
	d.t.Helper()
	if form == piped {
		text, code := d.run(s.line + " </dev/null 2>&1")
		return sight{text: shown(s.line, text, code)}
	}
	screen := d.openAs(s.line, form)
	if s.asks {
		screen.WaitFor("[y/N]")
		return sight{text: begun(s.line, screen.Text()), colours: begun(s.line, screen.Colours()), screen: screen}
	}
	code := screen.End()
	text := screen.Text()
	if form == dumb {
		noControl(d.t, screen, text)
	}
	return sight{text: shown(s.line, text, code), colours: shown(s.line, screen.Colours(), code), screen: screen}
}

// refuse answers no, and compares what is seen then.
func (s scene) refuse(d *deployment, screen *tmux.Screen, form string) {
	d.t.Helper()
	screen.Send("n", "Enter")
	code := screen.End()
	text := screen.Text()
	check(d.t, s.name+"-no", form, shown(s.line, d.neutral(text), code))
	if form == narrow {
		check(d.t, s.name+"-no", dyed, shown(s.line, d.neutral(screen.Colours()), code))
	}
	if form == dumb {
		noControl(d.t, screen, text)
	}
}

// neutral takes the names of one run away: the folder, and the number of the database.
func (d *deployment) neutral(text string) string {
	text = strings.ReplaceAll(text, d.dir, folderAs)
	return strings.ReplaceAll(text, d.name, "prod_01")
}

func rotated(d *deployment) { d.must("ocmt rotate --from-version 0 --yes") }

// secondVersion makes version 2 the current one, with everything still under 0.
func secondVersion(d *deployment) {
	known, err := keys()
	if err != nil {
		d.t.Fatal(err)
	}
	d.set("ENCRYPTION_KEY_VERSION=2", "ENCRYPTION_KEY="+known[2].Reveal(), "ENCRYPTION_KEY_V1="+known[1].Reveal())
}

// broken makes two values that do not open.
func broken(d *deployment) {
	d.exec("insert into secrets (key, value_encrypted) values ('smtp-relay', 'v0:AAAAAAAAAAAAAAAAAAAAAA==:AAAAAAAAAAAAAAAAAAAAAA==:AAAA'), ('old-webhook', 'v0:AAAA')")
}

// wrongKey names the key of another version as that of version 0.
func wrongKey(d *deployment) {
	known, err := keys()
	if err != nil {
		d.t.Fatal(err)
	}
	d.set("ENCRYPTION_KEY_V0=" + known[3].Reveal())
}

// beforeBegin puts the key of version 0 into an env file, as a deployment has it before its first rotation.
func beforeBegin(d *deployment) {
	known, err := keys()
	if err != nil {
		d.t.Fatal(err)
	}
	d.set("ENCRYPTION_KEY=", "ENCRYPTION_KEY_VERSION=", "ENCRYPTION_KEY_V0=")
	d.write(".env", "ENCRYPTION_KEY="+known[0].Reveal()+"\n", 0o600)
}

// keyBegun puts the key of version 1 into place.
func keyBegun(d *deployment) {
	beforeBegin(d)
	d.must("ocmt rotate begin --escrow new.key --yes")
}

// readyToFinish does all that stands before the last step.
func readyToFinish(d *deployment) {
	keyBegun(d)
	d.must("ocmt rotate --from-version 0 --yes")
	d.must("ocmt rotate readiness --for 1s --no-writes all")
}

// sessions makes a login session of each of the first three users.
func sessions(d *deployment) {
	d.exec(testdata.AccessSchema, `insert into sessions (user_id, token, ip_address, user_agent, created_at, expires_at)
		select id, encode(sha256(email::bytea), 'hex'), '192.0.2.7'::inet, 'curl', now() - interval '5 hours', now() + interval '7 days'
		from users order by email limit 3`)
}

// sharedFile makes an env file that others can read.
func sharedFile(d *deployment) {
	known, err := keys()
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("shared.env", "ENCRYPTION_KEY="+known[1].Reveal()+"\n", 0o644)
}

func (d *deployment) write(name, text string, mode os.FileMode) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		d.t.Fatal(err)
	}
}

// silentServer points to something that takes connections and never answers.
func silentServer(d *deployment) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = listener.Close() })
	d.set("DATABASE_URL=postgresql://postgres@" + listener.Addr().String() + "/prod?sslmode=disable&connect_timeout=1")
}
