package testenv

import (
	"context"
	"sync"
)

// TB is the part of testing.TB that is needed here, so that no program links the testing
// package.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

var shared = sync.OnceValues(func() (*Postgres, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return StartPostgres(ctx, false, "max_prepared_transactions = 16")
})

var sharedRedis = sync.OnceValues(func() (*Redis, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return StartRedis(ctx)
})

// Shared returns the one PostgreSQL server of this test binary. It ends with the process.
func Shared(t TB) *Postgres {
	t.Helper()
	server, err := shared()
	if err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	return server
}

// SharedRedis returns the one Redis of this test binary. It ends with the
// process.
func SharedRedis(t TB) *Redis {
	t.Helper()
	server, err := sharedRedis()
	if err != nil {
		t.Fatalf("starting Redis: %v", err)
	}
	return server
}
