package redisaudit_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redisaudit"
)

// good are settings of a server in which nothing is wrong.
func good() []string {
	return append([]string{"appendonly yes", "maxmemory 256mb", "maxmemory-policy volatile-lru", "user default off"}, users...)
}

// If this fails, a deployment that follows the documents has findings, or the user of an audit with the
// rights of the documents cannot look at everything.
func TestNothingToFindAndNothingUnchecked(t *testing.T) {
	t.Parallel()
	i := start(t, append(good(), "user root on >root ~* &* +@all -scan -keys -randomkey", "save 3600 1")...)
	report := ask(t, source(t, redisaudit.Options{Application: "ocmt"}, redis.Options{}, i.url("ocmt-audit", "audit")))
	if report.Counts.Checks != 11 || report.Verdict() != audit.Clean {
		t.Errorf("%+v\n%+v", report.Counts, report.Results)
	}
}

// If this fails, the documents give the user of an audit a right that it does not need, or a right that is
// missing is not named.
func TestEachRightOfTheAuditorIsNeeded(t *testing.T) {
	t.Parallel()
	i := start(t, append([]string{"appendonly yes", "maxmemory 256mb", "maxmemory-policy volatile-lru"}, users[0])...)
	i.do("acl", "setuser", "default", "-scan", "-keys", "-randomkey")
	i.do("select", "1")
	for _, key := range []string{"oauth:state:t", "ocmt:health:t", "other"} {
		i.do("set", key, "x", "ex", "60")
	}
	i.do("set", "vault:session:t", `{"userId":"-","expiresAt":1e308}`, "ex", "7200")
	i.do("set", "other", "x")
	words := strings.Fields(auditor)[3:]
	for n, left := range append([]string{""}, words...) {
		if left == "+cluster|nodes" { // TestCluster has it
			continue
		}
		rights := append([]any{"acl", "setuser", "tried", "reset", "on", ">x", "-@all"}, anys(words)...)
		if n > 0 {
			rights = slices.Delete(rights, 6+n, 7+n)
		}
		i.do(rights...)
		report := ask(t, source(t, redisaudit.Options{Application: "ocmt"}, redis.Options{}, strings.TrimSuffix(i.url("tried", "x"), "0")+"1"))
		named := slices.ContainsFunc(report.Results, func(r audit.Result) bool {
			return slices.ContainsFunc(r.Gaps, func(g audit.Gap) bool {
				return g.Missing != "" && strings.HasPrefix(g.Missing, strings.TrimSuffix(left, "*")) && g.Grant == "ACL SETUSER tried "+g.Missing
			})
		})
		if report.Counts.Findings != 0 || (report.Counts.Gaps == 0) != (n == 0) || n > 0 && !named {
			t.Errorf("without %q: %+v", left, report.Counts)
		}
	}
}

// anys returns texts as arguments.
func anys(texts []string) (list []any) {
	for _, text := range texts {
		list = append(list, text)
	}
	return list
}

// If this fails, a deployment with every fault has findings that are missing.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	i := start(t, "bind 0.0.0.0", "protected-mode no", "user other on nopass ~* +scan")
	i.do("config", "set", "requirepass", "")
	i.do("set", "vault:session:token-one", "x")
	i.do("set", "oauth:pkce:token-two", "x", "ex", "700")
	address := fmt.Sprintf("redis://%s/0", net.JoinHostPort(outside(t), i.port()))
	report := ask(t, source(t, redisaudit.Options{}, redis.Options{}, address))
	for id, want := range map[string]expect{
		"RDS-001": {audit.Found, audit.Critical, "PONG over the network", ""},
		"RDS-002": {audit.Found, audit.High, "has no TLS", ""},
		"RDS-003": {audit.Found, audit.Medium, "default", ""},
		"RDS-004": {audit.Found, audit.High, "FLUSHALL, FLUSHDB, CONFIG GET, CONFIG SET, KEYS, SHUTDOWN, REPLICAOF, EVAL, ACL SETUSER, MIGRATE", ""},
		"RDS-005": {audit.Found, audit.High, "bind 0.0.0.0, protected-mode no", ""},
		"RDS-006": {audit.Found, audit.Medium, "appendonly", ""},
		"RDS-007": {audit.Found, audit.Medium, "noeviction", ""},
		"RDS-008": {audit.Found, audit.High, "keys vault:session:*", ""},
		"RDS-009": {audit.Found, audit.Medium, "keys oauth:pkce:*", ""},
		"RDS-010": {audit.Found, audit.High, "user other", ""},
		"RDS-011": {audit.Pass, 0, "", ""},
	} {
		hold(t, report, id, want)
	}
	if text := fmt.Sprintf("%+v", report); strings.Contains(text, "token-") {
		t.Error("the report has the name of a key")
	}
}

// If this fails, a Redis without a password passes, or one with a password is reported.
func TestPassword(t *testing.T) {
	t.Parallel()
	open, closed, wide := start(t, "bind 0.0.0.0", "protected-mode yes"), start(t), start(t)
	for _, one := range []*instance{open, wide} {
		one.do("config", "set", "requirepass", "")
	}
	socket, err := url.Parse(wide.server.SocketURL())
	if err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{socket.Path: 0o777, filepath.Dir(socket.Path): 0o711} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, one := range map[string]struct {
		address string
		want    expect
	}{
		"asks":           {closed.owner(), expect{audit.Pass, 0, "", ""}},
		"loopback":       {open.owner(), expect{audit.Found, audit.Critical, "PONG over loopback", ""}},
		"protected":      {"redis://" + net.JoinHostPort(outside(t), open.port()), expect{audit.Unchecked, 0, "has replicas", ""}},
		"private socket": {open.server.SocketURL(), expect{audit.Pass, 0, "", ""}},
		"open socket":    {wide.server.SocketURL(), expect{audit.Found, audit.Critical, "PONG over a unix socket", ""}},
		"nobody":         {"redis://127.0.0.1:1", expect{audit.Unchecked, 0, "there is no answer", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := ask(t, source(t, redisaudit.Options{}, redis.Options{}, one.address), "RDS-001")
			hold(t, report, "RDS-001", one.want)
			if len(report.Results[0].Gaps) > 1 {
				t.Errorf("one cause is told twice: %+v", report.Results[0].Gaps)
			}
		})
	}
}

// If this fails, a user without a password that may do nothing is taken for a good or for an open server.
func TestDefaultUserThatMayNotPing(t *testing.T) {
	t.Parallel()
	i := start(t, users...)
	i.do("acl", "setuser", "default", "nopass", "-@all")
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.url("ocmt", "app")), "RDS-001"), "RDS-001", expect{audit.Unchecked, 0, "needs none, and may not PING", "ACL SETUSER default off"})
}

// If this fails, commands that the application may run are not seen by one of the ways to ask, or are
// reported although it may not.
func TestDangerousCommands(t *testing.T) {
	t.Parallel()
	const narrow = "user ocmt on >app ~vault:* -@all +get +set +multi +discard +exec +info"
	i := start(t, narrow, "user wide on >app ~vault:* +@all -flushall -shutdown", "user blind on >app ~vault:* +info +get", "user dry on >app +acl|dryrun +info", "user rules on >app +acl|getuser +info",
		"user selected on >app +info +acl|getuser (~a* +flushall)", "rename-command FLUSHDB \"\"")
	every := []string{"CONFIG GET", "CONFIG SET", "KEYS", "REPLICAOF", "EVAL", "ACL SETUSER", "MIGRATE"}
	for name, one := range map[string]struct {
		user, application string
		want              expect
		lists             []string
	}{
		"dryrun finds":      {"dry", "wide", expect{audit.Found, audit.High, "user wide", ""}, every},
		"dryrun passes":     {"dry", "ocmt", expect{audit.Pass, 0, "", ""}, nil},
		"dryrun of nobody":  {"dry", "nobody", expect{audit.Unchecked, 0, "no user of this name", ""}, nil},
		"getuser finds":     {"rules", "wide", expect{audit.Found, audit.High, "user wide", ""}, every},
		"getuser passes":    {"rules", "ocmt", expect{audit.Pass, 0, "", ""}, nil},
		"a selector":        {"rules", "selected", expect{audit.Found, audit.High, "FLUSHALL", ""}, []string{"FLUSHALL"}},
		"own rules":         {"wide", "", expect{audit.Found, audit.High, "user wide", ""}, every},
		"transaction tells": {"ocmt", "", expect{audit.Unchecked, 0, "SHUTDOWN", "ACL SETUSER ocmt +acl|dryrun"}, nil},
		"no way":            {"blind", "", expect{audit.Unchecked, 0, "what the user blind may do", "ACL SETUSER blind +acl|dryrun"}, nil},
		"of another":        {"blind", "ocmt", expect{audit.Unchecked, 0, "what the user ocmt may do", "ACL SETUSER blind +acl|dryrun"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			report := ask(t, source(t, redisaudit.Options{Application: one.application}, redis.Options{}, i.url(one.user, "app")), "RDS-004")
			hold(t, report, "RDS-004", one.want)
			text := fmt.Sprintf("%+v", report.Results[0].Findings)
			for _, command := range one.lists {
				if !strings.Contains(text, command) {
					t.Errorf("%s is not in %s", command, text)
				}
			}
			if name == "transaction tells" && len(report.Results[0].Gaps) != 1 {
				t.Errorf("%+v", report.Results[0].Gaps)
			}
		})
	}
	// The user blind may not begin a transaction.
	if i.names()["multi"] < 2 || i.names()["multi"] != i.names()["discard"]+1 {
		t.Errorf("transactions: %v", i.names())
	}
}

// If this fails, an application that may flush everything is not seen where nothing but its own
// transaction tells.
func TestTransactionFinds(t *testing.T) {
	t.Parallel()
	i := start(t, "user ocmt on >app ~* +@all -acl -flushdb", "rename-command DEBUG \"\"")
	i.do("set", "vault:session:token", "x")
	report := ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.url("ocmt", "app")), "RDS-003", "RDS-004")
	hold(t, report, "RDS-003", expect{audit.Pass, 0, "", ""}) // the address names the user
	hold(t, report, "RDS-004", expect{audit.Found, audit.High, "FLUSHALL, CONFIG GET, CONFIG SET, KEYS, REPLICAOF, EVAL, MIGRATE", ""})
	if n := i.admin.DBSize(context.Background()).Val(); n != 1 {
		t.Errorf("there are %d keys", n)
	}
}

// If this fails, nobody is told that the servers use the user with all rights, or that it could not be asked.
func TestApplicationUser(t *testing.T) {
	t.Parallel()
	i := start(t, "user few on >app +info")
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.owner()), "RDS-003"), "RDS-003", expect{audit.Found, audit.Medium, "user default", ""})
	hold(t, ask(t, source(t, redisaudit.Options{Application: "ocmt"}, redis.Options{}, i.owner()), "RDS-003"), "RDS-003", expect{audit.Pass, 0, "", ""})
	i.do("acl", "setuser", "default", "-acl|whoami")
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.owner()), "RDS-003"), "RDS-003", expect{audit.Unchecked, 0, "", "ACL SETUSER default +acl|whoami"})
}

// If this fails, a Redis that listens everywhere without protected mode passes.
func TestBind(t *testing.T) {
	t.Parallel()
	const few = "user few on >app +info +acl|whoami"
	for name, one := range map[string]struct {
		settings []string
		user     string
		want     expect
	}{
		"one address":           {nil, "", expect{audit.Pass, 0, "", ""}},
		"one, unprotected":      {[]string{"protected-mode no"}, "", expect{audit.Pass, 0, "", ""}},
		"all, unprotected":      {[]string{"bind * -::*", "protected-mode no"}, "", expect{audit.Found, audit.High, "protected-mode no", ""}},
		"all, protected":        {[]string{"bind 0.0.0.0", "protected-mode yes"}, "", expect{audit.Pass, 0, "", ""}},
		"asked from outside":    {[]string{few}, "few", expect{audit.Pass, 0, "", ""}},
		"outside, all":          {[]string{few, "bind 0.0.0.0"}, "few", expect{audit.Unchecked, 0, "bind", "ACL SETUSER few +config|get"}},
		"outside, no password":  {[]string{few, "bind 0.0.0.0", "protected-mode no"}, "few without", expect{audit.Found, audit.High, "answers from the network", ""}},
		"outside, but refusing": {[]string{few, "bind 0.0.0.0", "protected-mode yes"}, "few without", expect{audit.Pass, 0, "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t, one.settings...)
			address := i.server.URL() // the port of the recorder does not answer outside
			if one.user == "few without" {
				i.do("config", "set", "requirepass", "")
			}
			if one.user != "" {
				address = strings.Replace(i.url("few", "app"), i.address, net.JoinHostPort("127.0.0.1", i.port()), 1)
			}
			hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, address), "RDS-005"), "RDS-005", one.want)
		})
	}
}

// If this fails, somebody else lists bearer tokens unseen, or a user who cannot is reported. No hash of a
// password may be in what is returned.
func TestKeyReaders(t *testing.T) {
	t.Parallel()
	i := start(t, append(good(), "user backup on >b +@all", "user metrics on nopass +@read -scan -keys", "user gone off >b +@all", "user locked on +@all", "user strict on >b +@all -scan -keys -randomkey", "user sel on >b (~x +scan)")...)
	report := ask(t, source(t, redisaudit.Options{Application: "ocmt"}, redis.Options{}, i.url("ocmt-audit", "audit")), "RDS-010")
	var causes []string
	for _, one := range report.Results[0].Findings {
		causes = append(causes, one.Cause+": "+one.Actual)
	}
	slices.Sort(causes)
	want := []string{"user backup: SCAN, KEYS, RANDOMKEY", "user metrics: RANDOMKEY, without a password", "user sel: SCAN"}
	if !slices.Equal(causes, want) {
		t.Errorf("%q", causes)
	}
	report = ask(t, source(t, redisaudit.Options{Application: "ocmt", Operators: []string{"backup", "sel"}}, redis.Options{}, i.url("ocmt-audit", "audit")), "RDS-010")
	if found := report.Findings(); len(found) != 1 || found[0].Cause != "user metrics" {
		t.Errorf("beside those that are known there are %+v", found)
	}
	hash := strings.Fields(i.admin.Do(context.Background(), "acl", "getuser", "backup").String())
	readers, err := source(t, redisaudit.Options{}, redis.Options{}, i.url("ocmt-audit", "audit")).Servers(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	found, err := readers[0].KeyReaders(context.Background())
	for _, word := range hash {
		if len(strings.Trim(word, "[]")) == 64 && strings.Contains(fmt.Sprintf("%+v", found), strings.Trim(word, "[]")) {
			t.Error("it has the hash of a password")
		}
	}
	if err != nil || len(found) < 3 {
		t.Errorf("%v: %v", found, err)
	}
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, i.url("ocmt", "app")), "RDS-010"), "RDS-010", expect{audit.Unchecked, 0, "", "ACL SETUSER ocmt +acl|list"})
}
