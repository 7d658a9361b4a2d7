package review

import (
	"cmp"
	"net/netip"
	"strings"
)

// families are the names that the tables have for one action, by what a name contains. The first that
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

// deedOf returns what was done: the family, and where that is no deed itself the last word of the name too.
// Credentials that were read are not credentials that were deleted.
func deedOf(entry Entry) string {
	family := familyOf(entry)
	switch family {
	case "impersonation", "emergency access", "credentials":
		words := strings.FieldsFunc(strings.ToLower(entry.Action), func(r rune) bool { return strings.ContainsRune("._- ", r) })
		if len(words) > 0 {
			return family + " " + words[len(words)-1]
		}
	}
	return family
}

// familyOf returns what an entry is about: one word for what the tables name differently.
func familyOf(entry Entry) string {
	if entry.Source == MFAAttempts {
		return "mfa"
	}
	name := strings.NewReplacer("_", ".", "-", ".", " ", ".").Replace(strings.ToLower(entry.Action))
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

// findTwin returns the line that tells the same event as an entry, -1 for none: of the same user, of
// the same family of actions, in the same second, from another table, and with no other outcome. An
// event without a user has no twin, unless ocmt made it.
func findTwin(entries []Entry, entry Entry) int {
	if entry.User == "" && !entry.Tool {
		return -1
	}
	for i := len(entries) - 1; i >= 0 && entries[i].second() == entry.second(); i-- {
		if entries[i].User == entry.User && entries[i].Tool == entry.Tool && !namesSource(entries[i], entry.Source) && deedOf(entries[i]) == deedOf(entry) && agreeOutcome(entries[i].Outcome, entry.Outcome) &&
			agree(plainAddress(entries[i].Address), plainAddress(entry.Address)) && agree(entries[i].Group, entry.Group) {
			return i
		}
	}
	return -1
}

// agreeOutcome reports whether two outcomes can be of one event. An unknown one is none of a failure: a success
// that a table tells without its outcome would vanish in it.
func agreeOutcome(a, b string) bool { return a == b || a != "failure" && b != "failure" }

// agree reports whether two texts do not contradict each other.
func agree(a, b string) bool { return a == "" || b == "" || a == b }

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
// IPv6, and other texts as they are.
func plainAddress(text string) string {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	return address.Unmap().String()
}

// join adds a row of another table that tells the same event. What only that row tells is told with it.
func (e *Entry) join(other Entry) {
	e.Also = append(e.Also, other.Reference())
	e.Outcome, e.Address, e.Error = cmp.Or(e.Outcome, other.Outcome), cmp.Or(e.Address, other.Address), cmp.Or(e.Error, other.Error)
	e.Group, e.Tenant, e.Target = cmp.Or(e.Group, other.Group), cmp.Or(e.Tenant, other.Tenant), cmp.Or(e.Target, other.Target)
	e.Severity, e.Object, e.Agent = cmp.Or(e.Severity, other.Severity), cmp.Or(e.Object, other.Object), cmp.Or(e.Agent, other.Agent)
	e.Origin = cmp.Or(e.Origin, other.Origin)
}
