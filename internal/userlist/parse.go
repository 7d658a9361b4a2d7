package userlist

import (
	"bytes"
	"errors"
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// ErrForm says that a file is none that PgBouncer reads to its end. It would know no account behind that place.
var ErrForm = errors.New("it is no file of accounts that PgBouncer reads to its end")

// ErrTwice says that an account stands in a file twice.
var ErrTwice = errors.New("it has the account twice")

// entry is what a file says of an account.
type entry struct {
	name     string
	from, to int // where the quoted secret stands
	secret   secret.Value
}

// parse reads all entries as PgBouncer 1.18 does (load_auth_file): white space and lines that begin with ; are
// passed over; an entry is two texts in double quotes, in which "" is a quote; the rest of its line is ignored.
func parse(data []byte) (list []entry, err error) {
	for at := 0; ; {
		at += len(data[at:]) - len(bytes.TrimLeft(data[at:], " \t\r\n\v\f"))
		switch {
		case at == len(data):
			return list, nil
		case data[at] == ';':
			at = endOfLine(data, at)
			continue
		}
		name, next, ok := readQuoted(data, at)
		if !ok {
			return nil, ErrForm
		}
		from := next + len(data[next:]) - len(bytes.TrimLeft(data[next:], " \t"))
		text, to, ok := readQuoted(data, from)
		if !ok {
			return nil, ErrForm
		}
		list = append(list, entry{name: name, from: from, to: to, secret: secret.NewValue(text)})
		at = endOfLine(data, to)
	}
}

func endOfLine(data []byte, at int) int {
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(data)
}

// readQuoted reads a text in double quotes that begins at a place, and returns where it ends. It holds no zero
// byte and no end of a line: PgBouncer writes a line for each account.
func readQuoted(data []byte, at int) (text string, next int, ok bool) {
	if at >= len(data) || data[at] != '"' {
		return "", 0, false
	}
	var b strings.Builder
	for i := at + 1; i < len(data); i++ {
		switch c := data[i]; {
		case c == 0 || c == '\n':
			return "", 0, false
		case c != '"':
			b.WriteByte(c)
		case i+1 < len(data) && data[i+1] == '"':
			b.WriteByte('"')
			i++
		default:
			return b.String(), i + 1, true
		}
	}
	return "", 0, false
}

func quote(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }

// find returns the entry of an account, nil where there is none.
func find(list []entry, name string) (*entry, error) {
	var found *entry
	for i := range list {
		if list[i].name != name {
			continue
		}
		if found != nil {
			return nil, ErrTwice
		}
		found = &list[i]
	}
	return found, nil
}

// change returns the bytes with another secret for an account: in the place of the one that is there, or in a
// line of its own at the end. A secret that is not set takes the line of the account out.
func change(data []byte, name string, to secret.Value) ([]byte, error) {
	list, err := parse(data)
	if err != nil {
		return nil, err
	}
	found, err := find(list, name)
	switch {
	case err != nil:
		return nil, err
	case strings.ContainsAny(name+to.Reveal(), "\x00\n\r"):
		return nil, ErrForm
	case found == nil && !to.IsSet():
		return data, nil
	case found == nil:
		made := bytes.Clone(data)
		ending := lineEnding(data)
		if len(made) > 0 && made[len(made)-1] != '\n' {
			made = append(made, ending...)
		}
		return append(made, quote(name)+" "+quote(to.Reveal())+ending...), nil
	case !to.IsSet():
		from := bytes.LastIndexByte(data[:found.from], '\n') + 1
		return append(bytes.Clone(data[:from]), data[min(endOfLine(data, found.to)+1, len(data)):]...), nil
	}
	made := append(bytes.Clone(data[:found.from]), quote(to.Reveal())...)
	return append(made, data[found.to:]...), nil
}

func lineEnding(data []byte) string {
	if bytes.Contains(data, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}
