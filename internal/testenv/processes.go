package testenv

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// process is one line of ps.
type process struct {
	pid, parent int
	state       string
}

// listProcesses lists the processes of the machine, without zombies.
func listProcesses(ctx context.Context) ([]process, error) {
	output, err := exec.CommandContext(ctx, "ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	if err != nil {
		return nil, fmt.Errorf("listing processes with ps (install procps where it is missing): %w", err)
	}
	var found []process
	for scanner := bufio.NewScanner(bytes.NewReader(output)); scanner.Scan(); {
		var p process
		if _, err := fmt.Sscan(scanner.Text(), &p.pid, &p.parent, &p.state); err != nil {
			return nil, fmt.Errorf("reading the line %q of ps: %w", scanner.Text(), err)
		}
		if !strings.HasPrefix(p.state, "Z") {
			found = append(found, p)
		}
	}
	return found, nil
}

// treeOf returns a process and its descendants, parents before children.
func treeOf(all []process, root int) []int {
	members := []int{root}
	for i := 0; i < len(members); i++ {
		for _, p := range all {
			if p.parent == members[i] && !slices.Contains(members, p.pid) {
				members = append(members, p.pid)
			}
		}
	}
	return members
}

// awaitGone waits until none of the processes runs.
func awaitGone(ctx context.Context, pids []int) error {
	return poll(ctx, func(ctx context.Context) error {
		all, err := listProcesses(ctx)
		if err != nil {
			return final{err}
		}
		for _, p := range all {
			if slices.Contains(pids, p.pid) {
				return fmt.Errorf("process %d still runs", p.pid)
			}
		}
		return nil
	})
}
