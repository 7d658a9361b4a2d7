package pgaudit_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ocmt/ocmt/internal/testenv"
)

// tap passes connections on to a server, and keeps every statement that goes to it.
type tap struct {
	net.Listener
	mu          sync.Mutex
	connections [][]string
	passwords   int
}

// startTap listens before the server of an address.
func startTap(t *testing.T, address string) *tap {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	socket := fmt.Sprintf("%s/.s.PGSQL.%s", parsed.Query().Get("host"), parsed.Query().Get("port"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &tap{Listener: listener}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				_ = client.Close()
				return
			}
			served.Go(func() { k.pass(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		served.Wait()
	})
	return k
}

// pass passes one connection on.
func (k *tap) pass(client, server net.Conn) {
	defer func() { _, _ = client.Close(), server.Close() }()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	from := pgproto3.NewBackend(io.TeeReader(client, server), io.Discard)
	for {
		message, err := from.ReceiveStartupMessage()
		if err != nil {
			return
		}
		if _, begun := message.(*pgproto3.StartupMessage); begun {
			break
		}
	}
	k.mu.Lock()
	at := len(k.connections)
	k.connections = append(k.connections, nil)
	k.mu.Unlock()
	for {
		message, err := from.Receive()
		if err != nil {
			return
		}
		k.mu.Lock()
		switch m := message.(type) {
		case *pgproto3.Query:
			k.connections[at] = append(k.connections[at], m.String)
		case *pgproto3.Parse:
			k.connections[at] = append(k.connections[at], m.Query)
		case *pgproto3.PasswordMessage, *pgproto3.SASLInitialResponse:
			k.passwords++
		case *pgproto3.FunctionCall, *pgproto3.CopyData:
			k.connections[at] = append(k.connections[at], "a message that writes")
		}
		k.mu.Unlock()
	}
}

// allowed matches the statements of an audit, in its transaction.
var allowed = regexp.MustCompile(`^(select|with|savepoint question|release savepoint question|rollback to savepoint question|set local (row_security|search_path|statement_timeout|idle_in_transaction_session_timeout|lock_timeout) )`)

// An audit that writes could spoil what it looks at, and nobody would let it near a deployment again.
func TestAuditWritesNothing(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec(addUser)
	k := startTap(t, d.url)
	address := fmt.Sprintf("postgresql://%s@%s/%s?sslmode=disable", d.auditor, k.Addr(), d.name)
	if results := d.audit(address, settings{"ADMIN_EMAILS": "a@example.org"}, "PG", "TOK"); len(results) != 23 {
		t.Errorf("%d checks", len(results))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var asked int
	for _, statements := range k.connections {
		begin := slices.IndexFunc(statements, func(s string) bool { return strings.HasPrefix(s, "begin") })
		if begin < 0 {
			if len(statements) > 0 {
				t.Errorf("statements outside of the snapshot: %q", statements)
			}
			continue
		}
		if !strings.HasPrefix(statements[begin], "begin isolation level repeatable read read only;") {
			t.Errorf("the transaction is %q", statements[begin])
		}
		for _, statement := range statements[begin+1:] {
			for _, part := range strings.Split(statement, "; ") {
				asked++
				if !allowed.MatchString(part) {
					t.Errorf("the audit sent %q", part)
				}
			}
		}
	}
	if asked < 100 {
		t.Errorf("only %d statements were seen", asked)
	}
	if k.passwords > 0 {
		t.Errorf("%d passwords were sent to a server that asks for none", k.passwords)
	}
}
