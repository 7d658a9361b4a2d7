package main

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// rowAtATime is the loop that a script would be: for each encrypted column read
// all rows, and open, seal and update one value after the other, each by its id
// and in a transaction of its own.
func (b *bench) rowAtATime(ctx context.Context, db database) (effort, error) {
	conn, err := pgx.Connect(ctx, db.url)
	if err != nil {
		return effort{}, err
	}
	defer func() { _ = conn.Close(ctx) }()
	under, err := b.ring.WithCurrent(1)
	if err != nil {
		return effort{}, err
	}
	began := time.Now()
	for _, column := range []string{"access_token_encrypted", "refresh_token_encrypted", "api_key_encrypted"} {
		if err := b.loopOver(ctx, conn, under, column); err != nil {
			return effort{}, err
		}
	}
	return effort{rows: b.sample, elapsed: time.Since(began)}, nil
}

type loopRow struct {
	ID    string
	Value string
}

func (b *bench) loopOver(ctx context.Context, conn *pgx.Conn, ring *crypto.Keyring, column string) error {
	// The sample is of rows, not of values: a column that a row lacks costs nothing.
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
		// Such a script is one for Node: client.query(text, values) of node-postgres
		// sends an unnamed statement, which the server parses and plans anew each
		// time. pgx would prepare it once, and move two fifths more.
		if _, err := conn.Exec(ctx, "update user_integrations set "+column+" = $1 where id = $2::text::uuid",
			pgx.QueryExecModeExec, fresh.String(), row.ID); err != nil {
			return err
		}
	}
	return nil
}
