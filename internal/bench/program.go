package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// migrateRun runs the program as an operator does, from its start to its end: the plan, the run,
// and the pass that finds nothing.
func (b *bench) migrateRun(ctx context.Context, db database) (cost, error) {
	return b.migrateRunWith()(ctx, db)
}

func (b *bench) migrateRunWith(flags ...string) contender {
	args := slices.Concat([]string{"migrate", "run", "--quiet", "--table", "user_integrations"}, strings.Fields(b.flags), flags)
	return func(ctx context.Context, db database) (cost, error) { return b.runProgram(ctx, db, 1, args...) }
}

// runProgram runs the program with both keys and a current version.
func (b *bench) runProgram(ctx context.Context, db database, version int, args ...string) (cost, error) {
	done, _, err := b.execute(ctx, execution{folder: os.TempDir(), args: args, settings: []string{
		"DATABASE_URL=" + db.url, "REDIS_URL=" + db.redis, "ENCRYPTION_KEY_VERSION=" + strconv.Itoa(version),
		"ENCRYPTION_KEY=" + b.keys[version].Reveal(), "ENCRYPTION_KEY_V0=" + b.keys[0].Reveal(),
	}})
	done.rows = db.rows
	return done, err
}

// execution is one run of the program.
type execution struct {
	folder   string
	settings []string // variables beside those of this process
	args     []string
	out      io.Writer // where the result goes; nil keeps it for an error
	results  []int     // exit codes other than 0 that are results and not failures
	children bool      // the peak is that of the program and of its children together
}

// execute runs the program from its start to its end, and returns what it wrote for a person.
func (b *bench) execute(ctx context.Context, e execution) (done cost, said string, err error) {
	program, err := filepath.Abs(b.program)
	if err != nil {
		return done, "", err
	}
	command := exec.CommandContext(ctx, program, e.args...)
	command.Env, command.Dir = append(os.Environ(), e.settings...), e.folder
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if e.out != nil {
		command.Stdout = e.out
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		return done, "", err
	}
	ended := make(chan struct{})
	peak := make(chan int64)
	go func() { peak <- watchPeak(command.Process.Pid, e.children, ended) }()
	err = command.Wait()
	done.elapsed = time.Since(began)
	close(ended)
	done.peak = <-peak
	if err != nil && !slices.Contains(e.results, command.ProcessState.ExitCode()) {
		return done, "", fmt.Errorf("%w: %s", err, output.String())
	}
	done.cpu = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	return done, output.String(), nil
}

// watchPeak reads the peak memory of a process, or of it and its children together, until the process
// has ended. What the system reports of an ended child is too large: it includes the memory of this
// process from before the child executed another program.
func watchPeak(pid int, children bool, ended <-chan struct{}) (peak int64) {
	for {
		now := readPeak(pid)
		if children {
			for _, child := range listRunning(pid) {
				now += readPeak(child)
			}
		}
		peak = max(peak, now)
		select {
		case <-ended:
			return peak
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// listRunning returns the children of a process that have executed a program of their own. Until then a
// child shows the memory of its parent.
func listRunning(parent int) (children []int) {
	lists, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(parent), "task", "*", "children")) // the pattern is well formed
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, word := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(word)
			if err == nil && readProgram(pid) != readProgram(parent) {
				children = append(children, pid)
			}
		}
	}
	return children
}

// readProgram returns the file that a process executes, "" where it has ended.
func readProgram(pid int) string {
	file, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	return file
}

// readPeak returns the peak memory of a process in bytes, or 0 where the system does not say.
func readPeak(pid int) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if text, found := strings.CutPrefix(line, "VmHWM:"); found {
			kilobytes, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
