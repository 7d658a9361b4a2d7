package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of time in /proc/PID/stat. It is the same on every Linux.
const tick = 10 * time.Millisecond

// The fields of /proc/PID/stat are counted from the one behind the name of the program.
const (
	fieldParent      = 1
	fieldEndedUser   = 13 // CPU time of children that have ended and were waited for
	fieldEndedSystem = 14
)

// readPostmasterPID returns the pid of the process that is the parent of all others of a server.
func readPostmasterPID(folder string) (int, error) {
	text, err := os.ReadFile(filepath.Join(folder, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(strings.TrimSpace(first))
}

// readEndedCPU returns the CPU time of the server's processes that have ended,
// which the system adds up for their parent.
func readEndedCPU(server int) (time.Duration, error) {
	fields, err := readStat(strconv.Itoa(server))
	if err != nil {
		return 0, err
	}
	user, err := strconv.ParseInt(fields[fieldEndedUser], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[fieldEndedSystem], 10, 64)
	return time.Duration(user+system) * tick, err
}

// listChildren returns the child processes of a parent, also those that have ended and that the
// parent has not waited for yet.
func listChildren(parent int) (children []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		fields, err := readStat(entry.Name())
		if err != nil {
			continue // it has ended since the folder was read
		}
		if fields[fieldParent] == strconv.Itoa(parent) {
			children = append(children, pid)
		}
	}
	return children, nil
}

func readStat(pid string) ([]string, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return nil, err
	}
	return parseStat(string(stat))
}

// parseStat skips the name of the program, which is in parentheses and may contain anything.
func parseStat(stat string) ([]string, error) {
	end := strings.LastIndex(stat, ") ")
	if end < 0 {
		return nil, fmt.Errorf("reading %q: no name of a program in it", stat)
	}
	fields := strings.Fields(stat[end+2:])
	if len(fields) <= fieldEndedSystem {
		return nil, fmt.Errorf("reading %q: it is too short", stat)
	}
	return fields, nil
}
