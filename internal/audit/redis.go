package audit

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// withRedis returns the look of a check that asks each server with data. What one server cannot tell is
// a gap, and the others are asked all the same.
func withRedis(look func(context.Context, *Sources, RedisServer) (Seen, error)) func(context.Context, *Sources) (Seen, error) {
	return with(func(s *Sources) Source[RedisSource] { return s.Redis }, func(ctx context.Context, sources *Sources, redis RedisSource) (Seen, error) {
		var whole Seen
		servers, err := redis.Servers(ctx)
		if err := whole.addGap(err); err != nil {
			return Seen{}, err
		}
		for _, server := range servers {
			seen, err := look(ctx, sources, server)
			whole.Faults, whole.Gaps = append(whole.Faults, seen.Faults...), append(whole.Gaps, seen.Gaps...)
			if err := whole.addGap(err); err != nil {
				return Seen{}, err
			}
		}
		whole.Looked = countThings(int64(len(servers)), "server with data", "servers with data")
		return whole, nil
	})
}

// addGap adds the gap of an error. It returns an error that is none, as that of the context.
func (s *Seen) addGap(err error) error {
	var gap *GapError
	if errors.As(err, &gap) {
		s.Gaps = append(s.Gaps, gap.Gap)
		return nil
	}
	return err
}

// redisFile returns the file that has the address of Redis.
func redisFile(sources *Sources) string {
	if !sources.Settings.there {
		return ""
	}
	return sources.Settings.it.File("REDIS_URL")
}

func redisChecks() []Check {
	checks := append(redisAccessChecks(), redisDataChecks()...)
	slices.SortFunc(checks, func(a, b Check) int { return strings.Compare(a.ID, b.ID) })
	return checks
}

// redisAccessChecks are about who gets in, and what he may do there.
func redisAccessChecks() []Check {
	return []Check{
		{ID: "OCMT-RDS-001", Severity: Critical, Title: "Redis asks for no password",
			Why:      "Whoever reaches the port reads the key of every vault that is open, in clear.",
			LooksAt:  "the answer to PING on a connection without a user and without a password",
			Right:    "to reach the port",
			NotFault: "A unix socket that only its owner can open needs no password. DENIED is protected mode: only this machine is let in.",
			Fix:      "ACL SETUSER default resetpass >PASSWORD, the same in the configuration file, then set REDIS_URL and restart the servers",
			Source:   "how the OCMT server uses Redis; https://redis.io/docs/latest/operate/oss_and_stack/management/security/",
			look:     withRedis(lookRedisPassword)},
		{ID: "OCMT-RDS-002", Severity: High, Title: "Redis is reached over the network without TLS",
			Why:      "Whoever is on the way reads the password, session tokens and the keys of vaults.",
			LooksAt:  "the scheme of REDIS_URL, and a TLS handshake with the port",
			Right:    "to reach the port",
			NotFault: "A tunnel of its own, such as stunnel, has an address of loopback here. For a private network that encrypts, accept the finding in the baseline.",
			Fix:      "set tls-port, tls-cert-file and tls-key-file in redis.conf, and write rediss:// in REDIS_URL",
			Source:   "how the OCMT server uses Redis; https://redis.io/docs/latest/operate/oss_and_stack/management/security/encryption/",
			look:     withRedis(lookRedisTLS)},
		{ID: "OCMT-RDS-003", Severity: Medium, Title: "The application is the default user of Redis",
			Why:      "The default user may do everything, and its password cannot be given rights of its own.",
			LooksAt:  "ACL WHOAMI, or the user in REDIS_URL",
			Right:    "the application's own login",
			NotFault: "A Redis that nothing else uses may do with its default user: it stays medium.",
			Fix:      "ACL SETUSER ocmt on >PASSWORD with the rights that the servers need, and name the user in REDIS_URL",
			Source:   "https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/",
			look:     withRedis(lookRedisUser)},
		{ID: "OCMT-RDS-004", Severity: High, Title: "The application may run dangerous commands in Redis",
			Why:      "Whoever takes over a server empties Redis, reads its passwords, copies its data elsewhere or runs code in it.",
			LooksAt:  "ACL DRYRUN for FLUSHALL, FLUSHDB, CONFIG, DEBUG, KEYS, SHUTDOWN, REPLICAOF, MODULE, EVAL, ACL and MIGRATE, else ACL GETUSER, else a transaction that is discarded",
			Right:    "+acl|dryrun (Redis 7), or +acl|getuser; the application's own login tells all but SHUTDOWN",
			NotFault: "A command that rename-command takes away, or that the configuration switches off, is not there and passes.",
			Fix:      "ACL SETUSER USER -@dangerous -@scripting, then give back what the servers use, such as +info",
			Source:   "https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/",
			look:     withRedis(lookRedisCommands)},
		{ID: "OCMT-RDS-005", Severity: High, Title: "Redis listens on all addresses with protected mode off",
			Why:      "One missing rule of a firewall puts the keys of vaults on the network.",
			LooksAt:  "CONFIG GET bind, protected-mode, port and tls-port, each by its name; else a PING from an address of this machine that is not loopback",
			Right:    "+config|get",
			NotFault: "In a container Redis listens on all addresses as a rule. What counts is the port that is published: OCMT-DOC-003.",
			Fix:      "set bind 127.0.0.1 -::1 (or the one address that is needed) and protected-mode yes in redis.conf",
			Source:   "how the OCMT server uses Redis; https://redis.io/docs/latest/operate/oss_and_stack/management/security/",
			look:     withRedis(lookRedisBind)},
		{ID: "OCMT-RDS-010", Severity: High, Title: "A user other than the application may list names of keys",
			Why:      "The name of a key ends with a bearer token: whoever lists the names of keys takes over every session of a vault. Rules about keys do not limit SCAN.",
			LooksAt:  "ACL LIST; hashes of passwords are cut out at once",
			Right:    "+acl|list",
			NotFault: "The user of the audit and those of operators are left out, and so is a user that is off or has no password to log in with.",
			Fix:      "ACL SETUSER USER -scan -keys -randomkey, or ACL SETUSER USER off",
			Source:   "https://github.com/redis/redis/issues/8152",
			look:     withRedis(lookRedisReaders)},
	}
}

// redisDataChecks are about what Redis keeps, and how long.
func redisDataChecks() []Check {
	return []Check{
		{ID: "OCMT-RDS-006", Severity: Medium, Title: "Redis does not append to a file",
			Why:      "A restart of Redis loses sessions of vaults and sign-ins that are on their way.",
			LooksAt:  "aof_enabled in INFO persistence of each primary",
			Right:    "+info",
			NotFault: "A managed service keeps its data in its own way: accept the finding in the baseline.",
			Fix:      "set appendonly yes in redis.conf; CONFIG SET appendonly yes switches a running server",
			Source:   "how the OCMT server uses Redis",
			look:     withRedis(lookRedisAppendOnly)},
		{ID: "OCMT-RDS-007", Severity: Medium, Title: "The memory of Redis is not bounded as it should be",
			Why:      "Without a bound Redis is killed when the machine has no memory left. Under another policy it drops keys that should stay, or takes no session any more.",
			LooksAt:  "maxmemory and maxmemory_policy in INFO memory",
			Right:    "+info",
			NotFault: "Any bound above 0 passes. The policy noeviction is low: nothing is lost, and nothing new is taken.",
			Fix:      "CONFIG SET maxmemory 256mb and CONFIG SET maxmemory-policy volatile-lru, and the same in redis.conf",
			Source:   "how the OCMT server uses Redis",
			look:     withRedis(lookRedisMemory)},
		{ID: "OCMT-RDS-008", Severity: High, Title: "Keys that should expire do not",
			Why:      "A session of a vault without a time to live stays open for ever.",
			LooksAt:  "INFO keyspace; where not all keys expire, SCAN and PTTL of each key, by what its name begins with",
			Right:    "+info, or +scan +pttl and to read the keys",
			NotFault: "Metrics (ocmt:health:, ocmt:sla:) and the keys of others are left out.",
			Fix:      "ocmt session-invalidate --all ends vaults and sign-ins; for the rest EXPIRE with the time of OCMT-RDS-009",
			Source:   "how the OCMT server uses Redis",
			look:     withRedis(lookRedisNoTTL)},
		{ID: "OCMT-RDS-009", Severity: Medium, Title: "Keys live longer than they should",
			Why:      "A token that lives longer can be used longer by whoever took it.",
			LooksAt:  "SCAN and PTTL of each key: vaults 1 hour, sign-ins 10 minutes, rate limits 1 day, metrics 90 days",
			Right:    "+scan +pttl +strlen, and to read the keys",
			NotFault: "What ocmt session-invalidate leaves in the place of a vault lives for 2 hours. It is told apart by its length.",
			Fix:      "EXPIRE with the time that the keys should have, and look for who writes them",
			Source:   "how the OCMT server uses Redis",
			look:     withRedis(lookRedisTTL)},
		{ID: "OCMT-RDS-011", Severity: Low, Title: "Other accounts can read the files of Redis",
			Why:      "The files of Redis hold the keys of vaults in clear.",
			LooksAt:  "CONFIG GET dir, dbfilename, appenddirname and save, each by its name, and the modes of folder and files on this machine",
			Right:    "+config|get +info, on the machine of Redis",
			NotFault: "A folder that nobody else can enter closes what is in it, whatever the modes of the files.",
			Fix:      "chmod 700 on the folder",
			Source:   "how the OCMT server uses Redis",
			look:     withRedis(lookRedisFolder)},
	}
}
