package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// explainUnproven says why a verification is no proof.
func explainUnproven(unproven *rotation.UnprovenError) *ui.Error {
	request, found := unproven.Request, unproven.Verification
	explained := &ui.Error{Findings: unproven.Findings}
	var others int64
	for _, count := range found.Versions {
		others += count
	}
	switch {
	case unproven.OnStandby():
		explained.Code, explained.Message = ui.ExitRefused, "the values could not be looked at"
		return withFindings(explained, found.Obstacles)
	case unproven.Unread():
		explained.Code, explained.Message = ui.ExitFailed, "the values could not be looked at"
		return withFindings(explained, found.Obstacles)
	case others == 0 && found.SetAside == 0 && len(found.Doubts) == 0:
		return explainSearch(unproven.Findings)
	case others == 0 && found.SetAside == 0:
		explained.Code, explained.Message = ui.ExitRefused, doubtMessage(found.Doubts)
		return withFindings(explained, found.Doubts)
	}
	explained.Code, explained.Message = ui.ExitFound, messageOfValues(found, others)
	doubts := withFindings(&ui.Error{}, found.Doubts)
	explained.Reasons, explained.Hints = doubts.Reasons, slices.Concat(hintsOfLeft(request, found), hintsOfValues(request, found), doubts.Hints)
	return explained
}

// messageOfValues says what a verification found wrong with the values.
func messageOfValues(found *migrate.Verification, others int64) string {
	var parts []string
	if others > 0 {
		parts = append(parts, ui.Count(others, "value is", "values are")+" under another version")
	}
	if unopened := found.SetAside - found.SealedTwice; unopened > 0 {
		parts = append(parts, ui.Count(unopened, "value does", "values do")+" not open")
	}
	if found.SealedTwice > 0 {
		parts = append(parts, ui.Count(found.SealedTwice, "value was sealed twice and needs", "values were sealed twice and need")+" another key inside")
	}
	return strings.Join(parts, " and ")
}

// bringsOlder is in the hint to move values under older versions.
const bringsOlder = "ocmt migrate run brings older values to version "

// otherHints returns hints without the one to move values under older versions.
func otherHints(hints []string) []string {
	return slices.DeleteFunc(slices.Clone(hints), func(hint string) bool { return strings.Contains(hint, bringsOlder) })
}

// hintsOfLeft says what moves values under older versions, and what that needs.
func hintsOfLeft(request migrate.Request, found *migrate.Verification) []string {
	var missing []int
	isOlder := false
	for _, version := range slices.Sorted(maps.Keys(found.Versions)) {
		isOlder = isOlder || version < request.To
		if version < request.To && !slices.Contains(found.KeyVersions, version) {
			missing = append(missing, version)
		}
	}
	if !isOlder {
		return nil
	}
	text := bringsOlder + fmt.Sprintf("%d; keep every old key until this finds nothing", request.To)
	if len(missing) > 0 {
		text = fmt.Sprintf("set %s here, which opens them; then ", keyNames(missing)) + text
	}
	return []string{text}
}

// hintsOfValues says what to do about the other values that a verification found.
func hintsOfValues(request migrate.Request, found *migrate.Verification) (hints []string) {
	if found.Mislabelled > 0 {
		hints = append(hints, "ocmt migrate run --repair-labels also brings those that open with the key of another version")
	}
	if found.SealedTwice > 0 {
		hints = append(hints, "what was sealed twice no server reads: write it anew with the program that wrote it, or give it up with ocmt migrate accept")
	}
	if found.SetAside > found.Mislabelled+found.SealedTwice {
		hints = append(hints, "what no key opens comes back from a backup, or is given up with ocmt migrate accept")
	}
	for version := range found.Versions {
		if version > max(request.To, request.Configured) {
			return append(hints, "values under a newer version were written by servers that have it: set ENCRYPTION_KEY and ENCRYPTION_KEY_VERSION here as they have them")
		}
	}
	return hints
}

// explainWrongKey says which key is wrong, and where the right one may be. The right key opens the values, so that none
// is given up for this one.
func explainWrongKey(wrong *rotation.WrongKeyError) *ui.Error {
	explained := &ui.Error{Message: wrong.Error(), Code: ui.ExitFound, Findings: wrong.Findings,
		Hints: []string{"ocmt validate shows which file or variable each key comes from"}}
	if wrong.IsOther() {
		explained.Hints = append(explained.Hints, fmt.Sprintf("set the key with the fingerprint %s as %s, from a server that reads the values or from its offline copy; then run this again", wrong.Recorded, wrong.Setting))
		return explained
	}
	explained.Why = "it is another key than they were sealed with, or they were changed since; the record has no fingerprint to compare with"
	explained.Hints = append(explained.Hints, "compare its fingerprint with that of a server that reads the values: ocmt validate --live",
		"where it is the right one, what no key opens comes back from a backup")
	return explained
}

// explainSearch says what a search of the columns that nothing lists found wrong.
func explainSearch(found []finding.Finding) *ui.Error {
	explained := &ui.Error{Code: ui.ExitFound, Findings: found}
	var unlisted, known, moved int64
	var wrong []finding.Finding
	for _, one := range found {
		if one.Severity != finding.Error {
			continue
		}
		wrong = append(wrong, one)
		switch one.Code {
		case finding.UnlistedColumn:
			unlisted++
		case finding.KnownColumnOpens:
			known++
		case finding.MovedMeanwhile:
			moved++
		}
	}
	explained = withFindings(explained, wrong)
	switch {
	case unlisted > 0:
		explained.Message = "found encrypted values in " + ui.Count(unlisted, "column", "columns") + " that nothing lists; they need an older key"
		return explained
	case known > 0:
		explained.Message = "found values that need an older key in " + ui.Count(known, "column", "columns") + " listed under known"
		return explained
	case moved > 0:
		explained.Message = "values were written or moved in " + ui.Count(moved, "column", "columns") + " while the database was looked at, and need an older key"
		return explained
	}
	explained.Code, explained.Message = ui.ExitRefused, "nothing is proven: not everything could be looked at"
	return explained
}

// doubtMessage says what could hide values from a verification that found nothing wrong.
func doubtMessage(doubts []finding.Finding) string {
	hidden := slices.ContainsFunc(doubts, func(f finding.Finding) bool { return f.Code == finding.NotEnded })
	gone := slices.ContainsFunc(doubts, func(f finding.Finding) bool { return f.Code != finding.NotEnded })
	switch {
	case hidden && gone:
		return "nothing is proven: a transaction has written to these tables and not ended, and where values were expected there are none"
	case hidden:
		return "nothing is proven: a transaction has written to these tables and not ended; what it wrote could not be looked at"
	}
	return "nothing is proven of what is not there: values were expected, and there are none"
}
