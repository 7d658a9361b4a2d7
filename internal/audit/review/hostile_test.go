package review_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/audit/review"
)

// If this fails, somebody who may make functions in the database runs them with the rights of the
// operator, and hides rows from the timeline.
func TestFunctionsOfOthersDoNotRun(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(`
		create function public.hide(varchar, text) returns boolean language plpgsql as $$ begin raise exception 'it runs'; end $$;
		create operator public.~* (leftarg = varchar, rightarg = text, function = public.hide);
		create operator public.= (leftarg = varchar, rightarg = text, function = public.hide);
		create function public.lower(varchar) returns text language plpgsql as $$ begin raise exception 'it runs'; end $$;
		create function public."left"(varchar, integer) returns text language plpgsql as $$ begin raise exception 'it runs'; end $$;
		create function public.host(inet) returns text language plpgsql as $$ begin raise exception 'it runs'; end $$;
		create function public.unnest(text[]) returns setof text language plpgsql as $$ begin raise exception 'it runs'; end $$;
		create type public.mood as enum ('login.failed');
		create function public.to_text(public.mood) returns text language plpgsql as $$ begin raise exception 'it runs'; end $$;
		create cast (public.mood as text) with function public.to_text(public.mood);
		alter table security_events alter column event_type type public.mood using event_type::public.mood;
		alter role postgres in database ` + d.name + ` set search_path = public, pg_catalog;
		insert into mesh_audit_logs ("timestamp", event_type, group_id, ip_address, success) values ('2026-01-01 00:00:02+00', 'auth.failed', 'team', '192.0.2.1', null);
		insert into security_events (created_at, event_type) values ('2026-01-01 00:00:01+00', 'login.failed');
		insert into audit_log ("timestamp", user_id, action, ip_address) values ('2026-01-01', '` + alice + `', 'denied', '192.0.2.1')`)
	d.Timeline = d.as("postgres")
	if ids, err := d.FindGroups(context.Background(), []string{"team"}); err != nil || len(ids) > 0 {
		t.Fatalf("groups: %q, %v", ids, err)
	}
	for _, c := range []struct {
		filter review.Filter
		want   string
	}{
		{review.Filter{Failed: true}, "auth.failed login.failed denied"},
		{review.Filter{Telling: true}, "auth.failed login.failed"},
		{review.Filter{Action: "auth.*"}, "auth.failed"},
		{review.Filter{Action: "login.failed"}, "login.failed"},
		{review.Filter{Groups: []string{"team"}}, "auth.failed"},
		{review.Filter{Tenants: []string{acme}}, "denied"},
		{review.Filter{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, "auth.failed denied"},
	} {
		entries := d.pages(c.filter, 10)
		if got := strings.Join(actions(entries), " "); got != c.want {
			t.Errorf("%+v: %q, want %q", c.filter, got, c.want)
		}
	}
	if err := d.Habits(context.Background(), review.Filter{}, at(t, "2025-12-01T00:00:00Z"), at(t, "2026-12-01T00:00:00Z"), func(review.Habit) {}); err != nil {
		t.Error(err)
	}
}

// If this fails, a table that somebody has moved or replaced passes for one that never was.
func TestRelationsThatAreNoTablesAreTold(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(`create schema other; alter table audit_log set schema other; alter table mesh_audit_logs rename to mesh_kept; create view mesh_audit_logs as select * from mesh_kept;
		create schema closed; alter table group_vault_audit set schema closed; drop table security_events;
		create role lr_` + d.name + ` login; grant usage on schema other to lr_` + d.name + `; grant select on all tables in schema public, other, closed to lr_` + d.name)
	t.Cleanup(func() { d.exec("drop owned by lr_" + d.name + "; drop role lr_" + d.name) })
	description, err := d.as("lr_" + d.name).Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[review.Source]string{
		review.AuditLog:        `it is in schema other, which is not on the search path of this account: alter role lr_` + d.name + ` set search_path = public, other;`,
		review.MeshAuditLogs:   `there is a view of this name and no table`,
		review.GroupVaultAudit: `grant usage on schema closed to lr_` + d.name + `;`,
		review.SecurityEvents:  "there is no such table in this database",
	} {
		if got := description.State(source); !strings.Contains(got.Unread.String(), want) || got.Absent != (source == review.SecurityEvents) {
			t.Errorf("%s: absent %v, %q, want %q", source, got.Absent, got.Unread, want)
		}
	}
}
