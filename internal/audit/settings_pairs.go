package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/ocmt"
)

// namedText is the text of a setting in one place.
type namedText struct{ place, file, text string }

// textsOf returns the texts of a setting in the settings and in the env files of other components.
func textsOf(name string, settings Settings, parsed []ParsedFile) (list []namedText) {
	if text := settings.Text(name); text != "" {
		list = append(list, namedText{settings.Place(name), settings.File(name), text})
	}
	for _, file := range parsed {
		if text := file.Text(name); text != "" && !file.Own {
			list = append(list, namedText{file.Path, file.Path, text})
		}
	}
	return list
}

// lookAtPairs is OCMT-FIL-007.
func lookAtPairs(ctx context.Context, sources *Sources, settings Settings) (seen Seen, _ error) {
	var parsed []ParsedFile
	if sources.Files.there {
		list, err := sources.Files.it.Parsed(ctx)
		if err != nil {
			return Seen{}, err
		}
		parsed, seen.Gaps = list.Files, list.Gaps
	}
	agent, vault := textsOf("AGENT_SERVER_TOKEN", settings, parsed), textsOf("GROUP_VAULT_AUTH_TOKEN", settings, parsed)
	seen.addTokens(agent, vault, textsOf("AUTH_TOKEN", settings, parsed))
	seen.addPair("INTERNAL_ADMIN_TOKEN", "MANAGEMENT_API_TOKEN", textsOf("INTERNAL_ADMIN_TOKEN", settings, parsed), textsOf("MANAGEMENT_API_TOKEN", settings, parsed))
	names := append(keyNames(settings), "INTERNAL_ADMIN_TOKEN", "MANAGEMENT_API_TOKEN", "AGENT_SERVER_TOKEN", "GROUP_VAULT_AUTH_TOKEN")
	for _, name := range names {
		seen.addSame(name, settings, parsed)
	}
	shadowed := 0
	for _, file := range parsed {
		if file.Own {
			shadowed++
			seen.addShadowed(settings, file)
		}
	}
	if len(seen.Faults) == 0 && len(seen.Gaps) == 0 && shadowed == 0 && len(agent)+len(vault) == 0 && settings.Text("INTERNAL_ADMIN_TOKEN") == "" && settings.Text("MANAGEMENT_API_TOKEN") == "" {
		return Seen{Absent: "none of the settings that belong together is set, and there is no env file"}, nil
	}
	seen.Looked = "2 pairs of settings, " + countThings(int64(len(parsed)), "env file", "env files")
	return seen, nil
}

// addPair compares two settings that must be equal.
func (s *Seen) addPair(one, other string, left, right []namedText) {
	switch {
	case len(left) == 0 && len(right) == 0:
	case len(left) == 0:
		s.Gaps = append(s.Gaps, missingSide(one, other))
	case len(right) == 0:
		s.Gaps = append(s.Gaps, missingSide(other, one))
	case !slices.ContainsFunc(left, func(l namedText) bool {
		return slices.ContainsFunc(right, func(r namedText) bool { return l.text == r.text })
	}):
		s.Faults = append(s.Faults, pairFault(one, other, left, right))
	}
}

// missingSide says that the other side of a pair was not given.
func missingSide(missing, given string) Gap {
	return Gap{What: missing + ", which must equal " + given, Reason: "it is not set here", Missing: "the env file of the component that has " + missing}
}

// pairFault says that two settings differ.
func pairFault(one, other string, left, right []namedText) Fault {
	fault := Fault{Object: one + " = " + other, Message: "differ, and must be equal", Expected: "the same text", Actual: "two texts", File: right[0].file}
	for _, text := range left {
		fault.Places = append(fault.Places, one+" in "+text.place)
	}
	for _, text := range right {
		fault.Places = append(fault.Places, other+" in "+text.place)
	}
	return fault
}

// addTokens compares AUTH_TOKEN, which agent servers and group vaults both have, with what the management
// server sends to each.
func (s *Seen) addTokens(agent, vault, auth []namedText) {
	matches := func(list []namedText) func(namedText) bool {
		return func(t namedText) bool {
			return slices.ContainsFunc(list, func(other namedText) bool { return other.text == t.text })
		}
	}
	ofAgents := slices.DeleteFunc(slices.Clone(auth), func(t namedText) bool { return matches(vault)(t) && !matches(agent)(t) })
	s.addPair("AGENT_SERVER_TOKEN", "AUTH_TOKEN", agent, ofAgents)
	left := slices.DeleteFunc(slices.Clone(auth), matches(agent))
	switch {
	case len(vault) == 0 || slices.ContainsFunc(auth, matches(vault)):
	case len(left) > 0 && (len(agent) == 0 || len(left) < len(auth)):
		s.Faults = append(s.Faults, pairFault("GROUP_VAULT_AUTH_TOKEN", "AUTH_TOKEN", vault, left))
	default: // the ones that are left may be those of agent servers
		s.Gaps = append(s.Gaps, missingSide("AUTH_TOKEN of a group vault", "GROUP_VAULT_AUTH_TOKEN"))
	}
}

// addSame compares one setting between the servers that have it.
func (s *Seen) addSame(name string, settings Settings, parsed []ParsedFile) {
	texts := textsOf(name, settings, parsed)
	version := func(text func(string) string) string { return text(encryptionKey + "_VERSION") }
	for _, file := range parsed {
		if isKeyName(name) && name == encryptionKey && !file.Own && file.Text(name) != "" && version(file.Text) != version(settings.Text) {
			return // another version has another key
		}
	}
	for _, text := range texts[min(1, len(texts)):] {
		if !sameText(name, text.text, texts[0].text) {
			s.Faults = append(s.Faults, Fault{Object: name, Message: "differs between servers", Expected: "the same text", Actual: "two texts",
				Places: []string{name + " in " + texts[0].place, name + " in " + text.place}, File: text.file})
			return
		}
	}
}

// sameText compares two texts of a setting. Digits of an encryption key are the same in either case.
func sameText(name, one, other string) bool {
	return one == other || isKeyName(name) && strings.EqualFold(one, other)
}

// addShadowed finds settings of the env file that the environment hides: dotenv leaves alone what the
// environment has.
func (s *Seen) addShadowed(settings Settings, file ParsedFile) {
	names := keyNames(settings)
	for _, known := range ocmt.Settings() {
		names = append(names, known.Name)
	}
	for _, name := range names {
		inFile, used := file.Text(name), settings.Text(name)
		if inFile != "" && used != "" && !sameText(name, inFile, used) && settings.File(name) != file.Path {
			s.Faults = append(s.Faults, Fault{Object: file.Path + " " + name, Cause: "settings of " + file.Path, Severity: Medium,
				Message: "are hidden by other texts of the same names", Expected: "one text in one place", Actual: "two texts",
				Places: []string{name + " in " + settings.Place(name)}, File: file.Path,
				Fix: "take the variable out of the environment, or the line out of the file, and restart"})
		}
	}
}
