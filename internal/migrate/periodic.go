package migrate

import (
	"context"
	"time"
)

// doEvery does something at once, and again after each period until the context
// ends.
func doEvery(ctx context.Context, period time.Duration, do func(context.Context)) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		do(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
