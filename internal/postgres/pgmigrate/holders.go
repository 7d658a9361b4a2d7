package pgmigrate

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Holders implements migrate.HolderLister.
func (s *Store) Holders(ctx context.Context, tables []migrate.Table) (holders []migrate.Holder, err error) {
	names := make([]string, len(tables))
	for i, table := range tables {
		names[i] = postgres.Quote(table.Schema, table.Name)
	}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		writers, err := s.db.Writers(ctx, conn, names)
		for _, writer := range writers {
			holders = append(holders, migrate.Holder(writer))
		}
		return err
	})
	return holders, err
}

// Blockers implements migrate.BlockerLister.
func (s *Store) Blockers(ctx context.Context) (holders []migrate.Holder, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		blockers, err := postgres.Blockers(ctx, conn)
		for _, blocker := range blockers {
			holders = append(holders, migrate.Holder(blocker))
		}
		return err
	})
	return holders, err
}
