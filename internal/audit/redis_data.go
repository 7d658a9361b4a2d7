package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// redisField returns a field of a section of INFO. Where it is not there, the error is a *GapError.
func redisField(ctx context.Context, server RedisServer, section, name string) (string, error) {
	info, err := server.Info(ctx, section)
	if err != nil {
		return "", err
	}
	value, there := info[name]
	if !there {
		return "", &GapError{Gap{What: name + " of " + server.Place().Address, Reason: "INFO " + section + " does not tell it"}}
	}
	return value, nil
}

// lookRedisAppendOnly is OCMT-RDS-006.
func lookRedisAppendOnly(ctx context.Context, _ *Sources, server RedisServer) (seen Seen, err error) {
	place := server.Place()
	if place.Replica {
		return seen, nil
	}
	enabled, err := redisField(ctx, server, "persistence", "aof_enabled")
	if err == nil && enabled == "0" {
		seen.Faults = []Fault{{Object: "redis " + place.Address, Cause: "appendonly", Message: "is off", Expected: "yes", Actual: "no", Places: []string{place.Address}}}
	}
	return seen, err
}

// The policies that are told apart.
const (
	rightPolicy = "volatile-lru"
	noEviction  = "noeviction"
)

// lookRedisMemory is OCMT-RDS-007.
func lookRedisMemory(ctx context.Context, _ *Sources, server RedisServer) (seen Seen, err error) {
	address := server.Place().Address
	bound, err := redisField(ctx, server, "memory", "maxmemory")
	if err != nil {
		return seen, err
	}
	if bound == "0" {
		seen.Faults = append(seen.Faults, Fault{Object: "redis " + address + " maxmemory", Cause: "maxmemory", Message: "is not set", Expected: "256mb", Actual: "0", Places: []string{address}})
	}
	policy, err := redisField(ctx, server, "memory", "maxmemory_policy")
	if err == nil && policy != rightPolicy {
		fault := Fault{Object: "redis " + address + " maxmemory-policy", Cause: "maxmemory-policy", Message: "is not " + rightPolicy, Expected: rightPolicy, Actual: policy, Places: []string{address}}
		if policy == noEviction {
			fault.Severity = Low
		}
		seen.Faults = append(seen.Faults, fault)
	}
	return seen, err
}

// expiring are the keys that must have a time to live.
var expiring = []RedisClass{RedisVaults, RedisPKCE, RedisStates, RedisRateLimits}

// lookRedisNoTTL is OCMT-RDS-008.
func lookRedisNoTTL(ctx context.Context, _ *Sources, server RedisServer) (seen Seen, err error) {
	place := server.Place()
	if place.Replica { // it has the keys of its primary
		return seen, nil
	}
	if info, err := server.Info(ctx, "keyspace"); err == nil && allExpire(info[fmt.Sprintf("db%d", place.Database)]) {
		return seen, nil
	}
	keys, err := server.Keys(ctx)
	if err != nil {
		return seen, err
	}
	for _, class := range expiring {
		count := keys.Classes[class]
		if count.NoTTL > 0 {
			seen.Faults = append(seen.Faults, Fault{Object: "keys " + string(class) + "*", Message: "have no time to live", Expected: "at most " + lifeOf(RedisMaxTTL[class]), Actual: "none",
				Count: count.NoTTL, Places: []string{fmt.Sprintf("%s: %d of %d", place.Address, count.NoTTL, count.Keys)}})
		}
		if count.Gap.What != "" {
			seen.Gaps = append(seen.Gaps, count.Gap)
		}
	}
	seen.Gaps = append(seen.Gaps, restOf(keys, place)...)
	return seen, nil
}

// allExpire reports whether every key of a database has a time to live, by its line in INFO keyspace:
// "keys=3,expires=3,avg_ttl=0". A database without keys has no line.
func allExpire(line string) bool {
	if line == "" {
		return true
	}
	fields := map[string]string{}
	for _, one := range strings.Split(line, ",") {
		name, value, _ := strings.Cut(one, "=")
		fields[name] = value
	}
	return fields["keys"] != "" && fields["keys"] == fields["expires"]
}

// restOf says which keys were not looked at.
func restOf(keys RedisKeys, place RedisPlace) []Gap {
	if keys.Complete {
		return nil
	}
	return []Gap{{What: "the other keys of " + place.Address, Reason: "the look ended when " + keys.Bound}}
}

// lifeOf writes milliseconds as a time.
func lifeOf(milliseconds int64) string {
	return (time.Duration(milliseconds) * time.Millisecond).Round(time.Second).String()
}

// lookRedisTTL is OCMT-RDS-009.
func lookRedisTTL(ctx context.Context, _ *Sources, server RedisServer) (seen Seen, err error) {
	place := server.Place()
	if place.Replica {
		return seen, nil
	}
	keys, err := server.Keys(ctx)
	if err != nil {
		return seen, err
	}
	for _, class := range slices.Concat(expiring, []RedisClass{RedisHealth, RedisSLA}) {
		count := keys.Classes[class]
		if count.TooLong > 0 {
			seen.Faults = append(seen.Faults, Fault{Object: "keys " + string(class) + "*", Message: "live too long", Expected: "at most " + lifeOf(RedisMaxTTL[class]), Actual: "up to " + lifeOf(count.Longest),
				Count: count.TooLong, Places: []string{fmt.Sprintf("%s: %d of %d", place.Address, count.TooLong, count.Keys)}})
		}
		if count.Gap.What != "" {
			seen.Gaps = append(seen.Gaps, count.Gap)
		}
	}
	seen.Gaps = append(seen.Gaps, restOf(keys, place)...)
	return seen, nil
}

// lookRedisFolder is OCMT-RDS-011.
func lookRedisFolder(ctx context.Context, _ *Sources, server RedisServer) (seen Seen, err error) {
	folder, err := server.Folder(ctx)
	if len(folder.Open) > 0 {
		seen.Faults = []Fault{{Object: "folder " + folder.Path, Message: "can be read by other accounts", Expected: "0700", Actual: strings.Join(folder.Open, ", "),
			Places: folder.Open, Fix: "chmod 700 " + folder.Path}}
	}
	return seen, err
}
