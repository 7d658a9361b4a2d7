package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgsession"
	"github.com/ocmt/ocmt/internal/postgres/pgusertoken"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/session"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/usertoken"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// gatewayTokensOptions are the flags of ocmt rotate gateway-tokens.
type gatewayTokensOptions struct {
	All       bool
	Users     nameList
	Tenants   textList
	List      string
	ExpectKey string
	DryRun    bool
}

// Validate finds what contradicts itself.
func (o *gatewayTokensOptions) Validate() error {
	some := len(o.Users)+len(o.Tenants) > 0
	switch {
	case o.All && some:
		return errors.New("--all is everybody; leave it out to renew the tokens of some, or the other flags to renew all")
	case !o.All && !some:
		return errors.New("nothing is selected: --all, --user or --tenant says whose tokens are to be renewed")
	case o.ExpectKey != "" && !fingerprintForm.MatchString(o.ExpectKey):
		return errors.New("--expect-key must be a fingerprint: 16 hexadecimal characters, as ocmt validate shows them")
	}
	return nil
}

func newRotateGatewayTokensCommand(app *App, run func(context.Context, *config.Settings, *gatewayTokensOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateGatewayTokens
	}
	options := &gatewayTokensOptions{}
	cmd := &cobra.Command{
		Use:   "gateway-tokens SELECTION",
		Short: "Make the gateway tokens of users anew",
		Long: `Give the users selected new gateway tokens in the database, and list whose
containers have to be made anew: a container keeps the token that it was made
with, and refuses the relay until then.

A token that stands sealed stays sealed, under the current key; one in the clear
stays in the clear, because the relay compares it so. The text "unknown", and
what is no token and no ciphertext that a key opens, is left as it is (exit
status 4). A row is written only while it is still what was read. It looks again
until a whole look finds no token of before; what a server writes meanwhile is a
new one, and stays.

Nothing in a row says when its token was made. Run after an interruption, the
same command renews all of them, those that are new as well.

` + describeDocument("rotate-gateway-tokens"),
		Example: `  ocmt rotate gateway-tokens --all --dry-run
  ocmt rotate gateway-tokens --all --list containers.csv
  ocmt rotate gateway-tokens --user mallory@example.org --yes`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.All, "all", false, "the tokens of everybody")
	flags.Var(&options.Users, "user", "the token of this user, by id or e-mail address; may be given again")
	flags.Var(&options.Tenants, "tenant", "the tokens of this tenant's users, by id or name; may be given again")
	flags.StringVar(&options.List, "list", "", "write the users whose containers are to be made anew into this new file, as CSV")
	flags.StringVar(&options.ExpectKey, "expect-key", "", "go on only if the key to seal with has this fingerprint")
	flags.BoolVar(&options.DryRun, "dry-run", false, "make, seal and open every token, and write none")
	settingFlag(cmd, "pace", config.NamePace, "auto gives way while others are at work in the database; full, gentle (default auto)")
	settingFlag(cmd, "statement-timeout", config.NameStatementTimeout, "longest run of one statement, and longest wait for rows that others hold (default 60s)")
	_ = cmd.RegisterFlagCompletionFunc("pace", cobra.FixedCompletions([]string{string(migrate.PaceAuto), string(migrate.PaceFull), string(migrate.PaceGentle)}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateGatewayTokens(ctx context.Context, settings *config.Settings, options *gatewayTokensOptions) error {
	ring, err := settings.Keyring(nil)
	if err != nil {
		return err
	}
	if err := rotation.CheckFingerprint(options.ExpectKey, ring); err != nil {
		return err
	}
	if options.List != "" {
		if err := checkTarget(a.path(options.List), false, listAdvice); err != nil {
			return err
		}
	}
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	work := &tokenRenewal{app: a, db: db, settings: settings, options: options, ring: ring, pacing: a.newPacing(settings)}
	const needed = 3 // the lock, one for short questions, and one to read the census or write
	if _, err := db.Reserve(ctx, needed); err != nil {
		return causeOf(ctx, err)
	}
	// A rotation of the encryption key writes the same column.
	held, release, err := db.tables.Lock(ctx)
	if err != nil {
		return causeOf(ctx, db.nameHolder(ctx, err))
	}
	defer release()
	return causeOf(held, work.run(held))
}

// tokenRenewal is one run of ocmt rotate gateway-tokens.
type tokenRenewal struct {
	app      *App
	db       *database
	settings *config.Settings
	options  *gatewayTokensOptions
	ring     *crypto.Keyring
	pacing   *migrate.Pacing
	list     *listFile // of --list; nil for none
	place    string    // the database, in words
}

func (t *tokenRenewal) run(ctx context.Context) error {
	asking, answered := t.app.stop.Context(ctx)
	defer answered()
	store := pgusertoken.New(t.db.DB)
	sources := usertoken.Sources{Store: store, Ring: t.ring, Random: t.app.deps.Random, Pace: t.pacing, Clock: t.app.deps.Now, Patience: t.settings.Engine.StatementTimeout}
	plan, err := t.plan(asking, sources)
	if err != nil {
		return causeOf(asking, err)
	}
	if t.place, err = describePlace(asking, t.db.DB); err != nil {
		return causeOf(asking, err)
	}
	t.printPlan(plan)
	if t.options.DryRun {
		sources.Store = usertoken.NewDryRun(store)
		if err := t.makeList(); err != nil {
			return err
		}
		return t.renew(ctx, sources, plan, t.printDryRun)
	}
	if err := t.begin(asking, plan); err != nil {
		return err
	}
	return t.renew(ctx, sources, plan, func(plan *usertoken.Plan, result *usertoken.Result) error {
		t.printResult(plan, result)
		return t.recordEnd(ctx, plan, result)
	})
}

// begin asks, makes the file of --list, and records that the tokens are about to be renewed.
func (t *tokenRenewal) begin(ctx context.Context, plan *usertoken.Plan) error {
	if plan.Renewable() == 0 {
		return t.makeList()
	}
	if err := t.app.tellRecord(ctx, t.db.chain); err != nil {
		return causeOf(ctx, err)
	}
	if err := t.app.printer.Confirm(ctx, t.question(plan)); err != nil {
		return err
	}
	if err := t.makeList(); err != nil {
		return err
	}
	if err := t.recordBegin(ctx, plan); err != nil {
		err = causeOf(ctx, err)
		if t.list == nil {
			return err
		}
		return joinErrors(err, t.list.remove())
	}
	return nil
}

// makeList makes the file of --list, where one is asked for.
func (t *tokenRenewal) makeList() (err error) {
	if t.options.List != "" {
		t.list, err = makeListFile(t.options.List, t.app.path(t.options.List))
	}
	return err
}

// plan looks up the names, and takes the census.
func (t *tokenRenewal) plan(ctx context.Context, sources usertoken.Sources) (*usertoken.Plan, error) {
	finder := session.Finder(pgsession.New(t.db.DB))
	request := usertoken.Request{Selection: usertoken.Selection{All: t.options.All}, KeyConfirmed: t.options.ExpectKey != ""}
	var err error
	if request.Selection.Users, err = finder.FindUsers(ctx, t.options.Users); err != nil {
		return nil, err
	}
	if request.Selection.Tenants, err = finder.FindTenants(ctx, t.options.Tenants); err != nil {
		return nil, err
	}
	shown := t.app.newProgress("renewing", "tokens", t.pacing)
	defer shown.end()
	return usertoken.MakePlan(ctx, sources, request, shown)
}

// question asks whether to go on. Where everybody is concerned, the name of the database is to be typed.
func (t *tokenRenewal) question(plan *usertoken.Plan) ui.Question {
	tokens := ui.Count(plan.Renewable(), "token", "tokens")
	if t.options.All {
		return ui.Question{Text: fmt.Sprintf("All %s in the database %s are made anew.", tokens, plan.Table.Database), Word: plan.Table.Database}
	}
	return ui.Question{Text: fmt.Sprintf("Make %s in the database %s anew?", tokens, plan.Table.Database)}
}

// renew carries the plan out, has tell say and record what became of it, and writes list and document.
func (t *tokenRenewal) renew(ctx context.Context, sources usertoken.Sources, plan *usertoken.Plan, tell func(*usertoken.Plan, *usertoken.Result) error) error {
	stopWatching := t.pacing.WatchActivity(ctx, t.db.DB)
	shown := t.app.newStoppableProgress("renewing", "tokens", t.pacing)
	result, err := usertoken.Renew(ctx, sources, plan, t.app.stop.Graceful, shown)
	shown.end()
	stopWatching()
	unlisted := t.writeList(plan, result) // before the screen says where the list is
	err = joinErrors(withoutResuming(causeOf(ctx, err)), tell(plan, result))
	if err != nil && unlisted != nil { // one of them is explained at the end
		t.app.printer.Warn("%s", unlisted.Error())
	} else if unlisted != nil {
		err = unlisted
	}
	return joinErrors(err, t.app.printer.Document("rotate-gateway-tokens", newGatewayTokensDocument(t.options.DryRun, plan, result)))
}

// joinErrors returns the one error that there is, as it is, or both.
func joinErrors(first, second error) error {
	if first == nil || second == nil {
		return errors.Join(first, second)
	}
	return fmt.Errorf("%w; and then: %w", first, second)
}

// withoutResuming takes from the advice on an error that what is done is skipped: here all is done anew.
func withoutResuming(err error) error {
	var left *usertoken.LeftError
	var explained *ui.Error
	if err == nil || errors.As(err, &left) || errors.Is(err, usertoken.ErrStopped) || !errors.As(explain(err), &explained) {
		return err
	}
	hints := slices.DeleteFunc(slices.Clone(explained.Hints), func(hint string) bool { return strings.Contains(hint, "same command again") })
	return &ui.Error{Message: explained.Message, Code: explained.Code, Findings: explained.Findings, Hints: append(hints, renewAgain)}
}

// renewAgain is what to do after a run that broke off.
const renewAgain = "run the same command again: it makes all tokens of the selection anew, those that are new already as well"
