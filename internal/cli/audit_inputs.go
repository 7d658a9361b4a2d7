package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"

	"github.com/ocmt/ocmt/internal/audit"
)

// The kinds of inputs of an audit.
const (
	inputSettings = "settings"
	inputDatabase = "database"
	inputRedis    = "redis"
	inputFiles    = "files"
	inputGit      = "git"
	inputDocker   = "docker"
	inputEndpoint = "endpoint"
)

// noRedis shows that no check of Redis applies.
const noRedis = "REDIS_URL is not set"

// inputs says what an audit has looked at, as whom and with which rights. It is asked behind the checks, which have
// found out what answers.
func (d *auditDeployment) inputs(ctx context.Context, found *audit.Report) (list []audit.Input) {
	account := "uid " + strconv.Itoa(os.Geteuid())
	if d.app.deps.Root {
		account = "root"
	}
	add := func(kind string, names ...string) {
		for _, name := range names {
			list = append(list, audit.Input{Kind: kind, Name: name, As: account})
		}
	}
	for _, file := range d.settings.Files {
		add(inputSettings, file.Path)
	}
	add(inputSettings, d.scope.EnvFiles...)
	if d.database.Kind != "" {
		list = append(list, d.database)
	}
	list = append(list, d.redisInputs(ctx)...)
	if d.asks(audit.Files, audit.Git, audit.Containers, audit.Processes, audit.Logs) {
		add(inputFiles, d.scope.folders()...)
	}
	if d.asks(audit.Logs) {
		add(inputFiles, slices.Concat(d.scope.Logs, d.scope.Code)...)
	}
	if source, there := d.sources.Git.It(); there && d.asks(audit.Git) {
		for _, one := range source.Repositories() {
			add(inputGit, one.Name())
		}
		for _, gap := range source.Unopened() {
			list = append(list, audit.Input{Kind: inputGit, Name: gap.What, Absent: gap.Reason})
		}
	}
	if d.scope.Docker && d.asks(audit.Containers) {
		add(inputDocker, d.dockerSocket())
		list[len(list)-1].Absent = unanswered(found, "OCMT-DOC-005")
	}
	return append(list, d.endpoints...)
}

// redisInputs names each server of Redis with the user of the audit there.
func (d *auditDeployment) redisInputs(ctx context.Context) (list []audit.Input) {
	if !d.asks(audit.Redis) {
		return nil
	}
	source, there := d.sources.Redis.It()
	if !there {
		return []audit.Input{{Kind: inputRedis, Absent: noRedis}}
	}
	servers, err := source.Servers(ctx)
	for _, server := range servers {
		input := audit.Input{Kind: inputRedis, Name: server.Place().Address}
		own, _, err := server.Users(ctx)
		var gap *audit.GapError
		switch {
		case err == nil:
			input.As = "user " + own
		case errors.As(err, &gap) && gap.Gap.Missing != "":
			input.As = "a user that may not ask for its name"
		default:
			input.Absent = whyAbsent(err)
		}
		list = append(list, input)
	}
	if err != nil {
		list = append(list, audit.Input{Kind: inputRedis, Name: "others of REDIS_URL", Absent: whyAbsent(err)})
	}
	return list
}

// whyAbsent returns why something was not looked at.
func whyAbsent(err error) string {
	var gap *audit.GapError
	if errors.As(err, &gap) {
		return gap.Gap.Reason
	}
	return err.Error()
}

// unanswered returns why a check could not look; "" where it could.
func unanswered(found *audit.Report, id string) string {
	for _, result := range found.Results {
		if result.Check.ID == id && result.Outcome == audit.Unchecked {
			return result.Gaps[0].Reason
		}
	}
	return ""
}
