package review

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// hiddenNames are the parts of names of details whose values are never shown.
var hiddenNames = [][]byte{[]byte("token"), []byte("passw"), []byte("secret"), []byte("private"), []byte("authorization"), []byte("cookie"), []byte("shard"),
	[]byte("pwd"), []byte("bearer"), []byte("sessionid"), []byte("session_id"), []byte("session-id"), []byte("jwt"), []byte("signature"), []byte("credential"), []byte("otp")}

// hiddenEnds are the last parts of such names; shownEnds are names with such an end that tell no secret.
var (
	hiddenEnds = [][]byte{[]byte("key"), []byte("keys"), []byte("code"), []byte("codes")}
	shownEnds  = [][]byte{[]byte("statuscode"), []byte("status_code"), []byte("errorcode"), []byte("error_code"), []byte("exitcode"), []byte("exit_code"), []byte("countrycode"), []byte("country_code")}
)

// isHiddenName reports whether a name, in its quotes, says that its value is a secret.
func isHiddenName(quoted []byte) bool {
	name := bytes.Trim(quoted, `"`)
	if bytes.IndexByte(name, '\\') >= 0 {
		var plain string
		if json.Unmarshal(quoted, &plain) != nil {
			return true // what cannot be read may be one
		}
		name = []byte(plain)
	}
	var room [64]byte // most names fit, so that nothing is allocated for them
	lower := room[:0]
	for _, b := range name {
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower = append(lower, b)
	}
	for _, part := range hiddenNames {
		if bytes.Contains(lower, part) {
			return true
		}
	}
	return hasEnd(lower, hiddenEnds) && !hasEnd(lower, shownEnds)
}

func hasEnd(name []byte, ends [][]byte) bool {
	for _, end := range ends {
		if bytes.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// shortestHidden is how long a text must be to be taken for a secret by its looks, unless it has a query.
const shortestHidden = 20

// notShown stands for a part of a text that is not shown.
const notShown = "[not shown]"

var (
	queryValue = regexp.MustCompile(`([?&#][^=&#\s"]*=)[^&#\s"]+`)
	userInfo   = regexp.MustCompile(`://[^/@\s"]+@`)
	uuidText   = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)
)

// hideInText returns a JSON string, in its quotes, without what looks like a secret in it: the values of
// the query of an address, its password, and words as random sources make them. Ids stay.
func hideInText(quoted []byte) []byte {
	if len(quoted) < shortestHidden && bytes.IndexByte(quoted, '=') < 0 && !bytes.Contains(quoted, []byte(":/")) {
		return quoted
	}
	text := string(quoted)
	if strings.Contains(text, `\`) {
		var plain string
		if json.Unmarshal(quoted, &plain) == nil {
			text = string(appendString(nil, []byte(plain)))
		}
	}
	before := text
	// Most texts have neither, and a regular expression would be half of the time of an export.
	if strings.IndexByte(text, '=') >= 0 {
		text = queryValue.ReplaceAllString(text, "${1}"+notShown)
	}
	if strings.Contains(text, "://") {
		text = userInfo.ReplaceAllString(text, "://"+notShown+"@")
	}
	if text = hideWords(text); text == before {
		return quoted // as it was escaped
	}
	return []byte(text)
}

// hideWords returns a JSON string without the words in it that random sources make.
func hideWords(text string) string {
	inside := text[1:max(1, len(text)-1)]
	if !hasLongWord(inside) {
		return text
	}
	words := strings.Split(inside, " ")
	for i, word := range words {
		if len(word) < shortestHidden || strings.Contains(word, notShown[:1]+"not") {
			continue
		}
		rest := strings.NewReplacer("://", " ", "@", " ").Replace(uuidText.ReplaceAllString(word, " "))
		if secret.Resembles(rest) {
			words[i] = notShown
		}
	}
	return `"` + strings.Join(words, " ") + `"`
}

// hasLongWord reports whether a text has a word that is long enough to be taken for a secret.
func hasLongWord(text string) bool {
	for word := range strings.SplitSeq(text, " ") {
		if len(word) >= shortestHidden {
			return true
		}
	}
	return false
}
