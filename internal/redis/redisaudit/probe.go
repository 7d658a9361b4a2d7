package redisaudit

import (
	"context"
	"errors"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/audit"
)

// probe tries each command in a transaction that is never carried out: the server says at once whether
// the user may put it there. The connection is closed at the first answer that is not expected. Missing is
// the gap of what a transaction cannot tell.
func (s *server) probe(ctx context.Context, missing error) ([]audit.RedisCommand, error) {
	limited, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	of := s.universal
	client := newClient(&driver.Options{Addr: s.place.Address, Dialer: of.Dialer, Username: of.Username, Password: of.Password, DB: of.DB}, s.options.Timeout, isAllowedInProbe)
	defer func() { _ = client.Close() }()
	conn := client.Conn()
	defer func() { _ = conn.Close() }()
	var gap *audit.GapError
	unknown := audit.Gap{}
	if errors.As(missing, &gap) {
		unknown = gap.Gap
	}
	var list []audit.RedisCommand
	for i, one := range dangerous {
		verdict, ended := audit.RedisUnknown, false
		if one.queued {
			verdict, ended = tryQueue(limited, conn, one.args)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if ended && i == 0 {
			return nil, missing
		}
		known := audit.RedisCommand{Name: one.name, Verdict: verdict}
		if verdict == audit.RedisUnknown {
			known.Gap = unknown
			known.Gap.What = "whether the user may run " + one.name + " on " + s.place.Address
		}
		list = append(list, known)
		if !ended {
			continue
		}
		for _, rest := range dangerous[i+1:] {
			unknown.What = "whether the user may run " + rest.name + " on " + s.place.Address
			list = append(list, audit.RedisCommand{Name: rest.name, Verdict: audit.RedisUnknown, Gap: unknown})
		}
		break
	}
	return list, nil
}

// tryQueue puts a command into a transaction and discards it. ended says that the connection must not
// be used again.
func tryQueue(ctx context.Context, conn *driver.Conn, args []string) (verdict audit.RedisVerdict, ended bool) {
	if begun, err := conn.Do(ctx, "multi").Text(); err != nil || begun != "OK" {
		return audit.RedisUnknown, true
	}
	words := make([]any, len(args))
	for i, arg := range args {
		words[i] = arg
	}
	answer, err := conn.Do(ctx, words...).Text()
	var refused driver.Error
	switch {
	case err == nil && answer == "QUEUED":
		verdict = audit.RedisMay
	case err == nil, !errors.As(err, &refused):
		return audit.RedisUnknown, true
	case strings.HasPrefix(err.Error(), "NOPERM") && !refusesKey(err.Error()):
		verdict = audit.RedisMayNot
	case strings.HasPrefix(err.Error(), "NOPERM"):
		verdict = audit.RedisMay
	case isUnknownCommand(err), strings.Contains(err.Error(), "command not allowed"):
		verdict = audit.RedisNoSuch
	default:
		verdict = audit.RedisUnknown
	}
	discarded, err := conn.Do(ctx, "discard").Text()
	return verdict, err != nil || discarded != "OK"
}
