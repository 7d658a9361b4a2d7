package processes

import (
	"strings"
	"testing"
	"time"
)

// FuzzParseStart: whatever the name of a program is, the start of its process is read or refused.
func FuzzParseStart(f *testing.F) {
	f.Add("cat", "5483214")
	f.Add(") R 1 (", "0")
	f.Add("a b", "-1")
	f.Fuzz(func(t *testing.T, name, ticks string) {
		text := "7495 (" + name + ") R" + strings.Repeat(" 1", 18) + " " + ticks + " 3133440"
		_, _ = parseStart([]byte(name), time.Unix(0, 0))
		started, err := parseStart([]byte(text), time.Unix(1000, 0))
		if err == nil && started.Before(time.Unix(1000, 0)) {
			t.Errorf("a process was started before the machine: %v", started)
		}
		if ticks == "5483214" && !started.Equal(time.Unix(1000, 0).Add(54832140*time.Millisecond)) {
			t.Errorf("%q: %v, %v", name, started, err)
		}
	})
}
