package migrate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/migrate"
)

// FuzzOrders: whatever stands where orders to a run are kept, a run may not fail over it, follow what no
// operator can have asked for, or repeat it in a message.
func FuzzOrders(f *testing.F) {
	const marker = "hidden-71c2"
	for _, seed := range []string{"", "null", "{}", `{"number":1,"paused":true,"by":"alice"}`, `{"max_rows_per_second":-1}`, `{"number":1e400}`, `{"pace":"` + marker + `"}`,
		`{"at":"2026-01-01T00:00:00Z","before":{"order":"pause"}}`, "[" + marker + "]", "{\"by\":\"\u202e\"}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		orders, err := migrate.ParseOrders([]byte(text))
		var malformed *migrate.OrdersError
		switch {
		case err != nil && !errors.As(err, &malformed):
			t.Errorf("another kind of error: %v", err)
		case err != nil && strings.Contains(err.Error(), marker):
			t.Errorf("the error repeats what it found: %v", err)
		case err == nil && orders.MaxRowsPerSecond != nil && *orders.MaxRowsPerSecond < 0:
			t.Errorf("a limit of %d rows is followed", *orders.MaxRowsPerSecond)
		}
	})
}
