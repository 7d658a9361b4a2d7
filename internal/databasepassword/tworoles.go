package databasepassword

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Rights are what a role has by itself, and what it has through others.
type Rights struct {
	Exists     bool
	CanLogin   bool
	Superuser  bool
	Attributes []string // as ALTER ROLE takes them, such as "CREATEDB"
	// Memberships are the roles that it is a member of, with the options of each.
	Memberships []Membership
	// Settings are those of ALTER ROLE … SET, as name=value.
	Settings []string
	// Owned and Granted count what it owns itself, and where it is named in grants and policies itself, in all databases.
	Owned, Granted int
	// Defaults counts its ALTER DEFAULT PRIVILEGES.
	Defaults int
	// ActsAs is the role that it sets at log-in, which owns what it makes; "" for itself.
	ActsAs string
}

// Membership is one role that another is a member of.
type Membership struct {
	Role    string
	Options string // "" for the usual ones
}

// compareRoles refuses two roles that do not have the same rights, and one that is in use already.
func (p *Plan) compareRoles(ctx context.Context) error {
	if p.session == nil {
		return ErrNeither
	}
	old, err := p.session.Rights(ctx, p.OldRole)
	if err != nil {
		return err
	}
	next, err := p.session.Rights(ctx, p.Role)
	if err != nil {
		return err
	}
	described, err := p.session.Describe(ctx, p.OldRole)
	if err != nil {
		return err
	}
	if old.Exists && !described.MayAlter {
		return &MissingRightError{Role: p.OldRole, Account: described.Account, Grant: described.Missing}
	}
	if list := differences(p.OldRole, p.Role, old, next); len(list) > 0 {
		return &UnequalError{list}
	}
	if old.ActsAs == "" {
		p.Notes = append(p.Notes, fmt.Sprintf("what one of the two roles makes, such as a new table, belongs to it alone: ALTER ROLE … SET role = %s for both of them makes it common", groupOf(old)))
	}
	return p.refuseUsed(ctx)
}

// groupOf names a role that both are members of, as SQL writes it; the operator fills in what there is none for.
func groupOf(rights Rights) string {
	if len(rights.Memberships) == 0 {
		return "…"
	}
	return quoteName(rights.Memberships[0].Role)
}

// differences lists what keeps two roles from taking turns.
func differences(oldName, nextName string, old, next Rights) (list []Difference) {
	if !next.Exists {
		return []Difference{{Text: fmt.Sprintf("there is no role %q", nextName), Fix: "CREATE ROLE " + quoteName(nextName) + " NOLOGIN"}}
	}
	if !old.Exists {
		return []Difference{{Text: fmt.Sprintf("there is no role %q", oldName), Fix: "CREATE ROLE " + quoteName(oldName) + " NOLOGIN"}}
	}
	add := func(fix, text string, args ...any) {
		list = append(list, Difference{Text: fmt.Sprintf(text, args...), Fix: fix})
	}
	for _, one := range []struct {
		name        string
		has, hasNot Rights
		other       string
	}{{oldName, old, next, nextName}, {nextName, next, old, oldName}} {
		for _, attribute := range missing(one.has.Attributes, one.hasNot.Attributes) {
			add(fmt.Sprintf("ALTER ROLE %s %s", quoteName(one.other), attribute), "%q is %s, and %q is not", one.name, attribute, one.other)
		}
		for _, membership := range missing(one.has.Memberships, one.hasNot.Memberships) {
			add(strings.TrimSpace(fmt.Sprintf("GRANT %s TO %s %s", quoteName(membership.Role), quoteName(one.other), membership.Options)),
				"%q is a member of %q, and %q is not, or with other options", one.name, membership.Role, one.other)
		}
		for _, setting := range missing(one.has.Settings, one.hasNot.Settings) {
			add(fmt.Sprintf("ALTER ROLE %s SET … as for %s", quoteName(one.other), quoteName(one.name)), "%q has the setting %s, and %q does not", one.name, settingName(setting), one.other)
		}
		list = append(list, ties(one.name, one.has)...)
	}
	return list
}

// ties lists what a role has by itself, which the other one cannot have too.
func ties(name string, rights Rights) (list []Difference) {
	group := groupOf(rights)
	if rights.Owned > 0 {
		list = append(list, Difference{Text: fmt.Sprintf("%q owns %d objects itself", name, rights.Owned),
			Fix: fmt.Sprintf("REASSIGN OWNED BY %s TO %s in each database", quoteName(name), group)})
	}
	if rights.Granted > 0 {
		list = append(list, Difference{Text: fmt.Sprintf("%d grants or policies name %q itself", rights.Granted, name),
			Fix: fmt.Sprintf("grant them to %s, and revoke them from %s", group, quoteName(name))})
	}
	if rights.Defaults > 0 {
		list = append(list, Difference{Text: fmt.Sprintf("%q has default privileges of its own", name),
			Fix: fmt.Sprintf("ALTER DEFAULT PRIVILEGES FOR ROLE %s REVOKE …, and give them for %s", quoteName(name), group)})
	}
	return list
}

// settingName returns the name of a setting without its value.
func settingName(setting string) string {
	name, _, _ := strings.Cut(setting, "=")
	return name
}

// missing returns what the first list has and the second does not.
func missing[T comparable](has, hasNot []T) (list []T) {
	for _, one := range has {
		if !slices.Contains(hasNot, one) {
			list = append(list, one)
		}
	}
	return list
}
