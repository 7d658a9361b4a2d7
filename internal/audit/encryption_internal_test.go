package audit

import (
	"bytes"
	"testing"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// If this fails, a value ends the audit, or one that OCMT reads is read as something else.
func FuzzParseOdd(f *testing.F) {
	for _, text := range []string{"v1:q5OVRzleTyDRjT3hJ4BqbA==:ZZLQn4IInQadDnjM:Wl56vyvTIDNh", "v01:q5OVRzleTyDRjT3hJ4BqbA==:ZZLQn4IInQadDnjMWBsVzA==:Wl56vyvTIDNh\n",
		"c868619212d8b0219b7c5401469b0509:ce00e4985dbdcc7d2b2b259a3d548019:42051984350", "v:a:b:c", "v-1:a:b:c", "v99999999999:a:b:c", "v1 :a b:=:\xff", "a:b:c", ":", "::", "v:::",
		"rpM3aLiVXMN3go9iaT0JVg==:goajlXQ/7k+rCHaevuP2DQ==:Woo+", "sk-plain"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 {
			return
		}
		before := bytes.Clone(text)
		got, form := parseOdd(text)
		if !bytes.Equal(text, before) {
			t.Error("the text was changed")
		}
		if (form == opensOddly) != (form > hasBadLabel && len(got.Tag) == crypto.TagSize) || form == hasShortTag && (len(got.Tag) < 4 || len(got.Tag) >= crypto.TagSize) {
			t.Errorf("the form %d has a tag of %d bytes", form, len(got.Tag))
		}
		want, err := crypto.Parse(string(text))
		if err != nil {
			return
		}
		if form != opensOddly || got.Version != want.Version || !bytes.Equal(got.IV, want.IV) || !bytes.Equal(got.Tag, want.Tag) || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("%q is read as the form %d", text, form)
		}
	})
}
