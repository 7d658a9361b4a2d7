package migrate_test

import (
	"context"
	"errors"
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

// If this fails, an operator gives up a value that only has quotes or a word around it, is told that the old key may be
// removed, and loses with it what that key opens.
func TestNothingIsLostThatAKeyOpensInside(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 0, 1)
	sealed := seal(t, ring, 0, false, "what is quoted")
	request := d.request()
	request.Tables, request.Columns = []string{"secrets"}, []string{"value_encrypted"}
	for _, text := range []string{`"` + sealed + `"`, "was " + sealed, `{"value": "` + sealed + `"}`} {
		d.exec("delete from secrets")
		d.insert("secrets.value_encrypted", text)
		_, err := migrate.FindLost(context.Background(), migrate.AcceptSources{Tables: d.store, Rows: d.store, Record: pgrecord.New(d.db, "test"), Clock: time.Now}, ring,
			migrate.AcceptRequest{Request: request, Key: d.texts("select key from secrets")[0], Operator: "me", Reason: "quoted"})
		var opens *migrate.OpensError
		if !errors.As(err, &opens) || opens.Version != 0 || !opens.Inside {
			t.Errorf("%.9s…: %v, want that the key of version 0 opens it", text, err)
		}
	}
}

// If this fails, a value that was accepted as lost while a key was missing goes with that key, though the key is set
// again, because something is around the value.
func TestAcceptanceEndsWhereAKeyOpensInside(t *testing.T) {
	t.Parallel()
	d, vectors, ctx := newDatabase(t), readVectors(t), context.Background()
	ring := vectors.ring(t, 1, 0, 1)
	d.insert("secrets.value_encrypted", `"`+seal(t, ring, 0, false, "what is quoted")+`"`)
	request := d.request()
	request.Tables, request.Columns = []string{"secrets"}, []string{"value_encrypted"}
	record := pgrecord.New(d.db, "test")
	one, err := migrate.FindLost(ctx, migrate.AcceptSources{Tables: d.store, Rows: d.store, Record: record, Clock: time.Now}, vectors.ring(t, 1, 1),
		migrate.AcceptRequest{Request: request, Key: d.texts("select key from secrets")[0], Operator: "me", Reason: "no key"})
	if err == nil {
		err = record.Accept(ctx, one)
	}
	if err != nil {
		t.Fatal(err)
	}
	if verified := d.verify(vectors.ring(t, 1, 1), d.verifySources(), silent{}); len(verified.Accepted) != 1 || !verified.Proven() {
		t.Errorf("without the key: accepted %v, set aside %v", verified.Accepted, verified.List)
	}
	if verified := d.verify(ring, d.verifySources(), silent{}); len(verified.Accepted) != 0 || verified.Proven() {
		t.Errorf("with the key: accepted %v, set aside %v", verified.Accepted, verified.List)
	}
}
