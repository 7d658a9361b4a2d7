package validation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

// otherSettings are settings of OCMT that are no secrets (contract, section 2). A name that is nearly one of
// them is misspelt too.
var otherSettings = []string{"ADMIN_EMAILS", "ADMIN_SESSION_TIMEOUT_MS", "MAX_SESSIONS_PER_USER", "USER_SESSION_TIMEOUT_MS",
	"GOOGLE_CLIENT_ID", "GOOGLE_LOGIN_CLIENT_ID", "GITHUB_CLIENT_ID", "MICROSOFT_CLIENT_ID"}

// namesOfOthers are names that other programs have and that are nearly one of OCMT.
var namesOfOthers = []string{"DATABASE_URI", "REDIS_URI", "OAUTH_TOKEN"}

// findPlaceholders finds examples of the documents in settings that are no secrets, and in an env file behind a
// stronger setting.
func (c *checker) findPlaceholders() {
	for _, side := range c.sides {
		var names []string
		if side.EnvFile != nil && !c.isShared(side) {
			names = side.EnvFile.Names()
		}
		for _, name := range names {
			text := side.EnvFile.Text(name)
			if one := c.find(side, name); one != nil && one.text.Reveal() == text {
				continue
			}
			if isExampleIn(name, text) {
				c.exampleAt(shownName(name) + " in " + side.EnvFile.Place(name))
			}
		}
		for _, name := range otherSettings {
			if text := side.Settings.Text(name); secret.IsPlaceholder(text) && !side.Settings.InEnvFile(name) {
				c.exampleAt(c.where(side, name))
			}
		}
	}
}

// isExampleIn reports whether the text of a setting is an example. The bare word "password" is one only where a
// secret belongs.
func isExampleIn(name, text string) bool {
	if strings.EqualFold(strings.TrimSpace(text), "password") && !ocmt.IsSecretName(name) {
		return false
	}
	return secret.IsPlaceholder(text)
}

// exampleAt adds the finding of an example in a setting that is no secret.
func (c *checker) exampleAt(where string) {
	c.report.Others = append(c.report.Others, finding.Finding{Where: where, Code: finding.DocumentedExample, Severity: finding.Error,
		Message: "is an example from the documentation, which everybody can read", Fix: "set what belongs there, or take the line out"})
}

// shownName returns a name of an env file for a report: one that may be a secret in the wrong place is not
// shown.
func shownName(name string) string {
	if secret.Resembles(name) {
		return "[not shown]"
	}
	return name
}

// findNearNames finds names in env files that are nearly those of settings, and that nothing reads. A name that
// is one letter off, has two letters exchanged, is in small letters, or has two slips in long words is near.
func (c *checker) findNearNames() {
	for _, side := range c.sides {
		if side.EnvFile == nil || c.isShared(side) {
			continue
		}
		known := c.knownNames(side)
		for _, name := range side.EnvFile.Names() {
			if side.EnvFile.Text(name) == "" {
				continue
			}
			bare, ending := strings.CutSuffix(name, "_FILE")
			near, found := nearestName(bare, known)
			if !found {
				continue
			}
			isSet := side.Settings.Text(near) != "" || side.EnvFile.Text(near) != ""
			if isSet && slices.Contains(namesOfOthers, name) {
				continue
			}
			if ending {
				near += "_FILE"
			}
			c.report.Others = append(c.report.Others, nearFinding(side.EnvFile.Place(name), name, near, isSet))
		}
	}
}

// nearFinding is about a name that is nearly a setting.
func nearFinding(place, name, near string, isSet bool) finding.Finding {
	found := finding.Finding{Where: name, Code: finding.NearName, Severity: finding.Error,
		Message: fmt.Sprintf("(%s) is no setting, and nothing reads it; %s is one, and it is not set", place, near), Fix: "rename it to " + near}
	if isSet {
		found.Severity = finding.Warning
		found.Message = fmt.Sprintf("(%s) is no setting, and nothing reads it; %s is one, and it is set to what counts", place, near)
		found.Fix = "take the line out, or rename it to " + near + " if it has the right text"
	}
	return found
}

// knownNames returns the names of settings: those of all kinds, those of versions that the side may have, and
// others of OCMT.
func (c *checker) knownNames(side *Side) (names []string) {
	for _, kind := range allKinds() {
		names = append(names, kind.Names()...)
		if kind.VersionSetting != "" {
			names = append(names, kind.VersionSetting)
			for version := range likelyVersions {
				names = append(names, fmt.Sprintf("%s%d", kind.OlderPrefix, version))
			}
			names = append(names, kind.SettingNames(side.Settings.Names)...)
		}
	}
	return append(names, otherSettings...)
}

// likelyVersions is how many versions a misspelt name is compared with.
const likelyVersions = 10

// nearestName returns the known name that a name is nearly, and whether there is one. A known name is near none.
func nearestName(name string, known []string) (string, bool) {
	if slices.Contains(known, name) {
		return "", false
	}
	upper := strings.ReplaceAll(strings.ToUpper(name), "-", "_")
	for _, one := range known {
		if upper == one {
			return one, true
		}
	}
	for _, near := range []func(name, known string) bool{isNear, isNearByWords} {
		for _, one := range known {
			if near(upper, one) {
				return one, true
			}
		}
	}
	return "", false
}

// isNearByWords reports whether two names have the same words, some of them misspelt: with one slip in a word of five
// letters or more, and two in one of nine or more, two slips in all. The first letter of a word is right: GITLAB is not
// GITHUB, and DECRYPTION is not ENCRYPTION.
func isNearByWords(name, known string) bool {
	const mostSlips, longWord, longerWord = 2, 5, 9
	words, wanted := strings.Split(name, "_"), strings.Split(known, "_")
	if len(words) != len(wanted) || strings.TrimRight(name, digits) == strings.TrimRight(known, digits) {
		return false
	}
	all := 0
	for i, word := range words {
		if word == wanted[i] {
			continue
		}
		if len(wanted[i]) < longWord || word == "" || word[0] != wanted[i][0] {
			return false
		}
		slips := countSlips(word, wanted[i])
		if slips > 1 && len(wanted[i]) < longerWord {
			return false
		}
		all += slips
	}
	return all > 0 && all <= mostSlips
}

// countSlips counts the letters that are left out, added or wrong, and those that are exchanged with the next one
// (optimal string alignment).
func countSlips(word, wanted string) int {
	rows := make([][]int, len(word)+1)
	for i := range rows {
		rows[i] = make([]int, len(wanted)+1)
		for j := range rows[i] {
			if i == 0 || j == 0 {
				rows[i][j] = i + j
				continue
			}
			wrong := 1
			if word[i-1] == wanted[j-1] {
				wrong = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+wrong)
			if i > 1 && j > 1 && word[i-1] == wanted[j-2] && word[i-2] == wanted[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(word)][len(wanted)]
}

// longName is the length from which on even the first letter of a name may be wrong. In shorter ones another
// first letter makes another word: OAUTH_TOKEN is not AUTH_TOKEN.
const longName = 13

const digits = "0123456789"

// isNear reports whether two names are one letter apart: one left out, added, wrong, or two beside each other
// exchanged (optimal string alignment distance of 1). Digits at the end tell two names apart that belong to a row,
// and are no slip.
func isNear(name, known string) bool {
	if name == "" || name[0] != known[0] && len(known) < longName {
		return false
	}
	if strings.TrimRight(name, digits) == strings.TrimRight(known, digits) {
		return false
	}
	return countSlips(name, known) == 1
}
