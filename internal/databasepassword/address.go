package databasepassword

import (
	"errors"
	"net/url"
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// ErrAddress says that an address cannot be read. It repeats nothing of it.
var ErrAddress = errors.New("DATABASE_URL is not an address that PostgreSQL understands")

// ErrNoPassword says that an address has no password, or no account, that could be changed in it.
var ErrNoPassword = errors.New("DATABASE_URL has no account with a password in it")

// ErrAmbiguous says that an address names account or password twice.
var ErrAmbiguous = errors.New("DATABASE_URL names an account or a password twice")

// Address is the address of a database, with an account and its password. It does not print.
type Address struct {
	text           secret.Value
	role, password part
}

// part is a value in an address.
type part struct {
	from, to int          // where its bytes stand
	value    secret.Value // what they mean
	encode   func(string) string
}

// ParseAddress reads an address: a URL, as node-postgres and libpq read it, or the name=value pairs of libpq. It
// must name an account and a password, each once. The error is ErrAddress, ErrNoPassword or ErrAmbiguous.
func ParseAddress(text secret.Value) (Address, error) {
	var roles, passwords []part
	var err error
	if strings.Contains(text.Reveal(), "://") {
		roles, passwords, err = splitURL(text.Reveal())
	} else {
		roles, passwords, err = splitPairs(text.Reveal())
	}
	switch {
	case err != nil:
		return Address{}, err
	case len(roles) > 1 || len(passwords) > 1:
		return Address{}, ErrAmbiguous
	case len(roles) == 0 || len(passwords) == 0 || !roles[0].value.IsSet() || !passwords[0].value.IsSet():
		return Address{}, ErrNoPassword
	}
	return Address{text: text, role: roles[0], password: passwords[0]}, nil
}

// Role returns the account.
func (a Address) Role() string { return a.role.value.Reveal() }

// Password returns the password as the server is sent it.
func (a Address) Password() secret.Value { return a.password.value }

// Text returns the whole address.
func (a Address) Text() secret.Value { return a.text }

// With returns the address with another account and password. Every other byte stays, and what stays as it was is
// not written anew. The error is ErrAddress where the address would not be read as it is meant.
func (a Address) With(role string, password secret.Value) (Address, error) {
	replace := func(text string, old part, value string) string {
		if old.value.Reveal() == value {
			return text
		}
		return text[:old.from] + old.encode(value) + text[old.to:]
	}
	text := a.text.Reveal()
	if a.role.from > a.password.from { // the later one first, so that the other stays where it is
		text = replace(replace(text, a.role, role), a.password, password.Reveal())
	} else {
		text = replace(replace(text, a.password, password.Reveal()), a.role, role)
	}
	made, err := ParseAddress(secret.NewValue(text))
	if err != nil || made.Role() != role || made.Password().Reveal() != password.Reveal() {
		return Address{}, ErrAddress
	}
	return made, nil
}

// splitURL finds accounts and passwords in a URL: before the host, and among the parameters.
func splitURL(text string) (roles, passwords []part, err error) {
	trimmed := strings.TrimSpace(text)
	if _, err := url.Parse(trimmed); err != nil || !strings.HasPrefix(trimmed, "postgres://") && !strings.HasPrefix(trimmed, "postgresql://") {
		return nil, nil, ErrAddress
	}
	authority := strings.Index(text, "://") + len("://")
	end := len(text)
	if i := strings.IndexAny(text[authority:], "/?#"); i >= 0 {
		end = authority + i
	}
	// A password with a / ? or # that is not escaped ends the host too early: the rest, with the @, stands behind.
	at := strings.LastIndexByte(text[authority:end], '@')
	if strings.Contains(text[end:], "@") && at < 0 {
		return nil, nil, ErrAddress
	}
	if at >= 0 {
		name, _, hasPassword := strings.Cut(text[authority:authority+at], ":")
		colon := authority + len(name)
		if err := addEscaped(&roles, text, authority, colon, url.PathUnescape, escapeText); err != nil {
			return nil, nil, err
		}
		if hasPassword {
			err = addEscaped(&passwords, text, colon+1, authority+at, url.PathUnescape, escapeText)
		}
	}
	return splitParameters(text, end, roles, passwords, err)
}

// splitParameters adds accounts and passwords among the parameters of a URL.
func splitParameters(text string, from int, roles, passwords []part, err error) ([]part, []part, error) {
	question := strings.IndexByte(text[from:], '?')
	if err != nil || question < 0 {
		return roles, passwords, err
	}
	for position := from + question + 1; position <= len(text); {
		pair, _, _ := strings.Cut(text[position:], "&")
		pair, _, isLast := strings.Cut(pair, "#")
		name, _, found := strings.Cut(pair, "=")
		plain, _ := url.QueryUnescape(name)
		list := map[string]*[]part{"user": &roles, "password": &passwords}[plain]
		if found && list != nil {
			if err := addEscaped(list, text, position+len(name)+1, position+len(pair), url.QueryUnescape, escapeText); err != nil {
				return nil, nil, err
			}
		}
		if isLast {
			break
		}
		position += len(pair) + 1
	}
	return roles, passwords, nil
}

func addEscaped(list *[]part, text string, from, to int, unescape func(string) (string, error), escape func(string) string) error {
	value, err := unescape(text[from:to])
	if err != nil {
		return ErrAddress
	}
	*list = append(*list, part{from: from, to: to, value: secret.NewValue(value), encode: escape})
	return nil
}

// escapeText writes a text so that it can stand before the host of a URL, or in a parameter, where node-postgres reads
// a + as a space and libpq does not: all but letters, digits and - . _ ~
// is escaped (RFC 3986, section 2.3).
func escapeText(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// splitPairs finds accounts and passwords in name=value pairs (PostgreSQL documentation, section 34.1.1.1).
func splitPairs(text string) (roles, passwords []part, err error) {
	const space = " \t\r\n"
	if strings.ContainsAny(text, "\v\f\x00") { // libpq takes them for spaces too, and others do not
		return nil, nil, ErrAddress
	}
	for position := 0; ; {
		position += len(text[position:]) - len(strings.TrimLeft(text[position:], space))
		if position == len(text) {
			return roles, passwords, nil
		}
		name, _, found := strings.Cut(text[position:], "=")
		if !found {
			return nil, nil, ErrAddress
		}
		from := position + len(name) + 1
		from += len(text[from:]) - len(strings.TrimLeft(text[from:], space))
		value, to, ok := readPairValue(text, from)
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, space+`'\`) {
			return nil, nil, ErrAddress
		}
		switch found := (part{from: from, to: to, value: secret.NewValue(value), encode: quotePair}); name {
		case "user":
			roles = append(roles, found)
		case "password":
			passwords = append(passwords, found)
		}
		position = to
	}
}

// readPairValue reads a value, in quotes or not, and returns where it ends.
func readPairValue(text string, from int) (value string, to int, ok bool) {
	quoted := strings.HasPrefix(text[from:], "'")
	if quoted {
		from++
	}
	var b strings.Builder
	for i := from; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case quoted && c == '\'':
			return b.String(), i + 1, true
		case !quoted && strings.IndexByte(" \t\r\n", c) >= 0:
			return b.String(), i, true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), len(text), !quoted
}

func quotePair(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
