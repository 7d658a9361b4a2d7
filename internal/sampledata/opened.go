package sampledata

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Opened counts what OpenAll has found.
type Opened struct {
	Opened    int // values that open with the keyring
	Plaintext int // values in the clear, where OCMT itself writes such values
	Unopened  int // all others
}

// OpenAll reads every value of the catalogue's columns in a database that Fill has filled, and
// opens it with the keyring. It shares no code with the engine that moves values, so that it finds
// what the engine would overlook.
func OpenAll(ctx context.Context, address string, ring *crypto.Keyring) (Opened, error) {
	var counts Opened
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return counts, fmt.Errorf("connecting to open every value: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, table := range ocmt.Catalogue() {
		for _, column := range table.Columns {
			if err := counts.openColumn(ctx, conn, ring, table.Name, column); err != nil {
				return counts, fmt.Errorf("opening every value of %s.%s: %w", table.Name, column.Name, err)
			}
		}
	}
	return counts, nil
}

func (o *Opened) openColumn(ctx context.Context, conn *pgx.Conn, ring *crypto.Keyring, table string, column ocmt.Column) error {
	name := pgx.Identifier{column.Name}.Sanitize()
	rows, err := conn.Query(ctx, "select "+name+" from "+pgx.Identifier{table}.Sanitize()+" where "+name+" is not null")
	if err != nil {
		return err
	}
	var text string
	_, err = pgx.ForEachRow(rows, []any{&text}, func() error {
		c, err := crypto.Parse(text)
		if err != nil && column.PlaintextAllowed {
			o.Plaintext++
			return nil
		}
		if err == nil {
			_, err = ring.Open(c)
		}
		if err != nil {
			o.Unopened++
			return nil
		}
		o.Opened++
		return nil
	})
	return err
}
