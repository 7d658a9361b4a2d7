package review_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/audit/review"
)

// fill adds rows to all tables, many of them in the same second or at the same time.
const fill = `
	insert into audit_log ("timestamp", user_id, action, tenant_id, ip_address) select '2026-03-01 00:00'::timestamp + (n / 3) * interval '1 second', '` + alice + `', 'a.' || n, case when n % 4 = 0 then '` + acme + `'::uuid end, '192.0.2.7'
		from generate_series(1, 300) n;
	insert into audit_log ("timestamp", action) values (null, 'undated');
	insert into mesh_audit_logs ("timestamp", event_type, success) select '2026-03-01 00:00+00'::timestamptz + (n / 2) * interval '1 second', 'm.' || n, n % 5 > 0 from generate_series(1, 150) n;
	insert into group_vault_audit (created_at, group_id, action) select '2026-03-01 00:00'::timestamp + (n % 7) * interval '1 second', gen_random_uuid(), 'g.' || n from generate_series(1, 50) n;
	insert into security_events (created_at, event_type) select '2026-03-01 00:00+00'::timestamptz + n * interval '1 minute', 's.' || n from generate_series(-20, 20) n;
	insert into mfa_attempts (created_at, user_id, attempt_type, success) select '2026-03-01 00:00+00'::timestamptz + n * interval '100 milliseconds', '` + bob + `', 't.' || n, true from generate_series(1, 60) n;`

// If this fails, an operator who pages through a night misses what happened in it, or counts it twice.
func TestPagesShowEveryRowOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, prepare string }{
		{"as the servers make it", ""},
		{"another zone", "set timezone = 'America/New_York'"},
		{"descending index", `drop index idx_audit_log_tenant; create index on audit_log (tenant_id desc, "timestamp" desc)`},
		{"mixed index", `drop index idx_audit_log_tenant; create index on audit_log (tenant_id, "timestamp" desc nulls last)`},
		{"no index", "drop index idx_audit_log_tenant; drop index idx_mesh_audit_timestamp; drop index idx_security_events_created"},
		{"time index", `create index on audit_log ("timestamp")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			if strings.HasPrefix(c.prepare, "set ") {
				d.exec("alter database " + d.name + " " + c.prepare)
				d.exec(c.prepare)
			} else {
				d.exec(c.prepare)
			}
			d.exec(fill)
			whole := d.pages(review.Filter{}, 5000)
			if len(whole) != 601 {
				t.Fatalf("%d lines, want 601", len(whole))
			}
			for i := 1; i < len(whole); i++ {
				if strings.TrimSuffix(whole[i].Time, "Z") > strings.TrimSuffix(whole[i-1].Time, "Z") && c.name != "no index" {
					t.Fatalf("line %d of %s is newer than the one before, of %s", i, whole[i].Time, whole[i-1].Time)
				}
			}
			for _, lines := range []int{1, 7, 100} {
				if diff := cmp.Diff(references(whole), references(d.pages(review.Filter{}, lines))); diff != "" {
					t.Errorf("pages of %d lines (-whole +pages):\n%s", lines, diff)
				}
			}
		})
	}
}

// If this fails, a deployment with many tenants has no timeline, or one with gaps.
func TestManyTenants(t *testing.T) {
	t.Parallel()
	for _, tenants := range []int{900, 1100} {
		d := newDatabase(t)
		d.exec(fmt.Sprintf(`insert into tenants (name) select 'tenant ' || n from generate_series(1, %d) n;
			insert into audit_log ("timestamp", action, tenant_id) select '2026-01-01'::timestamp + row_number() over (order by id) * interval '1 second', 'x', id from tenants;
			insert into audit_log ("timestamp", action) select '2026-01-01'::timestamp + n * interval '1 second', 'y' from generate_series(1, 50) n`, tenants))
		description, err := d.Describe(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if state := description.State(review.AuditLog); (state.Assumed != "") != (tenants > 1000) {
			t.Errorf("with %d tenants: %+v", tenants, state)
		}
		seen := map[string]bool{}
		for _, entry := range d.pages(review.Filter{}, 200) {
			seen[entry.ID] = true
		}
		if len(seen) != tenants+1+50 {
			t.Errorf("with %d tenants %d rows are shown, want %d", tenants, len(seen), tenants+1+50)
		}
	}
}

// If this fails, rows of a deployment with many tenants are lost and repeated at the borders of pages.
func TestManyTenantsOutOfStep(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(`insert into tenants (name) select 'tenant ' || n from generate_series(1, 1100) n;
		insert into audit_log ("timestamp", action, tenant_id) select '2026-01-01'::timestamp + n * interval '20 milliseconds' + (50 + n * 7919 % 2950) * interval '1 millisecond', 'x',
			case when n % 5 > 0 then (select array_agg(id) from tenants)[1 + n / 2 % 1100] end from generate_series(1, 4000) n`)
	for _, lines := range []int{100, 333} {
		seen := map[string]int{}
		for _, entry := range d.pages(review.Filter{}, lines) {
			seen[entry.ID]++
		}
		twice := 0
		for _, times := range seen {
			if times > 1 {
				twice++
			}
		}
		if len(seen) != 4000 || twice > 0 {
			t.Errorf("pages of %d lines: %d rows, want 4000, and %d of them are repeated", lines, len(seen), twice)
		}
	}
	// A place goes on as it was reached; one of another order is refused, and not guessed at.
	page, err := review.ReadPage(context.Background(), d, review.Filter{}, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	d.exec("delete from audit_log where tenant_id in (select id from tenants order by id limit 300)")
	fewer := *d
	fewer.Timeline = d.as("postgres")
	if _, err := review.ReadPage(context.Background(), fewer, review.Filter{}, page.Next, 100); err != nil {
		t.Error(err)
	}
	other := review.Cursor{review.AuditLog: {Time: "2026-01-01 00:00:05", ID: "7"}}
	if _, err := review.ReadPage(context.Background(), d, review.Filter{}, other, 100); !errors.Is(err, review.ErrCursor) {
		t.Errorf("a place of another order: %v", err)
	}
}

// If this fails, an operator who asks for an address misses what came through a proxy.
func TestAddressesAsProxiesWriteThem(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(`insert into mesh_audit_logs ("timestamp", event_type, ip_address) select '2026-01-01 00:00+00'::timestamptz - n * interval '1 second', 'e' || n, a
		from unnest(array['10.1.1.1:443', '010.1.1.1', '10.1.1.1, 192.0.2.1', ' 10.1.1.1:80 ,192.0.2.1', '[::ffff:10.1.1.1]:443', '192.0.2.1, 10.1.1.1', '10.1.1.11', 'unknown', '10.1.1.1:']) with ordinality x(a, n)`)
	got := strings.Join(actions(d.pages(review.Filter{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.1.1/32")}}, 10)), " ")
	if want := "e1 e2 e3 e4 e5"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func references(entries []review.Entry) (list []review.Reference) {
	for _, entry := range entries {
		list = append(list, entry.Reference())
	}
	return list
}

// If this fails, a time of a row without zone is shown hours off.
func TestTimesAreInUTC(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec("alter database " + d.name + " set timezone = 'America/New_York'")
	d.exec(`insert into audit_log ("timestamp", action) values ('2026-07-01 08:00', 'x'); insert into mesh_audit_logs ("timestamp", event_type) values ('2026-07-01 12:00:00.5+00', 'y')`)
	var got []string
	for _, entry := range d.pages(review.Filter{Since: at(t, "2026-07-01T11:59:00Z"), Until: at(t, "2026-07-01T12:01:00Z")}, 10) {
		got = append(got, entry.Action+" "+entry.Time)
	}
	if diff := cmp.Diff([]string{"y 2026-07-01T12:00:00.5Z", "x 2026-07-01T12:00:00Z"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	description, err := d.Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if zone := description.State(review.AuditLog).Zone; zone != "America/New_York" {
		t.Errorf("the zone of audit_log is told as %q", zone)
	}
	if zone := description.State(review.MeshAuditLogs).Zone; zone != "" {
		t.Errorf("the zone of mesh_audit_logs is told as %q, and its times have one", zone)
	}
}

// If this fails, a filter shows rows that were not asked for, or hides those that were.
func TestFilters(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(`insert into audit_log ("timestamp", user_id, target_user_id, action, ip_address, tenant_id) values
			('2026-01-01 00:00:09', '` + alice + `', null, 'vault.opened', '192.0.2.1', null), ('2026-01-01 00:00:08', '` + bob + `', '` + alice + `', 'user.changed', '2001:db8::1', '` + acme + `'),
			('2026-01-01 00:00:07', '` + bob + `', null, 'login_failed', null, null);
		insert into mesh_audit_logs ("timestamp", event_type, actor_id, ip_address, success, group_id) values
			('2026-01-01 00:00:06+00', 'vault.locked', '` + bob + `', '::ffff:192.0.2.9', true, 'team'), ('2026-01-01 00:00:05+00', 'auth.failed', null, 'no address', false, null),
			('2026-01-01 00:00:04+00', 'share.made', '` + alice + `', '10.0.0.1', false, 'team'), ('2026-01-01 00:00:03+00', 'vaults', null, '1.2.3.4.5', true, null), ('2026-01-01 00:00:02+00', 'auth.none', null, '192.0.2.256', null, null);
		insert into mfa_attempts (created_at, user_id, attempt_type, success, ip_address) values ('2026-01-01 00:00:01+00', '` + alice + `', 'totp', false, '192.0.2.2')`)
	for _, c := range []struct {
		name   string
		filter review.Filter
		want   string
	}{
		{"everything", review.Filter{}, "vault.opened user.changed login_failed vault.locked auth.failed share.made vaults auth.none mfa.totp"},
		{"a user, and what was done to it", review.Filter{Users: []string{alice}}, "vault.opened user.changed share.made mfa.totp"},
		{"a tenant, of the row or of its user", review.Filter{Tenants: []string{acme}}, "vault.opened user.changed share.made mfa.totp"},
		{"a group", review.Filter{Groups: []string{"team"}}, "vault.locked share.made"},
		{"one action", review.Filter{Action: "vaults"}, "vaults"},
		{"actions that begin so", review.Filter{Action: "vault.*"}, "vault.opened vault.locked"},
		{"the beginning is no pattern", review.Filter{Action: "vault_*"}, ""},
		{"actions with a part added", review.Filter{Action: "mfa.*"}, "mfa.totp"},
		{"a network, also within IPv6, beside texts that are no addresses", review.Filter{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, "vault.opened vault.locked mfa.totp"},
		{"a network of IPv6", review.Filter{Networks: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}}, "user.changed"},
		{"what failed", review.Filter{Failed: true}, "login_failed auth.failed share.made mfa.totp"},
		{"a source", review.Filter{Sources: []review.Source{review.MFAAttempts}}, "mfa.totp"},
		{"a time", review.Filter{Since: at(t, "2026-01-01T00:00:05Z"), Until: at(t, "2026-01-01T00:00:07Z")}, "vault.locked auth.failed"},
		{"all at once", review.Filter{Users: []string{bob}, Action: "vault.*", Sources: []review.Source{review.MeshAuditLogs}}, "vault.locked"},
	} {
		if got := strings.Join(actions(d.pages(c.filter, 100)), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		var streamed []string
		err := d.Stream(context.Background(), c.filter, func(row *review.Row) error {
			streamed = append(streamed, string(row.Fields[review.Action]))
			return nil
		})
		want := strings.Fields(c.want)
		slices.Sort(streamed)
		slices.Sort(want)
		if err != nil || !slices.Equal(streamed, want) {
			t.Errorf("%s: the export has %q (%v), want %q", c.name, streamed, err, want)
		}
	}
}

// If this fails, one event looks like two, or of two events one is never seen.
func TestTwinsAreOneLine(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(`insert into audit_log (id, "timestamp", user_id, action) values (1, '2026-01-01 00:00:09.9', '` + alice + `', 'user.login'), (2, '2026-01-01 00:00:05', '` + alice + `', 'user.login'), (3, '2026-01-01 00:00:03', null, 'user.login');
		insert into mesh_audit_logs (id, "timestamp", event_type, actor_id, success, ip_address) values (1, '2026-01-01 00:00:09.1+00', 'auth.login', '` + alice + `', true, '192.0.2.1'), (2, '2026-01-01 00:00:05+00', 'auth.login', '` + bob + `', true, null),
			(3, '2026-01-01 00:00:03+00', 'auth.login', null, true, null), (4, '2026-01-01 00:00:02+00', 'auth.mfa_failed', '` + alice + `', false, null);
		insert into mfa_attempts (created_at, user_id, attempt_type, success) values ('2026-01-01 00:00:02.5+00', '` + alice + `', 'totp', false), ('2026-01-01 00:00:02.6+00', '` + alice + `', 'totp', true)`)
	for _, lines := range []int{1, 2, 100} {
		var got []string
		for _, entry := range d.pages(review.Filter{}, lines) {
			line := fmt.Sprintf("%s %s", entry.Source, entry.Outcome)
			for _, other := range entry.Also {
				line += " + " + string(other.Source)
			}
			got = append(got, line)
		}
		want := []string{"audit_log success + mesh_audit_logs", "audit_log ", "mesh_audit_logs success", "audit_log ", "mesh_audit_logs success", "mfa_attempts success", "mfa_attempts failure + mesh_audit_logs"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d lines (-want +got):\n%s", lines, diff)
		}
	}
}

// If this fails, a row that tells of another thing is hidden in a line, and nobody sees it.
func TestOtherThingsAreNotJoined(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(`insert into audit_log ("timestamp", user_id, action, ip_address) values ('2026-01-01 00:00:09.9', '` + alice + `', 'user.login', '192.0.2.1'), ('2026-01-01 00:00:05', '` + alice + `', 'credentials.deleted', null), ('2026-01-01 00:00:03', '` + alice + `', 'vault.locked', null);
		insert into security_events (created_at, user_id, event_type, ip_address) select '2026-01-01 00:00:09+00'::timestamptz + n * interval '100 milliseconds', '` + alice + `', 'login_failed', '192.0.2.1' from generate_series(1, 6) n;
		insert into mesh_audit_logs ("timestamp", event_type, actor_id, success) values ('2026-01-01 00:00:05+00', 'credentials.read', '` + alice + `', null), ('2026-01-01 00:00:03+00', 'vault.locked', '` + alice + `', false)`)
	for _, lines := range []int{1, 3, 100} {
		entries := d.pages(review.Filter{}, lines)
		if len(entries) != 11 {
			t.Errorf("pages of %d lines: %q, want each of 11 rows", lines, actions(entries))
		}
	}
	report, err := review.Find(context.Background(), d, review.Filter{Since: at(t, "2025-12-31T00:00:00Z")})
	if err != nil || len(report.Incidents) == 0 || report.Incidents[0].Rule != review.GuessedLogin {
		t.Errorf("six failed log-ins and one that succeeded: %+v, %v", report, err)
	}
}

// If this fails, rows that have no time are in no list, and nobody looks at them.
func TestUndatedRowsAreTold(t *testing.T) {
	t.Parallel()
	for _, index := range []string{"select 1", "drop index idx_audit_log_tenant"} {
		d := newDatabase(t)
		d.exec(index)
		d.exec(fill)
		d.exec(`insert into audit_log ("timestamp", action, tenant_id) values (null, 'of acme', '` + acme + `')`)
		list, err := d.Undated(context.Background(), review.Filter{Since: at(t, "2026-01-01T00:00:00Z")}, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || list[0].Source != review.AuditLog || list[0].Count != 2 || len(list[0].Rows) != 2 {
			t.Errorf("%s: %+v", index, list)
		}
	}
}

// If this fails, a table that is missing, or that the account may not read, passes for a quiet one.
func TestUnreadTablesAreTold(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(fill)
	d.exec(`drop table security_events; alter table mfa_attempts drop column ip_address; alter table audit_log drop column tenant_id;
		create role auditor_` + d.name + ` login; grant select on audit_log, mfa_attempts to auditor_` + d.name + `; grant select (id, "timestamp") on mesh_audit_logs to auditor_` + d.name + `;
		grant select on group_vault_audit to auditor_` + d.name + `; alter table group_vault_audit enable row level security`)
	t.Cleanup(func() { d.exec("drop owned by auditor_" + d.name + "; drop role auditor_" + d.name) })
	timeline := d.as("auditor_" + d.name)
	description, err := timeline.Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[review.Source]string{
		review.AuditLog: "", review.MFAAttempts: "", review.SecurityEvents: "no such table", review.GroupVaultAudit: "BYPASSRLS",
		review.MeshAuditLogs: `grant select on public.mesh_audit_logs to auditor_` + d.name + `;`,
	} {
		if got := description.State(source).Unread.String(); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	if got := description.State(review.MFAAttempts).Lacking; !slices.Equal(got, []string{"ip_address"}) {
		t.Errorf("mfa_attempts lacks %q", got)
	}
	if got := description.State(review.AuditLog); got.Assumed == "" || got.Order != review.ByKey {
		t.Errorf("audit_log without an index: %+v", got)
	}
	if why := description.State(review.MFAAttempts).CannotAnswer(review.Filter{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}); why == "" {
		t.Error("mfa_attempts tells no addresses, and is asked for one")
	}
	page, err := review.ReadPage(context.Background(), timeline, review.Filter{}, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Entries) != 360 {
		t.Errorf("%d lines of the tables that can be read, want 360", len(page.Entries))
	}
}

// If this fails, an operator who mistypes a place is told of a fault in the database.
func TestForgedPlaceIsNone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, position := range []review.Position{{Time: "yesterday-ish", ID: "1"}, {Time: "2026-01-01 00:00:00", ID: "x"}, {Time: "2026-13-01 00:00:00", ID: "1"}, {Time: "2026-01-01 00:00:00", ID: "99999999999999999999"}} {
		if _, err := review.ReadPage(context.Background(), d, review.Filter{}, review.Cursor{review.AuditLog: position}, 10); !errors.Is(err, review.ErrCursor) {
			t.Errorf("%+v: %v", position, err)
		}
	}
}

// If this fails, what the tool did is not beside what it was done for, or is told twice.
func TestOwnRecordIsShown(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{"ocmt", "ocmt_tool"} {
		d := newDatabase(t)
		d.exec("create schema " + schema + "; create table " + schema + `.record (sequence bigint primary key, at timestamptz not null, operator text not null, host text not null, command text not null, action text not null,
				subject text not null, details text not null, previous text not null unique, hash text not null unique);
			insert into ` + schema + `.record values (1, '2026-01-01 00:00:01.2+00', 'olga', 'h', 'c', 'access.ended', 'everybody', '{"token": "MARKED"}', '', 'x'), (2, '2026-01-01 00:00:03+00', 'olga', 'h', 'c', 'key.retired', 'version 0', '{}', 'x', 'y'),
				(3, '2026-01-01 00:00:05+00', 'olga', 'h', 'c', 'run.ended', 'version 1', '{}', 'y', 'z'), (4, '2026-01-01 00:00:07+00', 'olga', 'h', 'c', 'value.accepted', 'a b', '{}', 'z', 'a');
			insert into audit_log ("timestamp", action, details) values ('2026-01-01 00:00:01.4', 'session.revoked_all', '{"tool": "ocmt"}'), ('2026-01-01 00:00:03', 'key.retired', '{}'),
				('2026-01-01 00:00:05', 'encryption.migrated', '{"tool": "ocmt"}'), ('2026-01-01 00:00:05', 'encryption.migrated', '{"tool": "other"}'), ('2026-01-01 00:00:07', 'encryption.value_accepted', '{"tool": "ocmt"}')`)
		var got []string
		for _, entry := range d.pages(review.Filter{}, 10) {
			got = append(got, fmt.Sprintf("%s %s %s %v %d", entry.Source, entry.Action, entry.Origin, entry.Tool, len(entry.Also)))
			if strings.Contains(string(entry.Details), "MARKED") {
				t.Errorf("%s", entry.Details)
			}
		}
		want := []string{"audit_log encryption.value_accepted olga true 1", "audit_log encryption.migrated  false 0", "audit_log encryption.migrated olga true 1", "audit_log key.retired  false 0", "ocmt.record key.retired olga true 0", "audit_log session.revoked_all olga true 1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		d.exec("create role stranger_" + d.name + " login; grant select on " + schema + ".record to stranger_" + d.name)
		t.Cleanup(func() { d.exec("drop owned by stranger_" + d.name + "; drop role stranger_" + d.name) })
		description, err := d.as("stranger_" + d.name).Describe(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if unread := description.State(review.Record).Unread.String(); !strings.Contains(unread, "grant usage on schema "+schema) {
			t.Errorf("a schema that may not be entered: %q", unread)
		}
	}
}
