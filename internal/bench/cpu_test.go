package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

// A name with spaces and parentheses would shift the fields, and some other
// number would be reported as CPU time.
func TestParseStat(t *testing.T) {
	t.Parallel()
	fields, err := parseStat("7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 613 714 15 16\n")
	if err != nil {
		t.Fatal(err)
	}
	if fields[fieldParent] != "1" || fields[fieldEndedUser] != "613" || fields[fieldEndedSystem] != "714" {
		t.Errorf("read as %v", fields)
	}
	for _, broken := range []string{"", "7 name S 1", "7 (name) S 1 2 3"} {
		if _, err := parseStat(broken); err == nil {
			t.Errorf("%q was read", broken)
		}
	}
}

// If this fails, the server's work is read as none: a child that has ended is listed until its
// parent has waited for it, and only then its CPU time is the parent's.
func TestChildrenUntilTheyAreWaitedFor(t *testing.T) {
	t.Parallel()
	command := exec.Command("cat")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	pid := command.Process.Pid
	input.Close()
	if _, err := output.Read(make([]byte, 1)); err == nil {
		t.Fatal("cat has something to say")
	}
	// The child has closed its output, so it is about to end or has ended.
	if children, err := listChildren(os.Getpid()); err != nil || !slices.Contains(children, pid) {
		t.Errorf("before: %v (%v), without %d", children, err, pid)
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	if children, err := listChildren(os.Getpid()); err != nil || slices.Contains(children, pid) {
		t.Errorf("after: %v (%v), with %d", children, err, pid)
	}
}
