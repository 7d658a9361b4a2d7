package faults_test

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// place names a value: its table, its column, its row.
type place struct{ table, column, key string }

// record is what the database must hold, kept outside of it.
type record struct {
	mu    sync.Mutex
	plain map[place]string
}

func newRecord() *record { return &record{plain: map[place]string{}} }

func (r *record) set(p place, plaintext string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plain[p] = plaintext
}

func (r *record) remove(p place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.plain, p)
}

// keyColumns name the rows of tables whose key is not id.
var keyColumns = map[string]string{"secrets": "key"}

// check opens every value of the tables in the record with the key that its
// label names, compares what is there with the record, both ways, and returns
// how many values are under version 1.
func (d *deployment) check() (moved int) {
	d.t.Helper()
	d.record.mu.Lock()
	defer d.record.mu.Unlock()
	ring, err := crypto.NewKeyring(1, map[int]crypto.Key{0: d.keys[0], 1: d.keys[1]})
	if err != nil {
		d.t.Fatal(err)
	}
	conn := d.connect()
	columns := map[place]bool{}
	for p := range d.record.plain {
		columns[place{table: p.table, column: p.column}] = true
	}
	found := 0
	for column := range maps.Keys(columns) {
		key := keyColumns[column.table]
		if key == "" {
			key = "id"
		}
		rows, err := conn.Query(context.Background(),
			fmt.Sprintf("select %s::text, %s from %s where %s is not null", key, column.column, column.table, column.column))
		if err != nil {
			d.t.Fatal(err)
		}
		var name, text string
		_, err = pgx.ForEachRow(rows, []any{&name, &text}, func() error {
			found++
			version, err := d.compare(ring, place{column.table, column.column, name}, text)
			moved += version
			return err
		})
		if err != nil {
			d.t.Fatalf("LOST: %v", err)
		}
	}
	if found != len(d.record.plain) {
		d.t.Fatalf("LOST: the database holds %d values, and the record %d", found, len(d.record.plain))
	}
	return moved
}

// compare opens one value and returns the version that it is under.
func (d *deployment) compare(ring *crypto.Keyring, p place, text string) (int, error) {
	want, known := d.record.plain[p]
	if !known {
		return 0, fmt.Errorf("%v is in the database and must not be", p)
	}
	c, err := crypto.Parse(text)
	if err != nil {
		return 0, fmt.Errorf("%v: %w", p, err)
	}
	plain, err := ring.Open(c)
	if err != nil {
		return 0, fmt.Errorf("%v: %w", p, err)
	}
	if string(plain) != want {
		return 0, fmt.Errorf("%v opens to another plaintext than was put there", p)
	}
	return c.Version, nil
}

// count returns how many values there must be.
func (r *record) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.plain)
}
