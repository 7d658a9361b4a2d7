package audit

import (
	"context"
	"fmt"
	"strings"
)

// LogSource is the logs, the histories of shells, and the code that is looked at. Nothing that it returns
// has a secret or a line of a file.
type LogSource interface {
	// Logs searches all logs and histories. It is asked several times and searches once. The error is that
	// of the context.
	Logs(ctx context.Context) (*LogSearch, error)
	// Code searches the code for lines that print a secret. The error is that of the context.
	Code(ctx context.Context) (*CodeSearch, error)
	// Secrets tells which secrets the logs are searched for.
	Secrets() SearchedSecrets
}

// LogSearch is what logs and histories have.
type LogSearch struct {
	Searched int64 // files
	Files    []LogFile
	Gaps     []Gap // files that could not be read
}

// LogFile is a file with something in it.
type LogFile struct {
	Path    string
	Secrets []LogSecret
	Queries []LogQuery
}

// LogSecret is a configured secret in a file.
type LogSecret struct {
	Setting string
	Forms   []string
}

// LogQuery is a parameter of URLs in a file that has a credential.
type LogQuery struct {
	Parameter string // "password"
	OneTime   bool   // the path is that of a link that can be used once
	Count     int64  // lines
}

// CodeSearch is what the code prints.
type CodeSearch struct {
	Searched int64 // files
	Lines    []CodeLine
	Gaps     []Gap
}

// CodeLine is a line of code that prints a secret.
type CodeLine struct {
	Path    string
	Line    int
	Setting string
}

const logRight = "to read the logs, and the histories in the home folder"

func logChecks() []Check {
	source := func(s *Sources) Source[LogSource] { return s.Logs }
	return []Check{{
		ID: "OCMT-LOG-001", Severity: Critical, Title: "A configured secret in a log or in the history of a shell",
		Why:      "Logs are read by more people than settings, and are copied, shipped and kept for years.",
		LooksAt:  "the given paths, ~/.pm2/logs and the histories of shells, psql and redis-cli, compressed ones too, for each secret in all its forms",
		Right:    logRight + ", and the secrets",
		NotFault: "The digest of a secret is none. Secrets of fewer than 12 characters are not searched, and are named.",
		Fix:      "rotate the secret, remove the line, and find out what wrote it", Source: "operators' document, never log secrets",
		look: with(source, lookAtLogs),
	}, {
		ID: "OCMT-LOG-002", Severity: High, Title: "A password or a token in the query of a URL in an access log",
		Why:      "Whoever reads the log can use it.",
		LooksAt:  "the same files, for parameters such as password= and token= that have a value",
		Right:    logRight,
		NotFault: "Values that are masked, or have fewer than 6 characters. A link that can be used once is low.",
		Fix:      "let the server log paths without their query, rotate what was logged, and remove the lines", Source: "RFC 9110, section 17.9",
		look: with(source, lookAtQueries),
	}, {
		ID: "OCMT-LOG-003", Severity: Low, Title: "Code prints a secret",
		Why:      "It gets into the log with the next run of that line.",
		LooksAt:  "the given code, for calls that log with a secret setting as an argument, outside of tests",
		Right:    "to read the code",
		NotFault: "The name of a setting in a text, its length, whether it is set, and masked values.",
		Fix:      "log whether the setting is set, not its value", Source: "operators' document, never log secrets",
		look: with(source, lookAtCode),
	}}
}

func lookAtLogs(ctx context.Context, _ *Sources, source LogSource) (Seen, error) {
	secrets := source.Secrets()
	if absent := secrets.absent(); absent != "" {
		return Seen{Absent: absent}, nil
	}
	search, err := source.Logs(ctx)
	if err != nil {
		return Seen{}, fmt.Errorf("searching logs: %w", err)
	}
	seen := seenInFiles(search)
	for _, file := range search.Files {
		for _, secret := range file.Secrets {
			seen.Faults = append(seen.Faults, Fault{Object: file.Path + ", " + secret.Setting, Cause: secret.Setting, Message: "is in a log or a history",
				Expected: "in no log", Actual: "as " + strings.Join(secret.Forms, ", "), Places: []string{file.Path}})
		}
	}
	if seen.Absent == "" {
		seen.Gaps = append(seen.Gaps, secrets.gaps("logs and histories")...)
	}
	return seen, nil
}

// seenInFiles begins what a check of logs saw.
func seenInFiles(search *LogSearch) Seen {
	seen := Seen{Gaps: search.Gaps, Looked: countThings(search.Searched, "file", "files")}
	if search.Searched == 0 && len(search.Gaps) == 0 {
		seen.Absent = "no log and no history was found in the places that are looked at"
	}
	return seen
}

func lookAtQueries(ctx context.Context, _ *Sources, source LogSource) (Seen, error) {
	search, err := source.Logs(ctx)
	if err != nil {
		return Seen{}, fmt.Errorf("searching logs: %w", err)
	}
	seen := seenInFiles(search)
	for _, file := range search.Files {
		for _, query := range file.Queries {
			fault := Fault{Object: file.Path + ", " + query.Parameter + "=", Cause: query.Parameter + "= in the query of URLs", Message: "is in a log, with its value",
				Expected: "paths without their query", Actual: countThings(query.Count, "line", "lines") + " in the first of the files", Count: query.Count, Places: []string{file.Path}}
			if query.OneTime {
				fault.Object, fault.Cause, fault.Severity = fault.Object+" once", query.Parameter+"= of links that can be used once", Low
			}
			seen.Faults = append(seen.Faults, fault)
		}
	}
	return seen, nil
}

func lookAtCode(ctx context.Context, _ *Sources, source LogSource) (Seen, error) {
	search, err := source.Code(ctx)
	if err != nil {
		return Seen{}, fmt.Errorf("searching code: %w", err)
	}
	seen := Seen{Gaps: search.Gaps, Looked: countThings(search.Searched, "file", "files") + " of code"}
	if search.Searched == 0 && len(search.Gaps) == 0 {
		seen.Absent = "no code was found in the places that are looked at"
	}
	for _, line := range search.Lines {
		seen.Faults = append(seen.Faults, Fault{Object: line.Path + ", " + line.Setting, Cause: line.Setting, Message: "is printed by code",
			Expected: "whether it is set", Actual: "its value", Places: []string{fmt.Sprintf("%s:%d", line.Path, line.Line)}, File: line.Path})
	}
	return seen, nil
}
