package processes_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/processes"
)

// TestMain lets the program of the tests play a process that waits until its input ends.
func TestMain(m *testing.M) {
	if os.Getenv("OCMT_TEST_WAITS") != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	m.Run()
}

// finder finds the texts of settings as they are.
type finder map[string]string

func (f finder) Find(text []byte) (names []string) {
	for name, secret := range f {
		if bytes.Contains(text, []byte(secret)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

type silent struct{}

func (silent) Checking(string, int, int) {}

// machine has a folder of a server, and a secret of its own, so that tests beside each other see only
// their processes.
type machine struct {
	t       *testing.T
	dir     string
	secret  string
	options processes.Options
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	secret := "invented-" + strings.ReplaceAll(t.Name(), "/", "-") + "-4821"
	m := &machine{t, dir, secret, processes.Options{Finder: finder{"ADMIN_TOKEN": secret}, Parse: config.ParseEnv, Root: true}}
	m.options.EnvFiles = []processes.EnvFile{{Path: filepath.Join(dir, ".env"), Name: ".env"}}
	// The name of a program of this test alone, because other programs of JavaScript may run here.
	m.options.Programs = []string{m.program()}
	return m
}

func (m *machine) program() string { return "node-" + filepath.Base(filepath.Dir(m.dir)) }

// start starts a process with a name, in the folder of the server, until the test ends.
func (m *machine) start(name string, environment []string, arguments ...string) {
	m.t.Helper()
	own, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	folder := m.t.TempDir()
	path := filepath.Join(folder, name)
	if err := os.Link(own, path); err != nil { // it is on another file system
		text, err := os.ReadFile(own)
		if err != nil {
			m.t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o700); err != nil {
			m.t.Fatal(err)
		}
	}
	command := exec.CommandContext(m.t.Context(), path, arguments...)
	command.Dir, command.Env = m.dir, append([]string{"OCMT_TEST_WAITS=1"}, environment...)
	input, err := command.StdinPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
}

// writeEnv writes the env file, changed that long after now.
func (m *machine) writeEnv(text string, later time.Duration) {
	m.t.Helper()
	path := filepath.Join(m.dir, ".env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	at := time.Now().Add(later)
	if err := os.Chtimes(path, at, at); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) ask(id string) audit.Result {
	m.t.Helper()
	sources := &audit.Sources{Processes: audit.Available[audit.ProcessSource](processes.New(m.options))}
	report, err := audit.Run(context.Background(), sources, audit.Request{Only: []string{id}, Now: time.Unix(1_800_000_000, 0)}, silent{})
	if err != nil {
		m.t.Fatal(err)
	}
	return report.Results[0]
}

func (m *machine) wantOutcome(id string, want audit.Outcome) {
	m.t.Helper()
	if got := m.ask(id); got.Outcome != want {
		m.t.Errorf("%s is %s, want %s: %+v %v %s", id, got.Outcome, want, got.Findings, got.Gaps, got.Absent)
	}
}

// wantFinding checks that a check finds one thing, with that message and that place.
func (m *machine) wantFinding(id, message, place string) {
	m.t.Helper()
	got := m.ask(id)
	if len(got.Findings) != 1 {
		m.t.Fatalf("%s finds %d: %+v %v", id, len(got.Findings), got.Findings, got.Gaps)
	}
	found := got.Findings[0]
	all := found.Cause + " " + found.Message + " " + strings.Join(found.Places, "; ")
	if !strings.Contains(all, message) || !strings.Contains(all, place) || strings.Contains(all+found.Actual, m.secret) {
		m.t.Errorf("%s finds %q", id, all)
	}
}

// If this fails, a machine with sound servers has a finding, or one without servers passes for sound.
func TestArgumentsWithoutSecretsPass(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.wantOutcome("OCMT-PRC-001", audit.NotApplicable)
	m.start(m.program(), []string{"ADMIN_TOKEN=" + m.secret}, "server.js")
	m.wantOutcome("OCMT-PRC-001", audit.Pass)
}

// If this fails, every account of the machine reads a secret in ps, and the audit is silent.
func TestArgumentsWithSecretsAreFound(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.start("tool", nil, "--url", "postgresql://ocmt:"+m.secret+"@db/ocmt")
	m.wantFinding("OCMT-PRC-001", "arguments of tool have configured secrets", "tool, pid ")
}

// If this fails, the name of a program shows a secret that was put there.
func TestNameOfProgramShowsNoSecret(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.start("x"+m.secret, nil)
	m.wantFinding("OCMT-PRC-001", "arguments of a program have configured secrets", "a program, pid ")
}

// If this fails, a server that has read its env file after the last change is told to restart.
func TestServerStartedAfterChangePasses(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.wantOutcome("OCMT-PRC-002", audit.NotApplicable)
	m.writeEnv("ADMIN_TOKEN="+m.secret+"\n", -time.Minute)
	m.start(m.program(), []string{"ADMIN_TOKEN=" + m.secret})
	m.wantOutcome("OCMT-PRC-002", audit.Pass)
}

// If this fails, a server runs on with an old secret after a rotation, and nobody knows.
func TestServerStartedBeforeChangeIsFound(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.writeEnv("ADMIN_TOKEN="+m.secret+"\n", time.Minute)
	m.start(m.program(), nil)
	m.wantFinding("OCMT-PRC-002", ".env has changed since servers that read it were started", m.program()+", pid ")
}

// If this fails, a change of the env file does nothing for a server, and nobody knows.
func TestEnvironmentThatHidesFileIsFound(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.writeEnv("ADMIN_TOKEN="+m.secret+"\nCSRF_SECRET=one\n", -time.Minute)
	m.start(m.program(), []string{"ADMIN_TOKEN=" + m.secret, "CSRF_SECRET=two"})
	m.wantFinding("OCMT-PRC-002", "hides settings of .env: CSRF_SECRET", m.program()+", pid ")
	m.options.EnvFiles = nil // it is still a server: it has a configured secret
	m.wantFinding("OCMT-PRC-002", "hides settings of "+m.dir+"/.env: CSRF_SECRET", m.program()+", pid ")
}

// If this fails, processes that cannot be seen count as sound.
func TestProcessesThatCannotBeSeen(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"hidden":    {"self/mounts": "proc /proc proc rw,relatime,hidepid=invisible 0 0\n", "stat": "btime 1\n"},
		"container": {"self/ns/pid": "pid:[4026532201]", "stat": "btime 1\n"},
		"no start":  {"stat": "cpu 1\n", "self/mounts": "proc /proc proc rw,hidepid=2 0 0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.options.Proc, m.options.Root = m.dir, false
			for path, text := range files {
				path = filepath.Join(m.dir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
					t.Fatal(err)
				}
				write := func() error { return os.WriteFile(path, []byte(text), 0o600) }
				if strings.HasSuffix(path, "ns/pid") {
					write = func() error { return os.Symlink(text, path) }
				}
				if err := write(); err != nil {
					t.Fatal(err)
				}
			}
			m.wantOutcome("OCMT-PRC-001", audit.Unchecked)
			m.wantOutcome("OCMT-PRC-002", audit.Unchecked)
		})
	}
	m := newMachine(t)
	m.options.Proc = filepath.Join(m.dir, "none")
	m.wantOutcome("OCMT-PRC-001", audit.Unchecked)
}
