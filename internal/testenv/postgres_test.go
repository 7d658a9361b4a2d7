package testenv_test

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// A server that outlives its test fills the machine of the developer. A server that does not
// answer makes every other test of this package worthless.
func TestServerAnswersAndLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server, err := testenv.StartPostgres(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	name, err := server.CreateDatabase(ctx, "create table t (n int); insert into t values (1)")
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(server.URL("postgres", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.BecomeStandby(ctx); err != nil {
		t.Fatal(err)
	}
	if err := testenv.Exec(ctx, server.URL("postgres", name), "select n from t"); err != nil {
		t.Errorf("reading from the standby: %v", err)
	}
	if err := testenv.Exec(ctx, server.URL("postgres", name), "insert into t values (2)"); err == nil {
		t.Error("the standby could be written")
	}
	server.Stop()
	if _, err := os.Stat(address.Query().Get("host")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of the server is still there: %v", err)
	}
}
