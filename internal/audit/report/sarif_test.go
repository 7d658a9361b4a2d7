package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ocmt/ocmt/internal/audit"
)

// sarifSchema compiles the schema of the package.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	folder := t.TempDir()
	sarifPackage.unpack(t, folder)
	text, err := os.ReadFile(filepath.Join(folder, "node_modules", sarifPackage.name, "lib", "schemas", "sarif-2.1.0-rtm.5.json"))
	if err != nil {
		t.Fatal(err)
	}
	form, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("sarif.json", form); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// If this fails, a code host refuses the file, and findings do not reach the people who mend them.
func TestSARIFIsValid(t *testing.T) {
	t.Parallel()
	schema := sarifSchema(t)
	for name, r := range map[string]*audit.Report{"sample": sampleReport(), "empty": newReport(), "hostile": hostileReport("\"\\\u202e{0}[a](b)")} {
		document := parseJSON(t, sarifOf(t, r))
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := checkForCodeHosts(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := parseJSON(t, bytes.Replace(sarifOf(t, sampleReport()), []byte(`"level": "error"`), []byte(`"level": "terrible"`), 1))
	if schema.Validate(broken) == nil {
		t.Error("the schema takes a level that there is not")
	}
}

// If this fails, the test of what code hosts need takes a file that they refuse.
func TestCodeHostsNeed(t *testing.T) {
	t.Parallel()
	for _, needed := range []string{`"$schema"`, `"version"`, `"rules"`, `"id"`, `"text"`, `"locations"`, `"uri"`, `"startLine"`, `"endColumn"`, `"partialFingerprints"`, `"security-severity"`, `"ruleId"`} {
		text := bytes.ReplaceAll(sarifOf(t, sampleReport()), []byte(needed+":"), []byte(`"x":`))
		if checkForCodeHosts(parseJSON(t, text)) == nil {
			t.Errorf("it does not miss %s", needed)
		}
	}
	for _, uri := range []string{"/etc/ocmt.env", "file:///etc/ocmt.env", `config\\ocmt.env`, "../ocmt.env", "a b"} {
		text := bytes.Replace(sarifOf(t, sampleReport()), []byte(`"uri": "ocmt.yaml"`), []byte(`"uri": "`+uri+`"`), 1)
		if checkForCodeHosts(parseJSON(t, text)) == nil {
			t.Errorf("it takes the path %s", uri)
		}
	}
}

func parseJSON(t testing.TB, text []byte) any {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return document
}

// log is what the tests read of a SARIF document.
type sarifLog struct {
	Schema  string `json:"$schema"`
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name  string
				Rules []struct {
					ID, HelpURI                             string
					ShortDescription, FullDescription, Help struct{ Text, Markdown string }
					Properties                              map[string]any
				}
			}
		}
		Invocations []struct {
			ExecutionSuccessful        bool
			ToolExecutionNotifications []struct {
				Message        struct{ Text string }
				AssociatedRule struct{ ID string }
			}
		}
		Results []sarifResult
	}
}

type sarifResult struct {
	RuleID    string
	RuleIndex int
	Level     string
	Message   struct{ Text string }
	Locations []struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI string }
			Region           map[string]int
		}
		LogicalLocations []struct{ FullyQualifiedName string }
	}
	PartialFingerprints map[string]string
	Suppressions        []struct{ Kind, Status, Justification string }
}

// checkForCodeHosts says what GitHub and GitLab refuse, or do without showing, in a document: GitHub's
// page "SARIF support for code scanning" lists what is required, and GitLab drops results without a rule
// or a physical location.
func checkForCodeHosts(document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	var log sarifLog
	if err := json.Unmarshal(text, &log); err != nil {
		return err
	}
	if log.Schema == "" || log.Version != "2.1.0" || len(log.Runs) != 1 {
		return fmt.Errorf("schema %q, version %q, %d runs", log.Schema, log.Version, len(log.Runs))
	}
	run := log.Runs[0]
	if run.Tool.Driver.Name == "" || run.Tool.Driver.Rules == nil || run.Results == nil {
		return fmt.Errorf("a name, rules and results are required")
	}
	for _, rule := range run.Tool.Driver.Rules {
		short, full := len([]rune(rule.ShortDescription.Text)), len([]rune(rule.FullDescription.Text))
		if rule.ID == "" || short == 0 || short > 1024 || full == 0 || full > 1024 || strings.HasSuffix(rule.FullDescription.Text, "..") || rule.Help.Text == "" || rule.Properties["security-severity"] == nil {
			return fmt.Errorf("rule %q lacks what is required, or is too long", rule.ID)
		}
	}
	for _, result := range run.Results {
		if result.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID {
			return fmt.Errorf("no rule %q at %d", result.RuleID, result.RuleIndex)
		}
		if err := result.check(); err != nil {
			return fmt.Errorf("a result of %s: %w", result.RuleID, err)
		}
	}
	return nil
}

func (r sarifResult) check() error {
	if r.Message.Text == "" || len(r.Locations) != 1 || r.PartialFingerprints["primaryLocationLineHash"] == "" || r.PartialFingerprints["ocmtFinding/v1"] == "" {
		return fmt.Errorf("it lacks a message, one location, or fingerprints")
	}
	place := r.Locations[0].PhysicalLocation
	for _, name := range []string{"startLine", "startColumn", "endLine", "endColumn"} {
		if place.Region[name] < 1 {
			return fmt.Errorf("the region lacks %s", name)
		}
	}
	uri := place.ArtifactLocation.URI
	if uri == "" || strings.HasPrefix(uri, "/") || strings.HasPrefix(uri, "../") || strings.ContainsAny(uri, "\\: \"<>") {
		return fmt.Errorf("%q is no path within the repository", uri)
	}
	if len(r.Locations[0].LogicalLocations) != 1 || r.Locations[0].LogicalLocations[0].FullyQualifiedName == "" {
		return fmt.Errorf("it lacks a logical location")
	}
	return nil
}

func readSARIF(t testing.TB, r *audit.Report) sarifLog {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal(sarifOf(t, r), &log); err != nil {
		t.Fatal(err)
	}
	return log
}

// If this fails, an accepted finding alarms again, or what could not be checked looks like a clean run.
func TestSARIFTellsAcceptedAndUnchecked(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	run := readSARIF(t, r).Runs[0]
	if want := r.Counts.Findings + r.Counts.Accepted; len(run.Results) != want {
		t.Errorf("%d results, want %d", len(run.Results), want)
	}
	suppressed := 0
	for _, one := range run.Results {
		for _, by := range one.Suppressions {
			suppressed++
			if by.Kind != "external" || by.Status != "accepted" || by.Justification != "the partner moves by summer (owner: Mira Okafor; last day: 2027-06-30)" {
				t.Errorf("suppression %+v", by)
			}
		}
		if one.Suppressions == nil {
			t.Error("some results have suppressions, and one has none: SARIF 2.1.0, 3.27.23 forbids that")
		}
	}
	if suppressed != r.Counts.Accepted {
		t.Errorf("%d suppressions, want %d", suppressed, r.Counts.Accepted)
	}
	invocation := run.Invocations[0]
	if invocation.ExecutionSuccessful || len(invocation.ToolExecutionNotifications) != r.Counts.Gaps {
		t.Errorf("invocation %+v", invocation)
	}
	if text := invocation.ToolExecutionNotifications[0].Message.Text; !strings.Contains(text, "grant select on public.tenant_admins to ocmt_auditor;") {
		t.Errorf("the notification does not say what cures it: %s", text)
	}
	if clean := readSARIF(t, newReport()).Runs[0].Invocations[0]; !clean.ExecutionSuccessful {
		t.Error("an audit that looked at everything is not successful")
	}
}

// If this fails, a code host shows a finding at a file of this machine, or at none.
func TestSARIFPaths(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"": "ocmt.yaml", "docker/.env": "docker/.env", "/etc/ocmt.env": "ocmt.yaml", "../ocmt.env": "ocmt.yaml", `C:\ocmt\.env`: "ocmt.yaml",
		`docker\.env`: "docker/.env", "a b/ü#?.env": "a%20b/%C3%BC%23%3F.env", "x:y": "x%3Ay", "./.env": ".env", "a/../../b": "ocmt.yaml", "a\n\u202eb": "a%0A%E2%80%AEb",
	} {
		r := sampleReport()
		r.Results[0].Findings[0].File = file
		place := readSARIF(t, r).Runs[0].Results[0].Locations[0].PhysicalLocation
		if place.ArtifactLocation.URI != want || place.Region["startLine"] != 1 {
			t.Errorf("%q is shown at %q line %d, want %q line 1", file, place.ArtifactLocation.URI, place.Region["startLine"], want)
		}
	}
}

// If this fails, a critical finding looks like a note at a code host.
func TestSARIFSeverities(t *testing.T) {
	t.Parallel()
	want := map[string][2]any{"OCMT-ENC-001": {"error", "9.5"}, "OCMT-FIL-001": {"error", "8.0"}, "OCMT-ENC-005": {"warning", "5.5"}, "OCMT-ENC-013": {"note", "1.0"}}
	run := readSARIF(t, sampleReport()).Runs[0]
	for _, one := range run.Results {
		rule := run.Tool.Driver.Rules[one.RuleIndex]
		if wanted, ok := want[one.RuleID]; ok && (one.Level != wanted[0] || rule.Properties["security-severity"] != wanted[1]) {
			t.Errorf("%s has %s and %v, want %v", one.RuleID, one.Level, rule.Properties["security-severity"], wanted)
		}
		if rule.HelpURI != "" {
			t.Errorf("%s has the help address %q, and its source is none", one.RuleID, rule.HelpURI)
		}
	}
}
