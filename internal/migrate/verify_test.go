package migrate_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
)

// altering is a Reporter that makes an ALTER TABLE wait for a table while the table is read.
type altering struct {
	silent
	alter func()
}

func (a altering) Progress(done, _ int64) {
	if done > 0 {
		a.alter()
	}
}

// If this fails, a verification and whoever alters a table meanwhile wait for each
// other for ever, and the servers wait behind them.
func TestVerificationBesideAlterTable(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 1)
	d.insert("secrets.value_encrypted", seal(t, ring, 1, false, "read while it is altered"))
	other, err := pgx.Connect(ctx, d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	altered := make(chan error, 1)
	alter := sync.OnceFunc(func() {
		go func() {
			_, err := other.Exec(ctx, "alter table secrets add column note text")
			altered <- err
		}()
		waits := func() bool {
			return len(d.texts("select pid from pg_locks where relation = 'secrets'::regclass and not granted")) > 0
		}
		for ctx.Err() == nil && !waits() {
			continue // it has not come that far
		}
	})
	verified, err := migrate.Verify(ctx, d.verifySources(), ring, d.request(), altering{alter: alter})
	if err != nil || !verified.Proven() {
		t.Fatalf("proven %t: %v", err == nil && verified.Proven(), err)
	}
	if err := <-altered; err != nil {
		t.Errorf("altering the table: %v", err)
	}
}

// If this fails, an operator who is told that values need an old key looks for them
// in twelve columns by hand.
func TestVerificationSaysWhere(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 0, 1)
	d.insert("secrets.value_encrypted", seal(t, ring, 1, false, "new"))
	for range 3 {
		d.insert("group_resources.auth_config_encrypted", seal(t, ring, 0, false, "old"))
	}
	verified, err := migrate.Verify(context.Background(), d.verifySources(), ring, d.request(), silent{})
	if err != nil {
		t.Fatal(err)
	}
	if len(verified.Elsewhere) != 1 {
		t.Fatalf("%d columns with other versions, want 1", len(verified.Elsewhere))
	}
	found := verified.Elsewhere[0]
	keys := d.texts("select id::text from group_resources")
	if found.Table != "group_resources" || found.Column != "auth_config_encrypted" || found.Version != 0 || found.Values != 3 || !slices.Contains(keys, found.Key) {
		t.Errorf("found %+v, want 3 values of version 0 in group_resources.auth_config_encrypted and one of %v", found, keys)
	}
}

// If this fails, a value that a program sealed twice passes for one that the new key opens alone,
// and what is inside goes with the old key.
func TestVerificationLooksInside(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 0, 1)
	twice := func(label, inside int, legacy bool) string {
		return seal(t, ring, label, false, seal(t, ring, inside, legacy, "inside"))
	}
	d.insert("secrets.value_encrypted", twice(1, 0, false))
	d.insert("secrets.value_encrypted", twice(1, 0, true))
	d.insert("secrets.value_encrypted", seal(t, ring, 1, false, twice(1, 0, false)))
	d.insert("secrets.value_encrypted", twice(1, 1, false)) // it needs the new key only
	d.insert("secrets.value_encrypted", seal(t, ring, 1, false, "v0:12:34:56"))
	for _, keys := range [][]int{{0, 1}, {1}} {
		verified, err := migrate.Verify(context.Background(), d.verifySources(), readVectors(t).ring(t, 1, keys...), d.request(), silent{})
		if err != nil {
			t.Fatal(err)
		}
		if verified.Proven() || verified.SealedTwice != 3 || verified.SetAside != 3 || verified.Opened != 2 || verified.List[0].Reason != "sealed_twice" {
			t.Errorf("keys %v: proven %t, sealed twice %d of %d, opened %d", keys, verified.Proven(), verified.SealedTwice, verified.SetAside, verified.Opened)
		}
	}

	// Each is accepted as lost, and keeps no key then.
	record := pgrecord.New(d.db, "test")
	sources := migrate.AcceptSources{Tables: d.store, Rows: d.store, Record: record, Clock: time.Now}
	request := migrate.AcceptRequest{Request: d.request(), Operator: "me", Reason: "sealed twice"}
	request.Tables, request.Columns = []string{"secrets"}, []string{"value_encrypted"}
	accepted := 0
	for _, request.Key = range d.texts("select key from secrets") {
		lost, err := migrate.FindLost(context.Background(), sources, ring, request)
		var opens *migrate.OpensError
		if errors.As(err, &opens) {
			continue
		}
		if err == nil {
			err = record.Accept(context.Background(), lost)
		}
		if err != nil {
			t.Fatal(err)
		}
		accepted++
	}
	verified, err := migrate.Verify(context.Background(), d.verifySources(), ring, d.request(), silent{})
	if err != nil || accepted != 3 || !verified.Proven() || len(verified.Accepted) != 3 {
		t.Errorf("accepted %d, proven %t: %v", accepted, err == nil && verified.Proven(), err)
	}
}
