package logfile

import (
	"bytes"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// parameters are those whose values let somebody in.
var parameters = []string{"password", "passwd", "pwd", "pass", "token", "access_token", "refresh_token", "id_token", "session", "session_token",
	"sessiontoken", "api_key", "apikey", "secret", "client_secret", "admin_token", "auth_token", "vault_session"}

// oneTimePaths are parts of the paths of links that can be used once.
var oneTimePaths = []string{"verify", "magic", "invite", "recover", "reset", "confirm"}

// shortestValue is the number of characters from which on a value is a credential. Shorter ones are left out on
// purpose: they are numbers of pages, flags and tries of people who guess.
const shortestValue = 6

// masks are how values that were masked begin.
var masks = []string{"*", "[", "{", "<", "$", "%5b", "%3c", "%7b", "redacted", "filtered", "hidden", "masked", "removed", "xxx", "undefined", "null", "..."}

// queriesOf returns the parameters of a line that have a credential, without counts.
func queriesOf(line []byte) []audit.LogQuery {
	var list []audit.LogQuery
	for at := 0; ; {
		equals := bytes.IndexByte(line[at:], '=')
		if equals < 0 {
			return list
		}
		at += equals + 1
		// Some servers take a semicolon for an ampersand (HTML 4.01, appendix B.2.2).
		begin := bytes.LastIndexAny(line[:at-1], "?&; \t\"'<>/")
		if begin < 0 || (line[begin] != '?' && line[begin] != '&' && line[begin] != ';') {
			continue
		}
		name := strings.ToLower(string(line[begin+1 : at-1]))
		url := line[bytes.LastIndexAny(line[:begin], " \t\"'<>")+1 : begin+1]
		if query := bytes.IndexByte(url, '?'); query >= 0 && isCredential(name, line[at:]) {
			list = append(list, audit.LogQuery{Parameter: name, OneTime: name == "token" && isOneTime(string(url[:query]))})
		}
	}
}

// isCredential reports whether a parameter has a value that lets somebody in. rest is the line from the
// value on.
func isCredential(name string, rest []byte) bool {
	known := false
	for _, parameter := range parameters {
		known = known || name == parameter
	}
	if !known {
		return false
	}
	value := rest
	if end := bytes.IndexAny(rest, "& \t\"'<>#;,)\\"); end >= 0 {
		value = rest[:end]
	}
	if len(value) < shortestValue {
		return false
	}
	lower := strings.ToLower(string(value))
	for _, mask := range masks {
		if strings.HasPrefix(lower, mask) {
			return false
		}
	}
	return true
}

func isOneTime(path string) bool {
	for _, part := range oneTimePaths {
		if strings.Contains(strings.ToLower(path), part) {
			return true
		}
	}
	return false
}
