package audit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
)

// noServers is a machine on which no server of the deployment runs.
type noServers struct{}

func (noServers) Arguments(context.Context) (audit.ArgumentList, error) {
	return audit.ArgumentList{Looked: 7}, nil
}

func (noServers) Servers(context.Context) (audit.ServerList, error) {
	return audit.ServerList{Looked: 7}, nil
}

type noProgress struct{}

func (noProgress) Checking(string, int, int) {}

// If this fails, an audit away from the servers reads as if their processes had been looked at.
func TestProcessesWithoutServers(t *testing.T) {
	t.Parallel()
	sources := &audit.Sources{Processes: audit.Available[audit.ProcessSource](noServers{})}
	report, err := audit.Run(t.Context(), sources, audit.Request{Only: []string{"OCMT-PRC-001", "OCMT-PRC-002"}, Now: time.Unix(0, 0)}, noProgress{})
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		if result.Outcome != audit.NotApplicable || !strings.Contains(result.Absent, "says nothing about the machines where they run") {
			t.Errorf("%s: %s, %q", result.Check.ID, result.Outcome, result.Absent)
		}
	}
}
