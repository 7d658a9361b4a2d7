package cli_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, an operator or a function that another role has put into the schema public runs with the rights of
// ocmt's account where a pool hands each transaction to another backend; or the search path of ocmt stays with a
// connection of somebody else, whose statements then find no table.
func TestNothingOfOthersIsCalledBehindAPool(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), newDeployment(t)
	d.fill(t, 4, 30)
	access, err := os.ReadFile("../../testdata/schema_access.sql")
	if err != nil {
		t.Fatal(err)
	}
	d.exec(t, string(access))
	d.exec(t, spiesSQL)
	name := d.conn.Config().Database
	d.exec(t, "alter database "+name+" set search_path = public, pg_catalog")
	pool, err := testenv.StartPgBouncer(ctx, testenv.Shared(t), "transaction", "default_pool_size = 8")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Stop)
	d.url = pool.URL("postgres", name)
	for _, one := range []struct {
		args string
		code int
	}{
		{"migrate plan", 0}, {"rotate --from-version 0 --yes", 0}, {"migrate verify", 0}, {"migrate columns --discover", 0}, {"migrate status", 0},
		{"rotate status", 0}, {"rotate readiness --for 1s", 3}, {"session-invalidate list", 0}, {"session-invalidate stats", 0},
		{"session-invalidate --all --yes", 0}, {"rotate gateway-tokens --all --yes --list l", 0}, {"audit log", 0}, {"audit record backup-verified", 0},
		{"audit verify-chain", 0}, {"migrate accept --table secrets --column value_encrypted --key none --reason lost --yes", 2}, {"rotate rollback --to-version 0 --yes", 0},
	} {
		p := d.start(t, d.environ(), strings.Fields(one.args)...)
		<-p.ended
		var called bool
		if err := d.conn.QueryRow(ctx, "select is_called from public.ocmt_spy_called").Scan(&called); err != nil || called || p.code != one.code {
			t.Fatalf("ocmt %s ends with %d, want %d; called %v, %v\n%s\n%s", one.args, p.code, one.code, called, err, p.out.String(), p.errors.String())
		}
	}
	config, err := pgx.ParseConfig(d.url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	other, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	for range 20 {
		var path string
		if err := other.QueryRow(ctx, "show search_path").Scan(&path); err != nil || path != "public, pg_catalog" {
			t.Fatalf("the pool hands out a connection with search_path %q, %v", path, err)
		}
	}
}
