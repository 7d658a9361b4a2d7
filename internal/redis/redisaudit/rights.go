package redisaudit

import (
	"context"
	"errors"
	"slices"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/audit"
)

// command is a command whose right is asked for.
type command struct {
	name string
	// args could do no harm if they were carried out by mistake: the server refuses each as wrong, or
	// changes nothing.
	args       []string
	rule       string   // as ACL rules name it: "config|set"
	categories []string // of Redis 6 and 7
	queued     bool     // a transaction takes it
	parameter  string   // of the configuration that switches it off, "" for none
}

// dangerous are the commands that an application needs for nothing.
var dangerous = []command{
	{name: "FLUSHALL", args: []string{"flushall", "ocmt-probe"}, rule: "flushall", categories: []string{"keyspace", "write", "slow", "dangerous"}, queued: true},
	{name: "FLUSHDB", args: []string{"flushdb", "ocmt-probe"}, rule: "flushdb", categories: []string{"keyspace", "write", "slow", "dangerous"}, queued: true},
	{name: "CONFIG GET", args: []string{"config", "get", "ocmt-probe"}, rule: "config|get", categories: []string{"admin", "slow", "dangerous"}, queued: true},
	{name: "CONFIG SET", args: []string{"config", "set", "ocmt-probe", "1"}, rule: "config|set", categories: []string{"admin", "slow", "dangerous"}, queued: true},
	{name: "DEBUG", args: []string{"debug", "help"}, rule: "debug", categories: []string{"admin", "slow", "dangerous"}, queued: true, parameter: "enable-debug-command"},
	{name: "KEYS", args: []string{"keys", "ocmt-probe"}, rule: "keys", categories: []string{"keyspace", "read", "slow", "dangerous"}, queued: true},
	{name: "SHUTDOWN", args: []string{"shutdown", "ocmt-probe"}, rule: "shutdown", categories: []string{"admin", "slow", "dangerous"}},
	{name: "REPLICAOF", args: []string{"replicaof", "ocmt-probe", "ocmt-probe"}, rule: "replicaof", categories: []string{"admin", "slow", "dangerous"}, queued: true},
	{name: "MODULE LOAD", args: []string{"module", "load", "/ocmt-probe/none"}, rule: "module|load", categories: []string{"admin", "slow", "dangerous"}, queued: true, parameter: "enable-module-command"},
	{name: "EVAL", args: []string{"eval", "return 0", "0"}, rule: "eval", categories: []string{"slow", "scripting"}, queued: true},
	{name: "ACL SETUSER", args: []string{"acl", "setuser", "ocmt probe"}, rule: "acl|setuser", categories: []string{"admin", "slow", "dangerous"}, queued: true},
	{name: "MIGRATE", args: []string{"migrate", "127.0.0.1", "1", "ocmt-probe", "0", "1"}, rule: "migrate", categories: []string{"keyspace", "write", "slow", "dangerous"}, queued: true},
}

// listing are the commands that list names of keys.
var listing = []command{
	{name: "SCAN", rule: "scan", categories: []string{"keyspace", "read", "slow"}},
	{name: "KEYS", rule: "keys", categories: []string{"keyspace", "read", "slow", "dangerous"}},
	{name: "RANDOMKEY", rule: "randomkey", categories: []string{"keyspace", "read", "slow"}},
}

// DangerousCommands implements audit.RedisServer. It asks with ACL DRYRUN. Where that is not there, or
// not allowed, it reads the rules of the user with ACL GETUSER, and else tries with transactions that
// are never carried out, if the user is that of this connection.
func (s *server) DangerousCommands(ctx context.Context, user string) ([]audit.RedisCommand, error) {
	list, err := s.dryRun(ctx, user)
	if isMissing(err) {
		var second error
		list, second = s.readRules(ctx, user)
		if own, _, ownErr := s.Users(ctx); isMissing(second) && ownErr == nil && own == user {
			list, second = s.probe(ctx, err)
		}
		if isMissing(second) {
			return nil, err // what DRYRUN needs is the least
		}
		err = second
	}
	if err != nil {
		return nil, err
	}
	for i, one := range list {
		name := dangerous[i].parameter
		if name == "" || one.Verdict != audit.RedisMay {
			continue
		}
		if value, err := s.Parameter(ctx, name); err == nil && value == "no" {
			list[i].Verdict = audit.RedisNoSuch
		}
	}
	return list, ctx.Err()
}

// isMissing reports whether an error says that a right or a command is missing, so that another way may
// go.
func isMissing(err error) bool {
	var gap *audit.GapError
	return errors.Is(err, errNoSuchCommand) || errors.As(err, &gap) && gap.Gap.Missing != ""
}

// dryRun asks the server whether a user may run each command.
func (s *server) dryRun(ctx context.Context, user string) (list []audit.RedisCommand, err error) {
	for _, one := range dangerous {
		args := []any{"acl", "dryrun", user}
		for _, arg := range one.args {
			args = append(args, arg)
		}
		reply, err := s.send(ctx, args...)
		switch text, _ := reply.(string); {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && text == "OK", err == nil && refusesKey(text):
			list = append(list, audit.RedisCommand{Name: one.name, Verdict: audit.RedisMay})
		case err == nil:
			list = append(list, audit.RedisCommand{Name: one.name, Verdict: audit.RedisMayNot})
		case strings.HasPrefix(err.Error(), "ERR Command") && strings.HasSuffix(err.Error(), "not found"):
			list = append(list, audit.RedisCommand{Name: one.name, Verdict: audit.RedisNoSuch})
		case strings.HasPrefix(err.Error(), "ERR User") && strings.HasSuffix(err.Error(), "not found"):
			return nil, s.noSuchUser(user)
		default:
			return nil, s.explain(err, s.whatOf(user), "+acl|dryrun")
		}
	}
	return list, nil
}

// whatOf names what is not known where the rights of a user are not.
func (s *server) whatOf(user string) string {
	return "what the user " + user + " may do on " + s.place.Address
}

func (s *server) noSuchUser(user string) error {
	return &audit.GapError{Gap: audit.Gap{What: s.whatOf(user), Reason: "the server has no user of this name"}}
}

// refusesKey reports whether a server says that a command is refused for its key alone. With a key of
// its own the user may run it.
func refusesKey(text string) bool {
	return strings.Contains(text, " permissions to access ") // the name of a user has no spaces
}

// readRules reads the rules of a user, and says what they allow.
func (s *server) readRules(ctx context.Context, user string) (list []audit.RedisCommand, err error) {
	reply, err := s.send(ctx, "acl", "getuser", user)
	if errors.Is(err, driver.Nil) {
		return nil, s.noSuchUser(user)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, s.explain(err, s.whatOf(user), "+acl|getuser")
	}
	rules := readUserReply(reply)
	for _, one := range dangerous {
		verdict := audit.RedisMayNot
		if rules.allows(one) {
			verdict = audit.RedisMay
		}
		list = append(list, audit.RedisCommand{Name: one.name, Verdict: verdict})
	}
	return list, nil
}

// KeyReaders implements audit.RedisServer.
func (s *server) KeyReaders(ctx context.Context) (readers []audit.RedisReader, err error) {
	reply, err := s.ask(ctx, "the users of "+s.place.Address, "+acl|list", "acl", "list")
	if errors.Is(err, errNoSuchCommand) && s.lacksACL(ctx) {
		return []audit.RedisReader{{User: "default", Commands: []string{"SCAN", "KEYS", "RANDOMKEY"}}}, nil
	}
	if err != nil {
		return nil, err
	}
	lines, _ := reply.([]any)
	for _, line := range lines {
		text, _ := line.(string)
		user, ok := readUserLine(text)
		if !ok || !user.canLogIn() || slices.Contains(s.options.Operators, user.name) {
			continue
		}
		reader := audit.RedisReader{User: user.name, NoPassword: user.noPassword}
		for _, one := range listing {
			if user.allows(one) {
				reader.Commands = append(reader.Commands, one.name)
			}
		}
		if len(reader.Commands) > 0 {
			readers = append(readers, reader)
		}
	}
	slices.SortFunc(readers, func(a, b audit.RedisReader) int { return strings.Compare(a.User, b.User) })
	return readers, nil
}
