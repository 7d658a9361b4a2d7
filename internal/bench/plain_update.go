package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// runPlainUpdate writes as many bytes as a re-encryption does, in one statement, and encrypts
// nothing. It is the least work that PostgreSQL needs.
func runPlainUpdate(ctx context.Context, db database) (cost, error) {
	conn, err := pgx.Connect(ctx, db.url)
	if err != nil {
		return cost{}, err
	}
	defer func() { _ = conn.Close(ctx) }()
	began := time.Now()
	tag, err := conn.Exec(ctx, `update user_integrations set
		access_token_encrypted = 'v1:' || substr(access_token_encrypted, 4),
		refresh_token_encrypted = 'v1:' || substr(refresh_token_encrypted, 4),
		api_key_encrypted = 'v1:' || substr(api_key_encrypted, 4)`)
	return cost{rows: int(tag.RowsAffected()), elapsed: time.Since(began)}, err
}
