package migrate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// If this fails, a server that sends many notices and a run that sends a pipeline without
// reading wait for each other for ever.
func TestServerSendsManyNotices(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ring := readVectors(t).ring(t, 1, 0, 1)
	for i := range 120 {
		d.exec("insert into secrets (key, value_encrypted) values (gen_random_uuid(), $1)",
			seal(t, ring, 0, i%2 == 0, strings.Repeat(fmt.Sprintf("secret %d", i), 15_000)))
	}
	// The server sends every statement back with its parameters.
	d.exec("alter database " + d.conn.Config().Database + " set client_min_messages = 'log'")
	d.exec("alter database " + d.conn.Config().Database + " set log_min_duration_statement = 0")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	result, err := d.runner(ring).Run(ctx, d.plan(ring, d.request()))
	if err != nil || result.Moved != 120 || !result.Complete() {
		t.Errorf("moved %d of 120 values: %v", result.Moved, err)
	}
}
