package finding

import (
	"cmp"
	"slices"
	"strings"
)

// Right is a right that an account lacks. Every name is written as SQL writes it, so that the
// statement made of it can be run as it stands.
type Right struct {
	// Privilege is one of those of GRANT, in lower case, or several: "select, update".
	Privilege string
	// On is what the privilege is for: "public.users", "schema public", "sequence public.users_id_seq".
	On string
	// Column is the one column that the privilege is for; "" for all of them.
	Column string
	Role   string
}

// GrantText returns what Grants does in one line, "" where nothing is missing.
func GrantText(missing []Right) string { return strings.Join(Grants(missing), " ") }

// Grants returns the statements that give what is missing, in the order in which a database takes
// them. Tables that lack the same share one statement. A right on a whole table makes those on its
// columns needless.
func Grants(missing []Right) []string {
	var statements []string
	missing = single(missing)
	for _, role := range distinct(missing, func(r Right) string { return r.Role }) {
		var lacking []Right
		for _, right := range missing {
			if right.Role == role {
				lacking = append(lacking, right)
			}
		}
		statements = append(statements, grantsOf(role, lacking)...)
	}
	return statements
}

// single returns the rights with one privilege each.
func single(rights []Right) []Right {
	var list []Right
	for _, right := range rights {
		for _, privilege := range strings.Split(right.Privilege, ", ") {
			one := right
			one.Privilege = privilege
			list = append(list, one)
		}
	}
	return list
}

// grantsOf returns the statements for one role.
func grantsOf(role string, missing []Right) []string {
	objects := distinct(missing, func(r Right) string { return r.On })
	slices.SortStableFunc(objects, func(a, b string) int {
		return cmp.Or(cmp.Compare(slices.Index(grantOrder, kindOf(a)), slices.Index(grantOrder, kindOf(b))), cmp.Compare(a, b))
	})
	var heads []string // kind and privileges, in the order in which they came up
	behind := map[string][]string{}
	for _, object := range objects {
		head := kindOf(object) + " " + privilegesOn(object, missing)
		if behind[head] == nil {
			heads = append(heads, head)
		}
		behind[head] = append(behind[head], strings.TrimPrefix(object, kindOf(object)+" "))
	}
	statements := make([]string, len(heads))
	for i, head := range heads {
		kind, privileges, _ := strings.Cut(head, " ")
		if kind != "" {
			kind += " "
		}
		statements[i] = "grant " + privileges + " on " + kind + strings.Join(behind[head], ", ") + " to " + role + ";"
	}
	return statements
}

// grantOrder is the order of the kinds of objects; "" is a table.
var grantOrder = []string{"database", "schema", "", "sequence", "function"}

// kindOf returns the word before the name of an object that is no table, "" for a table.
func kindOf(object string) string {
	kind, _, found := strings.Cut(object, " ")
	if found && slices.Contains(grantOrder, kind) {
		return kind
	}
	return ""
}

// privilegesOn returns what is missing on an object, as GRANT has it: "select, update (a, b)".
func privilegesOn(object string, missing []Right) string {
	here := slices.DeleteFunc(slices.Clone(missing), func(r Right) bool { return r.On != object })
	privileges := distinct(here, func(r Right) string { return r.Privilege })
	for i, privilege := range privileges {
		same := slices.DeleteFunc(slices.Clone(here), func(r Right) bool { return r.Privilege != privilege })
		columns := distinct(same, func(r Right) string { return r.Column })
		if !slices.Contains(columns, "") {
			privileges[i] += " (" + strings.Join(columns, ", ") + ")"
		}
	}
	return strings.Join(privileges, ", ")
}

// distinct returns what is read of the rights, each once, in the order in which it first stands.
func distinct(rights []Right, read func(Right) string) []string {
	var list []string
	for _, right := range rights {
		if text := read(right); !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}
