package files

import (
	"encoding/json"
	"strings"
	"testing"
)

// If this fails, a gateway's file is read otherwise than the gateway reads it, and an empty token passes.
func TestParsesJSON5(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"\ufeff/* c */ {a: 'x', \"b\": [1, -.5e3, +Infinity, NaN, 0xFF,], $c_1: null, d: {}, ünï: true,} // end",
		`{"a": "\x41\u0042\0\
more\q", '\'': "\""}`, `"text"`, `[]`, "{\\u0061: 1}",
	} {
		if _, err := parseJSON5(good); err != nil {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{``, `{`, `{a}`, `{a:}`, `{a:1 b:2}`, `{,}`, `[1 2]`, `"a`, "\"a\nb\"", `{1a: 2}`, `nul`, `truefalse`, `--1`, `{} {}`, `/* `, `"\x4"`, `"\1"`, `"\u12g4"`} {
		if _, err := parseJSON5(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
	value, err := parseJSON5(`{a: '1', a: "\x41\u00e9\n\
b"}`)
	if object, is := value.(map[string]any); err != nil || !is || object["a"] != "Aé\nb" {
		t.Errorf("got %v, %v", value, err)
	}
}

// FuzzParseJSON5: whatever a gateway's file has, reading it ends, and each text of JSON is one of JSON5
// with the same members.
func FuzzParseJSON5(f *testing.F) {
	for _, seed := range []string{`{gateway: {auth: {token: 'x'}}}`, `{"a": [1, {"b": "\u0041"}], "c": null}`, "{a:\"\\\r\n\"}", `[[[[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := parseJSON5(text)
		var same map[string]any
		if json.Unmarshal([]byte(text), &same) != nil || same == nil {
			return
		}
		if err != nil && strings.Count(text, "[")+strings.Count(text, "{") > maxDepth {
			return
		}
		object, is := value.(map[string]any)
		if err != nil || !is || len(object) != len(same) {
			t.Fatalf("%q: %d members, %v; want %d", text, len(object), err, len(same))
		}
		for name, want := range same {
			if text, isText := want.(string); isText && object[name] != text {
				t.Fatalf("member %q is %q, want %q", name, object[name], text)
			}
		}
	})
}

// FuzzParseACL: an ACL of any form is read or refused.
func FuzzParseACL(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 2, 0, 4, 0, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		if list, err := parseACL(value); err == nil && list.group && len(list.others) == 0 {
			t.Error("a group without named accounts is what the mode says")
		}
	})
}
