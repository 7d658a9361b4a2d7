package json5_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	reference "github.com/titanous/json5"

	"github.com/ocmt/ocmt/internal/json5"
)

// If this fails, a gateway's file is read otherwise than the gateway reads it, and an empty token passes.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"\ufeff/* c */ {a: 'x', \"b\": [1, -.5e3, +Infinity, NaN, 0xFF,], $c_1: null, d: {}, ünï: true,} // end",
		`{"a": "\x41\u0042\0\
more\q", '\'': "\""}`, `"text"`, `[]`, "{\\u0061: 1}",
	} {
		if _, err := json5.Parse(good); err != nil {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{``, `{`, `{a}`, `{a:}`, `{a:1 b:2}`, `{,}`, `[1 2]`, `"a`, "\"a\nb\"", `{1a: 2}`, `nul`, `truefalse`, `--1`, `{} {}`, `/* `, `"\x4"`, `"\1"`, `"\u12g4"`,
		"{\u0085}", strings.Repeat("[", 1000)} {
		if _, err := json5.Parse(bad); !errors.Is(err, json5.ErrForm) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// If this fails, a new token is written into the middle of something else.
func TestPlaces(t *testing.T) {
	t.Parallel()
	const text = "\ufeff// c\n{ a: '1', 'a': \"\\x41\\u00e9\", b: [ 1 ], c: -1 }"
	value, err := json5.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	last, count := value.Member("a")
	if got := text[last.Start:last.End]; count != 2 || last.Text != "Aé" || last.Kind != json5.Text || got != `"\x41\u00e9"` {
		t.Errorf("%d members; the last is %q, written %q", count, last.Text, got)
	}
	if first := value.Members[0]; text[first.Start:first.Value.End] != "a: '1'" {
		t.Errorf("the first member is %q", text[first.Start:first.Value.End])
	}
	for name, want := range map[string]string{"b": "[ 1 ]", "c": "-1"} {
		if member, _ := value.Member(name); text[member.Start:member.End] != want {
			t.Errorf("%s is %q", name, text[member.Start:member.End])
		}
	}
	if _, count := value.Member("d"); count != 0 || text[value.Start:value.End] != text[strings.IndexByte(text, '{'):] {
		t.Errorf("the whole is %q", text[value.Start:value.End])
	}
}

// checkPlaces checks that each value, cut out of the text, is read alike.
func checkPlaces(t *testing.T, text string, value json5.Value) {
	t.Helper()
	alone, err := json5.Parse(text[value.Start:value.End])
	if err != nil || alone.Kind != value.Kind || alone.Text != value.Text || len(alone.Members) != len(value.Members) {
		t.Fatalf("%q in %q: %v", text[value.Start:value.End], text, err)
	}
	for _, member := range value.Members {
		checkPlaces(t, text, member.Value)
	}
}

// FuzzParse: whatever a gateway's file has, reading it ends. Each value stands where the place says. What
// another reader of JSON5, or the one of JSON, takes from a text is what this one does.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{gateway: {auth: {token: 'x'}}}`, `{"a": [1, {"b": "\u0041"}], "c": null}`, "{a:\"\\\r\n\"}", `[[[[`, "// a\n{a: '\\'', /* b */ \"c\": {d: 0x1F,},}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := json5.Parse(text)
		if err == nil {
			checkPlaces(t, text, value)
		}
		var strict, loose map[string]any
		if json.Unmarshal([]byte(text), &strict) == nil && strict != nil {
			if deep := strings.Count(text, "[")+strings.Count(text, "{") > 200; err != nil && !deep {
				t.Fatalf("%q is JSON: %v", text, err)
			}
			compare(t, text, value, strict)
		}
		if err == nil && value.Kind == json5.Object && reference.Unmarshal([]byte(text), &loose) == nil {
			compare(t, text, value, loose)
		}
	})
}

// compare checks the texts of an object against those that another reader found.
func compare(t *testing.T, text string, value json5.Value, want map[string]any) {
	t.Helper()
	for name, other := range want {
		member, count := value.Member(name)
		switch other := other.(type) {
		case string:
			if count == 0 || member.Text != other {
				t.Fatalf("%q: member %q is %q, want %q", text, name, member.Text, other)
			}
		case map[string]any:
			if count == 1 {
				compare(t, text, member, other)
			}
		}
	}
}

// FuzzQuote: a text that was quoted is read back as it is.
func FuzzQuote(f *testing.F) {
	f.Add("a'b\"c\\d\u2028\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, mark := range []byte{'"', '\''} {
			quoted := json5.Quote(text, mark)
			value, err := json5.Parse(quoted)
			if want := strings.ToValidUTF8(text, "\ufffd"); err != nil || value.Text != want && strings.ToValidUTF8(text, "") == text {
				t.Fatalf("%q becomes %q: %v", text, quoted, err)
			}
			var strict string
			if mark == '"' && (json.Unmarshal([]byte(quoted), &strict) != nil || strict != value.Text) {
				t.Fatalf("%q is no JSON", quoted)
			}
		}
	})
}
