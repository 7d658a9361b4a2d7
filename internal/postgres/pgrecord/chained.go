package pgrecord

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Chain is the tool's own record, which gets an entry in the transaction of each change.
type Chain interface {
	// Append adds entries in a transaction that is open on the connection. Nothing may be locked after
	// it: other writers wait until the transaction ends.
	Append(ctx context.Context, conn *pgconn.PgConn, events ...chain.Event) error
}

// noChain is the chain of a record that has none.
type noChain struct{}

// Append adds nothing.
func (noChain) Append(context.Context, *pgconn.PgConn, ...chain.Event) error { return nil }

// WithChain returns the record with a chain that every change adds to.
func (r *Record) WithChain(to Chain) *Record {
	made := *r
	made.chain = to
	return &made
}

// change makes a change in a transaction, whose last work is to add to the chain: whoever holds the
// lock of the chain waits for nobody.
func (r *Record) change(ctx context.Context, conn *pgconn.PgConn, work func() ([]chain.Event, error)) error {
	return postgres.InTransaction(ctx, conn, func() error {
		events, err := work()
		if err != nil {
			return err
		}
		return r.chain.Append(ctx, conn, events...)
	})
}
