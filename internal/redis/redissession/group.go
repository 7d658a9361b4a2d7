package redissession

import (
	"context"
	"errors"

	"github.com/ocmt/ocmt/internal/session"
)

// Group is the live access of several Redis, as one. It implements session.Cache.
type Group []*Cache

// Now implements session.Cache: it returns the latest of the clocks that answer.
func (g Group) Now(ctx context.Context) (latest int64, err error) {
	for _, one := range g {
		now, oneErr := one.Now(ctx)
		latest, err = max(latest, now), errors.Join(err, oneErr)
	}
	if latest > 0 {
		return latest, nil // who does not answer is an error of each look
	}
	return 0, err
}

// Scan implements session.Cache.
func (g Group) Scan(ctx context.Context, choose func(session.Kind, session.ID, session.Vault) bool) (session.Look, error) {
	whole := session.Look{Ended: map[session.Kind]int64{}}
	var failure error
	for _, one := range g {
		look, err := one.Scan(ctx, choose)
		for kind, ended := range look.Ended {
			whole.Ended[kind] += ended
		}
		whole.Moved = whole.Moved || look.Moved
		failure = errors.Join(failure, err) // the others are done all the same
	}
	return whole, failure
}

// LockEnded implements session.Cache.
func (g Group) LockEnded(ctx context.Context, servers []session.Server, mark string, stop <-chan struct{}) (locked int64, err error) {
	return g.sum(func(one *Cache) (int64, error) { return one.LockEnded(ctx, servers, mark, stop) })
}

// AwaitReplicas implements session.Cache.
func (g Group) AwaitReplicas(ctx context.Context) error {
	for _, one := range g {
		if err := one.AwaitReplicas(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Restore implements session.Cache.
func (g Group) Restore(ctx context.Context) (removed int64, err error) {
	return g.sum(func(one *Cache) (int64, error) { return one.Restore(ctx) })
}

// Tombstones returns how many tombstones there are.
func (g Group) Tombstones(ctx context.Context) (count int64, err error) {
	return g.sum(func(one *Cache) (int64, error) { return one.Tombstones(ctx) })
}

// sum adds up what is counted in each, up to the first that fails.
func (g Group) sum(count func(*Cache) (int64, error)) (total int64, err error) {
	for _, one := range g {
		some, err := count(one)
		total += some
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Close closes the connections.
func (g Group) Close() {
	for _, one := range g {
		_ = one.client.Close()
	}
}
