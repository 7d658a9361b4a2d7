package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Postgres is a running server on a Unix socket in a folder of its own.
type Postgres struct {
	folder   string
	programs string
	account  *account
	guard    *exec.Cmd
	alive    io.WriteCloser // closed: the guard ends the server and removes the folder
	names    atomic.Int64
}

// guardScript waits until its input ends, which it does when this process ends
// for whatever reason, SIGKILL among them.
const guardScript = `cat >/dev/null; "$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null 2>&1; rm -rf "$2"`

// StartPostgres starts a server. Settings are given as to postgres -c. Without
// durable, nothing is flushed to disk and the data lies in memory where the
// machine has a place for that.
func StartPostgres(ctx context.Context, durable bool, settings ...string) (*Postgres, error) {
	programs, err := postgresFolder()
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(baseFolder(durable), "ocmt-pg-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for PostgreSQL: %w", err)
	}
	p := &Postgres{folder: folder, programs: programs, account: who}
	if err := errors.Join(who.own(folder), p.startGuard()); err != nil {
		_ = os.RemoveAll(folder)
		return nil, fmt.Errorf("guarding PostgreSQL: %w", err)
	}
	if err := p.initialise(ctx, durable, settings); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// baseFolder has a short path: a socket's may have 100 bytes or so.
func baseFolder(durable bool) string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() && !durable {
		return "/dev/shm"
	}
	return "/tmp"
}

func (p *Postgres) startGuard() error {
	p.guard = exec.Command("/bin/sh", "-c", guardScript, "sh", p.programs, p.folder) // no context: it must outlive every one
	p.account.apply(p.guard, "/")
	input, err := p.guard.StdinPipe()
	if err != nil {
		return err
	}
	p.alive = input
	return p.guard.Start()
}

func (p *Postgres) initialise(ctx context.Context, durable bool, settings []string) error {
	if err := p.run(ctx, "initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D", p.data()); err != nil {
		return err
	}
	lines := "listen_addresses = ''\nunix_socket_directories = '" + p.folder + "'\nmax_connections = 100\n"
	if !durable {
		lines += "fsync = off\nfull_page_writes = off\n"
	}
	for _, setting := range settings {
		lines += setting + "\n"
	}
	file, err := os.OpenFile(filepath.Join(p.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(lines)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return p.start(ctx)
}

func (p *Postgres) data() string { return filepath.Join(p.folder, "data") }

func (p *Postgres) start(ctx context.Context) error {
	return p.run(ctx, "pg_ctl", "-D", p.data(), "-l", filepath.Join(p.folder, "log"), "-w", "start")
}

// run runs one of the server's programs to its end.
func (p *Postgres) run(ctx context.Context, program string, args ...string) error {
	command := exec.CommandContext(ctx, filepath.Join(p.programs, program), args...)
	p.account.apply(command, p.folder)
	// A file, not a pipe: the server inherits it, and a pipe would stay open.
	output, err := os.CreateTemp("", "ocmt-pg-*.log")
	if err != nil {
		return err
	}
	defer func() { _ = output.Close(); _ = os.Remove(output.Name()) }()
	command.Stdout, command.Stderr = output, output
	if err := command.Run(); err != nil {
		said, _ := os.ReadFile(output.Name())
		return fmt.Errorf("running %s: %w: %s", program, err, said)
	}
	return nil
}

// Stop ends the server and removes its folder.
func (p *Postgres) Stop() {
	_ = p.alive.Close()
	_ = p.guard.Wait()
}

// BecomeStandby starts the server again as a standby: read only, as one that
// follows a primary.
func (p *Postgres) BecomeStandby(ctx context.Context) error {
	if err := p.run(ctx, "pg_ctl", "-D", p.data(), "-m", "fast", "-w", "stop"); err != nil {
		return err
	}
	signal := filepath.Join(p.data(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return err
	}
	if err := p.account.own(signal); err != nil {
		return err
	}
	return p.start(ctx)
}

// URL returns the address of a database for an account.
func (p *Postgres) URL(account, database string) string {
	return "postgresql://" + account + "@/" + database + "?host=" + url.QueryEscape(p.folder)
}

// CreateDatabase makes a database, runs statements in it, and returns its name.
func (p *Postgres) CreateDatabase(ctx context.Context, statements ...string) (string, error) {
	name := "ocmt_" + strconv.FormatInt(p.names.Add(1), 10)
	if err := Exec(ctx, p.URL("postgres", "postgres"), "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("creating database %s: %w", name, err)
	}
	if err := Exec(ctx, p.URL("postgres", name), statements...); err != nil {
		return "", fmt.Errorf("filling database %s: %w", name, err)
	}
	return name, nil
}

// Exec runs statements in the database at an address.
func Exec(ctx context.Context, address string, statements ...string) error {
	conn, err := pgconn.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}
