package faults_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// If this fails, a run takes the memory that the servers of the machine need, on a database as OCMT has one.
func TestUsualMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes more memory than the test allows")
	}
	t.Parallel()
	d := newDeployment(t, nil)
	const values, size, most = 200_000, 200, 64 << 10 // bytes of a plaintext, and KiB of memory
	d.fill(values, size)
	for _, args := range [][]string{{"migrate", "plan"}, {"rotate", "--from-version", "0", "--yes"}, {"migrate", "verify"}} {
		run := d.start(args...)
		used := run.peakMemory()
		run.ends(0)
		if used == 0 || used > most {
			t.Errorf("%v took %d KiB, want at most %d", args, used, most)
		}
	}
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
