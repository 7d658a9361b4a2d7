package audit

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// ProcessSource is what the checks of processes look at. No command line and no environment leaves it.
type ProcessSource interface {
	// Arguments returns the processes whose arguments have configured secrets.
	Arguments(ctx context.Context) (ArgumentList, error)
	// Servers returns the servers of the deployment that run here.
	Servers(ctx context.Context) (ServerList, error)
}

// ExposedArguments are arguments with secrets.
type ExposedArguments struct {
	Program  string
	PID      int
	Settings []string // whose secrets they have
}

// ArgumentList are such arguments with what could not be looked at.
type ArgumentList struct {
	Exposed []ExposedArguments
	Looked  int // processes
	Servers int // of the deployment, or what may be one
	Gaps    []Gap
}

// ServerProcess is a server of the deployment that runs.
type ServerProcess struct {
	Program  string
	PID      int
	EnvFile  string    // the env file that it reads; "" for none
	Started  time.Time // to the second
	Changed  time.Time // when the env file was changed
	Shadowed []string  // settings that its environment and its env file have with different texts
}

// ServerList are such servers with what could not be looked at.
type ServerList struct {
	Servers []ServerProcess
	Looked  int // processes
	Gaps    []Gap
}

func processesOf(s *Sources) Source[ProcessSource] { return s.Processes }

func processChecks() []Check {
	return []Check{{
		ID: "OCMT-PRC-001", Severity: High, Title: "A configured secret in the arguments of a process",
		Why:      "every account of the machine can read the arguments of every process, and tools that watch processes keep them",
		LooksAt:  "the arguments of all processes that this account may see (/proc/PID/cmdline)",
		Right:    "any account, unless /proc is mounted with hidepid: then root",
		NotFault: "ocmt's own process. Where no server of the deployment is among the processes, the check does not apply to this machine",
		Fix:      "give the program its secret by an env file, a file or its environment; then make a new secret",
		look:     with(processesOf, lookAtArguments),
	}, {
		ID: "OCMT-PRC-002", Severity: Medium, Title: "A server that was started before its env file changed, or whose environment hides it",
		Why:      "servers read their settings once, at start: a changed secret is not in use, and the old one is still taken",
		LooksAt:  "when each server was started, when its env file was changed, and whether both its environment and the file have a setting",
		Right:    "the account of the servers, or root",
		NotFault: "a setting that is in the file alone. A file that was touched without a change cannot be told apart",
		Fix:      "restart the server; take settings that the env file has out of its environment",
		Source:   "dotenv: a variable that is set is not replaced",
		look:     with(processesOf, lookAtServers),
	}}
}

// noServer says that no server is among the processes.
func noServer(looked int) string {
	return fmt.Sprintf("none of the %d processes here is a server of the deployment, so this says nothing about the machines where they run", looked)
}

// lookAtArguments is OCMT-PRC-001.
func lookAtArguments(ctx context.Context, _ *Sources, source ProcessSource) (Seen, error) {
	list, err := source.Arguments(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Looked: countThings(int64(list.Looked), "process", "processes")}
	if list.Servers == 0 {
		seen.Absent = noServer(list.Looked)
	}
	for _, one := range list.Exposed {
		for _, name := range one.Settings {
			seen.Faults = append(seen.Faults, Fault{Object: "arguments of " + one.Program + " " + name, Cause: "arguments of " + one.Program,
				Message: "have configured secrets", Expected: "no secret", Actual: "the secret of " + name,
				Places: []string{fmt.Sprintf("%s, pid %d: the secret of %s", one.Program, one.PID, name)}})
		}
	}
	return seen, nil
}

// startSlack is how far the start of a process and the change of a file may be apart by their clocks: the
// kernel tells the time of its own start in whole seconds.
const startSlack = 2 * time.Second

// lookAtServers is OCMT-PRC-002.
func lookAtServers(ctx context.Context, _ *Sources, source ProcessSource) (Seen, error) {
	list, err := source.Servers(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Looked: countThings(int64(len(list.Servers)), "server", "servers") + " of " + countThings(int64(list.Looked), "process", "processes")}
	if len(list.Servers) == 0 {
		seen.Absent = noServer(list.Looked)
	}
	for _, one := range list.Servers {
		place := []string{fmt.Sprintf("%s, pid %d", one.Program, one.PID)}
		if one.EnvFile != "" && one.Changed.After(one.Started.Add(startSlack)) {
			seen.Faults = append(seen.Faults, Fault{Object: one.EnvFile + " changed after the start of " + one.Program, Cause: one.EnvFile, Message: "has changed since servers that read it were started",
				Expected: "a start after the change", Actual: "changed " + one.Changed.UTC().Format(time.DateTime) + " UTC, started " + one.Started.UTC().Format(time.DateTime) + " UTC",
				Places: place, File: one.EnvFile})
		}
		for _, name := range one.Shadowed {
			seen.Faults = append(seen.Faults, Fault{Object: one.EnvFile + " " + name + " in the environment of " + one.Program, Cause: "the environment of " + one.Program,
				Message: "hides settings of " + one.EnvFile + ": " + strings.Join(one.Shadowed, ", "), Expected: "one text in one place", Actual: "another text in the environment", Places: place, File: one.EnvFile})
		}
	}
	return seen, nil
}
