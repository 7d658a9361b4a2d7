package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/session"
	"github.com/ocmt/ocmt/internal/ui"
)

// printPlan says what would end, and what cannot be reached.
func (i *invalidation) printPlan(plan *session.Plan) {
	printer := i.app.printer
	who := ui.Count(plan.Users, "user", "users")
	if plan.Users < 0 {
		who = "everybody"
	}
	printer.Line("Database %s, of %s:", plan.Moment.Database, who)
	table := ui.Table{Columns: []ui.Column{{Title: "KIND"}, {Title: "LIVE", Right: true}, {Title: "USERS", Right: true}, {Title: "YOUNGEST", Right: true}, {Title: "OLDEST", Right: true}}}
	var none []string
	for _, count := range plan.Counts {
		if count.Selected == 0 {
			none = append(none, string(count.Kind))
			continue
		}
		table.Rows = append(table.Rows, ui.Row(string(count.Kind), ui.Number(count.Selected), ui.Number(count.Users), ageText(count.Youngest), ageText(count.Oldest)))
	}
	if len(table.Rows) > 0 {
		printer.Table(table)
	}
	if len(none) > 0 {
		printer.Line("None is live of: %s.", strings.Join(none, ", "))
	}
	i.printServers()
	if plan.Request.Selection.OfSessions() {
		printer.Line("Only login sessions tell one from another: of the other kinds all that the users selected have is taken.")
	}
	for _, skipped := range plan.Skipped {
		printer.Line("Not ended: %s: %s.", skipped.Kind, skipped.Reason)
	}
	for _, count := range plan.Counts {
		if count.Kind.IsOptional() && count.Selected > 0 {
			printer.Line("Automation will break: %s of %s.", count.Kind, ownersText(count))
		}
	}
	for _, count := range plan.LeftAlone {
		if count.Selected > 0 {
			printer.Line("Left alone without --include %s: %s, of %s.", count.Kind, ui.Number(count.Selected), ownersText(count))
		}
	}
	var beyond []string
	for _, one := range i.unreachable() {
		beyond = append(beyond, one.What)
	}
	printer.Line("%s", "Not reached from here: "+strings.Join(beyond, "; ")+".")
}

// ownersText names the users who have most of a kind.
func ownersText(count session.Count) string {
	if len(count.Owners) == 0 {
		return "nobody who is known"
	}
	names := make([]string, len(count.Owners))
	for i, owner := range count.Owners {
		names[i] = ui.Clean(owner)
	}
	text := strings.Join(names, ", ")
	if more := count.Users - int64(len(names)); more > 0 {
		text += " and " + ui.Number(more) + " more"
	}
	return text
}

// ageText returns an age in its largest units.
func ageText(age *session.Age) string {
	if age == nil {
		return ""
	}
	switch length := time.Duration(*age); {
	case length >= 48*time.Hour:
		return fmt.Sprintf("%d d", int(length.Hours())/24)
	case length >= 2*time.Hour:
		return fmt.Sprintf("%d h", int(length.Hours()))
	case length >= 2*time.Minute:
		return fmt.Sprintf("%d min", int(length.Minutes()))
	default:
		return fmt.Sprintf("%d s", max(0, int(length.Seconds())))
	}
}

// printResult says what was ended, what the last look found, and what is left to do.
func (i *invalidation) printResult(plan *session.Plan, result *session.Result, took time.Duration) {
	printer := i.app.printer
	var parts []string
	for _, count := range plan.Counts {
		if ended := result.Ended[count.Kind]; ended > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", ui.Number(ended), count.Kind))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	whole := len(plan.Skipped) == 0 && len(result.Proven) >= len(plan.Counts)
	if whole {
		printer.Line("\n%s", printer.Paint(ui.Good, "Done. A whole look after it found nothing of what was selected alive."))
	} else {
		printer.Line("\n%s", printer.Paint(ui.Caution, "Not everything that was selected was seen to be dead."))
	}
	printer.Line("Ended: %s, in %.1f s.", strings.Join(parts, ", "), took.Seconds())
	if result.Again > 0 {
		printer.Line("Of these %s had come back, or was seen only by a later look.", ui.Number(result.Again))
	}
	if !whole && len(result.Proven) > 0 {
		printer.Line("A whole look after it found none alive of: %s.", accessNames(result.Proven))
	}
	i.printReached(result)
	printer.Heading("Not reached from here")
	for _, one := range i.unreachable() {
		printer.Line("- %s\n  alive %s; ended by %s", one.What, one.Lives, one.Ends)
	}
	if result.Ended[session.Vaults] > 0 && !i.options.PlainDelete {
		printer.Line("\nOnce every server has restarted, ocmt session-invalidate --after-restart removes the tombstones.")
	}
}
