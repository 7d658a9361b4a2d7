package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// ListenTCP is a setting for StartPostgres and StartStandby: the server listens
// on its socket and on a free port of 127.0.0.1, which a proxy can connect to.
// Every account of the machine can then reach it without a password.
const ListenTCP = "listen_addresses = '127.0.0.1'"

// socketPort is a part of the name of the socket of a server that does not listen on TCP.
const socketPort = 5432

// Postgres is a running server on a Unix socket in a folder of its own.
type Postgres struct {
	*guard
	packed   string // the package of its programs, or "" for those of the distribution
	programs string
	durable  bool
	port     int
	tcp      bool
	names    atomic.Int64
}

// postgresScript ends the server and removes the folder. It continues a server that Kill has
// stopped, and tries again while a process still writes into the folder.
const postgresScript = `
cat
for try in 1 2 3 4 5 6 7 8 9 10; do
	kill -CONT "$(head -n 1 "$folder/data/postmaster.pid")"
	"${2:-$folder/native/bin}/pg_ctl" -D "$folder/data" -m immediate stop
	rm -rf "$folder" && break
	sleep 1
done`

// StartPostgres starts a server. Settings are lines of postgresql.conf. Without
// durable, nothing is flushed to disk, and the data is in memory where the machine has a file
// system for that. OCMT_TEST_POSTGRES chooses another version than the distribution's.
func StartPostgres(ctx context.Context, durable bool, settings ...string) (*Postgres, error) {
	packed, err := chosenPackage()
	if err != nil {
		return nil, err
	}
	return newPostgres(ctx, packed, durable, func(p *Postgres) error { return p.initialise(ctx, settings) })
}

// newPostgres makes a guarded folder and fills it. The programs are those of a package, which are
// unpacked into the folder, or with "" those of the distribution. A server that cannot be started
// leaves no file.
func newPostgres(ctx context.Context, packed string, durable bool, fill func(*Postgres) error) (*Postgres, error) {
	var programs string
	var err error
	if packed == "" {
		if programs, err = findPostgresFolder(); err != nil {
			return nil, err
		}
	}
	guard, err := startGuard(baseFolder(durable), "pg", postgresScript, programs)
	if err != nil {
		return nil, err
	}
	p := &Postgres{guard: guard, packed: packed, programs: programs, durable: durable, port: socketPort}
	if packed != "" {
		err = p.unpack(ctx)
	}
	if err == nil {
		err = fill(p)
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Postgres) initialise(ctx context.Context, settings []string) error {
	if err := p.run(ctx, "initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D", p.data()); err != nil {
		return err
	}
	// Shared memory that a crash leaves must be in the folder, so that it is removed with it.
	lines := []string{"max_connections = 100", "dynamic_shared_memory_type = mmap",
		"password_encryption = 'scram-sha-256'"} // which PostgreSQL 13 has not by itself
	if !p.durable {
		lines = append(lines, "fsync = off", "full_page_writes = off")
	}
	if err := p.configure(lines...); err != nil {
		return err
	}
	return p.launch(ctx, settings)
}

// launch starts the server for the first time, on a port that no other server uses.
func (p *Postgres) launch(ctx context.Context, settings []string) error {
	lines := []string{"listen_addresses = ''", "port = 5432", "unix_socket_directories = '" + p.folder + "'"}
	if err := p.configure(append(lines, settings...)...); err != nil {
		return err
	}
	p.tcp = slices.Contains(settings, ListenTCP)
	if !p.tcp {
		return p.start(ctx)
	}
	return onFreePort(func(port int) error {
		p.port = port
		if err := p.configure(fmt.Sprintf("port = %d", port)); err != nil {
			return err
		}
		return p.start(ctx)
	})
}

// configure adds lines to postgresql.conf, in which the last line of a setting counts.
func (p *Postgres) configure(lines ...string) error {
	file, err := os.OpenFile(filepath.Join(p.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("configuring PostgreSQL: %w", err)
	}
	_, err = file.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, file.Close())
}

func (p *Postgres) data() string { return filepath.Join(p.folder, "data") }

func (p *Postgres) start(ctx context.Context) error {
	return p.run(ctx, "pg_ctl", "-D", p.data(), "-l", filepath.Join(p.folder, "log"), "-t", startSeconds, "-w", "start")
}

// lastLines returns the end of a log, which says why a server does not start.
func lastLines(log []byte) string {
	lines := strings.SplitAfter(string(log), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "")
}
