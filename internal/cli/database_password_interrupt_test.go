package cli_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// If this fails, a preview says that a password can be changed whose store takes no change.
func TestDatabasePasswordTriesTheStore(t *testing.T) {
	t.Parallel()
	h := newPasswordHost(t)
	before, _ := h.settings()
	if err := os.Chmod(h.folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--dry-run", "--yes"} {
		if output := h.wantRun(5, flag); !strings.Contains(output, "trying whether the place takes the change: env file") || !strings.Contains(output, "chmod go-w") {
			t.Errorf("%s says:\n%s", flag, output)
		}
	}
	if now, pending := h.settings(); now != before || pending != "" || !h.logsIn(before) {
		t.Error("something was changed")
	}
}

// If this fails, an operator who gives up while PgBouncer has not read its file leaves the servers without a password.
func TestDatabasePasswordInterrupted(t *testing.T) {
	t.Parallel()
	h := newPasswordHost(t)
	direct, _ := h.settings()
	list, bouncer := h.startPgBouncer(passwordIn(t, direct))
	old := strings.Replace(bouncer.URL(h.role, h.database), "@", ":"+passwordIn(t, direct)+"@", 1)
	if err := os.WriteFile(h.path(), []byte("DATABASE_URL='"+old+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := h.command("--yes", "--userlist", list)
	told, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(told)
	for lines.Scan() && !strings.Contains(lines.Text(), "send it RELOAD") {
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
	}
	err = command.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 || !strings.Contains(rest.String(), "the old password is back and works") {
		t.Errorf("it ended with %v:\n%s", err, rest.String())
	}
	if now, pending := h.settings(); now != old || pending != "" || !h.logsIn(old) || !h.logsIn(direct) {
		t.Error("the old password is not back")
	}
	if text, err := os.ReadFile(list); err != nil || !strings.Contains(string(text), passwordIn(t, direct)) {
		t.Errorf("PgBouncer's file has another password: %v", err)
	}
}

// If this fails, an operator who does not wait for the servers to restart is left with a command that does not go on.
func TestDatabasePasswordInterruptedAtTheEnd(t *testing.T) {
	t.Parallel()
	h := newPasswordHost(t)
	old, _ := h.settings()
	kept, err := pgx.Connect(context.Background(), old)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kept.Close(context.Background()) }()
	command := h.command("--yes", "--wait", "1h")
	var told strings.Builder
	output, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if told.WriteString(lines.Text() + "\n"); strings.Contains(lines.Text(), "waiting for connections") {
			if err := command.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 || !strings.Contains(told.String(), "run the same command again") {
		t.Errorf("it ended with %v:\n%s", err, told.String())
	}
	if output := h.wantRun(0, "--yes"); !strings.Contains(output, "An earlier run has changed the role and the store") {
		t.Errorf("the next run says:\n%s", output)
	}
	if now, pending := h.settings(); pending != "" || !h.logsIn(now) || h.logsIn(old) {
		t.Error("not the new password alone logs in")
	}
}
