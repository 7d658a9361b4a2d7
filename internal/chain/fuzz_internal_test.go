package chain

import (
	"strings"
	"testing"
	"time"
)

// If this fails, a line has two readings, so that one of them is not what was hashed; or a line that
// somebody wrote ends the program.
func FuzzLine(f *testing.F) {
	entry, err := Next(Link{Sequence: 7, Hash: strings.Repeat("a", hashLength)}, time.Unix(1_700_000_000, 0), Author{"ann", "host", "rotate"},
		Event{Action: ActionRunBegun, Subject: "version 1", Details: map[string]any{"a": []any{1, nil, true, "\u2028é\""}}})
	if err != nil {
		f.Fatal(err)
	}
	line := strings.TrimSuffix(formatLine(entry), "\n")
	f.Add(line)
	f.Add(line[:len(line)-3])
	f.Add(strings.Replace(line, `"a":`, `"a" :`, 1))
	f.Add(strings.Replace(line, `"ann"`, `"\u0061nn"`, 1))
	f.Add(lineBegin + "{}" + lineMiddle + NoHash + lineEnd)
	f.Fuzz(func(t *testing.T, line string) {
		entry, hash, err := parseLine(line)
		if err != nil {
			return
		}
		if lineBegin+entry.Text()+lineMiddle+hash+lineEnd != line {
			t.Errorf("%q is read as %+v", line, entry)
		}
	})
}
