package redissession

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/session"
)

// inHand stands before a token in the key that is there while servers lock its vault. A server removes
// the tombstone when it does. Were this work cut off then, the other servers would take the vault from
// their memory; the key says that the tombstone is missing. Servers take it for the vault of nobody.
const inHand = "ocmt-in-hand:"

// lockers is how many vaults are locked at once on each server of Redis.
const lockers = 4

// maxLocks is how often a server is asked to lock a vault whose key is there again: it was extended
// meanwhile.
const maxLocks = 3

// marked returns a tombstone that has a mark.
func marked(mark string) string {
	return strings.TrimSuffix(tombstone, "}") + `,"locked":"` + mark + `"}`
}

// LockEnded implements session.Cache.
func (c *Cache) LockEnded(ctx context.Context, servers []session.Server, mark string, stop <-chan struct{}) (int64, error) {
	if err := c.client.Discover(ctx); err != nil {
		return 0, err
	}
	var locked, left atomic.Int64
	var failed atomic.Pointer[session.ServerError]
	err := c.visitVaults(ctx, func(ctx context.Context, keys []string) error {
		ended, err := c.chooseEnded(ctx, keys, mark)
		if err != nil {
			return err
		}
		group, ctx := crash.WithContext(ctx)
		group.SetLimit(lockers)
		for _, key := range ended {
			group.Go(func() error {
				if earlier := failed.Load(); earlier != nil && !errors.Is(earlier, session.ErrKept) || session.IsStopped(stop) {
					left.Add(1)
					return nil // the look goes on, to count what is left
				}
				failure, err := c.lockAt(ctx, servers, key, mark)
				switch {
				case failure != nil:
					left.Add(1)
					failed.CompareAndSwap(nil, failure)
				case err == nil:
					locked.Add(1)
				}
				return err
			})
		}
		return group.Wait()
	})
	switch failure := failed.Load(); {
	case err != nil:
		return locked.Load(), err
	case failure != nil:
		failure.Left = left.Load()
		return locked.Load(), failure
	case session.IsStopped(stop):
		return locked.Load(), session.ErrStopped
	}
	return locked.Load(), nil
}

// isToken reports whether a name can be sent as a token.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}

// chooseEnded returns the keys of vaults that have ended and whose value has not the mark, and those
// whose tombstone is missing.
func (c *Cache) chooseEnded(ctx context.Context, keys []string, mark string) (ended []string, err error) {
	heads, err := c.readHeads(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		token := strings.TrimPrefix(key, c.keysOf(session.Vaults))
		if token, cut := strings.CutPrefix(token, inHand); cut {
			ended = append(ended, c.keysOf(session.Vaults)+token)
			continue
		}
		if !isToken(token) {
			continue // no server could be asked with it, nor has made it
		}
		if readVault(heads[key]).User == nobody && heads[key] != marked(mark) {
			ended = append(ended, key)
		}
	}
	return ended, nil
}

// lockAt has every server lock a vault, and puts its tombstone back after each.
func (c *Cache) lockAt(ctx context.Context, servers []session.Server, key, mark string) (failure *session.ServerError, err error) {
	token := strings.TrimPrefix(key, c.keysOf(session.Vaults))
	journal := c.keysOf(session.Vaults) + inHand + token
	if err := c.client.Set(ctx, journal, tombstone, tombstoneTime).Err(); err != nil {
		return nil, redis.ExplainError(err)
	}
	// What is in hand is finished, also where the work is cut off.
	ctx = context.WithoutCancel(ctx)
	if err := c.client.SetNX(ctx, key, tombstone, tombstoneTime).Err(); err != nil {
		return nil, redis.ExplainError(err)
	}
	for _, server := range servers {
		cause, err := c.lockVault(ctx, server, key, session.NewToken(token))
		if err != nil {
			return nil, redis.ExplainError(err)
		}
		if cause != nil {
			failure = &session.ServerError{Address: server.Address(), Doing: "locking a vault", Cause: cause}
			break
		}
	}
	if failure == nil {
		if err := c.client.Set(ctx, key, marked(mark), tombstoneTime).Err(); err != nil {
			return nil, redis.ExplainError(err)
		}
	}
	return failure, redis.ExplainError(c.client.Unlink(ctx, journal).Err())
}

// lockVault has a server lock a vault until the key in Redis is gone, and puts the tombstone back. The
// cause says why the server did not; the error, why Redis did not.
func (c *Cache) lockVault(ctx context.Context, server session.Server, key string, token session.Token) (cause, err error) {
	for range maxLocks {
		cause = server.LockVault(ctx, token)
		restored, err := c.client.SetNX(ctx, key, tombstone, tombstoneTime).Result()
		if err != nil && err != driver.Nil { //nolint:errorlint // the driver returns it as it is
			return nil, err
		}
		if cause != nil {
			return cause, nil
		}
		if restored {
			return nil, nil
		}
	}
	return fmt.Errorf("%w", session.ErrKept), nil
}
