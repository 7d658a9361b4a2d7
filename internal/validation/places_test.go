package validation_test

import (
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/validation"
	"github.com/ocmt/ocmt/pkg/secret"
)

// If this fails, an operator whose components share one env file is told of faults, or reads each setting twice.
func TestSharedFile(t *testing.T) {
	t.Parallel()
	d := newDeployment()
	for _, file := range []envFile{d.agent, d.admin} {
		for name, text := range file.texts {
			d.management.texts[name] = text
		}
	}
	for _, component := range []secret.Component{"", secret.Management} {
		input := validation.Input{Own: d.management.side(component), Others: []validation.Side{d.management.side(secret.Agent), d.management.side(secret.AdminUI)}}
		report := validation.Check(input)
		if found := codes(report); len(found) > 0 {
			t.Errorf("%q: found %v", component, found)
		}
		seen := map[string]bool{}
		for _, row := range report.Rows {
			if seen[row.Name] {
				t.Errorf("%q: %s is in the report twice", component, row.Name)
			}
			seen[row.Name] = true
		}
	}
	d.management.texts["CSRF_SECERT"], d.management.texts["OLD"] = marked("x"), "your-secret-token-here"
	input := validation.Input{Own: d.management.side(secret.Management), Others: []validation.Side{d.management.side(secret.Agent)}}
	if found := validation.Check(input).Others; len(found) != 2 {
		t.Errorf("two faults of one file are %v", found)
	}
}

// If this fails, the report is full of what other components do without.
func TestOthersListOnlyWhatMatters(t *testing.T) {
	t.Parallel()
	d := newDeployment()
	for _, row := range validation.Check(d.asManagement()).Rows {
		if row.State == validation.StateNotSet && row.Component != secret.Management {
			t.Errorf("%s of %q is not set, and nothing needs it", row.Name, row.Component)
		}
		if row.Name == "GROUP_VAULT_AUTH_TOKEN" && row.Note != "" {
			t.Errorf("%s is set, and the report says what is without it", row.Name)
		}
	}
	delete(d.management.texts, "GROUP_VAULT_AUTH_TOKEN")
	for _, row := range validation.Check(d.asManagement()).Rows {
		if row.Name == "GROUP_VAULT_AUTH_TOKEN" && (row.Note == "" || row.State != validation.StateNotSet) {
			t.Errorf("the report does not say what the server does without %s", row.Name)
		}
	}
}

// If this fails, a pipeline stops at what Kubernetes mounts, or goes on with a file that everybody reads.
func TestCheckFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file validation.File
		want finding.Severity // 0 for none
	}{
		{validation.File{Path: "f", Mode: 0o644, Secret: true}, finding.Error},
		{validation.File{Path: "f", Mode: 0o640, Secret: true}, finding.Warning},
		{validation.File{Path: "f", Mode: 0o644, Secret: true, Mounted: true}, finding.Warning},
		{validation.File{Path: "f", Mode: 0o644}, 0},
		{validation.File{Path: "f", Mode: 0o600, Secret: true}, 0},
	} {
		var got finding.Severity
		for _, found := range validation.CheckFile(c.file) {
			got = found.Severity
		}
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c.file, got, c.want)
		}
	}
}
