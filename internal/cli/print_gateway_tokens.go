package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/usertoken"
	"github.com/ocmt/ocmt/pkg/secret"
)

// printPlan says what tokens there are, and what their change ends.
func (t *tokenRenewal) printPlan(plan *usertoken.Plan) {
	printer := t.app.printer
	printer.Line("%s Gateway tokens in %s:", t.place, plan.Table.Name)
	table := ui.Table{Columns: []ui.Column{{Title: "FORM"}, {Title: "KEY"}, {Title: "TOKENS", Right: true}, {Title: "BECOMES", Flexible: true}}}
	for _, count := range plan.Counts {
		key, becomes := "", "a new one, in the clear"
		switch count.Form {
		case usertoken.Sealed:
			key, becomes = fmt.Sprintf("v%d", *count.Version), fmt.Sprintf("a new one, sealed under v%d", t.ring.Current())
		case usertoken.Unknown:
			becomes = "left as it is"
		case usertoken.NotUnderstood:
			becomes = "left as it is: " + usertoken.ExplainReason(count.Reason)
		case usertoken.Clear:
		}
		table.Rows = append(table.Rows, ui.Row(strings.ReplaceAll(string(count.Form), "_", " "), key, ui.Number(count.Tokens), becomes))
	}
	printer.Table(table)
	if kind, there := secret.Lookup("gateway-tokens"); there && plan.Renewable() > 0 {
		printer.Line("What ends: %s, because %s.", kind.Change.Ends, kind.Change.Why)
	}
	if len(plan.Table.Triggers) > 0 {
		printer.Line("%s", "These run for each new token, and may keep a copy of it: "+ui.Clean(strings.Join(plan.Table.Triggers, ", "))+".")
	}
}

// printDryRun says what would be done.
func (t *tokenRenewal) printDryRun(plan *usertoken.Plan, result *usertoken.Result) error {
	t.app.printer.Heading("Dry run")
	t.app.printer.Line("%s would be made anew; each was made, sealed where it stands sealed, and opened again. Nothing was written.", ui.Count(result.Renewed, "token", "tokens"))
	t.printUsers(plan.Table.Containers, result.Users)
	return nil
}

// printResult says what was done, and what the last look saw.
func (t *tokenRenewal) printResult(plan *usertoken.Plan, result *usertoken.Result) {
	printer := t.app.printer
	if plan.Renewable() == 0 {
		printer.Line("There is nothing to renew.")
		return
	}
	renewed := ui.Count(result.Renewed, "token is", "tokens are")
	if result.Proven {
		printer.Line("\n%s", printer.Paint(ui.Good, "Done. "+renewed+" new, and none of before is left."))
	} else {
		printer.Line("\n%s", printer.Paint(ui.Caution, renewed+" new. It was not seen that none of before is left."))
	}
	if result.ByServer > 0 {
		printer.Line("%s another token since the plan, from a server or somebody else, and kept it.", ui.Count(result.ByServer, "user has", "users have"))
	}
	if result.Gone > 0 {
		printer.Line("%s gone since the plan.", ui.Count(result.Gone, "user is", "users are"))
	}
	t.printUsers(plan.Table.Containers, result.Users)
}

// maxListed is how many users are listed on the screen, where the others are or can be had in a file.
const maxListed = 20

// concernedUsers returns the users who have a container, or all where the database does not tell.
func concernedUsers(containers bool, users []usertoken.Owner) []usertoken.Owner {
	if !containers {
		return users
	}
	return slices.DeleteFunc(slices.Clone(users), func(user usertoken.Owner) bool { return user.Container == "" })
}

// printUsers lists whose containers are to be made anew.
func (t *tokenRenewal) printUsers(containers bool, all []usertoken.Owner) {
	if len(all) == 0 {
		return
	}
	printer := t.app.printer
	printer.Heading("Containers to be made anew")
	users := concernedUsers(containers, all)
	switch without := int64(len(all) - len(users)); {
	case !containers:
		printer.Line("The database does not say who has a container: these are all users concerned.")
	case without > 0:
		printer.Line("%s no container in the database.", ui.Count(without, "user has", "users have"))
	}
	if len(users) == 0 {
		return
	}
	table := ui.Table{Columns: []ui.Column{{Title: "USER"}, {Title: "E-MAIL", Flexible: true}, {Title: "CONTAINER", Flexible: true}}}
	shown := min(len(users), maxListed)
	if t.list != nil && !t.list.written {
		shown = len(users)
	}
	for _, user := range users[:shown] {
		table.Rows = append(table.Rows, ui.Row(user.User, user.Email, user.Container))
	}
	printer.Table(table)
	switch more := int64(len(users) - shown); {
	case more > 0 && t.list == nil:
		printer.Line("And %s more. The same command with --dry-run --list FILE lists all of them.", ui.Number(more))
	case more > 0:
		printer.Line("And %s more, in %s.", ui.Number(more), t.list.name)
	}
}

// recordBegin adds an entry to the tool's own record before the first token is written.
func (t *tokenRenewal) recordBegin(ctx context.Context, plan *usertoken.Plan) error {
	return t.db.chain.Add(ctx, chain.Event{Action: chain.ActionTokensRenewing, Subject: t.subject(), Details: t.details(plan, nil)})
}

// recordEnd adds an entry to the audit log, and to the tool's own record. Where every token that is one was renewed, the
// record has the rotation of the kind too.
func (t *tokenRenewal) recordEnd(ctx context.Context, plan *usertoken.Plan, result *usertoken.Result) error {
	if plan.Renewable() == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	details := t.details(plan, result)
	events := []chain.Event{{Action: chain.ActionTokensRenewed, Subject: t.subject(), Details: details}}
	if _, strange := countLeftAlone(plan); t.options.All && result.Proven && strange == 0 {
		events = append(events, chain.Event{Action: chain.ActionSecretRotated, Subject: "gateway-tokens", Details: map[string]any{"tokens": result.Renewed}})
	}
	unaudited, err := t.db.record.Note(ctx, "gateway_tokens.rotated", details, events...)
	if err != nil {
		return fmt.Errorf("recording what was renewed: %w", err)
	}
	t.app.warnUnaudited(unaudited)
	return nil
}

// subject says whose tokens are renewed.
func (t *tokenRenewal) subject() string {
	if t.options.All {
		return chain.SubjectEverybody
	}
	return chain.SubjectSelection
}

// details returns the details of an entry: the counts of the plan, and those of the result where there is one.
func (t *tokenRenewal) details(plan *usertoken.Plan, result *usertoken.Result) map[string]any {
	unknown, strange := countLeftAlone(plan)
	selection := plan.Request.Selection
	details := map[string]any{"tokens": plan.Renewable(), "unknown": unknown, "not_understood": strange, "key_version": t.ring.Current(),
		"users_count": len(selection.Users), "tenants_count": len(selection.Tenants),
		"users": emptyIfNil(selection.Users[:min(len(selection.Users), maxSelected)]), "tenants": emptyIfNil(selection.Tenants[:min(len(selection.Tenants), maxSelected)])}
	if result != nil {
		details["renewed"], details["changed_by_server"], details["gone"], details["left"], details["proven"] = result.Renewed, result.ByServer, result.Gone, result.Left, result.Proven
	}
	return details
}
