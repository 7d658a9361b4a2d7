package session_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgsession"
	"github.com/ocmt/ocmt/internal/session"
	"github.com/ocmt/ocmt/internal/testenv"
)

// database is a fresh database with the tables of live access.
type database struct {
	t     *testing.T
	conn  *pgx.Conn
	store *pgsession.Store
	url   string
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	ctx := context.Background()
	var schema []byte
	for _, file := range []string{"schema.sql", "schema_access.sql"} {
		part, err := os.ReadFile("../../testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		schema = append(schema, part...)
	}
	name, err := testenv.Shared(t).CreateDatabase(ctx, string(schema))
	if err != nil {
		t.Fatal(err)
	}
	d := &database{t: t, url: testenv.Shared(t).URL("postgres", name)}
	if d.conn, err = pgx.Connect(ctx, d.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close(ctx) })
	db, err := postgres.New(d.url, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	d.store = pgsession.New(db)
	return d
}

func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.conn.Exec(context.Background(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// texts returns the first column of a result.
func (d *database) texts(sql string, args ...any) []string {
	d.t.Helper()
	rows, err := d.conn.Query(context.Background(), sql, args...)
	if err != nil {
		d.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

// digest is what the server stores of a token.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// addUsers adds users, and returns their ids.
func (d *database) addUsers(count int) []string {
	d.t.Helper()
	prefix := rand.Text()[:6]
	d.exec("insert into users (email, gateway_token) select $1 || n || '@example.org', 'x' from generate_series(1, $2::int) n", prefix, count)
	return d.texts("select id::text from users where email like $1 || '%' order by length(email), email", prefix)
}

// logIn adds live sessions of users, some for each.
func (d *database) logIn(users []string, each int) {
	d.t.Helper()
	d.exec(`insert into sessions (user_id, token, expires_at) select u::uuid, encode(sha256(gen_random_uuid()::text::bytea), 'hex'), now() + interval '7 days'
		from unnest($1::text[]) u, generate_series(1, $2::int)`, users, each)
}

// alive returns how many sessions the server would accept.
func (d *database) alive(where string) int {
	d.t.Helper()
	var count int
	if err := d.conn.QueryRow(context.Background(), "select count(*) from sessions where expires_at > now() and revoked_at is null and "+where).Scan(&count); err != nil {
		d.t.Fatal(err)
	}
	return count
}

// silent is a Reporter that reports nothing.
type silent struct{}

func (silent) Phase(string)          {}
func (silent) Progress(int64, int64) {}
func (silent) Waiting(string)        {}

// fullPace does everything at once.
type fullPace struct{}

func (fullPace) Do(_ context.Context, work func() error) error { return work() }

func (d *database) sources() session.Sources {
	return session.Sources{Database: d.store, Pace: fullPace{}, Clock: time.Now}
}

// request ends a selection.
func request(selection session.Selection) session.Request {
	return session.Request{Selection: selection, Ending: session.Ending{Reason: "incident"}, Workers: 2, Target: 250 * time.Millisecond}
}

// end plans and ends.
func (d *database) end(sources session.Sources, asked session.Request) (*session.Plan, *session.Result) {
	d.t.Helper()
	plan, err := session.MakePlan(context.Background(), sources, asked, silent{})
	if err != nil {
		d.t.Fatal(err)
	}
	result, err := session.End(context.Background(), sources, plan, nil, silent{})
	if err != nil {
		d.t.Fatal(err)
	}
	return plan, result
}

// checksum stands for all rows of a table that a condition takes.
func (d *database) checksum(table, where string) string {
	d.t.Helper()
	return d.texts(fmt.Sprintf("select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from %s t where %s", table, where))[0]
}

// longForm leaves a test to make test-faults: it needs several servers, and a machine that does not
// starve them.
// rounds returns how often a test is done: so many times, or twenty in the long form.
func rounds(short int) int {
	if os.Getenv("OCMT_FAULTS") == "full" {
		return 20
	}
	return short
}

// longForm skips a test in the short form.
func longForm(t *testing.T) {
	t.Helper()
	if os.Getenv("OCMT_FAULTS") != "full" {
		t.Skip("in the long form only: make test-faults")
	}
}
