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

// Kill ends the server as a crash does: the server and all its children at once
// by SIGKILL, with nothing flushed and nothing said to its clients. It returns
// when the last of them is gone. Restart starts it again.
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
	if err := killFamily(ctx, pid); err != nil {
		return fmt.Errorf("killing PostgreSQL: %w", err)
	}
	return p.forget(ctx, lines)
}

// killFamily stops the eldest before it looks who its children are: else it
// could have another one in the meantime.
func killFamily(ctx context.Context, eldest int) error {
	if err := syscall.Kill(eldest, syscall.SIGSTOP); err != nil {
		return err
	}
	members, err := familyOfStopped(ctx, eldest)
	if err != nil {
		return errors.Join(err, syscall.Kill(eldest, syscall.SIGKILL))
	}
	for _, pid := range members {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return awaitGone(ctx, members)
}

// familyOfStopped waits until the eldest stands still: a signal is delivered a
// moment after it is sent.
func familyOfStopped(ctx context.Context, eldest int) ([]int, error) {
	var members []int
	err := poll(ctx, func(ctx context.Context) error {
		all, err := processes(ctx)
		if err != nil {
			return final{err}
		}
		members = family(all, eldest)
		running := slices.ContainsFunc(all, func(p process) bool {
			return p.pid == eldest && !strings.HasPrefix(p.state, "T")
		})
		if running {
			return fmt.Errorf("process %d has not stopped yet", eldest)
		}
		return nil
	})
	return members, err
}

// forget removes what names the dead server. Its number may be another process's
// soon, or that of a zombie, and then PostgreSQL would not start again.
func (p *Postgres) forget(ctx context.Context, lock []string) error {
	if len(lock) > 6 { // the seventh line: key and number of its System V memory
		if memory := strings.Fields(lock[6]); len(memory) == 2 {
			_ = exec.CommandContext(ctx, "ipcrm", "-m", memory[1]).Run() // 56 bytes; the next start makes new ones
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

// Restart starts the server after Kill, at its old address: it recovers what was
// committed and serves when it returns.
func (p *Postgres) Restart(ctx context.Context) error {
	if err := p.start(ctx); err != nil {
		return fmt.Errorf("starting PostgreSQL after a crash: %w", err)
	}
	return nil
}
