package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// explain turns the typed errors of other packages into what an operator reads: a
// sentence, what to do next, and the exit code. An error that is explained already
// passes as it is. It is the one place that decides the exit code of an error.
func explain(err error) error {
	var explained *ui.Error
	if errors.As(err, &explained) {
		return err
	}
	// The first say how far a change has come, which counts more than the failure of a database or a store in them.
	for _, explainKind := range []func(error) *ui.Error{
		explainRotateAll,
		explainRunLocked,
		explainFinish,
		explainToken,
		explainRedisPassword,
		explainDatabasePassword,
		explainStory,
		explainRotation,
		explainRun,
		explainClosed,
		explainSession,
		explainGatewayTokens,
		explainChain,
		explainStore,
		explainAudit,
		explainSteering,
		explainLocked,
		explainDatabase,
		explainSettings,
	} {
		if explained := explainKind(err); explained != nil {
			return explained
		}
	}
	return err
}

// explainSettings explains what is wrong with a setting, and an interruption.
func explainSettings(err error) *ui.Error {
	var missing *config.MissingError
	var invalid *config.InvalidError
	var file *config.FileError
	switch {
	case errors.Is(err, crypto.ErrUnsupported):
		return &ui.Error{Message: crypto.ErrUnsupported.Error(), Code: ui.ExitRefused, Hints: []string{"run it without fips140=only in GODEBUG"}}
	case errors.Is(err, ui.ErrInterrupted):
		return &ui.Error{Message: "interrupted", Code: ui.ExitInterrupted, Hints: []string{"run the same command again"}}
	case errors.As(err, &missing):
		return settingError(err, missing.Advice)
	case errors.As(err, &invalid):
		return settingError(err, cmp.Or(invalid.Advice, "correct it, or leave it out: docs/settings.md has the default"))
	case errors.As(err, &file):
		return settingError(err, cmp.Or(file.Advice, "correct the file: docs/settings.md shows the form of settings files"))
	}
	return nil
}

func settingError(err error, advice string) *ui.Error {
	explained := &ui.Error{Message: err.Error(), Code: ui.ExitUsage}
	if advice != "" {
		explained.Hints = []string{advice}
	}
	return explained
}

// explainRotation explains what a rotation is not: allowed, finished, or proven.
func explainRotation(err error) *ui.Error {
	var refused *rotation.RefusedError
	var unfinished *rotation.UnfinishedError
	var unproven *rotation.UnprovenError
	var wrong *rotation.WrongKeyError
	switch {
	case errors.As(err, &refused):
		explained := &ui.Error{Message: refused.Finding.Message, Hints: []string{refused.Finding.Fix}, Code: ui.ExitRefused, Findings: []finding.Finding{refused.Finding}}
		if len(refused.Finding.Rights) > 0 { // the fix is the statements
			explained.Missing, explained.Hints = refused.Finding.Rights, nil
		}
		if refused.Or != "" {
			explained.Hints = append(explained.Hints, refused.Or)
		}
		if refused.Finding.Code == finding.SameVersion {
			explained.Code = ui.ExitUsage
		}
		return explained
	case errors.As(err, &wrong):
		return explainWrongKey(wrong)
	case errors.As(err, &unfinished):
		return explainUnfinished(unfinished)
	case errors.As(err, &unproven):
		return explainUnproven(unproven)
	}
	return nil
}

// explainUnfinished says what a run has left.
func explainUnfinished(unfinished *rotation.UnfinishedError) *ui.Error {
	request, result := unfinished.Request, unfinished.Result
	explained := &ui.Error{Code: ui.ExitPartial, Findings: unfinished.Findings}
	switch {
	case result.Left > 0 && result.Blocked == result.Left:
		explained.Message = ui.Count(result.Left, "row was", "rows were") + " locked by another transaction all the time, and left"
		explained.Hints = []string{"look in pg_stat_activity for a transaction that has not ended, then run this again"}
	case result.Left > 0:
		explained.Message = fmt.Sprintf("%s still found in the last of %d passes", ui.Count(result.Left, "row was", "rows were"), result.Passes)
		other := "an older one"
		if request.Backwards {
			other = "a newer one"
		}
		explained.Why = fmt.Sprintf("a server has not been switched to version %d, and has written %s, since %s at the latest", request.To, other, result.LeftSince.UTC().Format(time.DateTime+" UTC"))
		if result.Changed > 0 {
			explained.Why += ", or something else holds them"
			explained.Hints = append(explained.Hints, "where every server is switched, look for a transaction that holds rows (pg_stat_activity) and for a trigger that drops writes")
		}
		if request.Backwards {
			explained.Hints = append(explained.Hints, backwardsHints(request.To)...)
		} else {
			explained.Hints = append(explained.Hints, fmt.Sprintf("switch that server to version %d (ENCRYPTION_KEY and ENCRYPTION_KEY_VERSION), then run this again", request.To))
		}
	case len(result.NotEnded) > 0:
		explained.Message = "a transaction has written to these tables and not ended; what it wrote could not be looked at"
		explained.Why = strings.Join(result.NotEnded, "; ")
		explained.Hints = []string{"end it (a prepared one with COMMIT PREPARED or ROLLBACK PREPARED), then run this again"}
	default:
		explained.Message = ui.Count(result.SetAside, "value was set aside and left as it is", "values were set aside and left as they are")
		explained.Hints = []string{"keep every old key until they are dealt with: bring them back from a backup, or give each up with ocmt migrate accept", "ocmt migrate verify shows them again"}
		if slices.ContainsFunc(result.List, func(s migrate.SetAside) bool { return s.Reason == "mislabelled" }) {
			explained.Hints = append(explained.Hints, "those that open with the key of another version are moved with --repair-labels")
		}
	}
	return explained
}

// partial explains what a verification at the end of a rotation found. The rotation is
// done in part then: at its end it is too late to refuse.
func partial(err error) error {
	if err == nil {
		return nil
	}
	var explained *ui.Error
	err = explain(err)
	if errors.As(err, &explained) && (explained.Code == ui.ExitFound || explained.Code == ui.ExitRefused) {
		explained.Code = ui.ExitPartial
	}
	return err
}

// explainRun explains how a run ended, or why it was not begun.
func explainRun(err error) *ui.Error {
	var refused *migrate.RefusedError
	var unknown *migrate.UnknownNameError
	var opens *migrate.OpensError
	switch {
	case errors.As(err, &refused):
		return withFindings(&ui.Error{Message: "refusing to start; nothing was written", Code: ui.ExitRefused, Findings: refused.Findings}, refused.Findings)
	case errors.Is(err, migrate.ErrLocked):
		return &ui.Error{Message: migrate.ErrLocked.Error() + "; nothing was written", Code: ui.ExitRefused,
			Hints: []string{"wait for it to end; ocmt migrate status shows it"},
			Findings: []finding.Finding{{Code: finding.RunAtWork, Severity: finding.Error, Where: "database",
				Message: migrate.ErrLocked.Error(), Fix: "wait for it to end; ocmt migrate status shows it"}}}
	case errors.Is(err, migrate.ErrStopped):
		return &ui.Error{Message: "stopped after what was in hand; what was moved is safe", Code: ui.ExitInterrupted,
			Hints: []string{"run the same command again to go on: what is done is skipped"}}
	case errors.Is(err, migrate.ErrAborted):
		return &ui.Error{Message: abortedText(err) + ", with ocmt migrate abort; what was moved is safe", Code: ui.ExitInterrupted,
			Hints: []string{"run the same command again to go on: what is done is skipped"}}
	case errors.Is(err, migrate.ErrLockLost):
		return &ui.Error{Message: migrate.ErrLockLost.Error() + ", so the run ended itself; what was moved is safe", Code: ui.ExitFailed,
			Hints: []string{"look why the server or a pool closed the connection, then run the same command again: what is done is skipped"}}
	case errors.Is(err, migrate.ErrChangedOnWrite):
		return &ui.Error{Message: err.Error() + "; that was taken back, and nothing was lost", Code: ui.ExitFailed,
			Hints: []string{"look at the triggers of this table; disable for the time of the run the one that writes the encrypted columns"}}
	case errors.Is(err, migrate.ErrSetAside):
		return &ui.Error{Message: err.Error(), Code: ui.ExitPartial,
			Hints: []string{"look at that row; without --on-error stop such values are set aside and the rest is moved"}}
	case errors.Is(err, migrate.ErrOneColumn), errors.Is(err, migrate.ErrNoRow), errors.Is(err, migrate.ErrNotAccepted):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage, Hints: []string{"ocmt migrate verify lists the values that do not open, with table, column and row"}}
	case errors.As(err, &opens) && opens.Inside:
		return &ui.Error{Message: err.Error(), Code: ui.ExitRefused, Hints: []string{"take away in the row what stands around the ciphertext; then ocmt migrate run moves it"}}
	case errors.As(err, &opens):
		return &ui.Error{Message: err.Error(), Code: ui.ExitRefused, Hints: []string{"ocmt migrate run moves it; where its label is wrong, with --repair-labels"}}
	case errors.As(err, &unknown):
		return &ui.Error{Message: "the catalogue has no " + unknown.Kind + " " + shownName(unknown.Name), Code: ui.ExitUsage,
			Hints: []string{"ocmt migrate columns lists what there is"}}
	}
	return nil
}

// abortedText says who has ended a run, where that is known.
func abortedText(err error) string {
	var aborted migrate.AbortedError
	if errors.As(err, &aborted) && aborted.By != "" {
		return "aborted by " + quoteName(aborted.By)
	}
	return "aborted from outside"
}

// explainClosed explains that the account may not read the record, or not even look for tables which the deployment names.
func explainClosed(err error) *ui.Error {
	var closed *migrate.ClosedError
	var unreadable *rotation.UnreadableError
	switch {
	case errors.As(err, &closed):
		return &ui.Error{Message: err.Error(), Missing: closed.Reason.Missing, Code: ui.ExitFailed}
	case errors.As(err, &unreadable):
		return &ui.Error{Message: err.Error(), Missing: unreadable.Reason.Missing, Code: ui.ExitFailed}
	}
	return nil
}

// foundObstacles explains what would keep a run from starting; nil where nothing would.
func foundObstacles(list []finding.Finding) error {
	if len(list) == 0 {
		return nil
	}
	return withFindings(&ui.Error{Message: obstaclesText(list), Code: ui.ExitFound, Findings: list}, list)
}

// obstaclesText counts obstacles as the reasons below it do: one that is the same in many places is one.
func obstaclesText(list []finding.Finding) string {
	groups := groupByMessage(list)
	text, found := "a run would refuse to start: found "+ui.Count(int64(len(groups)), "obstacle", "obstacles"), 0
	for _, group := range groups {
		found += len(group.places)
	}
	if found > len(groups) {
		text += " in " + ui.Number(int64(found)) + " places"
	}
	return text
}

// foundInColumns explains what would keep a run from being whole; nil where nothing
// would. The report may be nil.
func foundInColumns(obstacles []finding.Finding, report *discover.Report) error {
	found := slices.Clone(obstacles)
	var parts []string
	if len(obstacles) > 0 {
		parts = append(parts, obstaclesText(obstacles))
	}
	if report != nil {
		if n := int64(len(report.Unlisted)); n > 0 {
			parts = append(parts, "found encrypted values in "+ui.Count(n, "column", "columns")+" that nothing lists")
		}
		for _, find := range report.Unlisted {
			found = append(found, find.Finding())
		}
		if n := int64(len(report.Unread)); n > 0 {
			parts = append(parts, "could not look at everything: "+ui.Count(n, "part of the database was", "parts of the database were")+" not read")
		}
		found = append(found, report.Unread...)
	}
	if len(parts) == 0 {
		return nil
	}
	return withFindings(&ui.Error{Message: strings.Join(parts, "; "), Code: ui.ExitFound, Findings: found}, found)
}
