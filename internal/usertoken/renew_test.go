package usertoken_test

import (
	"context"
	"errors"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/ocmt/ocmt/internal/usertoken"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// If this fails, a user's token is lost: sealed where the relay compares the clear text, in the clear where it was
// sealed, or written over a text that nobody has understood.
func TestFormsAreKept(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	legacy := d.seal(0, newToken())
	legacy.Format = crypto.Legacy
	other, err := crypto.GenerateKey(cryptoRandom)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := crypto.NewKeyring(1, map[int]crypto.Key{1: other})
	if err != nil {
		t.Fatal(err)
	}
	strange, err := foreign.Seal([]byte(newToken()), cryptoRandom)
	if err != nil {
		t.Fatal(err)
	}
	current := d.seal(1, newToken()).String()
	sealed := map[string]bool{d.add("v0", d.seal(0, newToken()).String()): true, d.add("v1", current): true, d.add("legacy", legacy.String()): true}
	plain := map[string]bool{d.add("clear", newToken()): true, d.add("upper", strings.ToUpper(newToken())): true}
	kept := map[string]bool{}
	for name, text := range map[string]string{"unknown": "unknown", "sealed unknown": d.seal(1, "unknown").String(), "short": newToken()[1:], "empty": "", "odd": "Tok en-with_odd/signs+=", "foreign": strange.String(),
		"version": "v7" + current[2:], "cut": current[:len(current)-12], "tampered": current[:len(current)-8] + "AAAAAAA="} {
		kept[d.add(name, text)] = true
	}
	before := d.stored()
	const untouched = "select md5(string_agg((id, email, name, tenant_id, created_at, updated_at)::text, '' order by id)) from users"
	rest := d.text(untouched)

	// A dry run does all of it, and writes nothing.
	store := d.store("")
	_, result, err := renew(context.Background(), d.sources(usertoken.NewDryRun(store)), everybody)
	if !isLeft(err) || result.Renewed != 5 || !result.Proven || len(result.Users) != 5 {
		t.Errorf("the dry run came to %+v, %v", result, err)
	}
	for id, text := range d.stored() {
		if before[id] != text {
			t.Fatal("a dry run has written")
		}
	}

	plan, result, err := renew(context.Background(), d.sources(store), everybody)
	if !isLeft(err) || result.Renewed != 5 || result.Left != 0 || !result.Proven || len(plan.LeftAlone) != 9 {
		t.Errorf("the run came to %+v, %v", result, err)
	}
	for id, text := range d.stored() {
		token, isSealed := d.open(text)
		switch {
		case kept[id] && text != before[id]:
			t.Errorf("a text that is not understood has become another one: %s", d.text("select email from users where id::text = $1", id))
		case kept[id]:
		case isSealed != sealed[id] || isSealed == plain[id]:
			t.Error("a token stands in another form than before")
		case isSealed && !strings.HasPrefix(text, "v1:"):
			t.Error("a token is not sealed under the current key")
		case len(token) != 64 || strings.Trim(token, "0123456789abcdef") != "":
			t.Error("a token is none")
		case text == before[id]:
			t.Error("a token is what it was")
		}
	}
	if d.text(untouched) != rest {
		t.Error("something else than the token has changed")
	}
}

// If this fails, a user who was not selected loses a token, or a slip renews everybody's.
func TestSelection(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	tenant := d.text("insert into tenants (name) values ('acme') returning id::text")
	alice, bob, carol := d.add("alice", newToken()), d.add("bob", newToken()), d.add("carol", newToken())
	d.exec("update users set tenant_id = $1::text::uuid where id::text = any($2)", tenant, []string{alice, bob})
	for _, c := range []struct {
		selection usertoken.Selection
		want      []string
	}{
		{usertoken.Selection{Users: []string{alice, carol}}, []string{alice, carol}},
		{usertoken.Selection{Tenants: []string{tenant}}, []string{alice, bob}},
		{usertoken.Selection{Users: []string{bob, carol}, Tenants: []string{tenant}}, []string{bob}},
		{usertoken.Selection{Users: []string{tenant}}, nil},
	} {
		before := d.stored()
		_, result, err := renew(context.Background(), d.sources(d.store("")), usertoken.Request{Selection: c.selection})
		if err != nil || result.Renewed != int64(len(c.want)) {
			t.Errorf("%+v came to %+v, %v", c.selection, result, err)
		}
		changed := 0
		for id, text := range d.stored() {
			if text != before[id] {
				changed++
			}
		}
		if changed != len(c.want) {
			t.Errorf("%+v: %d rows have changed, want %d", c.selection, changed, len(c.want))
		}
	}
	for selection, want := range map[*usertoken.Selection]error{{}: usertoken.ErrNothingSelected, {All: true, Users: []string{alice}}: usertoken.ErrAllAndMore} {
		if _, _, err := renew(context.Background(), d.sources(d.store("")), usertoken.Request{Selection: *selection}); !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", *selection, err, want)
		}
	}
}

// server writes tokens as OCMT's servers do, also such as were there before.
type server struct {
	mu   sync.Mutex
	last map[string]string // the last token that it wrote, by user
}

// If this fails, a server's new token is written over, which cuts its container off, or a token that may be known to
// others lives on.
func TestServersWriteMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	old := d.fill(1200)
	store, writing := d.capture(d.store("")), &server{last: map[string]string{}}
	ids := make([]string, 0, len(old))
	for id := range old {
		ids = append(ids, id)
	}
	sources := d.sources(store)
	plan, err := usertoken.MakePlan(context.Background(), sources, everybody, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	for range 2 {
		conn := d.connect()
		working.Add(1)
		go func() {
			defer working.Done()
			for n := 0; ctx.Err() == nil; n++ {
				id, token := ids[mathrand.IntN(len(ids))], newToken()
				if n%3 == 0 {
					token = old[id] // as a server that had read the row before
				}
				stored := token
				if n%2 == 0 {
					sealed, err := d.ring.Seal([]byte(token), cryptoRandom)
					if err != nil {
						t.Error("a token was not sealed")
						return
					}
					stored = sealed.String()
				}
				writing.mu.Lock() // the order of writes to one row is known
				_, err := conn.Exec(context.Background(), "update users set gateway_token = $2, updated_at = now() where id = $1::text::uuid", id, stored)
				writing.last[id] = token
				writing.mu.Unlock()
				if err != nil {
					t.Error("a server could not write")
					return
				}
			}
		}()
	}
	calls := 0
	store.before = func([]usertoken.Change) { // the servers stop after some batches, so that the last look can be quiet
		if calls++; calls == 8 {
			stop()
			working.Wait()
		}
	}
	result, err := usertoken.Renew(context.Background(), sources, plan, nil, quiet{})
	stop()
	working.Wait()
	if err != nil || !result.Proven || result.Renewed == 0 || result.ByServer == 0 || result.Looks < 2 {
		t.Fatalf("the run came to %+v, %v", result, err)
	}
	if result.Renewed+result.ByServer != int64(len(old)) {
		t.Errorf("%d and %d tokens, of %d", result.Renewed, result.ByServer, len(old))
	}
	for id, text := range d.stored() {
		token, _ := d.open(text)
		last, written := writing.last[id]
		switch {
		case token == old[id]:
			t.Error("a token of before is there")
		case written && last != old[id] && token != last:
			t.Error("the token of a server was written over")
		case token != last && !store.given[id][token]:
			t.Error("a token is neither a server's nor the run's")
		}
	}
}

// If this fails, two operators at once leave rows that neither of them knows the token of.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	old := d.fill(1000)
	stores := []*capture{d.capture(d.store("")), d.capture(d.store(""))}
	var working sync.WaitGroup
	for _, store := range stores {
		working.Add(1)
		go func() {
			defer working.Done()
			if _, result, err := renew(context.Background(), d.sources(store), everybody); err != nil || !result.Proven {
				t.Errorf("a run came to %+v, %v", result, err)
			}
		}()
	}
	working.Wait()
	for id, text := range d.stored() {
		if token, _ := d.open(text); token == old[id] || !stores[0].given[id][token] && !stores[1].given[id][token] {
			t.Error("a token is of neither run")
		}
	}
}

// If this fails, one row that a server holds keeps all the others waiting, or a token of before counts as renewed.
func TestRowsThatOthersHold(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	old := d.fill(600)
	holder, err := d.connect().Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(context.Background(), "update users set name = 'held' where email = 'u7@example.org'"); err != nil {
		t.Fatal(err)
	}
	_, result, err := renew(context.Background(), d.sources(d.store("")), everybody)
	if !isLeft(err) || result.Renewed != 599 || result.Left != 1 || result.Proven || len(result.NotEnded) != 1 {
		t.Errorf("with a row held the run came to %+v, %v", result, err)
	}
	// A transaction that has written a token of before, and not ended, is no proof either.
	if err := holder.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, result, err = renew(context.Background(), d.sources(d.store("")), everybody); err != nil || !result.Proven || result.Renewed != 600 {
		t.Errorf("once more it came to %+v, %v", result, err)
	}
	for id, text := range d.stored() {
		if token, _ := d.open(text); token == old[id] {
			t.Error("a token of before is there")
		}
	}
}

// If this fails, a trigger that drops what is written makes a run that never ends, or one that says it is done.
func TestTriggerKeepsTokensOut(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.fill(10)
	d.exec(`create function keep() returns trigger language plpgsql as $$ begin new.gateway_token := old.gateway_token; return new; end $$`)
	d.exec("create trigger keeper before update on users for each row execute function keep()")
	plan, result, err := renew(context.Background(), d.sources(d.store("")), everybody)
	if !isLeft(err) || result.Left != 10 || result.Proven || len(plan.Table.Triggers) != 1 {
		t.Errorf("the run came to %+v, %v", result, err)
	}
}

// If this fails, Ctrl-C in the middle leaves an operator who does not know that tokens have changed.
func TestStop(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.fill(1100)
	store, stop := d.capture(d.store("")), make(chan struct{})
	var once sync.Once
	store.before = func([]usertoken.Change) { once.Do(func() { close(stop) }) }
	sources := d.sources(store)
	plan, err := usertoken.MakePlan(context.Background(), sources, everybody, quiet{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := usertoken.Renew(context.Background(), sources, plan, stop, quiet{})
	if !errors.Is(err, usertoken.ErrStopped) || result.Renewed != 500 || result.Left != 600 || result.Proven || len(result.Users) != 500 {
		t.Errorf("the stopped run came to %d renewed, %d left, %v", result.Renewed, result.Left, err)
	}
}
