package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, an operator whose pool hands out statements is told that the server ended the connection, and looks
// there; or a question that needs no transaction is answered by a backend with the settings of somebody else.
func TestPoolOfStatementsIsRefused(t *testing.T) {
	t.Parallel()
	server := testenv.Shared(t)
	name, err := server.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bouncer := startPool(t, server, "statement")
	db := open(t, bouncer.URL("postgres", name))
	for how, ask := range map[string]func() error{
		"a question": func() error {
			return db.With(t.Context(), func(conn *pgconn.PgConn) error {
				_, err := postgres.QueryRows(t.Context(), conn, "select 1")
				return err
			})
		},
		"a reader": func() error {
			conn, err := db.AcquireReader(t.Context())
			if err == nil {
				conn.Close(context.WithoutCancel(t.Context()))
			}
			return err
		},
	} {
		var connect *postgres.ConnectError
		if err := ask(); !errors.As(err, &connect) || connect.Kind() != postgres.StatementPool {
			t.Errorf("%s: %v", how, err)
		}
	}
}
