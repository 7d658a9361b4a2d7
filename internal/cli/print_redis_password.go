package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/internal/ui"
)

// printPlan says what was found, and what would be done.
func (c *redisPasswordChange) printPlan() {
	printer, plan := c.app.printer, c.plan
	printer.Line("%s", fmt.Sprintf("Redis: %s, the user %s. Store: %s.", plan.Topology, plan.User, plan.Place))
	table := ui.Table{Columns: []ui.Column{{Title: "SERVER"}, {Title: "ROLE"}, {Title: "REDIS_URL LOGS IN", Wrap: true}, {Title: "USERS SAVED IN", Wrap: true}, {Title: "MASTERAUTH"}}}
	for _, node := range plan.Nodes {
		role, saved := "primary", node.SavedIn
		if node.Replica {
			role = "replica"
		}
		if saved == "" {
			saved = "nothing"
		}
		table.Rows = append(table.Rows, ui.Row(ui.Clean(node.Address), role, yesNo(node.AcceptsCurrent), saved, yesNo(node.MasterAuth)))
	}
	if len(plan.Nodes) > 0 {
		printer.Table(table)
	}
	if len(plan.Watchers) > 0 {
		printer.Line("%s", "Sentinels that log in as this user: "+strings.Join(plan.Watchers, ", "))
	}
	if plan.Check() == nil {
		for _, text := range c.planTexts() {
			printer.Line("%s", text)
		}
	}
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// planTexts say how far the change is, and what it would do.
func (c *redisPasswordChange) planTexts() (texts []string) {
	plan := c.plan
	switch {
	case plan.Unread:
		texts = append(texts, "A change is being taken back: REDIS_URL has had the old password all the time, and the one that was made is to be taken away.")
	case plan.CutIn:
		texts = append(texts, "Taking a change back was cut off: REDIS_URL still has the new password. --back goes on with it; --restarted takes the old one away instead.")
	case plan.Stage == redispassword.Switched && plan.Back:
		texts = append(texts, "A change is being taken back: REDIS_URL has the old password again, and the one that it had meanwhile is to be taken away.")
	case plan.Stage == redispassword.Switched:
		texts = append(texts, "A change is under way: REDIS_URL has the new password, and the old one is to be taken away.")
	case plan.Stage == redispassword.Pending:
		texts = append(texts, "A change is under way: a new password is made, and REDIS_URL does not have it yet.")
	}
	if plan.Stage == redispassword.Switched {
		if len(plan.Clients) > 0 {
			texts = append(texts, (&redispassword.LeftError{Clients: plan.Clients}).Error()+".")
		}
		return texts
	}
	if plan.Mode == redispassword.Replace {
		texts = append(texts, "Users cannot be changed here, so requirepass is replaced at one moment, and with it every other password of the user default. "+
			"From that moment until its restart, a server whose connection is cut is locked out: restart all of them right after.")
	} else {
		texts = append(texts, "A new password is put beside the old one, so that nobody is locked out.")
	}
	if !plan.Entered {
		texts = append(texts, "REDIS_URL in the store could not be tried from here. If it leads to another Redis, the servers are locked out when they restart.")
	}
	texts = append(texts, "Redis writes its files anew, with ACL SAVE or CONFIG REWRITE, also where this ends before anything else: users and settings that were written into a file by hand, and that Redis has not loaded, are lost. Load them first (ACL LOAD, or a restart).")
	if sent := plan.SentPassword(); len(sent) > 0 || len(plan.Watchers) > 0 {
		texts = append(texts, "The password itself is sent, and not its digest, to: "+strings.Join(append(sent, plan.Watchers...), ", ")+". They keep it in their files, for requirepass, masterauth or auth-pass.")
	}
	return texts
}

// question asks whether to begin.
func (c *redisPasswordChange) question() string {
	servers := ui.Count(int64(len(c.plan.Nodes)), "server", "servers")
	if c.plan.Mode == redispassword.Replace {
		return "Replace the password of " + servers + " now? From this moment a server whose connection is cut is locked out until it restarts."
	}
	return "Put a new password beside the old one at " + servers + ", and into REDIS_URL?"
}

// printSteps says what was done, and what was seen then.
func (c *redisPasswordChange) printSteps(result *redispassword.Result) {
	for _, step := range result.Steps {
		c.app.printer.Line("%s", step.Where+": "+step.What)
	}
	for _, note := range result.Notes {
		c.app.printer.Line("%s", "Not looked at: "+ui.Clean(note))
	}
}

// tellRestart says who must restart, and why.
func (c *redisPasswordChange) tellRestart() {
	c.app.tell("Restart every server that reads REDIS_URL now: " + c.kind.Change.Why + ".")
	if len(c.plan.Clients) > 0 {
		c.app.tell((&redispassword.LeftError{Clients: c.plan.Clients}).Error() + ".")
	}
}

// halfDone says what Redis takes until the change ends.
func (c *redisPasswordChange) halfDone() string {
	if c.plan.Mode == redispassword.Replace {
		return "Redis takes the password of REDIS_URL alone: a server that has not restarted since is locked out once its connection is cut"
	}
	return "Redis takes both passwords until the servers have restarted"
}

// printDone says what is so now, and what was not seen.
func (c *redisPasswordChange) printDone() {
	c.app.printer.Line("%s", "The other password is refused by "+ui.Count(int64(len(c.plan.Nodes)), "server", "servers")+", and that of REDIS_URL is accepted. "+
		"A program that has reconnected with the other password since the change looks like one that has restarted; it is refused when it connects again.")
}

// document returns what is written with --output json.
func (c *redisPasswordChange) document() redisPasswordDocument {
	written := redisPasswordDocument{DryRun: c.options.DryRun, Store: c.sources.Store.Place(), Nodes: []redispassword.NodePlan{}, Sentinels: []string{}, Obstacles: []redispassword.Obstacle{},
		OldConnections: []redispassword.OldClient{}, Result: c.result, Recorded: c.recorded}
	written.Steps, written.Unsaved, written.Notes = emptyIfNil(written.Steps), emptyIfNil(written.Unsaved), emptyIfNil(written.Notes)
	written.Processes = emptyIfNil(written.Processes)
	if c.proof != nil {
		written.User, written.Topology = c.proof.User, c.proof.Topology
		written.Proof = &redisProofDocument{Proven: c.proof.IsProven(), Servers: emptyIfNil(c.proof.Servers), Findings: emptyIfNil(c.proof.Findings), Unproven: emptyIfNil(c.proof.Unproven)}
	}
	plan := c.plan
	if plan == nil {
		return written
	}
	written.User, written.Mode, written.Topology = plan.User, plan.Mode, plan.Topology
	written.Nodes, written.Sentinels, written.Obstacles = emptyIfNil(plan.Nodes), emptyIfNil(plan.Watchers), emptyIfNil(plan.Obstacles)
	written.OldConnections = emptyIfNil(plan.Clients)
	if !plan.Since.IsZero() {
		written.Since = plan.Since.UTC().Format(time.RFC3339)
	}
	return written
}
