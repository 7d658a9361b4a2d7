package pgrotation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgrotation"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/testenv"
)

// openTable makes a database on a server with a table of two columns, and returns its values.
func openTable(t *testing.T, server *testenv.Postgres, statements ...string) (*pgrotation.Store, migrate.Table, string) {
	t.Helper()
	name, err := server.CreateDatabase(t.Context(), append([]string{"create table secrets (id int primary key, a varchar(300), b text)"}, statements...)...)
	if err != nil {
		t.Fatal(err)
	}
	url := server.URL("postgres", name)
	db, err := postgres.New(url, postgres.Options{LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return pgrotation.New(db), migrate.Table{Schema: "public", Name: "secrets", Key: "id", Columns: []migrate.Column{{Name: "a"}, {Name: "b"}}}, url
}

// If this fails, a value is taken for one under another version than the servers take it for, and a server that writes the
// old version is overlooked.
func TestValuesOfEveryForm(t *testing.T) {
	t.Parallel()
	checkForms(t, testenv.Shared(t))
}

// If this fails, nothing can be said of the servers of a deployment on PostgreSQL 13.
func TestValuesOfEveryFormOnAnOldServer(t *testing.T) {
	t.Parallel()
	server := testenv.RequirePostgres(t, 13)
	checkForms(t, server)
}

func checkForms(t *testing.T, server *testenv.Postgres) {
	t.Helper()
	const rest = ":AAAAAAAAAAAAAAAAAAAAAA==:AAAAAAAAAAAAAAAAAAAAAA==:AAAA"
	const legacy = "00112233445566778899aabbccddeeff:00112233445566778899AABBCCDDEEFF:00"
	texts := map[string]int{"v1" + rest: 1, "v0" + rest: 0, "v01" + rest: 1, "v12" + rest: 12, "v1abc" + rest: 1, "v20260101" + rest: 20260101, legacy: 0,
		"unknown": rotation.NoVersion, "v1": rotation.NoVersion, "": rotation.NoVersion, "v" + rest: rotation.NoVersion, "V1" + rest: rotation.NoVersion,
		"0011223344556677889900112233445566778899001122334455667788990011": rotation.NoVersion}
	store, table, url := openTable(t, server)
	number := 0
	for text := range texts {
		number++
		if err := testenv.Exec(t.Context(), url, fmt.Sprintf("insert into secrets values (%d, '%s', null)", number, text)); err != nil {
			t.Fatal(err)
		}
	}
	want, got := map[int]int{}, map[int]int{}
	for _, version := range texts {
		want[version]++
	}
	digests := map[uint64]bool{}
	err := store.Values(t.Context(), table, rotation.ValueScope{Since: 3, Versions: []int{1, 0}}, func(value rotation.SeenValue) {
		got[value.Version]++
		digests[value.Digest] = true
		if value.Column != 0 || !value.Since {
			t.Errorf("%+v", value)
		}
	})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) || len(digests) != len(texts) {
		t.Errorf("versions %v, want %v; %d digests of %d texts; %v", got, want, len(digests), len(texts), err)
	}
}

// If this fails, a table that a server writes to counts as one that nobody writes to.
func TestValuesAreMarkedSinceATransaction(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres(t.Context(), false) // where no transaction of another test makes more count as new
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	store, table, url := openTable(t, server, "insert into secrets select n, 'v0:' || n, 'v0:b' || n from generate_series(1, 100) n")
	look, err := store.Look(t.Context(), []migrate.Table{table})
	if err != nil {
		t.Fatal(err)
	}
	before, err := store.Activity(t.Context(), []migrate.Table{table})
	if err != nil {
		t.Fatal(err)
	}
	if err := testenv.Exec(t.Context(), url, "update secrets set b = 'v1:new' where id = 7"); err != nil {
		t.Fatal(err)
	}
	marked, all := 0, 0
	err = store.Values(t.Context(), table, rotation.ValueScope{Since: look.Oldest, Versions: []int{1, 0}}, func(value rotation.SeenValue) {
		all++
		if value.Since {
			marked++
		}
	})
	if err != nil || all != 200 || marked != 2 {
		t.Errorf("%d of %d values are marked, want 2 of 200; %v", marked, all, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for rows := before; rows[0] == before[0]; {
		if rows, err = store.Activity(ctx, []migrate.Table{table}); err != nil {
			t.Fatal(err)
		}
	}
	if moment, err := store.Moment(ctx); err != nil || moment.Standby || moment.Running || moment.Database != look.Database || time.Since(moment.At).Abs() > 10*time.Minute {
		t.Errorf("%+v, %v", moment, err)
	}
}
