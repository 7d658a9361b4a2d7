package discover

import (
	"strings"
	"testing"
)

// FuzzFindCiphertexts: no text of a database, however deep or broken its JSON is, may end a search in a
// panic, keep it for ever, or hide a ciphertext that stands in it as a whole string.
func FuzzFindCiphertexts(f *testing.F) {
	const sealed = "v1:AAECAwQFBgcICQoLDA0ODw==:AAECAwQFBgcICQoLDA0ODw==:cGxhaW4="
	for _, seed := range []string{sealed, `{"a":["` + sealed + `"]}`, `"{\"a\":\"` + sealed + `\"}"`, "[[[[[[", `{"a":`, "\ufeff{}", `\x76313a`, "&#118;1:", "[1e999]", `{"a":{"b":"v0:"}}x`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			t.Skip() // a search bounds what it reads of a value
		}
		findCiphertexts([]byte(text))
		found := findCiphertexts([]byte(`{"before":"` + strings.NewReplacer(`"`, "", `\`, "").Replace(strings.ToValidUTF8(strings.Map(printable, text), "")) + `","here":"` + sealed + `"}`))
		for _, one := range found {
			if one.member == "here" && one.Version == 1 {
				return
			}
		}
		t.Errorf("a ciphertext behind %q was not found", text)
	})
}

// printable drops what may not stand in a string of JSON as it is.
func printable(r rune) rune {
	if r < ' ' {
		return -1
	}
	return r
}
