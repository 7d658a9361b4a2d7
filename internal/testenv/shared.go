package testenv

import (
	"context"
	"sync"
	"time"
)

// TB is the part of testing.TB that is needed, so that no program links the
// testing package.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// startTime bounds how long a server may take to start.
const startTime = 2 * time.Minute

var shared = sync.OnceValues(func() (*Postgres, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	return StartPostgres(ctx, false)
})

// Shared returns the one server of this test binary. It ends with the process.
func Shared(t TB) *Postgres {
	t.Helper()
	server, err := shared()
	if err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	return server
}
