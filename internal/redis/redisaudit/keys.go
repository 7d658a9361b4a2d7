package redisaudit

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redissession"
)

// scanned is how many keys one SCAN looks at. More would make others wait.
const scanned = 1000

// classes are the kinds of key that are known.
var classes = []audit.RedisClass{audit.RedisVaults, audit.RedisPKCE, audit.RedisStates, audit.RedisRateLimits, audit.RedisHealth, audit.RedisSLA}

// Keys implements audit.RedisServer. It looks once. What is returned has no name of a key.
func (s *server) Keys(ctx context.Context) (audit.RedisKeys, error) {
	s.mu.Lock()
	known := s.keys
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	scan := &scan{server: s, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{},
		keys: audit.RedisKeys{Classes: map[audit.RedisClass]audit.RedisClassCount{}}}
	limited, cancel := context.WithTimeout(ctx, s.options.ScanTime)
	defer cancel()
	err := scan.run(limited)
	switch {
	case ctx.Err() != nil:
		return audit.RedisKeys{}, ctx.Err()
	case limited.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded): // a connection can see its end first
		scan.keys.Bound = fmt.Sprintf("%s were over", s.options.ScanTime.Round(time.Millisecond))
	case err != nil:
		return audit.RedisKeys{}, s.explain(err, "the keys of "+s.place.Address, "+scan")
	}
	s.mu.Lock()
	s.keys = &scan.keys
	s.mu.Unlock()
	return scan.keys, nil
}

// scan is one look at the keys of a server.
type scan struct {
	server *server
	seed   maphash.Seed
	seen   map[uint64]struct{} // hashes of names: SCAN can return a key twice
	keys   audit.RedisKeys
}

// run looks at keys until there are no more, or the bound is reached.
func (s *scan) run(ctx context.Context) error {
	for cursor, more := uint64(0), true; more; more = cursor != 0 {
		if s.keys.Seen >= s.server.options.ScanKeys {
			s.keys.Bound = fmt.Sprintf("%d keys were looked at", s.keys.Seen)
			return nil
		}
		var names []string
		var err error
		if names, cursor, err = s.server.client.Scan(ctx, cursor, "", scanned).Result(); err != nil {
			return err
		}
		if err := s.count(ctx, names); err != nil {
			return err
		}
	}
	s.keys.Complete = true
	return nil
}

// classOf returns the class of a key.
func classOf(prefix, key string) audit.RedisClass {
	rest, ours := strings.CutPrefix(key, prefix)
	if ours {
		for _, class := range classes {
			if strings.HasPrefix(rest, string(class)) {
				return class
			}
		}
	}
	return audit.RedisOther
}

// count counts keys, and asks for the time to live of those that are known.
func (s *scan) count(ctx context.Context, names []string) error {
	var asked []string
	for _, name := range names {
		hash := maphash.String(s.seed, name)
		if _, known := s.seen[hash]; known {
			continue
		}
		s.seen[hash] = struct{}{}
		s.keys.Seen++
		if class := classOf(s.server.options.Prefix, name); class != audit.RedisOther {
			asked = append(asked, name)
		} else {
			s.change(class, func(c *audit.RedisClassCount) { c.Keys++ })
		}
	}
	answers, err := s.askEach(ctx, asked, "pttl")
	if err != nil {
		return err
	}
	var late []string
	for i, answer := range answers {
		if s.countOne(classOf(s.server.options.Prefix, asked[i]), answer) {
			late = append(late, asked[i])
		}
	}
	return s.countLate(ctx, late)
}

// change changes the count of a class.
func (s *scan) change(class audit.RedisClass, change func(*audit.RedisClassCount)) {
	count := s.keys.Classes[class]
	change(&count)
	s.keys.Classes[class] = count
}

// askEach sends a command for each key in one pipeline.
func (s *scan) askEach(ctx context.Context, keys []string, command string) ([]*driver.Cmd, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	answers := make([]*driver.Cmd, len(keys))
	_, _ = s.server.client.Pipelined(ctx, func(pipe driver.Pipeliner) error {
		for i, key := range keys {
			answers[i] = pipe.Do(ctx, command, key)
		}
		return nil
	})
	var refused driver.Error
	for _, answer := range answers {
		if answer.Err() != nil && !errors.As(answer.Err(), &refused) {
			return nil, answer.Err()
		}
	}
	return answers, nil
}

// countOne counts a key by the answer to PTTL. isLate says that it may be a mark of ocmt, which lives
// longer than a vault; it is not counted as TooLong yet.
func (s *scan) countOne(class audit.RedisClass, answer *driver.Cmd) (isLate bool) {
	const noKey, noTTL = -2, -1
	const slack = 1000 // milliseconds, for rounding
	ttl, err := answer.Int64()
	if err == nil && ttl == noKey {
		return false // it has expired meanwhile
	}
	s.change(class, func(c *audit.RedisClassCount) {
		c.Keys++
		switch {
		case err != nil:
			c.Unread++
			c.Gap = s.gapOf(class, err, "+pttl")
		case ttl == noTTL:
			c.NoTTL++
		case class == audit.RedisVaults && ttl > audit.RedisMaxTTL[class]+slack && ttl <= redissession.TombstoneSeconds*1000+slack:
			isLate = true
		case ttl > audit.RedisMaxTTL[class]+slack:
			c.TooLong++
		}
		if err == nil && !isLate {
			c.Longest = max(c.Longest, ttl)
		}
	})
	return isLate
}

// countLate tells marks of ocmt from vaults that live too long, by the length of what stands under the
// key. The value holds the key of a vault, and is not read.
func (s *scan) countLate(ctx context.Context, keys []string) error {
	answers, err := s.askEach(ctx, keys, "strlen")
	if err != nil {
		return err
	}
	for _, answer := range answers {
		length, err := answer.Int64()
		s.change(audit.RedisVaults, func(c *audit.RedisClassCount) {
			switch {
			case err != nil && strings.HasPrefix(err.Error(), "NOPERM"):
				c.Unread++
				c.Gap = s.gapOf(audit.RedisVaults, err, "+strlen")
			case err == nil && redissession.IsTombstoneLength(length):
				c.Ended++
			default:
				c.TooLong++
				c.Longest = max(c.Longest, redissession.TombstoneSeconds*1000)
			}
		})
	}
	return nil
}

// gapOf says why a key of a class could not be asked about.
func (s *scan) gapOf(class audit.RedisClass, err error, right string) audit.Gap {
	gap := audit.Gap{What: "the keys " + string(class) + " of " + s.server.place.Address, Reason: reasonOf(err)}
	if errors.Is(redis.ExplainError(err), redis.ErrRights) {
		if refusesKey(err.Error()) {
			right = "%R~" + s.server.options.Prefix + string(class) + "*"
		}
		gap.Missing, gap.Grant = right, grantTo(s.server.login(), right)
	}
	return gap
}
