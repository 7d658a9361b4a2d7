package report_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/audit/report"
)

var now = time.Date(2027, 3, 4, 9, 30, 0, 0, time.UTC)

func check(id string, severity audit.Severity, title, why string) audit.Check {
	return audit.Check{ID: id, Severity: severity, Title: title, Why: why, LooksAt: "every value of every encrypted column", Right: "SELECT on the columns",
		NotFault: "a value that is being written is read again", Fix: "ocmt migrate verify, then restore the value from a backup", Source: "NIST SP 800-38D, section 8.3"}
}

func found(c audit.Check, cause, message, expected, actual string, count int64, places ...string) audit.Finding {
	return audit.Finding{Check: c.ID, Severity: c.Severity, Cause: cause, Message: message, Expected: expected, Actual: actual, Count: count, Places: places,
		Fix: c.Fix, Digest: audit.Digest(c.ID, cause), Objects: []string{audit.Digest(c.ID, cause+" object")}}
}

// newReport returns a report with its numbers, as audit.Run makes them.
func newReport(results ...audit.Result) *audit.Report {
	r := &audit.Report{At: now, Results: results, FailOn: audit.Medium}
	counts := audit.Counts{Checks: len(results), BySeverity: map[string]int{"critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0}}
	number := map[audit.Outcome]*int{audit.Pass: &counts.Pass, audit.Found: &counts.Found, audit.Unchecked: &counts.Unchecked, audit.NotApplicable: &counts.NotApplicable}
	for _, result := range results {
		*number[result.Outcome]++
		counts.Gaps += len(result.Gaps)
		counts.Accepted += len(result.Accepted)
		for _, one := range result.Findings {
			counts.Findings++
			counts.BySeverity[one.Severity.String()]++
			if one.Severity >= r.FailOn {
				counts.Failing++
			}
		}
	}
	r.Counts = counts
	return r
}

// sampleReport returns a report with every outcome, of an invented deployment.
func sampleReport() *audit.Report {
	keys := check("OCMT-ENC-001", audit.Critical, "A value that no configured key opens", "the value is lost, unless a backup has it")
	older := check("OCMT-ENC-005", audit.Medium, "Values still under an older key", "the older key cannot be retired, so a leak of it stays a leak")
	older.Fix = "ocmt rotate --from-version 2"
	admin := check("OCMT-TOK-010", audit.High, "An administrator without a second factor", "one stolen password opens every tenant")
	expiry := check("OCMT-TOK-008", audit.Medium, "API keys without an expiry", "a key that leaked years ago still opens the account")
	logs := check("OCMT-PG-006", audit.High, "The server logs values", "a reader of the log reads the secrets")
	mfa := check("OCMT-TOK-011", audit.Medium, "An emergency token is alive", "whoever finds it gets in without a password")
	appendOnly := check("OCMT-RDS-006", audit.Medium, "Redis does not keep what it has", "a restart ends every session")
	file := check("OCMT-FIL-001", audit.High, "An env file that others may read", "each account of the host has all secrets")
	password := found(file, "config/prod settings.env", "is readable by group and others", "mode 0600, owner ocmt", "mode 0644, owner root", 1, "config/prod settings.env")
	password.File, password.Fix = "config/prod settings.env", "chmod 600 'config/prod settings.env'\nchown ocmt 'config/prod settings.env'"
	accepted := found(expiry, "keys of the old partner", "do not expire", "an expiry within a year", "none", 2, "public.api_keys id 7", "public.api_keys id 12")
	accepted.Objects = []string{"0123456789abcdef", "fedcba9876543210"}
	for _, object := range accepted.Objects {
		accepted.Accepted = append(accepted.Accepted, audit.Accepted{ID: expiry.ID, Object: object, Owner: "Mira Okafor", Reason: "the partner moves by summer", Expires: "2027-06-30"})
	}
	adminFinding := found(admin, "2 administrators", "have no verified second factor", "a verified TOTP for each administrator", "none", 2, "user 4", "user 19")
	adminFinding.Fix = "ask both to enrol under Settings, Security; then look again"
	info := found(check("OCMT-ENC-013", audit.Info, "A gateway token in clear", "the server writes it so"), "public.users.gateway_token", "is in clear", "a ciphertext", "plain text", 12)
	r := newReport(
		audit.Result{Check: keys, Outcome: audit.Found, Findings: []audit.Finding{found(keys, "public.user_credentials.encrypted_value", "has values that no configured key opens", "each value opens", "3 of 12,400 do not open", 3, "public.user_credentials id 118", "public.user_credentials id 304", "public.user_credentials id 9,001")}, Looked: "12,400 values in 9 columns"},
		audit.Result{Check: older, Outcome: audit.Found, Findings: []audit.Finding{found(older, "key version 2", "still has values", "all values under version 3", "1,180 values under version 2", 1180, "public.user_credentials.encrypted_value", "public.group_secrets.encrypted_value")}, Looked: "12,400 values in 9 columns"},
		audit.Result{Check: check(info.Check, audit.Info, "A gateway token in clear", "the server writes it so"), Outcome: audit.Found, Findings: []audit.Finding{info}},
		audit.Result{Check: expiry, Outcome: audit.Pass, Accepted: []audit.Finding{accepted}, Looked: "41 API keys"},
		audit.Result{Check: admin, Outcome: audit.Found, Findings: []audit.Finding{adminFinding}, Gaps: []audit.Gap{{What: "public.tenant_admins", Reason: "the account may not read it", Missing: "SELECT on public.tenant_admins", Grant: "grant select on public.tenant_admins to ocmt_auditor;"}}},
		audit.Result{Check: mfa, Outcome: audit.Unchecked, Gaps: []audit.Gap{{What: "public.emergency_tokens", Reason: "the account may not read it", Missing: "SELECT on public.emergency_tokens", Grant: "grant select on public.emergency_tokens to ocmt_auditor;"}}},
		audit.Result{Check: logs, Outcome: audit.Pass, Looked: "log_statement, log_parameter_max_length, auto_explain"},
		audit.Result{Check: appendOnly, Outcome: audit.Unchecked, Gaps: []audit.Gap{{What: "redis.internal:6379", Reason: "it does not answer within 5 s"}}},
		audit.Result{Check: file, Outcome: audit.Found, Findings: []audit.Finding{password}, Looked: "4 files"},
		audit.Result{Check: check("OCMT-GIT-001", audit.Critical, "An env file in the repository", "each clone has all secrets"), Outcome: audit.Pass, Looked: "1,204 tracked files"},
		audit.Result{Check: check("OCMT-DOC-003", audit.High, "A port that the world reaches", "Redis has the vault keys of all who are logged in"), Outcome: audit.NotApplicable, Absent: "there is no compose file below the paths"},
	)
	r.Inputs = []audit.Input{
		{Kind: "database", Name: "postgres://ocmt_auditor@db.internal/ocmt", As: "ocmt_auditor: SELECT on 31 tables, pg_monitor"},
		{Kind: "redis", Name: "redis.internal:6379", Absent: "it does not answer within 5 s"},
		{Kind: "files", Name: ".", As: "user deploy"},
		{Kind: "git", Name: ".", As: "user deploy, 1,204 objects"},
	}
	r.Skipped = []string{"OCMT-END-001", "OCMT-END-002"}
	r.Unused = []audit.Accepted{{ID: "OCMT-PG-010", Object: "00112233aabbccdd", Count: 3, Owner: "Jun Ito", Reason: "needed for the import", Expires: "2027-04-01"}}
	return r
}

// sampleExtras returns what the pictures of the invented deployment show.
func sampleExtras() report.Extras {
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			panic(err)
		}
		return at
	}
	version := func(label string, values int64) report.VersionCount {
		return report.VersionCount{Label: label, Current: label == "v3", Values: values}
	}
	return report.Extras{
		Columns: []report.ColumnVersions{
			{Column: "public.user_credentials.encrypted_value", Versions: []report.VersionCount{version("v2", 980), version("v3", 8420), version("legacy", 3)}},
			{Column: "public.group_secrets.encrypted_value", Versions: []report.VersionCount{version("v2", 200), version("v3", 1400)}},
			{Column: "public.users.gateway_token", Versions: []report.VersionCount{version("v3", 1388), version("in clear", 12)}},
		},
		Events: []audit.Event{
			{At: day("2026-05-02"), Kind: audit.KeyEvent, Label: "Key version 2 made"},
			{At: day("2026-11-19"), Kind: audit.IncidentEvent, Label: "Laptop of an administrator lost"},
			{At: day("2026-11-20"), Kind: audit.KeyEvent, Label: "Key version 3 made"},
			{At: day("2026-11-21"), Kind: audit.RotationEvent, Label: "Rotation to version 3"},
			{At: day("2027-02-20"), Kind: audit.DueEvent, Label: "ENCRYPTION_KEY is due"},
			{At: day("2027-06-30"), Kind: audit.DueEvent, Label: "Accepted: keys of the old partner"},
		},
	}
}

// hostileReport returns a report that has a text wherever somebody else could have put one.
func hostileReport(text string) *audit.Report {
	c := check("OCMT-PG-005", audit.High, "PUBLIC may read a secret column", "everybody reads it")
	one := audit.Finding{Check: c.ID, Severity: audit.High, Cause: text, Message: text, Expected: text, Actual: text, Count: 1, Places: []string{text, text},
		Fix: text, File: text, Digest: audit.Digest(c.ID, text), Objects: []string{audit.Digest(c.ID, text)}}
	accepted := one
	accepted.Accepted = []audit.Accepted{{ID: c.ID, Object: one.Objects[0], Owner: text, Reason: text, Expires: "2027-06-30"}}
	gap := audit.Gap{What: text, Reason: text, Missing: text, Grant: text}
	r := newReport(
		audit.Result{Check: c, Outcome: audit.Found, Findings: []audit.Finding{one}, Accepted: []audit.Finding{accepted}, Gaps: []audit.Gap{gap}, Looked: text},
		audit.Result{Check: check("OCMT-PG-006", audit.High, "x", "y"), Outcome: audit.Unchecked, Gaps: []audit.Gap{gap}},
		audit.Result{Check: check("OCMT-PG-007", audit.High, "x", "y"), Outcome: audit.NotApplicable, Absent: text},
		audit.Result{Check: check("OCMT-PG-008", audit.High, "x", "y"), Outcome: audit.Pass, Looked: text},
	)
	r.Inputs = []audit.Input{{Kind: text, Name: text, As: text}, {Kind: "redis", Name: text, Absent: text}}
	r.Unused = accepted.Accepted
	return r
}

// hostileExtras returns pictures with a text in each place.
func hostileExtras(text string) report.Extras {
	return report.Extras{
		Columns: []report.ColumnVersions{{Column: text, Versions: []report.VersionCount{{Label: text, Current: true, Values: 3}}}},
		Events:  []audit.Event{{At: now, Kind: audit.EventKind(text), Label: text}},
	}
}

// written returns what a writer writes.
func written(t testing.TB, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := write(&text); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func sarifOf(t testing.TB, r *audit.Report) []byte {
	t.Helper()
	return written(t, func(b *bytes.Buffer) error { return report.WriteSARIF(b, r, "1.2.3") })
}

func junitOf(t testing.TB, r *audit.Report) []byte {
	t.Helper()
	return written(t, func(b *bytes.Buffer) error { return report.WriteJUnit(b, r) })
}

func csvOf(t testing.TB, r *audit.Report) []byte {
	t.Helper()
	return written(t, func(b *bytes.Buffer) error { return report.WriteCSV(b, r) })
}

func htmlOf(t testing.TB, r *audit.Report, extras report.Extras) []byte {
	t.Helper()
	return written(t, func(b *bytes.Buffer) error { return report.WriteHTML(b, r, "1.2.3", extras) })
}
