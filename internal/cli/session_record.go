package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/session"
)

// record adds an entry to the audit log, with the server's own words for it, and one to the tool's
// own record.
func (i *invalidation) record(ctx context.Context, plan *session.Plan, result *session.Result) error {
	total := int64(0)
	for _, ended := range result.Ended {
		total += ended
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if total+result.Locked+result.StreamsClosed == 0 {
		return i.recordEnd(ctx, plan, result)
	}
	action := "session.revoked"
	if i.options.All {
		action = "session.revoked_all"
	}
	unaudited, err := i.access.record.Note(ctx, action, map[string]any{"reason": plan.Request.Ending.Reason, "ended": result.Ended, "users": plan.Users, "deleted": plan.Request.Ending.Delete,
		"locked_at_servers": result.Locked, "streams_closed": result.StreamsClosed},
		i.event(chain.ActionAccessEnded, plan, result))
	if err != nil {
		return fmt.Errorf("recording what was ended: %w", err)
	}
	i.app.warnUnaudited(unaudited)
	return nil
}

// recordTimeout bounds the record, which is made also where the work was interrupted.
const recordTimeout = 10 * time.Second

// recordBegin adds an entry to the tool's own record before anything is ended, because what is ended
// is many transactions, and some of it is in Redis: should the command be killed, the entry is there.
func (i *invalidation) recordBegin(ctx context.Context, plan *session.Plan) error {
	i.begun = true
	return i.access.chain.Add(ctx, i.event(chain.ActionAccessEnding, plan, nil))
}

// recordEnd adds an entry where the record says that something was begun.
func (i *invalidation) recordEnd(ctx context.Context, plan *session.Plan, result *session.Result) error {
	if !i.begun {
		return nil
	}
	return i.access.chain.Add(ctx, i.event(chain.ActionAccessEnded, plan, result))
}

// event returns an entry with the selection, and the counts: those of the plan, or of the result.
func (i *invalidation) event(action string, plan *session.Plan, result *session.Result) chain.Event {
	event := chain.Event{Action: action, Subject: chain.SubjectSelection, Details: map[string]any{"reason": plan.Request.Ending.Reason,
		"users": plan.Users, "deleted": plan.Request.Ending.Delete, "selection": describeSelection(plan.Request.Selection),
		"include": plan.Request.Include, "keep_logins": plan.Request.KeepLogins, "including_new": plan.Request.IncludingNew, "endpoints": len(i.servers)}}
	if plan.Request.Selection.All {
		event.Subject = chain.SubjectEverybody
	}
	if result != nil {
		event.Details["ended"], event.Details["locked_at_servers"], event.Details["streams_closed"] = result.Ended, result.Locked, result.StreamsClosed
		return event
	}
	live := map[session.Kind]int64{}
	for _, count := range plan.Counts {
		live[count.Kind] = count.Selected
	}
	event.Details["live"] = live
	return event
}

// maxSelected is how many ids of a kind an entry lists; their count is always there.
const maxSelected = 20

// describeSelection returns a selection for an entry. A token's digest is left out, and so are
// texts of user agents, which can hold anything.
func describeSelection(selection session.Selection) map[string]any {
	described := map[string]any{}
	list := func(name string, ids []string) {
		if len(ids) > 0 {
			described[name], described[name+"_count"] = ids[:min(len(ids), maxSelected)], len(ids)
		}
	}
	list("users", selection.Users)
	list("tenants", selection.Tenants)
	list("sessions", selection.Sessions)
	list("except_users", selection.ExceptUsers)
	list("except_sessions", selection.ExceptSessions)
	networks := make([]string, len(selection.Networks))
	for i, network := range selection.Networks {
		networks[i] = network.String()
	}
	list("networks", networks)
	for name, count := range map[string]int64{"tokens_count": int64(len(selection.TokenHashes)), "user_agents_count": int64(len(selection.Agents)),
		"created_before_seconds": int64(selection.CreatedBefore / time.Second), "idle_longer_than_seconds": int64(selection.IdleLongerThan / time.Second),
		"over_limit": int64(selection.OverLimit), "past_timeout_seconds": int64(selection.PastTimeout / time.Second)} {
		if count > 0 {
			described[name] = count
		}
	}
	if selection.Expired {
		described["expired"] = true
	}
	return described
}

// tellTombstones says what will become of the entry. What is removed stands in Redis alone, so a
// database that does not answer keeps nobody from it.
func (a *App) tellTombstones(ctx context.Context, access *access) {
	if err := a.tellRecord(ctx, access.chain); err != nil {
		a.warnUnrecorded(err.Error())
	}
}

// recordTombstones adds an entry to the tool's own record before tombstones are removed.
func (a *App) recordTombstones(ctx context.Context, access *access, count int64) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := access.chain.Add(ctx, chain.Event{Action: chain.ActionTombstonesRemoved, Details: map[string]any{"tombstones": count}}); err != nil {
		a.warnUnrecorded(err.Error())
	}
}
