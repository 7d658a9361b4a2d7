package cli

import (
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/trace"
)

// databaseOptions returns how connections to the database are made.
func (a *App) databaseOptions(settings *config.Settings) postgres.Options {
	return postgres.Options{ApplicationName: settings.Engine.ApplicationName, LockTimeout: settings.Engine.LockTimeout,
		StatementTimeout: settings.Engine.StatementTimeout, Trace: a.trace()}
}

// trace returns what tells of connections and statements with --verbose, or nil: looking for the names of
// statements costs time.
func (a *App) trace() trace.Begin {
	if !a.globals.verbose {
		return nil
	}
	return func(what string) func(string) {
		began := a.deps.Now()
		return func(result string) {
			took := a.deps.Now().Sub(began)
			a.printer.Detail("%s %8.1f ms  %s: %s", began.UTC().Format("15:04:05.000"), took.Seconds()*1000, what, result)
		}
	}
}
