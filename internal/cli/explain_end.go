package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// endOf explains an error that follows a verdict, nil for nil. The verdict has said what is wrong and how much of it.
// So the message says what that means for the command, and the cause says what the verdict does not have.
func endOf(request migrate.Request, verdict rotation.Verdict, err error) error {
	var explained *ui.Error
	if err == nil || !errors.As(explain(err), &explained) {
		return err
	}
	told := *explained
	var unfinished *rotation.UnfinishedError
	var wrong *rotation.WrongKeyError
	switch {
	case errors.As(err, &wrong): // which says more than that not every value opens
	case errors.As(err, &unfinished):
		told.Message, told.Why = unfinishedMessage(verdict), unfinishedReason(verdict, explained)
	case verdict.Kind == rotation.VerdictNeeded:
		told.Message, told.Hints = "not every value opens with "+keyOfVersion(request), neededHints(request, verdict, explained.Hints)
	case verdict.Kind == rotation.VerdictOthersLeft && len(verdict.Under) > 0:
		told.Message, told.Hints = "done in part: versions that this run was not to leave are in use", moveHints(request, verdict.Under)
	case verdict.Kind == rotation.VerdictUnread:
		told.Message = "nothing is proven"
	}
	told.Hints = addCause(err, explained.Hints, told.Hints)
	return &told
}

// neededHints returns what is to be done where values need another key. The hints are those by the values alone.
func neededHints(request migrate.Request, verdict rotation.Verdict, hints []string) []string {
	switch {
	case request.Backwards && isUnderLeft(request, verdict):
		return backwardsHints(request.To)
	case len(verdict.Under) > 0 && (isElsewhere(request, verdict) || scopeText(request) != ""):
		return append(moveHints(request, verdict.Under), otherHints(hints)...)
	}
	return hints
}

// backwardsHints say what ends a rollback that the servers write against.
func backwardsHints(version int) []string {
	return []string{fmt.Sprintf("servers still write a newer version: ocmt rotate put-back --to-version %d, and restart them", version),
		fmt.Sprintf("then ocmt rotate rollback --to-version %d once more; keep every key until it has proven every value", version)}
}

// unfinishedMessage says that a run has left something.
func unfinishedMessage(verdict rotation.Verdict) string {
	message := "the run is not finished"
	if verdict.Kind == rotation.VerdictDryRun {
		message = "a run would not be finished"
	}
	if verdict.SetAside > 0 && verdict.RowsLeft == 0 {
		message += ": values were set aside"
	}
	return message
}

// unfinishedReason says why a run has left something, without what message and verdict have.
func unfinishedReason(verdict rotation.Verdict, explained *ui.Error) string {
	if verdict.SetAside > 0 && verdict.RowsLeft == 0 {
		return explained.Why
	}
	return strings.TrimSuffix(explained.Message+"; "+explained.Why, "; ")
}

// isElsewhere reports whether values are under other versions, and none of these is one that the run was to leave.
func isElsewhere(request migrate.Request, verdict rotation.Verdict) bool {
	return len(verdict.Under) > 0 && !isUnderLeft(request, verdict)
}

// isUnderLeft reports whether values are under a version that the run was to leave.
func isUnderLeft(request migrate.Request, verdict rotation.Verdict) bool {
	for version := range verdict.Under {
		if request.Leaves(version) {
			return true
		}
	}
	return false
}

// moveHints says what moves values under other versions to the one to reach.
func moveHints(request migrate.Request, under map[int]int64) (hints []string) {
	for _, version := range slices.Sorted(maps.Keys(under)) {
		if version > request.To && request.To == request.Configured {
			hints = append(hints, fmt.Sprintf("version %d is newer: set ENCRYPTION_KEY and ENCRYPTION_KEY_VERSION here as the servers that wrote it have them", version))
			continue
		}
		hint := fmt.Sprintf("ocmt rotate --from-version %d", version)
		if request.To != request.Configured {
			hint += fmt.Sprintf(" --to-version %d --allow-downgrade", request.To)
		}
		hints = append(hints, hint)
	}
	return hints
}
