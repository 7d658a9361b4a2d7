package redisaudit_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redisaudit"
)

// If this fails, data that a restart loses, or memory without a bound, passes; or it is not said that nobody looked.
func TestAppendOnlyAndMemory(t *testing.T) {
	t.Parallel()
	i := start(t, "user blind on >app +acl|whoami")
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.url("blind", "app")), "RDS-006"), "RDS-006", expect{audit.Unchecked, 0, "INFO", "ACL SETUSER blind +info"})
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.url("blind", "app")), "RDS-007"), "RDS-007", expect{audit.Unchecked, 0, "INFO", "ACL SETUSER blind +info"})
	for _, one := range []struct {
		memory, policy, appends string
		memoryWant, appendWant  expect
	}{
		{"0", "volatile-lru", "no", expect{audit.Found, audit.Medium, "maxmemory", ""}, expect{audit.Found, audit.Medium, "appendonly", ""}},
		{"1gb", "allkeys-lru", "yes", expect{audit.Found, audit.Medium, "allkeys-lru", ""}, expect{audit.Pass, 0, "", ""}},
		{"1gb", "noeviction", "yes", expect{audit.Found, audit.Low, "noeviction", ""}, expect{audit.Pass, 0, "", ""}},
		{"1gb", "volatile-lru", "yes", expect{audit.Pass, 0, "", ""}, expect{audit.Pass, 0, "", ""}},
	} {
		i.do("config", "set", "maxmemory", one.memory, "maxmemory-policy", one.policy, "appendonly", one.appends)
		report := ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.owner()), "RDS-006", "RDS-007")
		hold(t, report, "RDS-006", one.appendWant)
		hold(t, report, "RDS-007", one.memoryWant)
	}
	i.answerInstead(func(command []string) string {
		if nameOf(command) == "info" && (command[1] == "persistence" || command[1] == "memory") {
			return "$2\r\n\r\n\r\n"
		}
		return ""
	})
	report := ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.owner()), "RDS-006", "RDS-007")
	hold(t, report, "RDS-006", expect{audit.Unchecked, 0, "does not tell it", ""}) // as a managed service
	hold(t, report, "RDS-007", expect{audit.Unchecked, 0, "does not tell it", ""})
}

// If this fails, a vault that stays open for ever passes, or keys that may stay are reported.
func TestKeysWithoutTTL(t *testing.T) {
	t.Parallel()
	i := start(t, users...)
	ended := func(options redisaudit.Options) *audit.Report {
		options.Application = "ocmt"
		return ask(t, source(t, options, redis.Options{}, i.url("ocmt-audit", "audit")), "RDS-008", "RDS-009")
	}
	hold(t, ended(redisaudit.Options{}), "RDS-008", expect{audit.Pass, 0, "", ""})
	i.do("set", "vault:session:a-token", "x", "ex", "3600")
	if before := i.names()["scan"]; before != 1 { // of RDS-009
		t.Errorf("SCAN was sent %d times", before)
	}
	i.do("set", "another", "x")
	i.do("set", "ocmt:sla:a", "x")
	i.do("set", "vault:sessions", "x")
	hold(t, ended(redisaudit.Options{}), "RDS-008", expect{audit.Pass, 0, "", ""})
	for _, key := range []string{"vault:session:b-token", "oauth:pkce:b-token", "oauth:state:b-token", "ocmt:ratelimit:b-token"} {
		i.do("set", key, "x")
		report := ended(redisaudit.Options{})
		hold(t, report, "RDS-008", expect{audit.Found, audit.High, "keys " + strings.TrimSuffix(key, "b-token") + "*", ""})
		hold(t, report, "RDS-009", expect{audit.Pass, 0, "", ""})
		if strings.Contains(fmt.Sprintf("%+v", report), "-token") {
			t.Error("the report has the name of a key")
		}
		hold(t, ended(redisaudit.Options{Prefix: "p:"}), "RDS-008", expect{audit.Pass, 0, "", ""})
		i.do("del", key)
	}
}

// If this fails, a token that lives too long passes, or the tool reports what it made itself.
func TestKeysThatLiveTooLong(t *testing.T) {
	t.Parallel()
	i := start(t, append(users, "user short on >audit +scan +pttl +info +acl|whoami ~*")...)
	look := func(user string) *audit.Report {
		return ask(t, source(t, redisaudit.Options{Application: "ocmt"}, redis.Options{}, i.url(user, "audit")), "RDS-009")
	}
	for key, bound := range map[string]int{"vault:session:t": 3600, "oauth:pkce:t": 600, "oauth:state:t": 600, "ocmt:ratelimit:t": 86400, "ocmt:health:t": 90 * 86400, "ocmt:sla:t": 90 * 86400} {
		i.do("set", key, strings.Repeat("x", 200), "ex", bound)
		hold(t, look("ocmt-audit"), "RDS-009", expect{audit.Pass, 0, "", ""})
		i.do("expire", key, bound+60)
		hold(t, look("ocmt-audit"), "RDS-009", expect{audit.Found, audit.Medium, strings.TrimSuffix(key, "t") + "*", ""})
		i.do("del", key)
	}
	for _, mark := range []string{`{"userId":"-","expiresAt":1e308}`, `{"userId":"-","expiresAt":1e308,"locked":"0badcafe"}`} {
		i.do("set", "vault:session:t", mark, "ex", "7200")
		hold(t, look("ocmt-audit"), "RDS-009", expect{audit.Pass, 0, "", ""})
		hold(t, look("short"), "RDS-009", expect{audit.Unchecked, 0, "vault:session:", "ACL SETUSER short +strlen"})
	}
	i.do("set", "vault:session:t", strings.Repeat("x", 200), "ex", "7200")
	hold(t, look("ocmt-audit"), "RDS-009", expect{audit.Found, audit.Medium, "vault:session:*", ""})
	i.do("del", "vault:session:t")
	i.do("lpush", "vault:session:t", "x")
	i.do("expire", "vault:session:t", "7200")
	hold(t, look("ocmt-audit"), "RDS-009", expect{audit.Found, audit.Medium, "vault:session:*", ""})
}

// If this fails, keys that nobody looked at pass.
func TestKeysThatAreNotLookedAt(t *testing.T) {
	t.Parallel()
	i := start(t, "user blind on >audit +acl|whoami", "user nokeys on >audit +acl|whoami +info +scan +pttl", "user nottl on >audit +acl|whoami +info +scan ~*", "user noscan on >audit +acl|whoami +info",
		"user ocmt-audit on >audit "+auditor)
	for n := range 3000 {
		i.do("set", fmt.Sprint("vault:session:t", n), "x", "ex", "60")
	}
	i.do("set", "other", "x")
	for name, one := range map[string]struct {
		user    string
		options redisaudit.Options
		want    expect
		passes8 bool
	}{
		"no INFO, no SCAN": {"blind", redisaudit.Options{}, expect{audit.Unchecked, 0, "the keys of", "ACL SETUSER blind +scan"}, false},
		"no SCAN":          {"noscan", redisaudit.Options{}, expect{audit.Unchecked, 0, "the keys of", "ACL SETUSER noscan +scan"}, false},
		"no keys":          {"nokeys", redisaudit.Options{}, expect{audit.Unchecked, 0, "vault:session:", "ACL SETUSER nokeys %R~vault:session:*"}, false},
		"no PTTL":          {"nottl", redisaudit.Options{}, expect{audit.Unchecked, 0, "vault:session:", "ACL SETUSER nottl +pttl"}, false},
		"too many":         {"ocmt-audit", redisaudit.Options{ScanKeys: 500}, expect{audit.Unchecked, 0, "keys were looked at", ""}, false},
		"too long":         {"ocmt-audit", redisaudit.Options{ScanTime: time.Microsecond}, expect{audit.Unchecked, 0, "were over", ""}, false},
		"all":              {"ocmt-audit", redisaudit.Options{}, expect{audit.Pass, 0, "", ""}, true},
	} {
		t.Run(name, func(t *testing.T) {
			report := ask(t, source(t, one.options, redis.Options{}, i.url(one.user, "audit")), "RDS-008", "RDS-009")
			hold(t, report, "RDS-008", one.want)
			hold(t, report, "RDS-009", one.want)
		})
	}
	i.do("del", "other") // now every key expires: INFO alone proves it
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.url("noscan", "audit")), "RDS-008"), "RDS-008", expect{audit.Pass, 0, "", ""})
}

// If this fails, any account of the machine reads the keys of vaults from the files of Redis, and nobody is told.
func TestFolder(t *testing.T) {
	t.Parallel()
	i := start(t, "appendonly yes", "user few on >app +info +acl|whoami")
	own := i.admin.ConfigGet(context.Background(), "dir").Val()["dir"]
	look := func(address string) *audit.Report {
		return ask(t, source(t, redisaudit.Options{}, redis.Options{}, address), "RDS-011")
	}
	hold(t, look(i.owner()), "RDS-011", expect{audit.Pass, 0, "", ""})
	hold(t, look(i.url("few", "app")), "RDS-011", expect{audit.Unchecked, 0, "dir", "ACL SETUSER few +config|get"})
	folder := filepath.Join(own, "data")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o777); err != nil { // the server may be another account
		t.Fatal(err)
	}
	i.answerInstead(func(command []string) string {
		if nameOf(command) == "config get" && command[2] == "dir" {
			return array("dir", folder)
		}
		return ""
	})
	hold(t, look(i.owner()), "RDS-011", expect{audit.Pass, 0, "", ""}) // nobody gets into the folder above
	if err := os.Chmod(own, 0o711); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(own, 0o700)
	hold(t, look(i.owner()), "RDS-011", expect{audit.Found, audit.Low, folder, ""})
	if err := os.Chmod(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	hold(t, look(i.owner()), "RDS-011", expect{audit.Pass, 0, "", ""})
	i.answerInstead(func(command []string) string {
		if nameOf(command) == "info" && command[1] == "server" {
			return "$19\r\nprocess_id:999999\r\n\r\n"
		}
		return ""
	})
	hold(t, look(i.owner()), "RDS-011", expect{audit.Unchecked, 0, "in a container", ""})
}

// array writes an answer of texts.
func array(texts ...string) string {
	answer := fmt.Sprintf("*%d\r\n", len(texts))
	for _, text := range texts {
		answer += fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
	}
	return answer
}

// If this fails, a Redis of version 6 or 5, which has no ACL DRYRUN or no users at all, is not looked at.
func TestOldServers(t *testing.T) {
	t.Parallel()
	i := start(t, "user wide on >app ~* +@all -flushall", "user narrow on >app ~* +@all -@dangerous -@scripting +acl +info")
	i.answerInstead(func(command []string) string { // of Redis 6.2
		if nameOf(command) == "acl dryrun" {
			return "-ERR Unknown subcommand or wrong number of arguments for 'DRYRUN'. Try ACL HELP.\r\n"
		}
		return ""
	})
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.url("wide", "app")), "RDS-004"), "RDS-004", expect{audit.Found, audit.High, "FLUSHDB, CONFIG GET", ""})
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.url("narrow", "app")), "RDS-004"), "RDS-004", expect{audit.Found, audit.High, "Actual:ACL SETUSER Count", ""})
	i.answerInstead(func(command []string) string { // of Redis 5
		switch nameOf(command) {
		case "acl dryrun", "acl getuser", "acl whoami", "acl list":
			return "-ERR unknown command `acl`, with args beginning with: \r\n"
		case "info":
			if command[1] == "server" {
				return "$22\r\nredis_version:5.0.14\r\n\r\n"
			}
		}
		return ""
	})
	report := ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.owner()), "RDS-003", "RDS-004", "RDS-010")
	hold(t, report, "RDS-003", expect{audit.Found, audit.Medium, "user default", ""})
	hold(t, report, "RDS-004", expect{audit.Found, audit.High, "FLUSHALL", ""}) // by transactions
	hold(t, report, "RDS-010", expect{audit.Pass, 0, "", ""})
}

// If this fails, what is read of rules differs from what the server makes of them, and a user who may is
// said not to.
func TestRulesAsTheServerReadsThem(t *testing.T) {
	t.Parallel()
	i := start(t)
	rules := []string{"+@all", "-@all", "+@dangerous", "-@dangerous", "+@admin", "-@admin", "+@keyspace", "-@keyspace", "+@scripting", "-@scripting", "+@slow", "-@slow", "+@write", "-@read",
		"+flushall", "-flushdb", "+config", "-config", "+config|get", "-config|set", "+acl|setuser", "-acl", "+module", "-module|load", "+eval", "+keys", "+migrate", "-replicaof", "+debug"}
	servers, err := source(t, redisaudit.Options{}, redis.Options{}, i.owner()).Servers(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	old := start(t)
	old.answerInstead(func(command []string) string {
		if nameOf(command) == "acl dryrun" {
			return "-ERR Unknown subcommand or wrong number of arguments for 'DRYRUN'. Try ACL HELP.\r\n"
		}
		return ""
	})
	olds, err := source(t, redisaudit.Options{}, redis.Options{}, old.owner()).Servers(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 60 {
		chosen := []any{"acl", "setuser", "tried", "reset", "on", ">x"}
		for k := range 5 {
			chosen = append(chosen, rules[(n*(7+k)+k*13+n/29)%len(rules)])
		}
		for _, admin := range []*driver.Client{i.admin, old.admin} {
			if err := admin.Do(context.Background(), chosen...).Err(); err != nil {
				t.Fatal(chosen, err)
			}
		}
		asked, err := servers[0].DangerousCommands(context.Background(), "tried")
		if err != nil {
			t.Fatal(err)
		}
		read, err := olds[0].DangerousCommands(context.Background(), "tried")
		if err != nil {
			t.Fatal(err)
		}
		for k := range asked {
			if asked[k].Verdict != read[k].Verdict {
				t.Errorf("%v: %s is %q, and read as %q", chosen[6:], asked[k].Name, asked[k].Verdict, read[k].Verdict)
			}
		}
	}
}
