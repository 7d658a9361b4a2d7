package testenv

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CreateDatabase makes a database, runs statements in it, and returns its name.
func (p *Postgres) CreateDatabase(ctx context.Context, statements ...string) (string, error) {
	name := "ocmt_" + strconv.FormatInt(p.names.Add(1), 10)
	if err := Exec(ctx, p.URL("postgres", "postgres"), "create database "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("creating database %s: %w", name, err)
	}
	if err := Exec(ctx, p.URL("postgres", name), statements...); err != nil {
		return "", fmt.Errorf("filling database %s: %w", name, err)
	}
	return name, nil
}

// Exec runs statements in the database at an address.
func Exec(ctx context.Context, address string, statements ...string) error {
	conn, err := pgconn.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

// queryValue returns the single value of a query.
func (p *Postgres) queryValue(ctx context.Context, query string, args ...string) (string, error) {
	conn, err := pgconn.Connect(ctx, p.URL("postgres", "postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	values := make([][]byte, len(args))
	for i, arg := range args {
		values[i] = []byte(arg)
	}
	result := conn.ExecParams(ctx, query, values, nil, nil, nil).Read()
	if result.Err != nil {
		return "", result.Err
	}
	return string(result.Rows[0][0]), nil
}
