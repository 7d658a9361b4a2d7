package openclaw

import (
	"strings"

	"github.com/ocmt/ocmt/internal/json5"
)

// members lead to the token, from the outermost object.
var members = [...]string{"gateway", "auth", "token"}

// document is the text of an openclaw.json, and where its token stands or belongs.
type document struct {
	text  string
	token json5.Value // of State Set and Empty
	state State
	// object is the innermost object on the way to the token that is there, and missing are the members that
	// are missing from it on.
	object  json5.Value
	missing []string
}

// parse finds the token. Errors: json5.ErrForm, ErrElsewhere, errTwice, errStrange.
func parse(text string) (document, error) {
	value, err := json5.Parse(text)
	if err != nil {
		return document{}, err
	}
	found := document{text: text}
	for i, name := range members {
		if value.Kind != json5.Object {
			return document{}, errStrange
		}
		member, count := value.Member(name)
		_, included := value.Member("$include")
		switch {
		case count > 1:
			return document{}, errTwice
		case count == 0 && included > 0:
			return document{}, ErrElsewhere
		case count == 0:
			found.state, found.object, found.missing = Missing, value, members[i:]
			return found, nil
		}
		value = member
	}
	switch {
	case value.Kind != json5.Text:
		return document{}, ErrElsewhere
	case strings.Contains(value.Text, reference):
		return document{}, ErrElsewhere
	}
	found.token, found.state = value, Set
	if value.Text == "" {
		found.state = Empty
	}
	return found, nil
}

// reference begins a reference to a variable of the environment.
const reference = "${"

// put returns the text with a token in it. Every byte that is not of the token stays. It reports false where
// the token is not read back as it is.
func (d document) put(token string) (document, bool) {
	var text string
	if d.state == Missing {
		text = d.insert(token)
	} else {
		text = d.text[:d.token.Start] + json5.Quote(token, d.text[d.token.Start]) + d.text[d.token.End:]
	}
	changed, err := parse(text)
	return changed, err == nil && changed.token.Text == token
}

// insert returns the text with the token as the first member of the object that it belongs to. Double
// quotation marks keep a file that is JSON what it is.
func (d document) insert(token string) string {
	added := json5.Quote(token, '"')
	for i := len(d.missing) - 1; i >= 0; i-- {
		added = json5.Quote(d.missing[i], '"') + ": " + added
		if i > 0 {
			added = "{" + added + "}"
		}
	}
	at := d.object.Start + 1
	behind := d.text[at:]
	space := behind[:len(behind)-len(strings.TrimLeft(behind, " \t\r\n"))]
	if len(d.object.Members) > 0 {
		added += ","
	}
	return d.text[:at] + space + added + behind
}
