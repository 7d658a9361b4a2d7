package pgaudit_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/postgres/pgchain"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
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

// allowed matches the statements of an audit, in a transaction that is read only.
var allowed = regexp.MustCompile(`^(select|with|lock table only \S+ in access share mode|(release )?savepoint (question|looking)|rollback to savepoint (question|looking)|set local (row_security|search_path|statement_timeout|` +
	`idle_in_transaction_session_timeout|lock_timeout|synchronize_seqscans|max_parallel_workers_per_gather|datestyle|standard_conforming_strings|jit) |deallocate ocmt_locked|declare ocmt_record no scroll cursor for select|fetch 2000 from ocmt_record)`)

// settling matches what a connection is made fit with. It changes nothing but the connection itself.
var settling = regexp.MustCompile(`^(-- ping$|select pg_catalog.pg_backend_pid\(\)|select pg_catalog.set_config\(l.name, l.value, false\)|set (search_path|row_security) = )`)

// look does everything that an audit asks of a database: all checks, the timeline, and the proof of the record.
func (d *deployment) look(address string) (results map[string]audit.Result) {
	d.t.Helper()
	ctx := context.Background()
	db := d.open(address)
	snapshot, err := pgaudit.Open(ctx, db, time.Minute)
	if err != nil {
		d.t.Fatal(err)
	}
	defer snapshot.Close(ctx)
	own := pgchain.New(db, chain.Author{}, func(chain.Prospect) {})
	sources := &audit.Sources{Settings: audit.Available[audit.Settings](settings{"ADMIN_EMAILS": "a@example.org", "ENCRYPTION_KEY_VERSION": "0", "ENCRYPTION_KEY": strings.Repeat("0f1e2d3c4b5a6978", 4)}),
		PostgreSQL: audit.Available[audit.PostgreSQLSource](snapshot), Tokens: audit.Available[audit.TokenSource](snapshot),
		Lifecycle:  audit.Available[audit.LifecycleSource](&pgaudit.Lifecycle{Snapshot: snapshot, Record: own}),
		Encryption: audit.Available(audit.NewEncryptionSource(snapshot.Values(), audit.EncryptionOptions{Catalogue: ocmt.Catalogue(), Known: ocmt.KnownColumns(), Search: pgdiscover.New(db), Workers: 2}))}
	report, err := audit.Run(ctx, sources, audit.Request{Only: []string{"ENC", "TOK", "PG", "LIF"}, Now: today}, silent{})
	if err != nil {
		d.t.Fatal(err)
	}
	results = map[string]audit.Result{}
	for _, result := range report.Results {
		results[result.Check.ID] = result
	}
	timeline := pgaudit.NewTimeline(db, time.Minute)
	if _, err := review.ReadPage(ctx, timeline, review.Filter{}, nil, 10); err != nil {
		d.t.Fatal(err)
	}
	if _, err := review.Find(ctx, timeline, review.Filter{Since: today.AddDate(-1, 0, 0)}); err != nil {
		d.t.Fatal(err)
	}
	if report, err := own.Verify(ctx, ""); err != nil || report.Count != 1 {
		d.t.Fatalf("%+v, %v", report, err)
	}
	return results
}

// judgeStatements fails the test where a statement of a connection could write, and returns how many it has seen.
func judgeStatements(t *testing.T, statements []string) (asked int) {
	t.Helper()
	within := false
	for _, statement := range statements {
		parts := []string{statement}
		if !strings.HasPrefix(statement, "with") && !strings.HasPrefix(statement, "select") {
			parts = strings.Split(statement, "; ")
		}
		for _, part := range parts {
			asked++
			switch {
			case strings.HasPrefix(part, "begin"):
				if within = true; !strings.HasSuffix(part, "read only") {
					t.Errorf("a transaction is %q", part)
				}
			case part == "commit", part == "rollback":
				within = false
			case within && !allowed.MatchString(part), !within && !settling.MatchString(part):
				t.Errorf("the audit sent %q, in a transaction: %v", part, within)
			}
		}
	}
	return asked
}

// An audit that writes could spoil what it looks at, and nobody would let it near a deployment again.
func TestAuditWritesNothing(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec(addUser)
	d.record(chain.ActionBackupVerified, "", 1)
	d.runRolesFile() // for the rights on the record
	// A role that is not trusted can put another table in the place of its own, which is looked at once more behind a lock.
	other := d.role("login")
	d.exec("create schema apart authorization " + other + "; grant usage on schema apart to ocmt_auditor; set role " + other)
	d.exec("create table apart.notes (id int primary key, body text); insert into apart.notes values (1, 'v0:a:b:c'); grant select on apart.notes to ocmt_auditor; reset role")
	k := startTap(t, d.url)
	results := d.look(fmt.Sprintf("postgresql://%s@%s/%s?sslmode=disable", d.auditor, k.Addr(), d.name))
	if len(results) != 42 {
		t.Errorf("%d checks", len(results))
	}
	for id, result := range results {
		for _, gap := range result.Gaps {
			if gap.Missing == "" && gap.Grant == "" {
				t.Errorf("%s did not look: %+v", id, gap)
			}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var asked int
	for _, statements := range k.connections {
		asked += judgeStatements(t, statements)
	}
	if asked < 300 {
		t.Errorf("only %d statements were seen", asked)
	}
	if k.passwords > 0 {
		t.Errorf("%d passwords were sent to a server that asks for none", k.passwords)
	}
}
