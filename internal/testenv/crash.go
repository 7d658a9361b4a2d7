package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Kill ends the server as a crash does: it kills the server and all its children at once with
// SIGKILL, so that nothing is flushed and no client is informed. It returns when the last of
// them is gone. Restart starts the server again.
func (p *Postgres) Kill(ctx context.Context) error {
	lock, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	if err != nil {
		return fmt.Errorf("killing PostgreSQL, which does not run: %w", err)
	}
	lines := strings.Split(string(lock), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 1 {
		return fmt.Errorf("reading postmaster.pid: %q is no process", lines[0])
	}
	if err := killTree(ctx, pid); err != nil {
		return fmt.Errorf("killing PostgreSQL: %w", err)
	}
	return p.removeLeftovers(ctx, lines)
}

// killTree kills a process and its descendants. It stops the root before it lists them, so that
// the root cannot start another one in between.
func killTree(ctx context.Context, root int) error {
	if err := syscall.Kill(root, syscall.SIGSTOP); err != nil {
		return err
	}
	members, err := awaitStopped(ctx, root)
	if err != nil {
		return errors.Join(err, syscall.Kill(root, syscall.SIGKILL))
	}
	for _, pid := range members {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return awaitGone(ctx, members)
}

// awaitStopped returns the process tree once its root has stopped, because a signal is delivered
// a moment after it is sent.
func awaitStopped(ctx context.Context, root int) ([]int, error) {
	var members []int
	err := poll(ctx, func(ctx context.Context) error {
		all, err := listProcesses(ctx)
		if err != nil {
			return final{err}
		}
		members = treeOf(all, root)
		running := slices.ContainsFunc(all, func(p process) bool {
			return p.pid == root && !strings.HasPrefix(p.state, "T")
		})
		if running {
			return fmt.Errorf("process %d has not stopped yet", root)
		}
		return nil
	})
	return members, err
}

// removeLeftovers removes the files and the shared memory that name the pid of the dead server.
// Another process, or a zombie, may have that pid, and then PostgreSQL would not start again.
func (p *Postgres) removeLeftovers(ctx context.Context, lock []string) error {
	if len(lock) > 6 { // the seventh line has the key and the number of the System V memory
		if memory := strings.Fields(lock[6]); len(memory) == 2 {
			_ = exec.CommandContext(ctx, "ipcrm", "-m", memory[1]).Run() // a failure leaves 56 bytes behind; the next start makes new ones
		}
	}
	socket := filepath.Join(p.folder, fmt.Sprintf(".s.PGSQL.%d", p.port))
	for _, path := range [...]string{filepath.Join(p.data(), "postmaster.pid"), socket, socket + ".lock"} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing what the dead server left: %w", err)
		}
	}
	return nil
}

// Restart starts the server after Kill, at its old address. When it returns, the server has
// recovered what was committed and accepts connections.
func (p *Postgres) Restart(ctx context.Context) error {
	if err := p.start(ctx); err != nil {
		return fmt.Errorf("starting PostgreSQL after a crash: %w", err)
	}
	return nil
}
