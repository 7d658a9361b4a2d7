package faults_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// If this fails, a run takes the memory that the servers of the machine need, on a database as OCMT has one.
func TestUsualMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes more memory than the test allows")
	}
	t.Parallel()
	const most = 64 << 10 // KiB
	var used map[string]int
	for range 2 { // a busy machine lets garbage lie longer
		if used = usualMemory(t); slices.Max(slices.Collect(maps.Values(used))) <= most {
			return
		}
	}
	t.Errorf("the commands took %v KiB, want at most %d each, once in two times", used, most)
}

// usualMemory moves values of a usual size and number, and returns the peak memory of each command in KiB.
func usualMemory(t *testing.T) map[string]int {
	t.Helper()
	d := newDeployment(t, nil)
	const values, size = 200_000, 200 // bytes of a plaintext
	d.fill(values, size)
	used := map[string]int{}
	for _, args := range [][]string{{"migrate", "plan"}, {"rotate", "--from-version", "0", "--yes"}, {"migrate", "verify"}} {
		run := d.start(args...)
		peak := run.peakMemory()
		run.ends(0)
		if peak == 0 {
			t.Fatalf("the system did not tell how much memory %v took", args)
		}
		used[strings.Join(args[:2], " ")] = peak
	}
	return used
}

// peakMemory returns the most memory that a process had, in KiB, as the system told it last before the process ended. What
// the system tells behind the end is no answer: it counts the memory of the test too, which has started the process.
func (p *process) peakMemory() (used int) {
	p.d.t.Helper()
	eventually(p.d.t, "a run to end", func() bool {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid)) // it is gone at the end
		for line := range strings.Lines(string(status)) {
			if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &used); err == nil {
				break
			}
		}
		return p.over()
	})
	return used
}
