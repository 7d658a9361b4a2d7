package gitrepo

import (
	"cmp"
	"context"
	"time"
)

// Limits are how long a git may run before it is killed. Zero values are the defaults.
type Limits struct {
	Question time.Duration // for a question about the repository or its working tree; 20 seconds
	Search   time.Duration // for a look at all objects; 15 minutes
}

const (
	// defaultQuestion is far more than a list of the files of a large working tree takes.
	defaultQuestion = 20 * time.Second
	// defaultSearch is enough for some tens of gigabytes of objects.
	defaultSearch = 15 * time.Minute
)

// bound returns a context that ends at a limit with ErrSlow as its cause.
func bound(ctx context.Context, limit, otherwise time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, cmp.Or(limit, otherwise), ErrSlow)
}

// searching bounds a look at all objects.
func (r *Repository) searching(ctx context.Context) (context.Context, context.CancelFunc) {
	return bound(ctx, r.limits.Search, defaultSearch)
}
