package redisaudit

import (
	"slices"
	"strings"
)

// user is what the rules of a user of Redis say. It has no hash of a password.
type user struct {
	name        string
	on          bool
	hasPassword bool
	noPassword  bool     // it needs none
	rules       []string // about commands, in their order
	selectors   [][]string
}

// canLogIn reports whether anybody can log in as the user.
func (u user) canLogIn() bool { return u.on && (u.hasPassword || u.noPassword) }

// allows reports whether the rules, or those of a selector, allow a command.
func (u user) allows(c command) bool {
	return rulesAllow(u.rules, c) || slices.ContainsFunc(u.selectors, func(rules []string) bool { return rulesAllow(rules, c) })
}

// rulesAllow applies rules in their order, as the server does: the last that fits decides.
func rulesAllow(rules []string, c command) (allowed bool) {
	whole, _, isSub := strings.Cut(c.rule, "|")
	for _, rule := range rules {
		rule = strings.ToLower(rule)
		switch rule {
		case "allcommands":
			rule = "+@all"
		case "nocommands":
			rule = "-@all"
		}
		if len(rule) < 2 || rule[0] != '+' && rule[0] != '-' {
			continue
		}
		named := rule[1:]
		category, isCategory := strings.CutPrefix(named, "@")
		switch {
		case isCategory && (category == "all" || slices.Contains(c.categories, category)), named == c.rule, isSub && named == whole:
			allowed = rule[0] == '+'
		}
	}
	return allowed
}

// readUserLine reads a line of ACL LIST: "user NAME on #HASH ~* +@all (~x +get)". Hashes are not kept.
func readUserLine(line string) (u user, ok bool) {
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != "user" {
		return user{}, false
	}
	u.name = strings.Clone(words[1])
	inside := false
	for _, word := range words[2:] {
		if strings.HasPrefix(word, "(") {
			inside = true
			u.selectors = append(u.selectors, nil)
			word = word[1:]
		}
		ends := inside && strings.HasSuffix(word, ")")
		if ends {
			word = strings.TrimSuffix(word, ")")
		}
		switch {
		case inside:
			last := len(u.selectors) - 1
			u.selectors[last] = append(u.selectors[last], commandRules(word)...)
		default:
			u.read(word)
		}
		inside = inside && !ends
	}
	return u, true
}

// read reads one word outside of a selector.
func (u *user) read(word string) {
	switch {
	case word == "on":
		u.on = true
	case word == "off":
		u.on = false
	case word == "nopass":
		u.noPassword = true
	case strings.HasPrefix(word, "#"):
		u.hasPassword = true
	default:
		u.rules = append(u.rules, commandRules(word)...)
	}
}

// commandRules returns the rules about commands in a text; those about keys and channels are left out.
func commandRules(text string) (rules []string) {
	for _, word := range strings.Fields(text) {
		if word[0] == '+' || word[0] == '-' || word == "allcommands" || word == "nocommands" {
			rules = append(rules, strings.Clone(word)) // the line holds hashes: nothing keeps it
		}
	}
	return rules
}

// readUserReply reads the answer to ACL GETUSER. The passwords in it are not looked at.
func readUserReply(reply any) (u user) {
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		switch name, _ := list[i].(string); name {
		case "commands":
			text, _ := list[i+1].(string)
			u.rules = commandRules(text)
		case "selectors":
			selectors, _ := list[i+1].([]any)
			for _, one := range selectors {
				u.selectors = append(u.selectors, commandRules(readPairs(one)["commands"]))
			}
		}
	}
	return u
}
