package review_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/audit/review"
)

// found returns what Find finds since 2026-02-01, a line each: the rule, how many entries, and whom it is about.
func (d *database) found() (lines []string, report *review.Report) {
	d.t.Helper()
	report, err := review.Find(context.Background(), d, review.Filter{Since: at(d.t, "2026-02-01T00:00:00Z")})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, incident := range report.Incidents {
		if incident.Why == "" || len(incident.Rows) == 0 || len(incident.Rows) > 10 || incident.From > incident.To {
			d.t.Errorf("an incident that does not explain itself: %+v", incident)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %d %s %s", incident.Rule, incident.Count, incident.Email, incident.Address)))
	}
	return lines, report
}

// If this fails, an operator is not told of a guessed password, or of so many things that are none that
// the one that is goes unread.
func TestFind(t *testing.T) {
	t.Parallel()
	const failures = `insert into mesh_audit_logs ("timestamp", event_type, ip_address, success) select '2026-02-03 10:00+00'::timestamptz + n * interval '%d seconds', 'auth.failed', '192.0.2.66', false from generate_series(1, %d) n;`
	const login = `insert into mesh_audit_logs ("timestamp", event_type, actor_id, ip_address) values ('2026-02-03 10:05+00', 'auth.login', '` + alice + `', '%s');`
	const second = `insert into mfa_attempts (created_at, user_id, attempt_type, success) select '2026-02-03 10:00+00'::timestamptz + n * interval '%d seconds', '` + alice + `', 'totp', n > %[2]d from generate_series(1, %[2]d + 1) n;`
	const burst = `insert into mesh_audit_logs ("timestamp", event_type, actor_id, success) select '2026-02-03 10:00+00'::timestamptz + n * interval '%d seconds', '%s', '` + bob + `', %t from generate_series(1, %d) n;`
	const habit = `insert into audit_log ("timestamp", user_id, action, ip_address) select '2026-01-%02d 09:00'::timestamp + n * interval '10 minutes', '` + bob + `', 'user.login', '192.0.2.1' from generate_series(1, %d) n;`
	const today = `insert into audit_log ("timestamp", user_id, action, ip_address) values ('2026-02-03 %02d:30', '` + bob + `', 'user.login', '%s');`
	for _, c := range []struct {
		name, sql string
		want      []string
	}{
		{"a quiet night", fmt.Sprintf(login, "192.0.2.66"), nil},
		{"a guessed password", fmt.Sprintf(failures+login, 30, 6, "::ffff:192.0.2.66"), []string{"failures-then-success 7 alice@example.org ::ffff:192.0.2.66"}},
		{"four mistypes", fmt.Sprintf(failures+login, 30, 4, "192.0.2.66"), nil},
		{"failures that are long ago", fmt.Sprintf(failures+login, -60, 10, "192.0.2.66"), []string{"failures-then-success 6 alice@example.org 192.0.2.66"}},
		{"another address", fmt.Sprintf(failures+login, 30, 6, "192.0.2.67"), nil},
		{"a guessed second factor", fmt.Sprintf(second, 30, 3), []string{"mfa-failures-then-success 4 alice@example.org"}},
		{"two second factors mistyped", fmt.Sprintf(second, 30, 2), nil},
		{"second factors over a day", fmt.Sprintf(second, 3600, 5), nil},
		{"a burst of unlocks", fmt.Sprintf(burst, 5, "vault.unlock_failed", false, 25), []string{"vault-unlock-failed-burst 25 bob@example.org"}},
		{"unlocks over a day", fmt.Sprintf(burst, 600, "vault.unlock_failed", false, 25), nil},
		{"unlocks that went well", fmt.Sprintf(burst, 5, "vault.unlocked", true, 25), nil},
		{"denied capabilities", fmt.Sprintf(burst, 5, "capability.denied", false, 10), []string{"capability-denied-burst 10 bob@example.org"}},
		{"nine denied capabilities", fmt.Sprintf(burst, 5, "capability.denied", false, 9), nil},
		{"credentials that are taken", fmt.Sprintf(burst, 5, "integration.credentials_accessed", true, 12), []string{"credentials-accessed-burst 12 bob@example.org"}},
		{"a new address", fmt.Sprintf(habit+today, 20, 10, 9, "192.0.2.9"), []string{"new-address 1 bob@example.org 192.0.2.9"}},
		{"a known address", fmt.Sprintf(habit+today, 20, 10, 9, "192.0.2.1"), nil},
		{"an address that is told once", fmt.Sprintf(habit+today+today, 20, 10, 9, "192.0.2.9", 10, "192.0.2.9"), []string{"new-address 1 bob@example.org 192.0.2.9"}},
		{"too little is known of the user", fmt.Sprintf(habit+today, 20, 9, 9, "192.0.2.9"), nil},
		{"a new hour", fmt.Sprintf(habit+today, 20, 50, 3, "192.0.2.1"), []string{"new-hour 1 bob@example.org 192.0.2.1"}},
		{"too little is known of the user's hours", fmt.Sprintf(habit+today, 20, 49, 3, "192.0.2.1"), nil},
		{"impersonation", `insert into audit_log ("timestamp", user_id, target_user_id, action) values ('2026-02-03', '` + bob + `', '` + alice + `', 'admin.impersonate')`, []string{"impersonation 1 bob@example.org"}},
		{"emergency access", `insert into audit_log ("timestamp", action) values ('2026-02-03', 'emergency_access.used')`, []string{"emergency-access 1"}},
		{"what ocmt does", `insert into audit_log ("timestamp", action, details) values ('2026-02-03', 'encryption.migrated', '{"tool": "ocmt"}'), ('2026-02-03', 'encryption.migrated', '{"tool": "other"}')`, []string{"change-by-ocmt 1"}},
		{"what ocmt has recorded", `create schema ocmt; create table ocmt.record (sequence bigint primary key, at timestamptz not null, operator text not null, host text not null, command text not null, action text not null,
				subject text not null, details text not null, previous text not null unique, hash text not null unique);
			insert into ocmt.record select n, '2026-02-03 00:00+00'::timestamptz + n * interval '1 minute', 'olga', 'h', 'c', action, 's', '{}', n::text, n::text
				from unnest(array['secret.rotated', 'secret.proven', 'key.ready', 'key.retired', 'backup.verified', 'rotate_all.waiting']) with ordinality as one(action, n)`,
			[]string{"change-by-ocmt 1", "change-by-ocmt 1"}},
		{"a log-in that another table tells as well", fmt.Sprintf(failures+login, 30, 6, "192.0.2.66") + `insert into audit_log ("timestamp", user_id, action, ip_address) values ('2026-02-03 10:05', '` + alice + `', 'user.login', '192.0.2.66')`,
			[]string{"failures-then-success 7 alice@example.org 192.0.2.66"}},
		{"emergency access that two tables tell", `insert into audit_log ("timestamp", user_id, action) values ('2026-02-03', '` + bob + `', 'emergency_access.used'); insert into mesh_audit_logs ("timestamp", actor_id, event_type, success) values ('2026-02-03 00:00+00', '` + bob + `', 'emergency.access.used', true)`,
			[]string{"emergency-access 2 bob@example.org"}},
		{"before the time", `insert into audit_log ("timestamp", action) values ('2026-01-31', 'emergency_access.used')`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			d.exec(c.sql)
			lines, _ := d.found()
			if diff := cmp.Diff(c.want, lines); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// If this fails, an operator cannot tell a user without habits from one who kept to them.
func TestFindTellsItsBaseline(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(`insert into audit_log ("timestamp", user_id, action, ip_address) select '2026-01-20'::timestamp + n * interval '1 hour', '` + bob + `', 'user.login', '192.0.2.1' from generate_series(1, 20) n;
		insert into audit_log ("timestamp", user_id, action) values ('2025-12-01', '` + bob + `', 'user.login'), ('2026-02-02', '` + alice + `', 'user.login'), ('2026-02-03', '` + bob + `', 'user.login')`)
	_, report := d.found()
	if report.Looked != 2 || report.BaselineRows != 20 || report.WithoutBaseline != 1 || report.Cut {
		t.Errorf("looked at %d, baseline of %d, %d users without, cut %v", report.Looked, report.BaselineRows, report.WithoutBaseline, report.Cut)
	}
}
