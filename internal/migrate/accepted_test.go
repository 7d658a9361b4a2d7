package migrate_test

import (
	"context"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
)

// If this fails, an operator whose server goes on writing to a row with a value that was given up is told on every
// look to look again, and never gets the proof.
func TestSearchKnowsWhatIsAcceptedAsLost(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 0, 1)
	lost := seal(t, ring, 0, false, "what was cut off")
	lost = lost[:len(lost)-4]
	d.insert("secrets.value_encrypted", lost)
	record, ctx := pgrecord.New(d.db, "test"), context.Background()
	request := d.request()
	request.Search = discover.Full
	named := request
	named.Tables, named.Columns = []string{"secrets"}, []string{"value_encrypted"}
	one, err := migrate.FindLost(ctx, migrate.AcceptSources{Tables: d.store, Rows: d.store, Record: record, Clock: time.Now}, ring,
		migrate.AcceptRequest{Request: named, Key: d.texts("select key from secrets")[0], Operator: "me", Reason: "cut off"})
	if err == nil {
		err = record.Accept(ctx, one)
	}
	if err != nil {
		t.Fatal(err)
	}
	sources := migrate.SearchSources{Searchers: pgdiscover.New(d.db), Holders: d.store, Clock: time.Now}
	for _, c := range []struct {
		meanwhile string
		late      int
	}{
		{"update secrets set key = key", 0},
		{"insert into secrets (key, value_encrypted) values ('other', '" + lost[:len(lost)-4] + "')", 1},
	} {
		verified := d.verify(ring, d.verifySources(), silent{})
		d.exec(c.meanwhile)
		report, err := migrate.SearchUnlisted(ctx, sources, ring, request, verified, nil, silent{})
		if err != nil || len(report.Late) != c.late || len(report.Unread) > 0 {
			t.Errorf("%s: found %v, want %d; not read %v: %v", c.meanwhile, report.Late, c.late, report.Unread, err)
		}
	}
}
