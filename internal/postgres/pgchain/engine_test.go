package pgchain_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/rotation"
)

// If this fails, a run and an operator's command wait for each other until the server ends one of
// them, or one of them leaves no entry.
func TestChangesOfTheToolDoNotDeadlock(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	schema, err := os.ReadFile("../../../testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	d.exec(string(schema))
	place := migrate.Place{Schema: "public", Table: "secrets", Column: "value_encrypted"}
	const rounds = 15
	newRecord := func() *pgrecord.Record {
		return pgrecord.New(open(t, d.url), "ann").WithChain(newStore(t, d.url))
	}
	var work sync.WaitGroup
	each := func(change func(record *pgrecord.Record, n int) error) {
		work.Go(func() {
			record := newRecord()
			for n := range rounds {
				if err := change(record, n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	each(func(record *pgrecord.Record, n int) error {
		ledger, entry := record.Ledger(), migrate.LedgerEntry{To: 1, Backwards: n%2 == 1, Fingerprints: map[int]string{0: "0000000000000000", 1: "1111111111111111"},
			Columns: []migrate.LedgerColumn{{Place: place, From: 0, Values: 3}}}
		if err := ledger.Begin(t.Context(), entry); err != nil {
			return err
		}
		_, err := ledger.End(t.Context(), migrate.LedgerOutcome{Status: migrate.RunCompleted, Changed: true, Columns: map[migrate.Place]migrate.ColumnOutcome{place: {Status: migrate.RunCompleted, Moved: 3}}})
		return err
	})
	each(func(record *pgrecord.Record, _ int) error {
		_, err := record.Retire(t.Context(), rotation.Unneeded{To: 1, Versions: []int{0}})
		return err
	})
	each(func(record *pgrecord.Record, n int) error {
		return record.Accept(t.Context(), migrate.Accepted{Place: place, Key: "k", KeyDigest: fmt.Sprint(n), Digest: "d", Operator: "ann", Reason: "lost", At: time.Now()})
	})
	each(func(record *pgrecord.Record, _ int) error {
		_, err := record.Note(t.Context(), "session.revoked", nil, chain.Event{Action: chain.ActionAccessEnded})
		return err
	})
	work.Wait()
	store := newStore(t, d.url)
	if report := mustVerify(t, store, ""); report.Break != nil {
		t.Errorf("%+v", report.Break)
	}
	count := func(actions ...string) int {
		entries, _, err := store.Entries(t.Context(), chain.Query{Actions: actions})
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	for _, actions := range [][]string{{chain.ActionRunBegun, chain.ActionRollbackBegun}, {chain.ActionRunEnded, chain.ActionRollbackEnded}, {chain.ActionValueAccepted}, {chain.ActionAccessEnded}} {
		if made := count(actions...); made != rounds {
			t.Errorf("%d entries of %v", made, actions)
		}
	}
	if count(chain.ActionRollbackEnded) != rounds/2 || count(chain.ActionRunInterrupted) != 0 {
		t.Error("a run is told as what it was not")
	}
}
