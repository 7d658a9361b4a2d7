package cli

import (
	"errors"
	"strings"

	"github.com/ocmt/ocmt/internal/postgres/pgsession"
	"github.com/ocmt/ocmt/internal/probe"
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
		explained := &ui.Error{Message: "what stands in PostgreSQL is ended, and Redis is not done", Why: "Redis: " + cache.Cause.Error(), Code: ui.ExitPartial, Hints: redisHints(cache.Cause)}
		if server := explainServer(err); server != nil {
			explained.Reasons, explained.Hints = append(explained.Reasons, server.Message), append(explained.Hints, server.Hints...)
		}
		explained.Hints = append(explained.Hints, "then run the same command again: it finishes what is left")
		return explained
	case errors.Is(err, session.ErrStillAlive):
		return &ui.Error{Message: strings.ReplaceAll(err.Error(), "\n", "; "), Code: ui.ExitPartial, Hints: []string{"look who makes it anew, then run the same command again; --watch keeps ending it"}}
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
	case errors.Is(err, errNoNames), errors.Is(err, errManyNames), errors.Is(err, errNoToken), errors.Is(err, errUnknownToken), errors.Is(err, errManyCaches):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage}
	case errors.As(err, &table):
		return &ui.Error{Message: table.Error(), Code: ui.ExitFailed, Hints: []string{"check that DATABASE_URL names the OCMT database, and the search path of its account"}}
	case errors.As(err, &column):
		return &ui.Error{Message: column.Error(), Code: ui.ExitFailed, Hints: []string{"bring the table to the form that OCMT's migrations give it; nothing was ended"}}
	case errors.Is(err, redis.ErrAddress), errors.Is(err, redis.ErrCertificates):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage}
	}
	for _, explainKind := range []func(error) *ui.Error{explainUnseen, explainServer, redisError} {
		if explained := explainKind(err); explained != nil {
			return explained
		}
	}
	return nil
}

// explainUnseen explains why live rows would not be seen, nil where it is not that.
func explainUnseen(err error) *ui.Error {
	var hidden *pgsession.HiddenRowsError
	var zone *session.TimeZoneError
	var early *session.EarlyError
	switch {
	case errors.As(err, &hidden):
		return &ui.Error{Message: hidden.Error(), Code: ui.ExitRefused, Hints: []string{"use the account that the servers use, or one with BYPASSRLS; nothing was ended"}}
	case errors.As(err, &zone) && zone.Of == "":
		return &ui.Error{Message: zone.Error(), Code: ui.ExitRefused, Hints: []string{"leave out PGTZ, and TimeZone in the address, then run it again"}}
	case errors.As(err, &zone):
		return &ui.Error{Message: zone.Error(), Code: ui.ExitRefused, Hints: []string{"use the account that the servers use in DATABASE_URL, or give both accounts one time zone with ALTER ROLE"}}
	case errors.As(err, &early):
		return &ui.Error{Message: early.Error(), Code: ui.ExitRefused, Hints: []string{"with --including-new they end too, and with them what begins meanwhile"}}
	}
	return nil
}

// explainServer explains why a server has not done what it was asked for, nil where it is not that.
func explainServer(err error) *ui.Error {
	var failure *session.ServerError
	switch {
	case errors.Is(err, session.ErrStillAccepted):
		return &ui.Error{Message: strings.ReplaceAll(err.Error(), "\n", "; "), Code: ui.ExitFailed, Hints: []string{"check that the server reads the database that DATABASE_URL names, then restart it"}}
	case errors.Is(err, session.ErrNotAccepted), errors.Is(err, session.ErrNotSelected):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage, Hints: []string{"log in anew and give that session's token; nothing was ended"}}
	case errors.As(err, &failure):
		return &ui.Error{Message: serverFailures(err), Code: ui.ExitPartial, Hints: serverHints(failure)}
	case errors.Is(err, probe.ErrAddress), errors.Is(err, probe.ErrCertificates):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage}
	}
	return nil
}

// serverFailures says all that servers have not done.
func serverFailures(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var texts []string
		for _, part := range joined.Unwrap() {
			if text := serverFailures(part); text != "" {
				texts = append(texts, text)
			}
		}
		return strings.Join(texts, "; ")
	}
	var failure *session.ServerError
	if errors.As(err, &failure) {
		return failure.Error()
	}
	return ""
}

// serverHints say what to do where a server could not be asked.
func serverHints(failure *session.ServerError) []string {
	var status *probe.StatusError
	again := "run the same command again: it goes on with what is left"
	switch {
	case errors.As(failure, &status) && status.IsBusy():
		wait := "an hour"
		if status.RetryAfter > 0 {
			wait = status.RetryAfter.String()
		}
		return []string{"restart the server, which ends all that it holds; or wait " + wait + " until it takes requests, and " + again}
	case errors.As(failure, &status) && status.IsRefusal():
		return []string{"check that INTERNAL_ADMIN_TOKEN is what that server has, then " + again}
	case errors.As(failure, &status), errors.Is(failure, session.ErrKept), errors.Is(failure, session.ErrNotLoggedOut):
		return []string{"check that --endpoint names the management server itself, then " + again}
	}
	return []string{"check the address of --endpoint and that the server is up, then " + again}
}
