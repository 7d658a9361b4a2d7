package usertoken_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgusertoken"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/usertoken"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// database is a fresh database with the tables of OCMT, and two keys.
type database struct {
	t    *testing.T
	url  string
	conn *pgx.Conn
	keys map[int]crypto.Key
	ring *crypto.Keyring // seals under version 1
}

func newDatabase(t *testing.T) *database { return newDatabaseOn(t, testenv.Shared(t)) }

func newDatabaseOn(t *testing.T, server *testenv.Postgres) *database {
	t.Helper()
	name, err := server.CreateDatabase(context.Background(), testdata.Schema)
	if err != nil {
		t.Fatal(err)
	}
	d := &database{t: t, url: server.URL("postgres", name), keys: map[int]crypto.Key{}}
	for version := range 2 {
		if d.keys[version], err = crypto.GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	d.ring, err = crypto.NewKeyring(1, d.keys)
	if err != nil {
		t.Fatal(err)
	}
	d.conn = d.connect()
	return d
}

func (d *database) connect() *pgx.Conn {
	d.t.Helper()
	conn, err := pgx.Connect(context.Background(), d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// store returns the tokens as an account sees them; "" for the one that owns them.
func (d *database) store(url string) *pgusertoken.Store {
	d.t.Helper()
	if url == "" {
		url = d.url
	}
	db, err := postgres.New(url, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(db.Close)
	return pgusertoken.New(db)
}

func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.conn.Exec(context.Background(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

func (d *database) text(sql string, args ...any) (text string) {
	d.t.Helper()
	if err := d.conn.QueryRow(context.Background(), sql, args...).Scan(&text); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// add adds a user with a stored text, and returns the id.
func (d *database) add(name, stored string) string {
	d.t.Helper()
	return d.text("insert into users (email, gateway_token) values ($1, $2) returning id::text", name+"@example.org", stored)
}

// stored returns what stands in the row of each user.
func (d *database) stored() map[string]string {
	d.t.Helper()
	rows, err := d.conn.Query(context.Background(), "select id::text, gateway_token from users")
	if err != nil {
		d.t.Fatal(err)
	}
	texts := map[string]string{}
	var id, text string
	if _, err := pgx.ForEachRow(rows, []any{&id, &text}, func() error { texts[id] = text; return nil }); err != nil {
		d.t.Fatal(err)
	}
	return texts
}

// seal seals a text as the server does.
func (d *database) seal(version int, plaintext string) crypto.Ciphertext {
	d.t.Helper()
	ring, err := d.ring.WithCurrent(version)
	if err != nil {
		d.t.Fatal(err)
	}
	sealed, err := ring.Seal([]byte(plaintext), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	return sealed
}

// open returns the token of a stored text as a server reads it: what does not open is the token itself.
func (d *database) open(stored string) (token string, sealed bool) {
	ciphertext, err := crypto.Parse(stored)
	if err != nil {
		return stored, false
	}
	plaintext, err := d.ring.Open(ciphertext)
	if err != nil {
		return stored, false
	}
	return string(plaintext), true
}

// newToken is a token as the server makes it.
func newToken() string {
	made := make([]byte, 32)
	_, _ = rand.Read(made) // it never fails
	return hex.EncodeToString(made)
}

// capture is a Store that keeps the tokens that are given to it to write.
type capture struct {
	usertoken.Store

	d     *database
	mu    sync.Mutex
	given map[string]map[string]bool // tokens by user
	// before is called before each write; nil for nothing.
	before func(changes []usertoken.Change)
}

func (c *capture) Write(ctx context.Context, changes []usertoken.Change) ([]string, error) {
	c.mu.Lock()
	for _, change := range changes {
		if c.given[change.User] == nil {
			c.given[change.User] = map[string]bool{}
		}
		token, _ := c.d.open(change.New.Reveal())
		c.given[change.User][token] = true
	}
	c.mu.Unlock()
	if c.before != nil {
		c.before(changes)
	}
	return c.Store.Write(ctx, changes)
}

func (d *database) capture(store usertoken.Store) *capture {
	return &capture{Store: store, d: d, given: map[string]map[string]bool{}}
}

// quiet is a Pace that never rests, and a Reporter that shows nothing.
type quiet struct{}

func (quiet) Do(_ context.Context, work func() error) error { return work() }
func (quiet) Phase(string)                                  {}
func (quiet) Progress(int64, int64)                         {}
func (quiet) Waiting(string)                                {}

func (d *database) sources(store usertoken.Store) usertoken.Sources {
	return usertoken.Sources{Store: store, Ring: d.ring, Random: rand.Reader, Pace: quiet{}, Clock: time.Now, Patience: 300 * time.Millisecond}
}

var everybody = usertoken.Request{Selection: usertoken.Selection{All: true}}

// renew plans and renews.
func renew(ctx context.Context, sources usertoken.Sources, request usertoken.Request) (*usertoken.Plan, *usertoken.Result, error) {
	plan, err := usertoken.MakePlan(ctx, sources, request, quiet{})
	if err != nil {
		return nil, nil, err
	}
	result, err := usertoken.Renew(ctx, sources, plan, nil, quiet{})
	return plan, result, err
}

// isLeft reports whether an error says that tokens were left, and nothing else.
func isLeft(err error) bool {
	var left *usertoken.LeftError
	return errors.As(err, &left)
}

// fill adds users, half of them with a sealed token, and returns the tokens by id.
func (d *database) fill(count int) map[string]string {
	d.t.Helper()
	var rows [][]any
	tokens := map[string]string{}
	for n := range count {
		id, token := d.text("select gen_random_uuid()::text"), newToken()
		stored := token
		if n%2 == 0 {
			stored = d.seal(n/2%2, token).String()
		}
		tokens[id] = token
		rows = append(rows, []any{id, fmt.Sprintf("u%d@example.org", n), stored})
	}
	for _, row := range rows {
		d.exec("insert into users (id, email, gateway_token) values ($1::text::uuid, $2, $3)", row...)
	}
	return tokens
}
