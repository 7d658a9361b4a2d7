package pgpassword

import (
	"context"
	"fmt"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/userlist"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Pool is a PgBouncer with a file of accounts, and a console where one is named. It is a databasepassword.Pool.
type Pool struct {
	*userlist.File
	console secret.Value
	options postgres.Options
}

// NewPool returns the PgBouncer of a file. The address is that of its console, the database pgbouncer; it may not be
// set.
func NewPool(file *userlist.File, console secret.Value, options postgres.Options) *Pool {
	return &Pool{File: file, console: console, options: options}
}

// Reload implements databasepassword.Pool.
func (p *Pool) Reload(ctx context.Context) (asked bool, err error) {
	if !p.console.IsSet() {
		return false, nil
	}
	db, err := postgres.New(p.console.Reveal(), p.options)
	if err != nil {
		return false, err
	}
	defer db.Close()
	conn, err := db.Dial(ctx)
	if err != nil {
		return false, err
	}
	defer closeConn(ctx, conn)
	if _, err := conn.Exec(ctx, "RELOAD").ReadAll(); err != nil {
		return false, fmt.Errorf("sending RELOAD: %w", postgres.ExplainError(err))
	}
	return true, nil
}
