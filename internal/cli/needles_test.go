package cli_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// needles finds secrets in texts by any part of so many characters, in whatever
// case. It maps each part to the name of the secret, for a failure must not show
// what it found.
type needles map[string]string

const needleLength = 16

func (n needles) add(name, secret string) {
	for _, text := range formsOf(secret) {
		text = strings.ToLower(text)
		for i := 0; i+needleLength <= len(text); i++ {
			n[text[i:i+needleLength]] = name
		}
	}
}

// in returns the names of the secrets that a text holds, each once.
func (n needles) in(text string) []string {
	text = strings.ToLower(text)
	var found []string
	for i := 0; i+needleLength <= len(text); i++ {
		if name, there := n[text[i:i+needleLength]]; there && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found
}

// formsOf returns a secret in the forms that programs put texts into.
func formsOf(secret string) []string {
	inJSON, _ := json.Marshal(secret) // a string always can be
	list := []string{secret, hex.EncodeToString([]byte(secret)), strconv.Quote(secret), string(inJSON),
		url.QueryEscape(secret), url.PathEscape(secret), asNumbers(secret)}
	// Within a longer text a secret can begin at any of three places of Base64.
	for offset := range 3 {
		padded := append(make([]byte, offset), secret...)
		list = append(list, base64.RawStdEncoding.EncodeToString(padded)[(offset*4+2)/3:],
			base64.RawURLEncoding.EncodeToString(padded)[(offset*4+2)/3:])
	}
	return list
}

// asNumbers is what fmt makes of the bytes of a text.
func asNumbers(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%d ", c)
	}
	return b.String()
}

// If this fails, the leak test finds nothing because it cannot find anything.
func TestNeedles(t *testing.T) {
	t.Parallel()
	secret, other := random()+"/+ %é", random()+"/+ %é"
	n := needles{}
	n.add("it", secret)
	for name, text := range map[string]string{
		"as it is": "x " + secret + " y", "a part": secret[5:25], "upper-case": strings.ToUpper(secret), "URL": "a=" + url.QueryEscape(secret),
		"hex": hex.EncodeToString([]byte(secret)), "HEX": fmt.Sprintf("%X", secret), "Base64": base64.StdEncoding.EncodeToString([]byte(secret)),
		"Base64 of more": base64.URLEncoding.EncodeToString([]byte("password=" + secret + "\n")),
		"Base64 of one":  base64.StdEncoding.EncodeToString([]byte("p" + secret)), "Base64 of two": base64.StdEncoding.EncodeToString([]byte("pp" + secret)),
		"bytes": asNumbers(secret), "JSON": fmt.Sprintf("%q", secret),
	} {
		if len(n.in(text)) == 0 {
			t.Errorf("%s is not found", name)
		}
		if found := n.in(strings.ReplaceAll(text, secret, other)); text != strings.ReplaceAll(text, secret, other) && len(found) > 0 {
			t.Errorf("%s: found where it is not", name)
		}
	}
}
