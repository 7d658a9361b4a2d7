package cli

import (
	"fmt"
	"strings"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/ui"
)

// databasePasswordStages say how far an earlier run has come.
var databasePasswordStages = map[databasepassword.Stage]string{
	databasepassword.Prepared: "An earlier run has put a new password into the store, and the role does not have it yet.",
	databasepassword.Changed:  "An earlier run has changed the role, and DATABASE_URL in the store not yet.",
	databasepassword.Stored:   "An earlier run has changed the role and the store, and has not finished.",
}

// restoredText says what is put back where the change fails, by where it is from.
func restoredText(from string) string {
	switch from {
	case "server":
		return "the verifier that the server has"
	case "userlist":
		return "the verifier that PgBouncer has"
	}
	return "a verifier made from the old one"
}

// printPlan says what will be done, and how.
func (c *databasePasswordChange) printPlan() {
	plan, printer := c.plan, c.app.printer
	printer.Line("Store: %s.", plan.Store)
	if text := databasePasswordStages[plan.Stage]; text != "" {
		printer.Line("%s", text)
	}
	if plan.OldRole == "" {
		printer.Line("Role: %s.", plan.Role)
	} else {
		printer.Line("Roles: %s gets the new password; %s is locked at the end.", plan.Role, plan.OldRole)
	}
	if plan.Account != "" {
		printer.Line("Changed by: %s, with a SCRAM-SHA-256 verifier of %s iterations.", plan.Account, ui.Number(int64(plan.Iterations)))
	}
	if plan.Encryption != "" && plan.Encryption != "scram-sha-256" {
		printer.Line("%s", "The server's own password_encryption is "+ui.Clean(plan.Encryption)+": clients that know no SCRAM-SHA-256 will not log in with the new password.")
	}
	if plan.ValidUntil != "" {
		printer.Line("The role's passwords are valid until %s.", plan.ValidUntil)
	}
	if plan.Pooled {
		printer.Line("A pool stands before the server, so a log-in there shows what the pool accepts.")
	}
	if c.parts.Pool != nil {
		printer.Line("PgBouncer's file: %s. %s.", c.parts.Pool.Path(), c.reloadText())
	}
	if plan.WayBack != "" {
		printer.Line("Should it fail, this is put back: %s.", restoredText(plan.WayBack))
	}
	for _, note := range plan.Notes {
		printer.Line("%s", "Note: "+ui.Clean(note)+".")
	}
	if plan.OldRole == "" && plan.Stage != databasepassword.Stored {
		printer.Line("%s", "The moment: from the change until a server has restarted with the new address, the database refuses its new connections. Open ones stay. That is so for each "+
			"that has "+databasepassword.Setting+": "+c.restartText()+".")
	}
}

// reloadText says how PgBouncer comes to read its file.
func (c *databasePasswordChange) reloadText() string {
	if c.options.PgBouncer != "" {
		return "It is told to read it again"
	}
	return "Send it RELOAD or the signal HUP when this command asks for it"
}

// Step implements databasepassword.Reporter.
func (c *databasePasswordChange) Step(text string) {
	c.app.doing("changing the password")
	c.app.tell("Done: " + ui.Clean(text) + ".")
}

// Waiting implements databasepassword.Reporter.
func (c *databasePasswordChange) Waiting(text string) {
	c.app.doing("waiting for %s", text)
	c.app.printer.Note("waiting for %s", text)
}

// restartText lists what must restart.
func (c *databasePasswordChange) restartText() string {
	return strings.Join(restartNames(c.kind.Change), ", ")
}

// printRestart says who must restart, and why, unless the operator has said that they have.
func (c *databasePasswordChange) printRestart() {
	if c.options.Restarted {
		return
	}
	c.app.printer.Line("Restart now what has %s: %s. The reason: %s. What does not read %s has the old address still: give it the new one before its restart.",
		databasepassword.Setting, c.restartText(), c.kind.Change.Why, c.plan.Store)
}

// printDone says what was seen, and what is left.
func (c *databasePasswordChange) printDone() {
	printer := c.app.printer
	switch {
	case c.plan.OldRole != "":
	case !c.result.LeftKnown:
		printer.Line("Connections of before the change were not looked for, because an earlier run has made it.")
	case len(c.result.Left) == 0:
		printer.Line("No connection of the role is left from before the change.")
	default:
		printer.Line("%s", "Open from before the change, which end with a restart: "+peersText(c.result.Left)+".")
	}
	if c.plan.Pooled {
		printer.Line("Connections of the pool are its own: they do not tell which servers have restarted.")
	}
	if !c.result.OldKnown {
		printer.Line("%s", "The old password was not tried, because the store does not have it any more."+c.insteadText())
	}
}

// insteadText says what was seen in place of the refusal of an old password.
func (c *databasePasswordChange) insteadText() string {
	if c.plan.OldRole != "" {
		return " Its role may not log in."
	}
	return " PostgreSQL keeps one password for a role, and the new one was seen to log in."
}

// peersText lists where connections come from.
func peersText(peers []databasepassword.Peer) string {
	texts := make([]string, len(peers))
	for i, peer := range peers {
		from := peer.Address
		if from == "" {
			from = "this machine or an address that is not shown"
		}
		texts[i] = fmt.Sprintf("%s from %s", ui.Count(int64(peer.Count), "connection", "connections"), ui.Clean(from))
	}
	return strings.Join(texts, ", ")
}
