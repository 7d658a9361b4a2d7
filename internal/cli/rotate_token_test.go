package cli_test

import (
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// If this fails, an operator retires a token that still opens the admin UI, or is told that one is dead which was never
// tried.
func TestRotateAdminToken(t *testing.T) {
	t.Parallel()
	old := random() + random()
	b := newTokenBench(t, map[string]string{"admin.env": "# ui\nexport ADMIN_TOKEN='" + old + "' # keep\nPORT=3000\n"})
	server := startTokenServer(t, "admin-ui", filepath.Join(b.dir, "admin.env"))

	b.rotate(t, 0, "Nothing was written", "admin-token", "--store", "admin.env", "--dry-run")
	b.rotate(t, 5, "add --yes", "admin-token", "--store", "admin.env")
	if b.setting(t, "admin.env", "ADMIN_TOKEN") != old || len(b.actions(t)) != 0 {
		t.Fatal("a dry run or a refusal has changed something")
	}
	p := b.begin(t, "admin-token", "--store", "admin.env", "--yes", "--prove", "--endpoint", server.endpoint(), "--prove-timeout", "1m")
	eventually(t, "the server to be asked with the new token", func() bool {
		return strings.Contains(p.errors.String(), "the new token is refused (status 401), the old one accepted (status 200)")
	})
	server.restart()
	<-p.ended
	b.check(t, p, 0, "the new token is accepted (status 200), the old one refused (status 401).")
	fresh := b.setting(t, "admin.env", "ADMIN_TOKEN")
	if fresh == old || b.read(t, "admin.env") != "# ui\nexport ADMIN_TOKEN='"+fresh+"' # keep\nPORT=3000\n" {
		t.Errorf("the file is not what it was but for the token")
	}
	if got := b.actions(t); !slices.Equal(got, []string{"secret.rotating", "secret.rotated", "secret.proven"}) {
		t.Errorf("the record has %v", got)
	}
	b.rotate(t, 5, "no change was begun", "admin-token", "--store", "admin.env", "--resume", "--yes")
}

// If this fails, what is said to be next does not work.
func TestRotateTokenProvenLater(t *testing.T) {
	t.Parallel()
	old := random() + random()
	b := newTokenBench(t, map[string]string{"admin.env": "ADMIN_TOKEN=" + old + "\n", "old": old + "\n"})
	server := startTokenServer(t, "admin-ui", filepath.Join(b.dir, "admin.env"))
	p := b.rotate(t, 0, "Nothing was proven", "admin-token", "--store", "admin.env", "--yes")
	if server.requests() != 0 {
		t.Error("a token was sent though nobody asked for it")
	}
	_, command, found := strings.Cut(p.out.String(), "next: after the restart, ocmt rotate ")
	command, _, _ = strings.Cut(command, "\n")
	if !found {
		t.Fatalf("no command is named: %s", &p.out)
	}
	// later runs the command that was named, with a file in place of FILE.
	later := func(code int, said, file string) {
		t.Helper()
		args := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(command, "admin-ui=URL", server.endpoint()), "FILE", file))
		b.rotate(t, code, said, append(args, "--prove-timeout", "1s")...)
	}
	later(3, "the new token is refused (status 401), the old one accepted (status 200)", "old")
	server.restart()
	later(0, "the old one refused (status 401).", "old")
	later(2, "cannot be read", "nowhere")
	b.write(t, "same", b.setting(t, "admin.env", "ADMIN_TOKEN"))
	later(5, "are the same", "same")
	b.rotate(t, 4, "not proven in full", "admin-token", "--store", "admin.env", "--prove-only", "--endpoint", server.endpoint())
	_ = server.server.Close()
	later(1, "neither accepted nor refused", "old")
}

// If this fails, a server that is busy, broken or open to everybody passes for one that refuses the old token.
func TestRotateTokenAgainstWrongServers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status func(asked int) int // 0 to answer rightly
		said   string
	}{
		"accepts anything":       {func(int) int { return 200 }, "the old one accepted (status 200)"},
		"refuses anything":       {func(int) int { return 401 }, "the new token is refused (status 401)"},
		"fails":                  {func(int) int { return 500 }, "neither accepted nor refused (status 500)"},
		"redirects":              {func(int) int { return 302 }, "neither accepted nor refused (status 302)"},
		"moved":                  {func(int) int { return 301 }, "neither accepted nor refused (status 301)"},
		"busy":                   {func(int) int { return 429 }, "neither accepted nor refused (status 429)"},
		"forbids":                {func(int) int { return 403 }, "neither accepted nor refused (status 403)"},
		"accepts without a body": {func(int) int { return 204 }, "neither accepted nor refused (status 204)"},
		"answers by turns":       {func(asked int) int { return []int{200, 401, 503}[(asked-1)%3] }, "the new token is neither accepted nor refused (status 503)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTokenBench(t, map[string]string{"admin.env": "ADMIN_TOKEN=" + random() + random() + "\n"})
			server := startTokenServer(t, "admin-ui", filepath.Join(b.dir, "admin.env"))
			server.answerWrongly(func(w http.ResponseWriter) bool {
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(c.status(server.requests()))
				return true
			})
			p := b.rotate(t, 4, c.said, "admin-token", "--store", "admin.env", "--yes", "--prove", "--endpoint", server.endpoint(), "--prove-timeout", "1s")
			if strings.Contains(p.out.String(), "Proven") || slices.Contains(b.actions(t), "secret.proven") {
				t.Error("it is taken for proven")
			}
		})
	}
}

// agentFiles are the files of a management server and two agent servers.
func agentFiles(token string) map[string]string {
	return map[string]string{".env": "AGENT_SERVER_TOKEN=" + token + "\n", "a.env": "AUTH_TOKEN=\"" + token + "\"\r\n", "b.env": "AUTH_TOKEN=" + token}
}

var agentPlaces = []string{"agent-token", "--agent-store", "a.env", "--agent-store", "b.env", "--yes"}

// If this fails, management and agent servers are locked out from one another.
func TestRotateAgentToken(t *testing.T) {
	t.Parallel()
	old := random() + random()
	b := newTokenBench(t, agentFiles(old))
	servers := []*tokenServer{startTokenServer(t, "management", filepath.Join(b.dir, ".env")), startTokenServer(t, "agent", filepath.Join(b.dir, "a.env")), startTokenServer(t, "agent", filepath.Join(b.dir, "b.env"))}
	args := append(slices.Clone(agentPlaces), "--prove", "--prove-timeout", "1m", "--output", "json")
	for _, server := range servers {
		args = append(args, "--endpoint", server.endpoint())
	}
	p := b.begin(t, args...)
	for i, server := range servers {
		eventually(t, "the server to be asked", func() bool { return server.requests() >= 2 })
		if i > 0 {
			select {
			case <-p.ended:
				t.Fatalf("it ended before every server restarted: %s", &p.errors)
			default:
			}
		}
		server.restart()
	}
	<-p.ended
	b.check(t, p, 0, `"proven": true`)
	fresh := b.setting(t, ".env", "AGENT_SERVER_TOKEN")
	if fresh == old || b.setting(t, "a.env", "AUTH_TOKEN") != fresh || b.setting(t, "b.env", "AUTH_TOKEN") != fresh {
		t.Error("the sides do not have the same new token")
	}
	if !strings.Contains(p.out.String(), `"relay"`) {
		t.Error("nothing says that the relay was not asked")
	}
}

// If this fails, one side has a new token and the other the old one, or an operator overwrites what somebody else has put in.
func TestRotateAgentTokenRefuses(t *testing.T) {
	t.Parallel()
	old, other := random()+random(), random()+random()
	b := newTokenBench(t, agentFiles(old))
	b.write(t, "b.env", "AUTH_TOKEN="+other+"\n")
	before := b.read(t, ".env") + b.read(t, "a.env") + b.read(t, "b.env")
	b.rotate(t, 5, "the places hold different tokens", agentPlaces...)
	b.write(t, "b.env", "# none\n")
	b.rotate(t, 5, "not set: AUTH_TOKEN in env file", agentPlaces...)
	b.write(t, "b.env", "AUTH_TOKEN="+other+"\n")
	b.rotate(t, 2, "named twice", "agent-token", "--agent-store", "a.env", "--agent-store", "a.env", "--yes")
	if before != b.read(t, ".env")+b.read(t, "a.env")+b.read(t, "b.env") || len(b.actions(t)) != 0 {
		t.Error("something was written")
	}
}

// If this fails, a place that cannot be written is found only after others have a token that it does not have.
func TestRotateAgentTokenTriesEveryPlace(t *testing.T) {
	t.Parallel()
	old := random() + random()
	for _, bad := range []string{"a.env", "b.env"} {
		b := newTokenBench(t, agentFiles(old))
		// A folder that everybody may write is refused when the file in it is written, and not when it is read.
		folder := filepath.Join(b.dir, "open")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(b.dir, bad), filepath.Join(folder, bad)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		args := slices.Clone(agentPlaces)
		args[slices.Index(args, bad)] = "open/" + bad
		b.rotate(t, 5, "trying whether the place takes the change", args...)
		if want := agentFiles(old); b.read(t, ".env") != want[".env"] || bad != "a.env" && b.read(t, "a.env") != want["a.env"] || b.read(t, "open/"+bad) != want[bad] {
			t.Errorf("%s fails, and a file is not what it was", bad)
		}
		if got := b.actions(t); len(got) > 0 {
			t.Errorf("the record has %v", got)
		}
		if err := os.Chmod(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		b.rotate(t, 0, "Written", args...)
	}
}

// If this fails, an operator whose machine dies between two places has two tokens and no way to tell which is which.
func TestRotateAgentTokenResumed(t *testing.T) {
	t.Parallel()
	old := random() + random()
	b := newTokenBench(t, agentFiles(old))
	b.rotate(t, 0, "Written", agentPlaces...)
	fresh := b.setting(t, ".env", "AGENT_SERVER_TOKEN")
	// The record and the files of a run that was killed behind its first place.
	whole := b.read(t, "record")
	lines := strings.SplitAfter(whole, "\n")
	begun := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "secret.rotating") })
	b.write(t, "record", strings.Join(lines[:begun+1], ""))
	for name, text := range agentFiles(old) {
		if name != ".env" {
			b.write(t, name, text)
		}
	}
	b.rotate(t, 5, "with --resume", agentPlaces...)
	if b.setting(t, "b.env", "AUTH_TOKEN") != old {
		t.Error("a refused run has written")
	}
	b.rotate(t, 0, "Written", append(slices.Clone(agentPlaces), "--resume")...)
	for name, setting := range map[string]string{".env": "AGENT_SERVER_TOKEN", "a.env": "AUTH_TOKEN", "b.env": "AUTH_TOKEN"} {
		if b.setting(t, name, setting) != fresh {
			t.Errorf("%s does not have the token of the run that was killed", name)
		}
	}
	// Killed behind the last place, before the record had the end.
	b.write(t, "record", strings.Join(lines[:begun+1], ""))
	b.rotate(t, 5, "with --resume", agentPlaces...)
	b.rotate(t, 0, "Written", append(slices.Clone(agentPlaces), "--resume")...)
	if got := b.actions(t); !slices.Equal(got, []string{"secret.rotating", "secret.rotated"}) {
		t.Errorf("the record has %v", got)
	}
	// A third token is nobody's to choose from.
	b.write(t, "record", strings.Join(lines[:begun+1], ""))
	b.write(t, "a.env", "AUTH_TOKEN="+random()+random()+"\n")
	b.rotate(t, 5, "different tokens", append(slices.Clone(agentPlaces), "--resume")...)
}

// If this fails, a Ctrl-C while the servers restart leaves an operator without a word of what stands.
func TestRotateTokenInterrupted(t *testing.T) {
	t.Parallel()
	b := newTokenBench(t, map[string]string{"admin.env": "ADMIN_TOKEN=" + random() + random() + "\n"})
	server := startTokenServer(t, "admin-ui", filepath.Join(b.dir, "admin.env"))
	p := b.begin(t, "admin-token", "--store", "admin.env", "--yes", "--prove", "--endpoint", server.endpoint())
	eventually(t, "the server to be asked", func() bool { return server.requests() >= 2 })
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	b.check(t, p, 130, "the new token is in every place, and that is not proven")
}

// If this fails, the admin UI is refused by the management server.
func TestRotateInternalAdminToken(t *testing.T) {
	t.Parallel()
	old := random() + random()
	b := newTokenBench(t, map[string]string{".env": "INTERNAL_ADMIN_TOKEN=" + old + "\n", "ui/MANAGEMENT_API_TOKEN": old + "\n"})
	server := startTokenServer(t, "management", filepath.Join(b.dir, ".env"))
	p := b.begin(t, "internal-admin-token", "--admin-store", "ui", "--yes", "--prove", "--endpoint", server.endpoint(), "--prove-timeout", "1m")
	eventually(t, "the server to be asked", func() bool { return server.requests() >= 2 })
	server.restart()
	<-p.ended
	b.check(t, p, 0, "Not asked, so not proven: admin-ui.")
	fresh := b.setting(t, ".env", "INTERNAL_ADMIN_TOKEN")
	if fresh == old || b.read(t, "ui/MANAGEMENT_API_TOKEN") != fresh+"\n" {
		t.Error("the sides do not have the same new token")
	}
}

// If this fails, a gateway goes on with a token that nobody changed, or the old one stays in a copy.
func TestRotateGatewayToken(t *testing.T) {
	t.Parallel()
	old := random() + random()
	const text = "// ours\n{gateway: {auth: {mode: 'token', token: 'OLD',},},}\n"
	b := newTokenBench(t, map[string]string{"a.env": "OPENCLAW_GATEWAY_TOKEN=" + old + "\n", ".openclaw/openclaw.json": strings.ReplaceAll(text, "OLD", old), ".openclaw/openclaw.json.bak": old})
	b.rotate(t, 5, "wins over the environment", "gateway-token", "--store", "a.env", "--yes")
	server := startTokenServer(t, "gateway", filepath.Join(b.dir, "a.env"))
	p := b.begin(t, "gateway-token", "--store", "a.env", "--gateway-config", ".openclaw/openclaw.json", "--yes", "--prove", "--endpoint", server.endpoint(), "--prove-timeout", "1m")
	eventually(t, "the server to be asked", func() bool { return server.requests() >= 2 })
	server.restart()
	<-p.ended
	b.check(t, p, 0, "the new token is accepted (status 400), the old one refused (status 401).")
	fresh := b.setting(t, "a.env", "OPENCLAW_GATEWAY_TOKEN")
	if fresh == old || b.read(t, ".openclaw/openclaw.json") != strings.ReplaceAll(text, "OLD", fresh) {
		t.Error("the file and the environment do not have the same new token, or the file has changed elsewhere")
	}
	_, command, _ := strings.Cut(p.errors.String(), "has the old token. Remove it with: ")
	remove := exec.Command("sh", "-c", command)
	remove.Dir = b.dir
	if err := remove.Run(); err != nil || b.read(t, ".openclaw/openclaw.json.bak") != "" {
		t.Errorf("what is named does not remove the copy: %v: %s", err, &p.errors)
	}
	for text, said := range map[string]string{"{gateway: {auth: {token: ''}}}": "an empty one wins over the environment", "{}": "Written"} {
		b.write(t, "g.json", text)
		b.rotate(t, 0, said, "gateway-token", "--gateway-config", "g.json", "--yes")
	}
	b.write(t, "g.json", "{gateway: {auth: {token: '${OPENCLAW_GATEWAY_TOKEN}'}}}")
	b.rotate(t, 5, "taken from a variable", "gateway-token", "--gateway-config", "g.json", "--yes")
}

// If this fails, a run that is killed leaves management and agent servers with tokens that nothing brings together.
func TestRotateAgentTokenKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	const kills = 16
	b := newTokenBench(t, agentFiles(random()+random()))
	resumed, window := 0, 100*time.Millisecond
	for round := range kills {
		before := b.read(t, ".env")
		killed := b.begin(t, agentPlaces...)
		if round%2 == 0 {
			// The moment is what is tested: it must fall anywhere.
			time.AfterFunc(time.Duration(mathrand.Int64N(int64(window))), func() { _ = killed.Process.Kill() })
		} else {
			for deadline := time.Now().Add(patience); b.read(t, ".env") == before && time.Now().Before(deadline); {
			}
			_ = killed.Process.Kill() // it may have ended
		}
		<-killed.ended
		p := b.begin(t, agentPlaces...)
		if <-p.ended; p.code == 5 && strings.Contains(p.errors.String(), "with --resume") {
			resumed++
			b.rotate(t, 0, "Written", append(slices.Clone(agentPlaces), "--resume")...)
		} else {
			b.check(t, p, 0, "Written")
		}
		token := b.setting(t, ".env", "AGENT_SERVER_TOKEN")
		if len(token) != 64 || b.setting(t, "a.env", "AUTH_TOKEN") != token || b.setting(t, "b.env", "AUTH_TOKEN") != token {
			t.Fatal("the sides do not have the same token")
		}
	}
	t.Logf("%d of %d runs had to be resumed", resumed, kills)
}

// If this fails, two operators at once leave each side with the token of another one.
func TestRotateAgentTokenTwiceAtOnce(t *testing.T) {
	t.Parallel()
	for range 5 {
		b := newTokenBench(t, agentFiles(random()+random()))
		first := b.begin(t, agentPlaces...)
		second := b.begin(t, "agent-token", "--agent-store", "b.env", "--agent-store", "a.env", "--yes")
		<-first.ended
		<-second.ended
		for _, p := range []*process{first, second} {
			if p.code != 0 && p.code != 5 {
				t.Errorf("it ended with %d: %s", p.code, &p.errors)
			}
		}
		token := b.setting(t, ".env", "AGENT_SERVER_TOKEN")
		if first.code != 0 && second.code != 0 || b.setting(t, "a.env", "AUTH_TOKEN") != token || b.setting(t, "b.env", "AUTH_TOKEN") != token {
			t.Errorf("they ended with %d and %d, and the sides do not have the same token", first.code, second.code)
		}
	}
}
