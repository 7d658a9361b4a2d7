package redisaudit

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strings"
	"sync"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/redis"
)

// server is one server with data. It implements audit.RedisServer.
type server struct {
	place     audit.RedisPlace
	options   Options
	universal driver.UniversalOptions
	client    *driver.Client

	mu      sync.Mutex
	reached bool             // it has answered something, be it a refusal
	keys    *audit.RedisKeys // what was counted; nil before
}

func (s *server) close() { _ = s.client.Close() }

// Place implements audit.RedisServer.
func (s *server) Place() audit.RedisPlace { return s.place }

// answers reports whether the server has answered a command, or answers a PING without a user. One in
// protected mode may close a connection before the driver has read why.
func (s *server) answers(ctx context.Context) bool {
	s.mu.Lock()
	reached := s.reached
	s.mu.Unlock()
	if reached {
		return true
	}
	_, err := s.greetAt(ctx, s.place.Address)
	return err == nil
}

// login returns the user of the connections.
func (s *server) login() string { return cmp.Or(s.universal.Username, "default") }

// ask sends a command. What names it in a gap, and right is what its user needs.
func (s *server) ask(ctx context.Context, what, right string, args ...any) (any, error) {
	reply, err := s.send(ctx, args...)
	if err != nil && ctx.Err() == nil {
		return nil, s.explain(err, what, right)
	}
	return reply, err
}

// send sends a command, and returns the error of the driver as it is, or that of the context.
func (s *server) send(ctx context.Context, args ...any) (any, error) {
	limited, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	reply, err := s.client.Do(limited, args...).Result()
	var answer driver.Error
	if err == nil || errors.As(err, &answer) {
		s.mu.Lock()
		s.reached = true
		s.mu.Unlock()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return reply, err
}

// errNoSuchCommand says that the server does not have a command.
var errNoSuchCommand = errors.New("the server does not have the command, or has it renamed")

// explain returns the gap of an error. What a server says is not repeated, because it can name a key.
func (s *server) explain(err error, what, right string) error {
	gap := audit.Gap{What: what, Reason: reasonOf(err)}
	switch {
	case errors.Is(redis.ExplainError(err), redis.ErrRights):
		gap.Missing = missingRight(err, right)
		gap.Grant = grantTo(s.login(), gap.Missing)
	case isUnknownCommand(err):
		return &noSuchCommandError{audit.GapError{Gap: gap}}
	}
	return &audit.GapError{Gap: gap}
}

// noSuchCommandError is a gap where the server does not have the command.
type noSuchCommandError struct{ audit.GapError }

// Unwrap returns the gap.
func (e *noSuchCommandError) Unwrap() []error { return []error{&e.GapError, errNoSuchCommand} }

// missingRight returns the right that an answer says is missing. The driver selects the database before the
// first command.
func missingRight(err error, asked string) string {
	if strings.Contains(err.Error(), "'select' command") {
		return "+select"
	}
	return asked
}

// grantTo returns the command that gives a right to a user.
func grantTo(user, right string) string { return "ACL SETUSER " + user + " " + right }

// isUnknownCommand reports whether the server says that it has no such command or subcommand.
func isUnknownCommand(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "unknown command") || strings.Contains(text, "unknown subcommand")
}

// reasonOf says in a few words why there is no answer.
func reasonOf(err error) string {
	var broken net.Error
	explained := redis.ExplainError(err)
	switch {
	case errors.Is(explained, redis.ErrRefused):
		return redis.ErrRefused.Error()
	case errors.Is(explained, redis.ErrRights):
		return redis.ErrRights.Error()
	case isUnknownCommand(err):
		return errNoSuchCommand.Error()
	case strings.Contains(err.Error(), "x509: ") || strings.Contains(err.Error(), "tls: "):
		return "the certificate of the server is not accepted, or it speaks no TLS"
	case errors.As(err, &broken), errors.Is(err, context.DeadlineExceeded), strings.Contains(err.Error(), "EOF"):
		return redis.ErrGone.Error()
	case strings.HasPrefix(err.Error(), "DENIED"):
		return "protected mode lets in this machine only"
	}
	return "the answer is an error"
}

// Users implements audit.RedisServer.
func (s *server) Users(ctx context.Context) (own, application string, err error) {
	reply, err := s.ask(ctx, "the user of the connection to "+s.place.Address, "+acl|whoami", "acl", "whoami")
	own, _ = reply.(string)
	var gap *audit.GapError
	switch {
	case err == nil:
	case errors.Is(err, errNoSuchCommand) && s.lacksACL(ctx):
		own, err = "default", nil
	case s.universal.Username != "" && (errors.Is(err, errNoSuchCommand) || errors.As(err, &gap) && gap.Gap.Missing != ""):
		own, err = s.universal.Username, nil // the server has let this user in
	}
	return own, cmp.Or(s.options.Application, own), err
}

// lacksACL reports whether the server is older than users, which came with version 6.
func (s *server) lacksACL(ctx context.Context) bool {
	info, err := s.Info(ctx, "server")
	major, _, _ := strings.Cut(info["redis_version"], ".")
	return err == nil && len(major) == 1 && major < "6"
}

// Info implements audit.RedisServer.
func (s *server) Info(ctx context.Context, section string) (map[string]string, error) {
	reply, err := s.ask(ctx, "INFO "+section+" of "+s.place.Address, "+info", "info", section)
	text, _ := reply.(string)
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); found {
			fields[name] = value
		}
	}
	return fields, err
}

// Parameter implements audit.RedisServer.
func (s *server) Parameter(ctx context.Context, name string) (string, error) {
	what := "the parameter " + name + " of " + s.place.Address
	reply, err := s.ask(ctx, what, "+config|get", "config", "get", name)
	if err != nil {
		return "", err
	}
	value, there := readPairs(reply)[name]
	if !there {
		return "", &audit.GapError{Gap: audit.Gap{What: what, Reason: "the server does not have it"}}
	}
	return value, nil
}
