package redispassword

import (
	"errors"
	"net/url"
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// The reasons why an address has no password that could be changed. None of them repeats the address.
var (
	// ErrAddress says that an address cannot be read.
	ErrAddress = errors.New("it is no address of one Redis: it begins with redis://, rediss:// or unix://")
	// ErrSeveral says that there is more than one address.
	ErrSeveral = errors.New("it has several addresses, and one at a time is changed")
	// ErrNoPassword says that an address has no password.
	ErrNoPassword = errors.New("it has no password: the form is redis://user:password@host, and redis://:password@host for the user default")
)

// DefaultUser is the user of Redis that an address means which names none.
const DefaultUser = "default"

// Address is a REDIS_URL, cut around its password so that every other byte of it stays. It does not print
// the password.
type Address struct {
	before, after string       // what stands around the password
	password      secret.Value // as the address spells it
	User          string
}

// ParseAddress cuts an address. Errors: ErrAddress, ErrSeveral, ErrNoPassword.
func ParseAddress(text string) (Address, error) {
	if len(strings.Fields(text)) > 1 {
		return Address{}, ErrSeveral
	}
	parsed, err := url.Parse(strings.TrimSpace(text))
	if err != nil || parsed.Scheme != "redis" && parsed.Scheme != "rediss" && parsed.Scheme != "unix" {
		return Address{}, ErrAddress
	}
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return Address{}, ErrAddress
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return Address{}, ErrNoPassword
	}
	user, password, found := strings.Cut(authority[:at], ":")
	if !found || password == "" {
		return Address{}, ErrNoPassword
	}
	address := Address{before: scheme + "://" + user + ":", password: secret.NewValue(password), after: rest[at:], User: parsed.User.Username()}
	if meant, _ := parsed.User.Password(); meant != decode(password) {
		return Address{}, ErrAddress
	}
	if address.User == "" {
		address.User = DefaultUser
	}
	return address, nil
}

// Password returns the password that the address means.
func (a Address) Password() secret.Value { return secret.NewValue(decode(a.password.Reveal())) }

// Written returns the password as the address spells it, with the escapes of a URL.
func (a Address) Written() secret.Value { return a.password }

// With returns the address with another password, given as an address spells it.
func (a Address) With(written secret.Value) Address {
	a.password = written
	return a
}

// Text returns the whole address, with its password.
func (a Address) Text() secret.Value {
	return secret.NewValue(a.before + a.password.Reveal() + a.after)
}

// Encode returns a password as an address spells it. Every character but letters, digits and -._~ is escaped.
func Encode(password string) secret.Value {
	const hexadecimal = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(password) {
		c := password[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			out.WriteByte(c)
		default:
			out.WriteByte('%')
			out.WriteByte(hexadecimal[c>>4])
			out.WriteByte(hexadecimal[c&15])
		}
	}
	return secret.NewValue(out.String())
}

// decode returns what a password means that an address spells. One with a broken escape means itself.
func decode(written string) string {
	if meant, err := url.PathUnescape(written); err == nil {
		return meant
	}
	return written
}
