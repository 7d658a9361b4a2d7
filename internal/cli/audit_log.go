package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/postgres/pgsession"
	"github.com/ocmt/ocmt/internal/ui"
)

// momentFlag is a flag that holds a time, or how long ago it was.
type momentFlag string

// Set takes what review.ParseTime reads.
func (f *momentFlag) Set(text string) error {
	if _, err := review.ParseTime(text, time.Unix(0, 0)); err != nil {
		return formError(review.ErrTime.Error())
	}
	*f = momentFlag(text)
	return nil
}

// String returns the text.
func (f *momentFlag) String() string { return string(*f) }

// Type names the kind of value in help texts.
func (f *momentFlag) Type() string { return "time" }

// at returns the time, the zero time for none.
func (f momentFlag) at(now time.Time) (time.Time, error) {
	if f == "" {
		return time.Time{}, nil
	}
	return review.ParseTime(string(f), now)
}

// auditLogOptions are the flags of ocmt audit log.
type auditLogOptions struct {
	Since, Until       momentFlag
	Users              nameList
	Tenants, Groups    textList
	Action             wordFlag
	Networks           networkList
	Failed             bool
	Sources            nameList
	Limit              lineCount
	After              wordFlag
	Export             wordFlag
	Follow             bool
	Suspicious, Limits bool
}

// The bounds of --limit. A page is kept in memory.
const (
	auditLogLines    = 100
	maxAuditLogLines = 10_000
)

// lineCount is a flag that holds how many lines a page has; 0 where nobody said.
type lineCount int

// Set reads a number of lines.
func (c *lineCount) Set(text string) error {
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 || count > maxAuditLogLines {
		return formError("it must be from 1 to " + strconv.Itoa(maxAuditLogLines))
	}
	*c = lineCount(count)
	return nil
}

// String returns the number, or nothing.
func (c *lineCount) String() string {
	if *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

// Type names the kind of value in help texts.
func (c *lineCount) Type() string { return "int" }

// lines returns how many lines a page has.
func (c lineCount) lines() int { return cmp.Or(int(c), auditLogLines) }

// Validate finds what contradicts itself.
func (o *auditLogOptions) Validate() error {
	_, cursorErr := review.ParseCursor(string(o.After))
	switch {
	case o.Export != "" && !slices.Contains(review.Formats(), review.Format(o.Export)):
		return errors.New("--export must be jsonl, csv or cef")
	case cursorErr != nil:
		return fmt.Errorf("--after: %w", cursorErr)
	}
	return firstError(o.validateWay(), review.Filter{Action: string(o.Action), Sources: o.sources()}.Validate())
}

// validateWay finds flags that do not go with the way in which the timeline is shown.
func (o *auditLogOptions) validateWay() error {
	ways := 0
	for _, chosen := range []bool{o.Export != "", o.Follow, o.Suspicious, o.Limits} {
		if chosen {
			ways++
		}
	}
	switch {
	case ways > 1:
		return errors.New("--export, --follow, --suspicious and --limits exclude each other")
	case ways == 1 && !o.Follow && (o.Limit > 0 || o.After != ""):
		return errors.New("--limit and --after are about pages: bound the time with --since and --until")
	case o.Follow && (o.Until != "" || o.After != ""):
		return errors.New("--follow shows what comes: leave out --until and --after")
	}
	return nil
}

func (o *auditLogOptions) sources() (list []review.Source) {
	for _, name := range o.Sources {
		list = append(list, review.Source(name))
	}
	return list
}

func (o *auditLogOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&o.Since, "since", "from this time on: RFC 3339, or an age such as 90m, 12h or 30d")
	flags.Var(&o.Until, "until", "before this time, in the same forms")
	flags.Var(&o.Users, "user", "what this user did, or what was done to it, by id or e-mail address; may be given again")
	flags.Var(&o.Tenants, "tenant", "what happened in this tenant, by id or name; may be given again")
	flags.Var(&o.Groups, "group", "what happened in this group, by id or name; may be given again")
	flags.Var(&o.Action, "action", "this action, or those that begin so: vault.*")
	flags.Var(&o.Networks, "ip", "from this address or network; may be given again")
	flags.BoolVar(&o.Failed, "failed", false, "only what failed")
	flags.Var(&o.Sources, "source", "only this table; may be given again")
	flags.Var(&o.Limit, "limit", "lines of a page (default 100)")
	flags.Var(&o.After, "after", "the page after this place, which the page before has named")
	flags.Var(&o.Export, "export", "write every row that is selected: jsonl, csv or cef")
	flags.BoolVar(&o.Follow, "follow", false, "go on showing what comes, until it is stopped")
	flags.BoolVar(&o.Suspicious, "suspicious", false, "look for what may be an attack (default of --since: 7d)")
	flags.BoolVar(&o.Limits, "limits", false, "list what the audit tables cannot tell; asks no database")
	_ = cmd.RegisterFlagCompletionFunc("export", cobra.FixedCompletions([]string{string(review.JSONL), string(review.CSV), string(review.CEF)}, cobra.ShellCompDirectiveNoFileComp))
}

func newAuditLogCommand(app *App, run func(context.Context, *config.Settings, *auditLogOptions) error) *cobra.Command {
	if run == nil {
		run = app.runAuditLog
	}
	options := &auditLogOptions{}
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Show what was done, from all audit tables on one timeline",
		Long: `Show audit_log, mesh_audit_logs, group_vault_audit, security_events,
mfa_attempts, and what ocmt itself recorded, on one timeline, the newest first.
Times are in UTC. What two tables tell of one event is one line. Rows without a
time are listed apart.

--export writes rows as they are, a table after the other, in no order.
--suspicious looks for patterns of an attack; --limits lists what the tables
cannot tell, so that silence is not taken for peace.

It only reads, in a transaction that is read only.

` + describeDocument(auditLogName),
		Example: `  ocmt audit log --since 24h --failed
  ocmt audit log --user mallory@example.org --action 'vault.*'
  ocmt audit log --suspicious --since 30d
  ocmt audit log --export jsonl --since 90d > audit.jsonl`,
		Args: noArgs,
	}
	cmd.Long = strings.TrimSpace(cmd.Long)
	options.addFlags(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitPartial, ui.ExitInterrupted)
	return cmd
}

// auditLog is the timeline of a command, with what it selects.
type auditLog struct {
	app         *App
	options     *auditLogOptions
	database    review.Database
	filter      review.Filter
	groups      map[string][]string // the ids of groups by their names
	description *review.Description
	recordFile  string // that takes the place of the table of the record; "" for none
}

func (a *App) runAuditLog(ctx context.Context, settings *config.Settings, options *auditLogOptions) error {
	if options.Limits {
		return a.printAuditLimits()
	}
	if options.Export != "" && a.printer.JSON() {
		return &ui.Error{Message: "--export has a form of its own", Hints: []string{"leave out --output json"}, Code: ui.ExitUsage}
	}
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	timeline := pgaudit.NewTimeline(db.DB, settings.Engine.StatementTimeout)
	log := &auditLog{app: a, options: options, database: timeline, recordFile: settings.Record}
	if settings.Record != "" {
		log.database = review.WithRecord(timeline, a.openRecordFile(settings).Entries)
	}
	if log.description, err = log.database.Describe(ctx); err != nil {
		return causeOf(ctx, err)
	}
	if log.groups, err = timeline.FindGroups(ctx, options.Groups); err != nil {
		return causeOf(ctx, err)
	}
	if log.filter, err = options.filter(ctx, log.description.Now, pgsession.New(db.DB), log.groups); err != nil {
		return causeOf(ctx, err)
	}
	return causeOf(ctx, log.show(ctx))
}

// show shows the timeline in the way that the flags ask for.
func (l *auditLog) show(ctx context.Context) error {
	if err := l.checkSources(); err != nil {
		return err
	}
	show := l.showPage
	switch {
	case l.options.Export != "":
		show = l.export
	case l.options.Follow:
		show = l.follow
	case l.options.Suspicious:
		show = l.showSuspicious
	}
	err := show(ctx)
	if err == nil {
		err = l.unreadError()
	}
	return err
}

// checkSources refuses to show nothing where no table can be read.
func (l *auditLog) checkSources() error {
	told := &ui.Error{Message: "no audit table can be read", Code: ui.ExitFailed}
	for _, state := range l.description.States {
		if !l.filter.Takes(state.Source) {
			continue
		}
		if !state.Unread.IsSet() {
			return nil
		}
		addUnread(told, state)
	}
	if len(told.Missing)+len(told.Hints) == 0 {
		told.Hints = []string{"check that DATABASE_URL names the database of OCMT, and the search path of its account"}
	}
	return told
}

// unreadError says that a table is there and could not be read, so that what was shown is a part.
func (l *auditLog) unreadError() error {
	told := &ui.Error{Message: "the timeline is not whole: a table could not be read", Code: ui.ExitPartial}
	for _, state := range l.description.States {
		if l.filter.Takes(state.Source) && !state.Absent && state.Unread.IsSet() {
			addUnread(told, state)
		}
	}
	if len(told.Reasons)+len(told.Hints) == 0 {
		return nil
	}
	return told
}

// addUnread adds to an error why a source is not read. That one is not there is a cause and nothing to do; where a right
// is missing, the statement that gives it is what to do.
func addUnread(told *ui.Error, state review.State) {
	text := string(state.Source) + ": " + ui.Clean(state.Unread.Text)
	if len(state.Unread.Missing) == 0 && !state.Absent {
		told.Hints = append(told.Hints, text)
		return
	}
	told.Reasons, told.Missing = append(told.Reasons, text), append(told.Missing, state.Unread.Missing...)
}

// showPage shows a page of the timeline.
func (l *auditLog) showPage(ctx context.Context) error {
	after, err := review.ParseCursor(string(l.options.After))
	if err != nil {
		return err
	}
	lines := l.options.Limit.lines()
	page, err := review.ReadPage(ctx, l.database, l.filter, after, lines)
	if errors.Is(err, review.ErrCursor) {
		return &ui.Error{Message: "--after: " + review.ErrCursor.Error(), Code: ui.ExitUsage}
	}
	if err != nil {
		return err
	}
	var undated []review.Undated
	if after == nil {
		const most = 10
		if undated, err = l.database.Undated(ctx, l.filter, most); err != nil {
			return err
		}
	}
	return l.printPage(page, undated)
}

// export writes every row that is selected.
func (l *auditLog) export(ctx context.Context) error {
	version := buildVersion(l.app.deps.Version).Version
	exporter := review.NewExporter(rawOutput{l.app.printer}, review.Format(l.options.Export), version, ui.Clean)
	if err := l.database.Stream(ctx, l.filter, exporter.Add); err != nil {
		return err
	}
	if err := exporter.Close(); err != nil {
		return err
	}
	for _, note := range l.notes() {
		l.app.printer.Note("%s", note)
	}
	l.app.printer.Note("%s, a table after the other, in no order", ui.Count(exporter.Rows(), "row", "rows"))
	return nil
}

// rawOutput is the result of a command as a writer. Its error is the first failure to write.
type rawOutput struct{ printer *ui.Printer }

// Write implements io.Writer.
func (o rawOutput) Write(text []byte) (int, error) {
	o.printer.Raw(string(text))
	return len(text), o.printer.Err()
}

var _ io.Writer = rawOutput{}

// followPeriod is how often --follow looks.
const followPeriod = time.Second

// follow shows the last lines, and then what comes.
func (l *auditLog) follow(ctx context.Context) error {
	lines := l.options.Limit.lines()
	// Rows have the time of the database, and this machine may have another one.
	began, ahead := l.description.Now, l.description.Now.Sub(l.app.deps.Now())
	follower := review.NewFollower(l.database, l.filter, began)
	if err := follower.Begin(ctx); err != nil {
		return err
	}
	page, err := review.ReadPage(ctx, l.database, l.filter, nil, lines)
	if err != nil {
		return err
	}
	l.app.printer.Note("All times are in UTC.")
	for _, note := range l.notes() {
		l.app.printer.Note("%s", note)
	}
	follower.Tell(page.Entries)
	slices.Reverse(page.Entries)
	entries := page.Entries
	for {
		if err := l.printFollowed(entries); err != nil {
			return err
		}
		if err := waitFor(ctx, followPeriod); err != nil {
			return err
		}
		if entries, err = follower.Poll(ctx, l.app.deps.Now().Add(ahead)); err != nil {
			return err
		}
	}
}

// showSuspicious shows what may be an attack.
func (l *auditLog) showSuspicious(ctx context.Context) error {
	report, err := review.Find(ctx, l.database, l.filter)
	if err != nil {
		return err
	}
	if err := l.printSuspicious(report); err != nil {
		return err
	}
	if len(report.Incidents) == 0 {
		return nil
	}
	return &ui.Error{Message: ui.Count(int64(len(report.Incidents)), "thing was", "things were") + " found that may be an attack", Code: ui.ExitFound,
		Hints: []string{"look at the entries around each with --user or --ip, then end what is not wanted with ocmt session-invalidate"}}
}
