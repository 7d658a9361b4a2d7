package testenv_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, no test shows whether ocmt works behind PgBouncer in transaction mode, as many
// operators run it: two clients share one connection, and one finds the settings of the other.
func TestPgBouncerSharesAConnection(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := testenv.Shared(t)
	name, err := server.CreateDatabase(ctx, "create table t (n int)")
	must(t, err)
	bouncer, err := testenv.StartPgBouncer(ctx, server, "transaction", "default_pool_size = 1")
	must(t, err)
	defer bouncer.Stop()
	account := name // a test may create an account while PgBouncer runs
	must(t, testenv.Exec(ctx, server.URL("postgres", name), "create role "+account+" login", "grant all on t to "+account))

	clients := [2]*pgconn.PgConn{
		connect(t, bouncer.URL(account, name)).PgConn(), connect(t, bouncer.URL(account, name)).PgConn(),
	}
	var backends []string
	for range 2 {
		for _, client := range clients {
			results, err := client.Exec(ctx, "begin; insert into t values (1); select pg_backend_pid(); commit").ReadAll()
			must(t, err)
			backends = append(backends, string(results[2].Rows[0][0]))
		}
	}
	for _, backend := range backends {
		if backend != backends[0] {
			t.Errorf("the transactions ran on %s", strings.Join(backends, ", "))
		}
	}
	if found := value(t, server.URL("postgres", name), "select count(*)::text from t"); found != "4" {
		t.Errorf("%s rows were written", found)
	}
}

// A developer who mistypes the mode must see an error, and not test another mode.
func TestPgBouncerSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := testenv.StartPgBouncer(t.Context(), testenv.Shared(t), "transactoin")
	if err == nil || !strings.Contains(err.Error(), "transactoin") {
		t.Errorf("the error is: %v", err)
	}
}
