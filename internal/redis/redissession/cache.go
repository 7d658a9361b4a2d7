// Package redissession reads and ends the live access that stands in Redis: it implements
// session.Cache.
package redissession

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/session"
)

// The keys of live access (contract, section 4). What follows is a token.
const (
	vaultKeys = "vault:session:"
	oauthKeys = "oauth:"
	// bothKeys is a pattern of both, so that one SCAN finds them. It lets through more.
	bothKeys = "[vo]au*:*"
)

// tombstone stands in place of an ended vault. The server takes it for the vault of somebody else
// that has not expired, and refuses it each time; without a value it would take the one in its memory
// (contract, section 4).
const tombstone = `{"userId":"-","expiresAt":1e308}`

// nobody is the user of a tombstone. A server that extends one writes it anew, with this user and a
// time of its own.
const nobody = "-"

// tombstoneTime is how long a tombstone stays: longer than the memory of a server holds a vault,
// which is an hour after it was last used. Under a tombstone it is used no more.
const tombstoneTime = 2 * time.Hour

// scanned is how many keys one SCAN looks at. More would make others wait: 5000 put their p99 above
// 5 ms, 1000 kept it at 2.
const scanned = 1000

// headBytes is how much of a value is read at first. The server writes the user first and the key of
// the vault last, so that the key need not be read.
const headBytes = 160

// Options say how the keys are named and how they end.
type Options struct {
	Prefix      string // before each key
	PlainDelete bool   // a vault is deleted rather than overwritten
}

// Cache implements session.Cache.
type Cache struct {
	client  *redis.Client
	options Options
}

// New returns the live access of a Redis.
func New(client *redis.Client, options Options) *Cache { return &Cache{client, options} }

// Now implements session.Cache.
func (c *Cache) Now(ctx context.Context) (int64, error) {
	if err := c.client.Discover(ctx); err != nil {
		return 0, err
	}
	now, err := c.client.Time(ctx).Result()
	return now.UnixMilli(), redis.ExplainError(err)
}

// Scan implements session.Cache.
func (c *Cache) Scan(ctx context.Context, choose func(session.Kind, session.ID, session.Vault) bool) (session.Look, error) {
	look := session.Look{Ended: map[session.Kind]int64{}}
	if err := c.client.Discover(ctx); err != nil {
		return look, err
	}
	before, err := c.client.Topology(ctx)
	if err != nil {
		return look, err
	}
	var vaults, flows atomic.Int64
	err = c.visitKeys(ctx, escapeGlob(c.options.Prefix)+bothKeys, func(ctx context.Context, keys []string) error {
		for _, one := range []struct {
			kind  session.Kind
			ended *atomic.Int64
		}{{session.Vaults, &vaults}, {session.OAuthFlows, &flows}} {
			chosen, err := c.chooseKeys(ctx, one.kind, c.ofKind(one.kind, keys), choose)
			if err != nil {
				return err
			}
			ended, err := c.endKeys(ctx, one.kind, chosen)
			one.ended.Add(ended)
			if err != nil {
				return err
			}
		}
		return nil
	})
	look.Ended[session.Vaults], look.Ended[session.OAuthFlows] = vaults.Load(), flows.Load()
	if err != nil {
		return look, err
	}
	after, err := c.client.Topology(ctx)
	look.Moved = after != before
	return look, err
}

// ofKind returns the keys of a kind.
func (c *Cache) ofKind(kind session.Kind, keys []string) (some []string) {
	for _, key := range keys {
		if strings.HasPrefix(key, c.keysOf(kind)) {
			some = append(some, key)
		}
	}
	return some
}

// keysOf returns what the keys of a kind begin with.
func (c *Cache) keysOf(kind session.Kind) string {
	if kind == session.Vaults {
		return c.options.Prefix + vaultKeys
	}
	return c.options.Prefix + oauthKeys
}

// visitKeys visits the keys that match a pattern on every server, some at a time. Servers are visited
// at once, and the next keys are looked for while some are visited.
func (c *Cache) visitKeys(ctx context.Context, pattern string, visit func(ctx context.Context, keys []string) error) error {
	err := c.client.ForEachMaster(ctx, func(ctx context.Context, master *driver.Client) error {
		found := make(chan []string, 1)
		group, ctx := crash.WithContext(ctx)
		group.Go(func() error {
			defer close(found)
			return scanKeys(ctx, master, pattern, found)
		})
		group.Go(func() error {
			for keys := range found {
				if err := visit(ctx, keys); err != nil {
					return err
				}
			}
			return nil
		})
		return group.Wait()
	})
	return redis.ExplainError(err)
}

// scanKeys looks through the keys of a server once, and sends those that match.
func scanKeys(ctx context.Context, master *driver.Client, pattern string, found chan<- []string) error {
	for cursor, more := uint64(0), true; more; more = cursor != 0 {
		var keys []string
		var err error
		if keys, cursor, err = master.Scan(ctx, cursor, pattern, scanned).Result(); err != nil {
			return err
		}
		if len(keys) == 0 {
			continue
		}
		select {
		case found <- keys:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// visitVaults visits the keys of vaults.
func (c *Cache) visitVaults(ctx context.Context, visit func(ctx context.Context, keys []string) error) error {
	return c.visitKeys(ctx, escapeGlob(c.keysOf(session.Vaults))+"*", visit)
}

// escapeGlob writes a text so that a pattern of Redis takes it as it is.
func escapeGlob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}

// chooseKeys reads the values of keys, and returns the keys that are to be ended.
func (c *Cache) chooseKeys(ctx context.Context, kind session.Kind, keys []string, choose func(session.Kind, session.ID, session.Vault) bool) ([]string, error) {
	heads, err := c.readHeads(ctx, keys)
	if err != nil {
		return nil, err
	}
	vaults := make(map[string]session.Vault, len(keys))
	var whole []string // keys whose user does not stand at the beginning
	for key, text := range heads {
		vaults[key] = readVault(text)
		if len(text) == headBytes && vaults[key].User == "" {
			whole = append(whole, key)
		}
	}
	if len(whole) > 0 {
		values, err := c.read(ctx, whole, func(pipe driver.Pipeliner, key string) *driver.StringCmd { return pipe.Get(ctx, key) })
		if err != nil {
			return nil, err
		}
		for key, text := range values {
			vaults[key] = readVault(text)
		}
	}
	var chosen []string
	for _, key := range keys {
		vault := vaults[key]
		if kind == session.Vaults && vault.User == nobody {
			continue
		}
		if choose(kind, idOf(key), vault) {
			chosen = append(chosen, key)
		}
	}
	return chosen, nil
}

// read reads a text of each key in one pipeline, "" where there is none or it has another type.
func (c *Cache) read(ctx context.Context, keys []string, command func(driver.Pipeliner, string) *driver.StringCmd) (map[string]string, error) {
	answers := make([]*driver.StringCmd, len(keys))
	_, _ = c.client.Pipelined(ctx, func(pipe driver.Pipeliner) error {
		for i, key := range keys {
			answers[i] = command(pipe, key)
		}
		return nil
	})
	texts := make(map[string]string, len(keys))
	for i, key := range keys {
		text, err := answers[i].Result()
		if err != nil && !isNoText(err) {
			return nil, err
		}
		texts[key] = text
	}
	return texts, nil
}

// isNoText reports whether an answer says that there is no text under a key.
func isNoText(err error) bool {
	return err == driver.Nil || strings.HasPrefix(err.Error(), "WRONGTYPE") //nolint:errorlint // the driver returns it as it is
}

// readHeads reads the beginning of what stands under keys.
func (c *Cache) readHeads(ctx context.Context, keys []string) (map[string]string, error) {
	return c.read(ctx, keys, func(pipe driver.Pipeliner, key string) *driver.StringCmd {
		return pipe.GetRange(ctx, key, 0, headBytes-1)
	})
}

// endKeys ends what stands under keys: a vault is overwritten where it is still there, a flow is
// removed. It returns how many were there.
func (c *Cache) endKeys(ctx context.Context, kind session.Kind, keys []string) (ended int64, err error) {
	if kind != session.Vaults || c.options.PlainDelete {
		return c.remove(ctx, keys)
	}
	answers := make([]*driver.BoolCmd, len(keys))
	_, _ = c.client.Pipelined(ctx, func(pipe driver.Pipeliner) error {
		for i, key := range keys {
			answers[i] = pipe.SetXX(ctx, key, tombstone, tombstoneTime)
		}
		return nil
	})
	for _, answer := range answers {
		if answer.Err() != nil && answer.Err() != driver.Nil { //nolint:errorlint // the driver returns it as it is
			return ended, answer.Err()
		}
		if answer.Val() {
			ended++
		}
	}
	return ended, nil
}

// remove removes keys, and returns how many were there.
func (c *Cache) remove(ctx context.Context, keys []string) (removed int64, err error) {
	answers := make([]*driver.IntCmd, len(keys))
	_, _ = c.client.Pipelined(ctx, func(pipe driver.Pipeliner) error {
		for i, key := range keys {
			answers[i] = pipe.Unlink(ctx, key)
		}
		return nil
	})
	for _, answer := range answers {
		if answer.Err() != nil {
			return removed, answer.Err()
		}
		removed += answer.Val()
	}
	return removed, nil
}

// AwaitReplicas implements session.Cache.
func (c *Cache) AwaitReplicas(ctx context.Context) error { return c.client.AwaitReplicas(ctx) }

// Restore implements session.Cache.
func (c *Cache) Restore(ctx context.Context) (removed int64, err error) {
	if err := c.client.Discover(ctx); err != nil {
		return 0, err
	}
	return c.visitTombstones(ctx, c.remove)
}

// Tombstones returns how many tombstones there are.
func (c *Cache) Tombstones(ctx context.Context) (count int64, err error) {
	if err := c.client.Discover(ctx); err != nil {
		return 0, err
	}
	return c.visitTombstones(ctx, func(_ context.Context, keys []string) (int64, error) { return int64(len(keys)), nil })
}

// visitTombstones visits the keys of tombstones, and returns the sum of what was done to them.
func (c *Cache) visitTombstones(ctx context.Context, visit func(ctx context.Context, keys []string) (int64, error)) (int64, error) {
	var total atomic.Int64
	err := c.visitVaults(ctx, func(ctx context.Context, keys []string) error {
		heads, err := c.readHeads(ctx, keys)
		if err != nil {
			return err
		}
		done, err := visit(ctx, slices.DeleteFunc(keys, func(key string) bool { return readVault(heads[key]).User != nobody }))
		total.Add(done)
		return err
	})
	return total.Load(), err
}
