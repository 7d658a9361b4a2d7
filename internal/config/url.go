package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// unreadable is shown in place of a URL that could not be parsed. No part of the URL is shown,
// because the reason is most often its password.
const unreadable = "[unreadable URL]"

// URL is the address of a database, with its password. It prints as the text of Redacted. Only
// Reveal returns the address that can be dialled. The zero URL is not set.
type URL struct {
	whole Secret
}

// NewURL returns an address that prints without its password.
func NewURL(text string) URL { return URL{whole: NewSecret(text)} }

// Reveal returns the address with the password.
func (u URL) Reveal() string { return u.whole.Reveal() }

// IsSet reports whether there is an address at all.
func (u URL) IsSet() bool { return u.whole.IsSet() }

// String returns the address without anything secret.
func (u URL) String() string { return u.Redacted() }

// GoString returns the address without anything secret.
func (u URL) GoString() string { return u.Redacted() }

// Format writes the address without anything secret, for every verb.
func (u URL) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(u.Redacted())) }

// MarshalText returns the address without anything secret. JSON uses it too.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.Redacted()), nil }

// LogValue returns the address without anything secret.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.Redacted()) }

// Redacted returns user, host, port, database and TLS mode of a postgres or
// redis URL, or of a PostgreSQL key=value string. It returns nothing else, because a parameter
// that this package does not know could contain a password.
func (u URL) Redacted() string {
	text := strings.TrimSpace(u.Reveal())
	fields := strings.Fields(text)
	switch {
	case text == "":
		return ""
	case len(fields) > 1 && !slices.ContainsFunc(fields, func(field string) bool { return !strings.Contains(field, "://") }): // several
		for i, field := range fields {
			fields[i] = redactURL(field)
		}
		return strings.Join(fields, " ")
	case strings.Contains(text, "://"):
		return redactURL(text)
	case strings.Contains(text, "="):
		return redactKeywords(text)
	default:
		return unreadable
	}
}

// shownParameters are the connection parameters that contain no secret and that an operator
// needs to distinguish two addresses.
var shownParameters = [...]string{"host", "port", "user", "dbname", "sslmode"}

func redactURL(text string) string {
	parsed, err := url.Parse(text)
	if err != nil || !isKnownScheme(parsed.Scheme) {
		return unreadable
	}
	// A password with an unescaped /, ? or # ends the host part early. The rest of the password,
	// up to the @, would be shown as the path.
	if strings.Contains(parsed.Path+parsed.RawQuery+parsed.Fragment, "@") {
		return unreadable
	}
	shown := url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path}
	_, hasPassword := parsed.User.Password()
	// In redis://secret@host, a common mistake, the user name is the password.
	if name := parsed.User.Username(); name != "" && (hasPassword || strings.HasPrefix(parsed.Scheme, "postgres")) {
		shown.User = url.User(name)
	}
	query := url.Values{}
	for _, name := range shownParameters {
		if value := parsed.Query().Get(name); value != "" {
			query.Set(name, value)
		}
	}
	shown.RawQuery = strings.ReplaceAll(query.Encode(), "%2F", "/")
	return shown.String()
}

func isKnownScheme(scheme string) bool {
	switch scheme {
	case "postgres", "postgresql", "redis", "rediss", "unix":
		return true
	}
	return false
}

func redactKeywords(text string) string {
	values, ok := parseKeywords(text)
	if !ok {
		return unreadable
	}
	var shown []string
	for _, name := range shownParameters {
		if value := values[name]; value != "" {
			shown = append(shown, name+"="+value)
		}
	}
	if len(shown) == 0 {
		return unreadable
	}
	return strings.Join(shown, " ")
}

// parseKeywords reads the form of libpq: name = value pairs. A value with spaces is in single
// quotes, and a backslash is before a quote or a backslash.
func parseKeywords(text string) (map[string]string, bool) {
	values := map[string]string{}
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		name, after, found := strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		if !found || name == "" || strings.ContainsAny(name, " \t\r\n'\\") {
			return nil, false
		}
		value, left, ok := parseKeywordValue(strings.TrimLeft(after, " \t\r\n"))
		if !ok {
			return nil, false
		}
		values[name], rest = value, left
	}
	return values, true
}

// parseKeywordValue reads one value, and returns it with the text behind it.
func parseKeywordValue(text string) (value, rest string, ok bool) {
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case quoted && c == '\'':
			return b.String(), text[i+1:], true
		case !quoted && strings.IndexByte(" \t\r\n", c) >= 0:
			return b.String(), text[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}
