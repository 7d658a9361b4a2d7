package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// runRowAtATime does what the loop of a simple script does. For each encrypted column it reads
// all rows, and opens, seals and updates one value after the other, by its id and in a
// transaction of its own.
func (b *bench) runRowAtATime(ctx context.Context, db database) (cost, error) {
	conn, err := pgx.Connect(ctx, db.url)
	if err != nil {
		return cost{}, err
	}
	defer func() { _ = conn.Close(ctx) }()
	under, err := b.ring.WithCurrent(1)
	if err != nil {
		return cost{}, err
	}
	began := time.Now()
	for _, column := range []string{"access_token_encrypted", "refresh_token_encrypted", "api_key_encrypted"} {
		if err := b.updateColumn(ctx, conn, under, column); err != nil {
			return cost{}, err
		}
	}
	return cost{rows: b.sample, elapsed: time.Since(began)}, nil
}

// loopRow is one value with the id of its row.
type loopRow struct {
	ID    string
	Value string
}

func (b *bench) updateColumn(ctx context.Context, conn *pgx.Conn, ring *crypto.Keyring, column string) error {
	// The sample is taken of rows, not of values, because an empty column costs nothing.
	rows, err := conn.Query(ctx, "select id::text, "+column+" from (select * from user_integrations limit $1) t where "+column+" is not null", b.sample)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[loopRow])
	if err != nil {
		return err
	}
	for _, row := range list {
		c, err := crypto.Parse(row.Value)
		if err != nil {
			return err
		}
		fresh, err := ring.Reseal(c, rand.Reader)
		if err != nil {
			return err
		}
		// The script that operators would write is one for Node: client.query(text, values) of
		// node-postgres sends an unnamed statement, which the server parses and plans each time.
		// pgx would prepare it once, and be two fifths faster.
		if _, err := conn.Exec(ctx, "update user_integrations set "+column+" = $1 where id = $2::text::uuid",
			pgx.QueryExecModeExec, fresh.String(), row.ID); err != nil {
			return err
		}
	}
	return nil
}
