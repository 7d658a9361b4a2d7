package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/postgres/pgsession"
	"github.com/ocmt/ocmt/internal/session"
	"github.com/ocmt/ocmt/internal/ui"
)

// sessionListOptions are the flags of ocmt session-invalidate list and stats.
type sessionListOptions struct {
	sessionSelection
	Most int
}

// Validate finds what contradicts itself.
func (o *sessionListOptions) Validate() error {
	if o.Most < 1 {
		return errors.New("--most must be at least 1")
	}
	return o.validate()
}

func (o *sessionListOptions) addListFlags(cmd *cobra.Command, most int) {
	o.addFlags(cmd)
	cmd.Flags().IntVar(&o.Most, "most", most, "list at most so many")
}

func newSessionListCommand(app *App, run func(context.Context, *config.Settings, *sessionListOptions) error) *cobra.Command {
	if run == nil {
		run = app.runSessionList
	}
	options := &sessionListOptions{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List live login sessions",
		Long: `List the login sessions that a selection takes, the newest first; without a
selection all of them. No token is shown: of its digest the first characters
tell two sessions apart.

` + describeDocument("session-list"),
		Example: `  ocmt session-invalidate list --user mallory@example.org
  ocmt session-invalidate list --ip 203.0.113.0/24 --output json`,
		Args: noArgs,
	}
	options.addListFlags(cmd, 100)
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
	return cmd
}

func (a *App) runSessionList(ctx context.Context, settings *config.Settings, options *sessionListOptions) error {
	return a.withListed(ctx, settings, options, a.printSessions)
}

// printSessions lists the sessions of a selection.
func (a *App) printSessions(ctx context.Context, store *pgsession.Store, selection session.Selection, most int) error {
	entries, err := store.List(ctx, selection, most)
	if err != nil {
		return err
	}
	table := ui.Table{Columns: []ui.Column{{Title: "SESSION"}, {Title: "USER", Flexible: true}, {Title: "AGE", Right: true}, {Title: "IDLE", Right: true}, {Title: "ADDRESS", HideZero: true}, {Title: "USER AGENT", Flexible: true}}}
	for _, entry := range entries {
		who := entry.Email
		if who == "" {
			who = entry.User
		}
		table.Rows = append(table.Rows, ui.Row(entry.ID, who, ageText(entry.Age), ageText(entry.Idle), entry.Address, entry.Agent))
	}
	a.printer.Table(table)
	if len(entries) == most {
		a.printer.Note("only the newest %d are listed; --most lists more", most)
	}
	return a.printer.Document("session-list", sessionListDocument{Sessions: emptyIfNil(entries)})
}

// withListed looks up what a command is to show, and has it printed.
func (a *App) withListed(ctx context.Context, settings *config.Settings, options *sessionListOptions,
	show func(ctx context.Context, store *pgsession.Store, selection session.Selection, most int) error) error {
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	access, err := a.openAccess(settings, false)
	if err != nil {
		return err
	}
	defer access.close()
	a.doing("looking for live access")
	selection, err := options.listed(ctx, a, settings, access.store)
	if err == nil {
		err = show(ctx, access.store, selection, options.Most)
	}
	return causeOf(ctx, err)
}

// listed returns the selection, which is everything where nothing is selected.
func (o *sessionListOptions) listed(ctx context.Context, app *App, settings *config.Settings, finder session.Finder) (session.Selection, error) {
	selection, err := o.selection(ctx, app, settings, finder)
	if errors.Is(selection.Validate(), session.ErrNothingSelected) {
		selection.All = true
	}
	return selection, err
}

func newSessionStatsCommand(app *App, run func(context.Context, *config.Settings, *sessionListOptions) error) *cobra.Command {
	if run == nil {
		run = app.runSessionStats
	}
	options := &sessionListOptions{}
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count live login sessions by age, user, tenant, network and agent",
		Long: `Count the login sessions that a selection takes, without a selection all of
them: by age, by user, by tenant, by network (the first 24 bits of an IPv4
address, 48 of an IPv6 address) and by user agent, the largest groups first.

` + describeDocument("session-stats"),
		Example: `  ocmt session-invalidate stats
  ocmt session-invalidate stats --tenant acme --most 3`,
		Args: noArgs,
	}
	options.addListFlags(cmd, 10)
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
	return cmd
}

func (a *App) runSessionStats(ctx context.Context, settings *config.Settings, options *sessionListOptions) error {
	return a.withListed(ctx, settings, options, a.printSessionStats)
}

// printSessionStats counts the sessions of a selection in groups.
func (a *App) printSessionStats(ctx context.Context, store *pgsession.Store, selection session.Selection, most int) error {
	groups, err := store.Stats(ctx, selection, most)
	if err != nil {
		return err
	}
	table := ui.Table{Columns: []ui.Column{{Title: "BY"}, {Title: "NAME", Flexible: true}, {Title: "SESSIONS", Right: true}, {Title: "USERS", Right: true}}}
	for _, group := range groups {
		name := group.Name
		if name == "" {
			name = "(not told)"
		}
		table.Rows = append(table.Rows, ui.Row(group.By, name, ui.Number(group.Sessions), ui.Number(group.Users)))
	}
	a.printer.Table(table)
	return a.printer.Document("session-stats", sessionStatsDocument{Groups: emptyIfNil(groups)})
}
