package cli

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/internal/ui"
)

// prove looks whether the last change holds after a restart of Redis, and records that it does.
func (c *redisPasswordChange) prove(ctx context.Context) error {
	c.app.doing("reading the record")
	kept := c.readKept(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.app.doing("looking at Redis")
	proof, err := redispassword.Prove(ctx, c.sources, kept)
	if err != nil {
		return err
	}
	c.proof, c.result.Stage = proof, redispassword.Idle
	c.printProof()
	if !proof.IsProven() {
		return explainRedisProof(proof)
	}
	c.app.printer.Line("%s", "Proven: "+ui.Count(int64(len(proof.Servers)), "process", "processes")+" of Redis started since the change. Each server has the password of REDIS_URL stored and no other, accepts it, and refuses one that was made up. "+
		"The files themselves were not read: who has changed users by hand since the restart is not told apart.")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	processes := []redispassword.Process{}
	for _, server := range proof.Servers {
		processes = append(processes, server.Process)
	}
	if err := c.addEntry(ctx, chain.Event{Action: chain.ActionSecretProven, Subject: c.kind.Setting,
		Details: map[string]any{"kind": c.kind.Name, "user": proof.User, "after_restart": true, "fingerprint": kept.Fingerprint, "processes": processDetails(processes)}}); err != nil {
		c.app.warnUnrecorded(err.Error())
	}
	c.recorded = !c.app.isUnrecorded
	return nil
}

// processDetails returns processes as an entry of the record has them.
func processDetails(processes []redispassword.Process) []any {
	list := make([]any, len(processes))
	for i, process := range processes {
		list[i] = map[string]any{"address": process.Address, "run_id": process.RunID, "sentinel": process.Sentinel}
	}
	return list
}

// readKept reads what the record has of the last change. A record that cannot be read keeps nobody from
// looking at Redis.
func (c *redisPasswordChange) readKept(ctx context.Context) redispassword.Kept {
	const fix = "give the record that the change was written to: DATABASE_URL, or --record with its file"
	record, done, err := c.app.openRecordAlone(c.settings)
	if err != nil {
		return redispassword.Kept{Reason: "it cannot be opened (" + err.Error() + "), so whether Redis has restarted since the change is not known", Fix: fix}
	}
	defer done()
	entries, _, err := record.Entries(ctx, chain.Query{Actions: []string{chain.ActionSecretRotated, chain.ActionSecretTakenBack}, Subject: c.kind.Setting, Limit: 1})
	switch {
	case err != nil:
		return redispassword.Kept{Reason: "it cannot be read (" + err.Error() + "), so whether Redis has restarted since the change is not known", Fix: fix}
	case len(entries) == 0:
		return redispassword.Kept{Reason: "it has no change of the password of Redis, so whether Redis has restarted since is not known", Fix: fix}
	case entries[0].Action == chain.ActionSecretTakenBack:
		return redispassword.Kept{Reason: "the last change of the password was taken back, and of such a one the processes of Redis are not kept", Fix: "ocmt rotate redis-password makes another"}
	}
	var details struct {
		Fingerprint string
		Processes   []redispassword.Process
	}
	if err := json.Unmarshal(entries[0].Details, &details); err != nil || len(details.Processes) == 0 {
		return redispassword.Kept{Reason: "its last change of the password does not name the processes of Redis, so whether they have restarted since is not known", Fix: "ocmt rotate redis-password makes another, and records them"}
	}
	return redispassword.Kept{Processes: details.Processes, Fingerprint: details.Fingerprint}
}

// printProof says what was seen of each server.
func (c *redisPasswordChange) printProof() {
	printer, proof := c.app.printer, c.proof
	printer.Line("%s", "The user "+proof.User+". Store: "+proof.Place+".")
	if len(proof.Servers) == 0 {
		return
	}
	table := ui.Table{Columns: []ui.Column{{Title: "SERVER"}, {Title: "ROLE"}, {Title: "RESTARTED"}, {Title: "REDIS_URL LOGS IN", Wrap: true}, {Title: "MADE-UP ONE REFUSED", Wrap: true}, {Title: "STORED ALONE", Wrap: true}}}
	for _, server := range proof.Servers {
		role := "primary"
		switch {
		case server.Sentinel:
			role = "sentinel"
		case server.Replica:
			role = "replica"
		}
		table.Rows = append(table.Rows, ui.Row(ui.Clean(server.Address), role, seenText(server.Restarted), seenText(server.Accepts), seenText(server.Refuses), seenText(server.Stored)))
	}
	printer.Table(table)
}

func seenText(seen redispassword.Seen) string {
	if seen == "" {
		return "-"
	}
	return string(seen)
}

// explainRedisProof says what was found, or what is not known.
func explainRedisProof(proof *redispassword.Proof) error {
	explained := &ui.Error{Message: "it is not proven that the password holds after a restart of Redis", Code: ui.ExitFailed}
	if len(proof.Findings) > 0 {
		explained.Message, explained.Code = "Redis does not have the password of REDIS_URL, and it alone, at every server", ui.ExitFound
	}
	for _, one := range slices.Concat(proof.Findings, proof.Unproven) {
		explained.Reasons = append(explained.Reasons, ui.Clean(one.Where+": "+one.Message))
		if fix := ui.Clean(one.Fix); !slices.Contains(explained.Hints, fix) {
			explained.Hints = append(explained.Hints, fix)
		}
	}
	return explained
}

// tellAfterRestart names what comes once Redis has restarted: until then, that its files hold the change is not seen.
func (c *redisPasswordChange) tellAfterRestart() {
	switch {
	case c.result.Back:
	case c.recorded:
		c.app.tell("Whether the files of Redis hold the change shows once Redis has restarted: then " + c.command() + " --after-restart looks at each server.")
	default:
		c.app.tell("Whether the files of Redis hold the change shows once Redis has restarted. Nothing can prove it later, because the record does not name the processes of Redis.")
	}
}
