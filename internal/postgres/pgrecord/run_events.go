package pgrecord

import (
	"strconv"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/pkg/secret"
)

// maxListed is how many columns an entry of the chain lists. The tables of the record have all.
const maxListed = 100

// beginEvent returns the entry of a run that begins.
func beginEvent(entry migrate.LedgerEntry) chain.Event {
	fingerprints := map[string]string{}
	for version, fingerprint := range entry.Fingerprints {
		fingerprints[strconv.Itoa(version)] = fingerprint
	}
	columns, values := []any{}, int64(0)
	for _, column := range entry.Columns {
		values += column.Values
		if len(columns) < maxListed {
			columns = append(columns, map[string]any{"column": column.String(), "from_version": column.From, "values": column.Values})
		}
	}
	event := chain.Event{Action: chain.ActionRunBegun, Subject: chain.VersionSubject(entry.To), Details: map[string]any{
		"to_version": entry.To, "fingerprints": fingerprints, "columns": columns, "column_count": len(entry.Columns), "values": values}}
	if entry.Backwards {
		event.Action = chain.ActionRollbackBegun
	}
	return event
}

// endEvent returns the entry of a run that has ended.
func endEvent(entry migrate.LedgerEntry, outcome migrate.LedgerOutcome) chain.Event {
	columns, moved := []any{}, int64(0)
	for _, column := range entry.Columns {
		ended := outcome.Columns[column.Place]
		moved += ended.Moved
		if len(columns) < maxListed {
			columns = append(columns, map[string]any{"column": column.String(), "status": string(ended.Status), "moved": ended.Moved, "reason": secret.Redact(ended.Reason)})
		}
	}
	event := chain.Event{Action: chain.ActionRunEnded, Subject: chain.VersionSubject(entry.To), Details: map[string]any{
		"to_version": entry.To, "status": string(outcome.Status), "columns": columns, "column_count": len(entry.Columns), "moved": moved,
		"labels_repaired": countRepairs(outcome)}}
	if entry.Backwards {
		event.Action = chain.ActionRollbackEnded
	}
	return event
}

// countRepairs returns how many labels were repaired.
func countRepairs(outcome migrate.LedgerOutcome) (count int64) {
	for _, repair := range outcome.Repairs {
		count += repair.Values
	}
	return count
}

// emptyEvents returns the entries of columns that rightly hold no value any more.
func emptyEvents(entry migrate.LedgerEntry) (events []chain.Event) {
	for _, place := range entry.Emptied {
		events = append(events, chain.Event{Action: chain.ActionColumnEmpty, Subject: place.String()})
	}
	return events
}

// orderActions are the actions of orders in the chain.
var orderActions = map[string]string{
	migrate.OrderPause:  chain.ActionRunPaused,
	migrate.OrderResume: chain.ActionRunResumed,
	migrate.OrderSet:    chain.ActionRunSet,
	migrate.OrderAbort:  chain.ActionRunAborted,
}

// orderEvent returns the entry of an order to a run.
func orderEvent(version int, orders migrate.Orders) chain.Event {
	details := map[string]any{"number": orders.Number, "paused": orders.Paused, "pace": string(orders.Pace)}
	if orders.MaxRowsPerSecond != nil {
		details["max_rows_per_second"] = *orders.MaxRowsPerSecond
	}
	return chain.Event{Action: orderActions[orders.Word], Subject: chain.VersionSubject(version), Details: details}
}
