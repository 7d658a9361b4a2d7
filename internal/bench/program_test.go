package main

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
)

// If this fails, a program that ended with an error is measured as one that did its work, or an audit
// that found something is not measured at all.
func TestExecuteTellsResultsFromFailures(t *testing.T) {
	t.Parallel()
	b := &bench{options: options{program: "/bin/sh"}}
	for name, one := range map[string]struct {
		code  string
		fails bool
	}{"done": {"0", false}, "found": {"3", false}, "unchecked": {"1", false}, "usage": {"2", true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			_, said, err := b.execute(t.Context(), execution{folder: t.TempDir(), settings: []string{"CODE=" + one.code}, out: &out,
				results: []int{exitUnchecked, exitFound}, args: []string{"-c", `echo result; echo "a note" >&2; exit "$CODE"`}})
			if out.String() != "result\n" {
				t.Errorf("the result is %q", out.String())
			}
			if one.fails {
				if err == nil || !strings.Contains(err.Error(), "a note") {
					t.Errorf("the error is %v, and lacks what the program said", err)
				}
				return
			}
			if err != nil || said != "a note\n" {
				t.Errorf("it said %q: %v", said, err)
			}
		})
	}
}

// If this fails, a timeline without a middle is noticed only after minutes of measuring.
func TestFewEntriesAreRefused(t *testing.T) {
	t.Parallel()
	o := options{rows: 1, pairs: 1, repeats: 1, sample: 1, audited: 1, entries: leastEntries}
	if err := o.validate(); err != nil {
		t.Error(err)
	}
	o.entries--
	if err := o.validate(); err == nil {
		t.Errorf("%d entries were taken", o.entries)
	}
	o.audited = 0
	if err := o.validate(); err != nil {
		t.Errorf("without an audit: %v", err)
	}
}

// If this fails, an audit of a git repository seems to take little memory, because git takes it.
func TestPeakHasTheChildren(t *testing.T) {
	t.Parallel()
	const held = 100_000_000
	b := &bench{options: options{program: "/bin/sh"}}
	done, _, err := b.execute(t.Context(), execution{folder: t.TempDir(), children: true, args: []string{"-c", `head -c "$0" /dev/zero | tail -c "$0" | cat >/dev/null`, strconv.Itoa(held)}})
	if err != nil {
		t.Fatal(err)
	}
	if done.peak < held {
		t.Errorf("a child held %d bytes, and the peak is %d", held, done.peak)
	}
}
