package review_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/ui"
)

// exported returns a row in a format, after the heading where there is one.
func exported(t *testing.T, format review.Format, row *review.Row) string {
	t.Helper()
	var out bytes.Buffer
	exporter := review.NewExporter(&out, format, "1.0|x", ui.Clean)
	if err := exporter.Add(row); err != nil {
		t.Fatal(err)
	}
	if err := exporter.Close(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if format == review.CSV {
		_, text, _ = strings.Cut(text, "\r\n")
	}
	return text
}

func rowWith(fields map[review.Field]string) *review.Row {
	row := &review.Row{Source: review.MeshAuditLogs}
	for field, text := range fields {
		row.Fields[field] = []byte(text)
	}
	return row
}

// If this fails, a spreadsheet runs what an attacker wrote into a log, a collector reads an event that
// nobody wrote, or a terminal does what a row says.
func TestExportsAreEscaped(t *testing.T) {
	t.Parallel()
	row := rowWith(map[review.Field]string{review.Time: "2026-01-02 03:04:05.5", review.ID: "7", review.Action: "a|b=c\\d", review.User: "=cmd()", review.Target: "-1", review.Group: "@x", review.Object: "+y",
		review.Tenant: "\tz", review.Agent: "\rq", review.Address: "::ffff:192.0.2.1", review.Success: "f", review.Error: "line\nCEF:0|x \x1b[31m,\"q\" \u202e=", review.Details: `{"a": "b=c|\n", "n": 1}`})
	for format, want := range map[review.Format]string{
		review.CSV: `2026-01-02T03:04:05.5Z,mesh_audit_logs,7,a|b=c\d,"'=cmd()","'-1","'@x","'\x09z",::ffff:192.0.2.1,false,"line\x0aCEF:0|x \x1b[31m,""q"" \u202e=",,"'+y","'\x0dq",,"{""a"": ""b=c|\n"", ""n"": 1}"` + "\r\n",
		review.CEF: `CEF:0|OCMT|ocmt|1.0\|x|a\|b=c\\d|a\|b=c\\d|5|cs1Label=source cs1=mesh_audit_logs rt=1767323045500 outcome=failure src=192.0.2.1 externalId=7 suid=\=cmd() duid=-1` +
			` reason=line\\x0aCEF:0|x \\x1b[31m,"q" \\u202e\= fname=+y requestClientApplication=\\x0dq cs2Label=group_id cs2=@x cs3Label=tenant_id cs3=\\x09z cs6Label=details cs6={"a": "b\=c|\\n", "n": 1}` + "\n",
		review.JSONL: `{"source":"mesh_audit_logs","time":"2026-01-02T03:04:05.5Z","id":"7","action":"a|b=c\\d","user_id":"=cmd()","target_id":"-1","group_id":"@x","tenant_id":"\u0009z","address":"::ffff:192.0.2.1","success":false,` +
			`"error":"line\u000aCEF:0|x \u001b[31m,\"q\" \u202e=","severity":null,"object":"+y","user_agent":"\u000dq","origin":null,"details":{"a": "b=c|\n", "n": 1}}` + "\n",
	} {
		if got := exported(t, format, row); got != want {
			t.Errorf("%s:\n got %s\nwant %s", format, got, want)
		}
	}
}

// If this fails, a secret that a server has put into the details of a row leaves the database.
func TestSecretsInDetailsAreHidden(t *testing.T) {
	t.Parallel()
	const marked = "MARKED-SECRET"
	details := `{"accessToken": "` + marked + `\"x", "deep": [{"password": {"a": ["` + marked + `]", 1]}, "b": true}], "api_key": 12345, "token": null, "secret": ["` + marked + `"], "kept": "token", "last": "x"}`
	row := rowWith(map[review.Field]string{review.Action: "a", review.Details: details})
	for _, format := range review.Formats() {
		if got := exported(t, format, row); strings.Contains(got, marked) || strings.Contains(got, "12345") || !strings.Contains(got, "kept") {
			t.Errorf("%s: %s", format, got)
		}
	}
	var got map[string]any
	entry := review.NewEntry(row)
	if err := json.Unmarshal(entry.Details, &got); err != nil || strings.Contains(string(entry.Details), marked) {
		t.Fatalf("%s: %v", entry.Details, err)
	}
	if got["kept"] != "token" || got["last"] != "x" || got["accessToken"] != "[not shown]" || got["token"] != nil {
		t.Errorf("%s", entry.Details)
	}
}

// If this fails, a secret under a name that says little, or in an address, leaves the database.
func TestSecretsAreKnownByTheirLooks(t *testing.T) {
	t.Parallel()
	const marked, random = "MARKED", "x9Kq2Lm8Zt4Vb7Nc1Wd5Rf3Gh6"
	details := `{"key": "MARKED", "pwd" : "MARKED", "bearer"	:
"MARKED", "sessionId": "MARKED", "session_id": "MARKED", "code": 424242, "otp": "MARKED", "jwt": "MARKED", "signature": "MARKED", "credential": "MARKED",
		"recoveryCode": "MARKED", "\u006bey": "MARKED", "url": "https://h.example/x?token=MARKED&a=MARKED", "path": "/x?t=MARKED", "db": "postgres://u:MARKED@h/d", "note": "it was ` + random + ` then",
		"id": "` + alice + `", "email": "alice@example.org", "agent": "Mozilla/5.0 (X11; Linux x86_64)", "statusCode": 404}`
	row := rowWith(map[review.Field]string{review.Action: "a", review.Details: details})
	got := string(review.NewEntry(row).Details)
	if !json.Valid([]byte(got)) || strings.Contains(got, marked) || strings.Contains(got, random) || strings.Contains(got, "424242") {
		t.Errorf("%s", got)
	}
	for _, kept := range []string{alice, "alice@example.org", "Mozilla/5.0 (X11; Linux x86_64)", "404", "https://h.example/x?token="} {
		if !strings.Contains(got, kept) {
			t.Errorf("%q is not shown: %s", kept, got)
		}
	}
}

// If this fails, a row that somebody made with care breaks an export, so that the rows after it are lost.
func FuzzExport(f *testing.F) {
	f.Add("a", "{}", "2026-01-02 03:04:05")
	f.Add("=\x1b\"\\", `{"token": "x", "a": [{"password": 1}]}`, "infinity")
	f.Add("\xff\u2028", `["\\\"", 1.5e3, "secret"]`, "")
	f.Add("-", `{"token":`, "0044-03-15 00:00:00 BC")
	f.Fuzz(func(t *testing.T, text, details, when string) {
		if !json.Valid([]byte(details)) {
			details = `{"token": "x"}` // the server's type lets nothing else in
		}
		row := rowWith(map[review.Field]string{review.Time: when, review.Action: text, review.User: text, review.Address: text, review.Error: text, review.Severity: text, review.Details: details})
		line := exported(t, review.JSONL, row)
		if strings.Count(line, "\n") != 1 && !strings.ContainsAny(details+when, "\n") {
			t.Fatalf("more than one line: %q", line)
		}
		if !strings.ContainsAny(when, "\"\\\n\r\t") && isPlain(when) && !json.Valid([]byte(line)) {
			t.Fatalf("no JSON: %q", line)
		}
		if cef := exported(t, review.CEF, row); strings.Count(cef, "\n") != 1 {
			t.Fatalf("more than one event: %q", cef)
		}
		if !isPlain(when) || strings.ContainsAny(when, `",`) {
			return
		}
		records, err := csv.NewReader(strings.NewReader(exported(t, review.CSV, row))).ReadAll()
		if err != nil || len(records) != 1 || len(records[0]) != int(review.FieldCount)+1 {
			t.Fatalf("%v: %q", err, records)
		}
		for i, cell := range records[0] {
			if i > 1 && cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Fatalf("a formula: %q", cell)
			}
		}
		if entry := review.NewEntry(row); !json.Valid(entry.Details) {
			t.Fatalf("no JSON: %q", entry.Details)
		}
	})
}

// isPlain reports whether a text has printable ASCII only, as the server's times have.
func isPlain(text string) bool {
	for _, r := range text {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return true
}

// If this fails, a collector that correlates by address misses rows whose server wrote a port or a proxy beside it.
func TestCEFHasTheAddressThatIsFiltered(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2001:DB8::7, 10.0.0.1": " shost=2001:DB8::7, 10.0.0.1 c6a2Label=Source IPv6 Address c6a2=2001:db8::7\n",
		"192.0.2.7:5555":        " shost=192.0.2.7:5555 src=192.0.2.7\n",
		"[2001:db8::9]:44":      " shost=[2001:db8::9]:44 c6a2Label=Source IPv6 Address c6a2=2001:db8::9\n",
		"fe80::1%eth0":          " shost=fe80::1%eth0\n",
		"somewhere":             " shost=somewhere\n",
		"192.0.2.7":             " src=192.0.2.7\n",
	} {
		if got := exported(t, review.CEF, rowWith(map[review.Field]string{review.Address: text, review.Object: ""})); !strings.HasSuffix(got, "cs1=mesh_audit_logs"+want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}
