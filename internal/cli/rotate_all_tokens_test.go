package cli_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// quarterHost is a deployment with all that is due each quarter.
type quarterHost struct {
	*passwordHost
	files   *tokenBench // the same folder
	servers map[string]*tokenServer
	secrets needles
}

func newQuarterHost(t *testing.T) *quarterHost {
	t.Helper()
	h := &quarterHost{passwordHost: newPasswordHost(t), servers: map[string]*tokenServer{}, secrets: needles{}}
	redis, err := testenv.StartRedis(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Stop)
	agent, admin := random()+random(), random()+random()
	old, _ := h.settings()
	h.before = "REDIS_URL=" + redis.URL() + "\nAGENT_SERVER_TOKEN=" + agent + "\n" + h.before
	h.files = &tokenBench{deployment: &deployment{dir: h.folder}}
	for name, text := range map[string]string{".env": h.before + old + h.behind, "a.env": "AUTH_TOKEN=" + agent + "\n", "admin.env": "ADMIN_TOKEN=" + admin + "\n",
		"old-agent": agent + "\n", "old-admin": admin + "\n"} {
		h.files.write(t, name, text)
	}
	for component, name := range map[string]string{"management": ".env", "agent": "a.env", "admin-ui": "admin.env"} {
		h.servers[component] = startTokenServer(t, component, filepath.Join(h.folder, name))
	}
	h.markSecrets(t)
	return h
}

// markSecrets marks every secret that stands in the files.
func (h *quarterHost) markSecrets(t *testing.T) {
	t.Helper()
	database, _ := h.settings()
	for name, value := range map[string]string{"database": passwordIn(t, database), "Redis": passwordIn(t, h.files.setting(t, ".env", "REDIS_URL")),
		"agent": h.files.setting(t, "a.env", "AUTH_TOKEN"), "admin": h.files.setting(t, "admin.env", "ADMIN_TOKEN")} {
		h.secrets.add(name+" "+value[:4], value)
	}
}

// all runs ocmt rotate all in a shell, and returns what it shows, in one line.
func (h *quarterHost) all(t *testing.T, code int, command string) string {
	t.Helper()
	run := exec.Command("sh", "-c", command)
	run.Env, run.Dir = append(os.Environ(), "PGPASSFILE=/nonexistent", "HOME="+h.folder), h.folder
	text, _ := run.CombinedOutput() // the exit code says how it ended
	h.markSecrets(t)
	if found := h.secrets.in(string(text)); len(found) > 0 {
		t.Errorf("%s shows %v", command, found)
	}
	if got := run.ProcessState.ExitCode(); got != code {
		t.Fatalf("%s ended with %d, not %d:\n%s", command, got, code, text)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// requests returns how many tokens were sent.
func (h *quarterHost) requests() (sum int) {
	for _, server := range h.servers {
		sum += server.requests()
	}
	return sum
}

// tokens returns the tokens in the files.
func (h *quarterHost) tokens(t *testing.T) []string {
	t.Helper()
	return []string{h.files.setting(t, ".env", "AGENT_SERVER_TOKEN"), h.files.setting(t, "a.env", "AUTH_TOKEN"), h.files.setting(t, "admin.env", "ADMIN_TOKEN")}
}

var nextRestarted = regexp.MustCompile(`then (ocmt rotate all .*? --restarted)`)

// If this fails, an operator's quarter needs more than one restart, makes a token anew that the servers are just
// starting with, or calls a token changed that a server does not take.
func TestRotateAllTokens(t *testing.T) {
	t.Parallel()
	h := newQuarterHost(t)
	before := h.tokens(t)
	command := "ocmt rotate all --routine --yes --agent-store a.env --admin-store admin.env --prove --prove-timeout 1s --old-file agent-token=old-agent --old-file admin-token=old-admin"
	for _, component := range []string{"management", "agent", "admin-ui"} {
		command += " --endpoint " + h.servers[component].endpoint()
	}
	if h.all(t, 0, command+" --dry-run"); !slices.Equal(h.tokens(t), before) {
		t.Error("a dry run has changed a token")
	}
	h.all(t, 4, strings.Replace(command, "=old-admin", "=nowhere", 1)+" --dry-run")

	said := h.all(t, 4, command)
	changed := h.tokens(t)
	if changed[0] != changed[1] || changed[0] == before[0] || changed[2] == before[2] || h.requests() != 0 {
		t.Error("the tokens are not changed in every place, or were sent before the restart")
	}
	for _, server := range []string{"management", "agent", "relay", "admin-ui"} {
		if _, restart, _ := strings.Cut(said, "Restart, once for all of it:"); !strings.Contains(restart, server) {
			t.Errorf("nothing says that %s must restart", server)
		}
	}
	if strings.Contains(said, "--prove-only") || !strings.Contains(said, "Nothing is proven yet") {
		t.Errorf("two ways to go on: %s", said)
	}
	next := nextRestarted.FindStringSubmatch(said)
	if next == nil {
		t.Fatalf("no command goes on: %s", said)
	}
	h.servers["management"].restart()
	h.servers["agent"].restart()
	if h.all(t, 4, command); !slices.Equal(h.tokens(t), changed) || h.requests() != 0 {
		t.Error("a run that was taken up has changed a token again, or sent one")
	}
	if said = h.all(t, 4, next[1]); !strings.Contains(said, "not proven: admin-ui") || !strings.Contains(said, "restart admin-ui, then") {
		t.Errorf("the server that was not restarted: %s", said)
	}
	h.servers["admin-ui"].restart()
	h.all(t, 0, next[1])
	if h.all(t, 0, next[1]+" --dry-run"); !slices.Equal(h.tokens(t), changed) {
		t.Error("the tokens were changed twice")
	}
}

// If this fails, a run that was killed between two places leaves the sides apart, or a token that was made long before
// passes for one of this quarter.
func TestRotateAllTokensTakenUp(t *testing.T) {
	t.Parallel()
	old := random() + random()
	b := newTokenBench(t, agentFiles(old))
	all := []string{"all", "--routine", "--agent-store", "a.env", "--agent-store", "b.env", "--yes"}
	// kill leaves the record and the files of a process that was killed behind its first place.
	kill := func() (fresh string) {
		t.Helper()
		lines := strings.SplitAfter(b.read(t, "record"), "\n")
		begun := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "secret.rotating") })
		b.write(t, "record", strings.Join(lines[:begun+1], ""))
		b.write(t, "a.env", agentFiles(old)["a.env"])
		b.write(t, "b.env", agentFiles(old)["b.env"])
		return b.setting(t, ".env", "AGENT_SERVER_TOKEN")
	}
	together := func() string {
		t.Helper()
		token := b.setting(t, ".env", "AGENT_SERVER_TOKEN")
		if b.setting(t, "a.env", "AUTH_TOKEN") != token || b.setting(t, "b.env", "AUTH_TOKEN") != token || token == old {
			t.Error("the sides do not have the same new token")
		}
		return token
	}
	b.rotate(t, 4, "needs --admin-store", all...)
	fresh := kill()
	b.rotate(t, 4, "The run of", all...)
	if together() != fresh {
		t.Error("the run that was killed was not finished with its token")
	}
	if err := os.Remove(filepath.Join(b.dir, "record")); err != nil {
		t.Fatal(err)
	}
	old = fresh
	b.rotate(t, 0, "Written", agentPlaces...)
	early := kill()
	b.rotate(t, 4, `"left": 3`, append(slices.Clone(all), "--output", "json")...)
	if together() == early {
		t.Error("a token counts that was made before the run")
	}
}
