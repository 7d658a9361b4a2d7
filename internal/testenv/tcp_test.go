package testenv_test

import (
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// A proxy that breaks connections on purpose needs a server on a TCP port.
func TestListensOnTCP(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres(t.Context(), false, testenv.ListenTCP)
	must(t, err)
	defer server.Stop()
	for _, address := range []string{server.TCPURL("postgres", "postgres"), server.URL("postgres", "postgres")} {
		if found := value(t, address, "show listen_addresses"); found != "127.0.0.1" {
			t.Errorf("%s: listens on %q", address, found)
		}
	}
}

// A test that took the port of another server for its own would write into the
// developer's database.
func TestWithoutTCPNamesNoPort(t *testing.T) {
	t.Parallel()
	server := testenv.Shared(t)
	if server.Port() != 0 || !strings.Contains(server.TCPURL("a", "d"), "127.0.0.1:0/") {
		t.Errorf("port %d, address %s", server.Port(), server.TCPURL("a", "d"))
	}
	if err := testenv.Exec(t.Context(), server.TCPURL("postgres", "postgres"), "select 1"); err == nil {
		t.Error("some server answered")
	}
}
