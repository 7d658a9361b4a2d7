package testenv

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// bouncerPort is a part of the name of the socket. PgBouncer does not listen on TCP here.
const bouncerPort = 6432

// PgBouncer is a running PgBouncer on a Unix socket in a folder of its own.
type PgBouncer struct {
	*guard
}

// StartPgBouncer starts PgBouncer in front of a running server. The pool mode is session,
// transaction or statement. Settings are lines of the part [pgbouncer] of its file, such as
// default_pool_size = 1. Any account of the server may log in, without a password.
func StartPgBouncer(ctx context.Context, server *Postgres, poolMode string, settings ...string) (*PgBouncer, error) {
	bouncer, err := findProgram(ErrNoPgBouncer, "pgbouncer")
	if err != nil {
		return nil, err
	}
	files := func(folder string) map[string]string {
		return map[string]string{
			"config":   bouncerConfig(folder, server, poolMode, settings),
			"accounts": "\"postgres\" \"\"\n",
		}
	}
	// The question goes through PgBouncer, because a test needs answers of the server behind it.
	answers := func(ctx context.Context, folder string) error {
		return Exec(ctx, socketURL("postgres", "postgres", folder, bouncerPort), "select 1")
	}
	guard, err := child{name: "bouncer", program: bouncer, files: files, answers: answers}.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting PgBouncer: %w", err)
	}
	return &PgBouncer{guard: guard}, nil
}

// bouncerConfig makes PgBouncer ask the server for its accounts, so that a test may create an
// account at any time. Its own file names only the account that asks.
func bouncerConfig(folder string, server *Postgres, poolMode string, settings []string) string {
	lines := []string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%d", server.folder, server.port),
		"[pgbouncer]",
		"listen_addr =", fmt.Sprintf("listen_port = %d", bouncerPort), "unix_socket_dir = " + folder,
		"auth_type = trust", "auth_file = " + filepath.Join(folder, "accounts"),
		"auth_user = postgres", "auth_query = select rolname, '' from pg_roles where rolname = $1 and rolcanlogin",
		"pool_mode = " + poolMode,
	}
	return strings.Join(append(lines, settings...), "\n") + "\n"
}

// URL returns the address of a database for an account, through PgBouncer.
func (b *PgBouncer) URL(account, database string) string {
	return socketURL(account, database, b.folder, bouncerPort)
}
