package review

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/ocmt/ocmt/internal/chain"
)

// families are what actions are about for Find, by what a name contains. The first that
// fits counts. Names are compared in lower case with _ and - as dots.
var families = []struct{ part, family string }{
	{"mfa", "mfa"}, {"totp", "mfa"},
	{"impersonat", "impersonation"},
	{"emergency", "emergency access"}, {"break.glass", "emergency access"},
	{"logout", "logout"}, {"logged.out", "logout"}, {"sign.out", "logout"},
	{"unlock", "vault unlock"},
	{"login", "login"}, {"logged.in", "login"}, {"sign.in", "login"}, {"auth.fail", "login"},
	{"credential", "credentials"},
}

// plainName returns the name of an action in lower case with _ and - as dots.
func plainName(action string) string {
	return strings.NewReplacer("_", ".", "-", ".", " ", ".").Replace(strings.ToLower(action))
}

// familyOf returns what an entry is about: one word for what the tables name differently.
func familyOf(entry Entry) string {
	if entry.Source == MFAAttempts {
		return "mfa"
	}
	name := plainName(entry.Action)
	for _, known := range families {
		if strings.Contains(name, known.part) {
			if known.family == "vault unlock" && (entry.Source == GroupVaultAudit || strings.Contains(name, "group")) {
				return "group vault " + strings.TrimPrefix(name, "group.vault.")
			}
			return known.family
		}
	}
	if entry.Source == GroupVaultAudit {
		return "group vault " + strings.TrimPrefix(name, "group.vault.")
	}
	if rest, is := strings.CutPrefix(name, "group.vault."); is {
		return "group vault " + rest
	}
	return name
}

// verbs are the names that the tables have for one action where they differ, in lower case with _ and -
// as dots. Other actions are the same only if their whole names are.
var verbs = map[string]string{
	"login": "login", "user.login": "login", "auth.login": "login", "login.success": "login", "user.logged.in": "login", "auth.login.success": "login",
	"logout": "logout", "user.logout": "logout", "auth.logout": "logout", "user.logged.out": "logout",
	"auth.failed": "login failed", "login.failed": "login failed", "user.login.failed": "login failed", "auth.login.failed": "login failed",
	"auth.mfa.failed": "mfa failed", "mfa.failed": "mfa failed", "auth.mfa.success": "mfa accepted", "mfa.success": "mfa accepted",
	"vault.unlock": "vault unlocked", "vault.unlocked": "vault unlocked",
}

// toolVerbs are the names that ocmt itself gives one event in audit_log and in its own record, in the same form.
var toolVerbs = map[string]string{
	"encryption.migrated": "run ended", plainName(chain.ActionRunEnded): "run ended", plainName(chain.ActionRollbackEnded): "run ended",
	"encryption.value.accepted": "value accepted", plainName(chain.ActionValueAccepted): "value accepted",
	"encryption.value.withdrawn": "value withdrawn", plainName(chain.ActionValueWithdrawn): "value withdrawn",
	"gateway.tokens.rotated": "tokens renewed", plainName(chain.ActionTokensRenewed): "tokens renewed",
	"session.revoked": "access ended", "session.revoked.all": "access ended", plainName(chain.ActionAccessEnded): "access ended",
}

// verbOf returns what an entry says was done: one text for what the tables name differently.
func verbOf(entry Entry) string {
	name := plainName(entry.Action)
	if verb := toolVerbs[name]; entry.Tool && verb != "" {
		return verb
	}
	switch rest, group := strings.CutPrefix(name, "group.vault."); {
	case entry.Source == MFAAttempts && entry.Outcome == Failed:
		return "mfa failed"
	case entry.Source == MFAAttempts:
		return "mfa accepted"
	case entry.Source == GroupVaultAudit || group:
		return "group vault " + rest
	}
	return cmp.Or(verbs[name], name)
}

// findTwin returns the line that tells the same event as an entry, -1 for none: of the same user, with
// the same verb, in the same second, from another table, and with no other outcome. An event without a
// user has no twin, unless ocmt made it.
func findTwin(entries []Entry, entry Entry) int {
	if entry.User == "" && !entry.Tool {
		return -1
	}
	for i := len(entries) - 1; i >= 0 && entries[i].second() == entry.second(); i-- {
		if !namesSource(entries[i], entry.Source) && isTwin(entries[i], entry) {
			return i
		}
	}
	return -1
}

// isTwin reports whether two entries of one second tell the same event.
func isTwin(a, b Entry) bool {
	return a.User == b.User && a.Tool == b.Tool && verbOf(a) == verbOf(b) && agreeOnOutcome(a.Outcome, b.Outcome) &&
		agree(plainAddress(a.Address), plainAddress(b.Address)) && agree(a.Group, b.Group)
}

// agree reports whether two texts do not contradict each other.
func agree(a, b string) bool { return a == "" || b == "" || a == b }

// agreeOnOutcome reports whether two outcomes are one. A row that tells none may be of a success: a
// failure is never put into it, because it would be seen no more.
func agreeOnOutcome(a, b string) bool {
	return a == b || a != Failed && b != Failed
}

// namesSource reports whether a line has a row of a source already. A table tells an event once.
func namesSource(entry Entry, source Source) bool {
	if entry.Source == source {
		return true
	}
	for _, other := range entry.Also {
		if other.Source == source {
			return true
		}
	}
	return false
}

// plainAddress returns an address in its shortest form, an IPv4 address also where it is written within
// IPv6, without a port, and of a list the first. Other texts are returned as they are.
func plainAddress(text string) string {
	first, _, _ := strings.Cut(text, ",")
	first = strings.TrimSpace(first)
	if address, err := netip.ParseAddr(first); err == nil {
		return address.Unmap().String()
	}
	if address, err := netip.ParseAddrPort(first); err == nil {
		return address.Addr().Unmap().String()
	}
	return text
}

// join adds a row of another table that tells the same event. What only that row tells is told with it.
func (e *Entry) join(other Entry) {
	e.Also = append(e.Also, other.Reference())
	e.Outcome, e.Address, e.Error = cmp.Or(e.Outcome, other.Outcome), cmp.Or(e.Address, other.Address), cmp.Or(e.Error, other.Error)
	e.Group, e.Tenant, e.Target = cmp.Or(e.Group, other.Group), cmp.Or(e.Tenant, other.Tenant), cmp.Or(e.Target, other.Target)
	e.Severity, e.Object, e.Agent = cmp.Or(e.Severity, other.Severity), cmp.Or(e.Object, other.Object), cmp.Or(e.Agent, other.Agent)
	e.Origin = cmp.Or(e.Origin, other.Origin)
}
