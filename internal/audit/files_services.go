package audit

import (
	"context"
	"strings"
)

// lookAtGatewayFiles is OCMT-FIL-004.
func lookAtGatewayFiles(ctx context.Context, sources *Sources, source FileSource) (Seen, error) {
	list, err := source.GatewayFiles(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Looked: countThings(int64(len(list.Files)), "file", "files")}
	if len(list.Files) == 0 {
		seen.Absent = "there is no openclaw.json in the home folder or below the folders"
	}
	variable := sources.Settings.there && sources.Settings.it.Text("OPENCLAW_GATEWAY_TOKEN") != ""
	for _, file := range list.Files {
		var severity Severity
		if file.Mode.Perm() == 0o644 && file.Owner == gatewayAccount {
			severity = Medium
		}
		seen.Faults = append(seen.Faults, accessFaults(file.FileState, source, severity)...)
		if fault := tokenFault(file, variable); fault.Object != "" {
			seen.Faults = append(seen.Faults, fault)
		}
	}
	return seen, nil
}

// gatewayAccount is the account that containers of the agent server write openclaw.json as, with 0644.
const gatewayAccount = "1000"

// tokenFault says what is wrong with the token of a gateway's file. The zero Fault is none.
func tokenFault(file GatewayFile, variable bool) Fault {
	fault := Fault{File: file.Path, Places: []string{file.Path}}
	object := file.Path + " gateway.auth.token"
	switch {
	case file.Copy && file.Older:
		fault.Object, fault.Severity = object, Medium
		fault.Message, fault.Expected, fault.Actual = "is a copy with another token than openclaw.json", "no copy", "an older token"
		fault.Fix = "remove the copy, once its token is no longer taken"
	case file.Copy:
		return Fault{}
	case file.Token == TokenEmpty:
		fault.Object = object
		fault.Message, fault.Expected, fault.Actual = "is set to nothing, and that wins over OPENCLAW_GATEWAY_TOKEN", "a token, or no such entry", "an empty text"
	case file.Token == TokenExample:
		fault.Object, fault.Severity = object, Critical
		fault.Message, fault.Expected, fault.Actual = "is an example of the documents", "a random token", "an example"
		fault.Fix = "make a token with openssl rand -hex 32, set it, and restart the gateway"
	case file.Token == TokenOwn && variable:
		fault.Object, fault.Severity = object, Medium
		fault.Message, fault.Expected, fault.Actual = "hides OPENCLAW_GATEWAY_TOKEN, which is another token", "one token in one place", "two tokens"
		fault.Fix = "take gateway.auth.token out of the file, and restart the gateway"
	}
	if fault.Object != "" {
		fault.Cause = object
	}
	return fault
}

// lookAtServiceFiles is OCMT-FIL-005.
func lookAtServiceFiles(ctx context.Context, _ *Sources, source FileSource) (Seen, error) {
	list, err := source.ServiceFiles(ctx)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{Gaps: list.Gaps, Looked: countThings(int64(len(list.Files)), "file", "files")}
	if len(list.Files) == 0 {
		seen.Absent = "there is no dump of pm2, no unit of systemd and no crontab"
	}
	for _, file := range list.Files {
		for _, name := range file.Settings {
			seen.Faults = append(seen.Faults, Fault{Object: file.Path + " " + name, Cause: file.Path,
				Message: "is a " + file.Kind + " with the secret of " + strings.Join(file.Settings, ", "), Expected: "no secret",
				Actual: "the secret of " + strings.Join(file.Settings, ", "), Places: []string{file.Path}, File: file.Path})
		}
	}
	return seen, nil
}
