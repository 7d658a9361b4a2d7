package cli

import (
	"errors"
	"strings"

	"github.com/ocmt/ocmt/internal/postgres/pgsession"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/session"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// explainSession explains why live access was not ended, or not all of it.
func explainSession(err error) *ui.Error {
	var cache *session.CacheError
	var unknown *session.UnknownNameError
	var table *pgsession.MissingTableError
	var column *pgsession.MissingColumnError
	switch {
	case errors.As(err, &cache):
		return &ui.Error{Message: "what stands in PostgreSQL is ended, and Redis is not done: " + cache.Cause.Error(), Code: ui.ExitPartial,
			Hints: append(redisHints(cache.Cause), "then run the same command again: it finishes what is left")}
	case errors.Is(err, session.ErrStillAlive):
		return &ui.Error{Message: err.Error(), Code: ui.ExitPartial, Hints: []string{"look who makes it anew, then run the same command again; --watch keeps ending it"}}
	case errors.Is(err, session.ErrStopped):
		return &ui.Error{Message: "stopped; what was ended stays ended", Code: ui.ExitInterrupted, Hints: []string{"run the same command again to go on"}}
	case errors.As(err, &unknown):
		shown := session.UnknownNameError{What: unknown.What}
		for _, name := range unknown.Names {
			if secret.Resembles(name) && !strings.Contains(name, "@") {
				name = "[not shown]"
			}
			shown.Names = append(shown.Names, name)
		}
		return &ui.Error{Message: shown.Error(), Code: ui.ExitUsage, Hints: []string{"give the id, or the whole e-mail address or name"}}
	case errors.Is(err, errNoNames):
		return &ui.Error{Message: errNoNames.Error(), Code: ui.ExitUsage}
	case errors.As(err, &table):
		return &ui.Error{Message: table.Error(), Code: ui.ExitFailed, Hints: []string{"check that DATABASE_URL names the OCMT database, and the search path of its account"}}
	case errors.As(err, &column):
		return &ui.Error{Message: column.Error(), Code: ui.ExitFailed, Hints: []string{"bring the table to the form that OCMT's migrations give it; nothing was ended"}}
	case errors.Is(err, redis.ErrAddress), errors.Is(err, redis.ErrCertificates):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage}
	}
	return redisError(err)
}

// redisError explains an answer of Redis, nil where it is none.
func redisError(err error) *ui.Error {
	if hints := redisHints(err); len(hints) > 0 {
		return &ui.Error{Message: "Redis: " + err.Error(), Code: ui.ExitFailed, Hints: hints}
	}
	return nil
}

// redisHints say what to look at where Redis does not do what it should.
func redisHints(err error) []string {
	switch {
	case errors.Is(err, redis.ErrRefused):
		return []string{"check user and password in REDIS_URL"}
	case errors.Is(err, redis.ErrRights):
		return []string{"give the user of Redis the rights that docs/session-invalidate.md lists"}
	case errors.Is(err, redis.ErrGone):
		return []string{"check REDIS_URL and that Redis is up"}
	case errors.Is(err, redis.ErrFull):
		return []string{"point REDIS_URL at the primary, or see in its log why it takes no write"}
	}
	return nil
}
