package chain_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
)

// If this fails, an entry has two spellings, and a chain that nobody touched is taken for broken by
// another reader. The texts are those of RFC 8785, sections 3.2.2.2 and 3.2.3.
func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		want  string
	}{
		{map[string]any{"b": 1, "a": nil, "c": []string{"x"}, "": true}, `{"":true,"a":null,"b":1,"c":["x"]}`},
		{map[string]any{"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7},
			"{\"\\r\":2,\"1\":4,\"\u0080\":6,\"\u00f6\":7,\"\u20ac\":1,\"\U0001f600\":5,\"\ufb33\":3}"},
		{"\u20ac$\u000F\nA'\u0042\u0022\\\\\"/<>&\u2028", "\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/<>&\u2028\""},
		{map[string]int64{"most": 1<<53 - 1, "least": -(1<<53 - 1)}, `{"least":-9007199254740991,"most":9007199254740991}`},
		{"\xff", "\"\ufffd\""},
	} {
		got, err := chain.Canonical(c.value)
		if err != nil || got != c.want {
			t.Errorf("%v: %v\n got %s\nwant %s", c.value, err, got, c.want)
		}
	}
	for _, value := range []any{1.5, 1 << 53, 1e300} {
		if _, err := chain.Canonical(value); !errors.Is(err, chain.ErrNumber) {
			t.Errorf("%v: %v", value, err)
		}
	}
}

// If this fails, a change is refused because its entry is long, or holds what a database cannot.
func TestLongEntriesAreCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01\x00é\xff", 1<<16)
	entry, err := chain.Next(chain.Link{}, moment, chain.Author{Operator: long, Host: long, Command: long},
		chain.Event{Action: long, Subject: long, Details: map[string]any{"long": long}})
	if err != nil {
		t.Fatal(err)
	}
	if text := entry.Text(); len(text) > 64<<10 || !json.Valid([]byte(text)) || strings.Contains(entry.Operator, "\x00") || !strings.Contains(text, "left_out_bytes") {
		t.Errorf("%d bytes: %.200s", len(text), text)
	}
	if report := verify(entry); report.Break != nil {
		t.Errorf("%+v", report.Break)
	}
}

// moment is when the entries of tests are made.
var moment = time.Date(2026, 3, 1, 4, 30, 0, 123456000, time.UTC)

// verify looks at entries in their order.
func verify(entries ...chain.Entry) chain.Report {
	verifier := chain.NewVerifier("")
	for _, entry := range entries {
		verifier.Add(entry, entry.Hash())
	}
	return verifier.Report()
}

// If this fails, a check takes the day of an entry for the day of what it tells of.
func TestHappened(t *testing.T) {
	t.Parallel()
	before := moment.Add(-time.Hour)
	entry, err := chain.Next(chain.Link{}, moment, chain.Author{}, chain.Event{Details: map[string]any{"happened_at": chain.FormatTime(before)}})
	if err != nil || !entry.Happened().Equal(before) {
		t.Errorf("%v, %v", entry.Happened(), err)
	}
	if entry.Details = json.RawMessage("{}"); !entry.Happened().Equal(moment) {
		t.Errorf("%v", entry.Happened())
	}
}
