package pgaudit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/testenv"
)

// wantReason fails the test where a check does not have a gap for a reason.
func wantReason(t *testing.T, r audit.Result, words ...string) {
	t.Helper()
	for _, gap := range r.Gaps {
		text := gap.What + ": " + gap.Reason
		if !containsAll(text, words) {
			continue
		}
		if r.Outcome != audit.Unchecked {
			t.Errorf("%s: %s in spite of %q", r.Check.ID, r.Outcome, text)
		}
		return
	}
	t.Errorf("%s: %s, gaps %+v; want one that says %q", r.Check.ID, r.Outcome, r.Gaps, words)
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// A table of the same name that the auditor's search path finds first would be looked at in place of the one
// that the servers use, and every check would pass.
func TestTableInTwoSchemas(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("insert into sessions (token, expires_at) values ('raw', now() + interval '1 day')")
	d.exec("create schema " + d.auditor + "; grant usage on schema " + d.auditor + " to public; create table " + d.auditor + ".sessions (like public.sessions); create table " + d.auditor + ".users (like public.users)")
	for _, id := range []string{"OCMT-TOK-001", "OCMT-TOK-005", "OCMT-TOK-006"} {
		wantReason(t, d.one(id), d.auditor+".sessions", "public.sessions")
	}
	for _, id := range []string{"OCMT-TOK-010", "OCMT-PG-004", "OCMT-PG-005"} {
		wantReason(t, d.one(id), d.auditor+".users", "public.users")
	}
	// A table of another program is none of OCMT's.
	d.exec("drop schema " + d.auditor + " cascade; create schema auth; create table auth.sessions (id serial, user_id int, created_at timestamptz); create table auth.users (id serial, email text)")
	d.finds("OCMT-TOK-001", audit.Critical, "public.sessions.token")
	d.passes("OCMT-PG-004")
}

// tables returns the tables of the catalogue as the account of an address sees them.
func (d *deployment) tables(url string) audit.ValueTables {
	d.t.Helper()
	ctx := context.Background()
	snapshot, err := pgaudit.Open(ctx, d.open(url), time.Minute)
	if err != nil {
		d.t.Fatal(err)
	}
	defer snapshot.Close(ctx)
	found, err := snapshot.Values().Tables(ctx, ocmt.Catalogue())
	if err != nil {
		d.t.Fatal(err)
	}
	return found
}

// Values under an old key in a table that nobody looked at are lost with the key.
func TestValuesInTwoSchemas(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("create schema " + d.auditor + "; create table " + d.auditor + ".secrets (like public.secrets); grant usage on schema " + d.auditor + " to " + d.auditor + "; grant select on all tables in schema " + d.auditor + " to " + d.auditor)
	names := map[string]bool{}
	found := d.tables(d.url)
	for _, table := range found.Tables {
		names[table.String()] = true
	}
	if !names["public.secrets"] || !names[d.auditor+".secrets"] || len(found.Gaps) > 0 {
		t.Errorf("tables %v, gaps %+v", names, found.Gaps)
	}
	d.exec("revoke usage on schema " + d.auditor + " from " + d.auditor)
	if found = d.tables(d.url); len(found.Gaps) != 1 || found.Gaps[0].What != d.auditor+".secrets" || !strings.Contains(found.Gaps[0].Missing, "USAGE") {
		t.Errorf("a schema that may not be used: %+v", found.Gaps)
	}
}

// A view can leave out the rows that matter, and runs functions of whoever made it.
func TestValuesBehindAView(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("alter table secrets rename to all_secrets; create view secrets as select * from all_secrets where false; grant select on secrets to ocmt_auditor")
	found := d.tables(d.url)
	if len(found.Gaps) != 1 || found.Gaps[0].What != "public.secrets" || !strings.Contains(found.Gaps[0].Reason, "view") {
		t.Errorf("gaps %+v", found.Gaps)
	}
	for _, table := range found.Tables {
		if table.Name == "secrets" {
			t.Errorf("the view is read: %+v", table)
		}
	}
	// The view that a renaming leaves behind shows the rows of the table, which is read.
	d.exec("drop view secrets; alter table all_secrets rename to secrets; create view org_resources as select * from group_resources")
	if found = d.tables(d.url); len(found.Gaps) != 0 {
		t.Errorf("a view over a table that is read: %+v", found.Gaps)
	}
	d.exec("create or replace view org_resources as select g.* from group_resources g, device_keys")
	if found = d.tables(d.url); len(found.Gaps) != 1 || found.Gaps[0].What != "public.org_resources" {
		t.Errorf("a view over more than the table: %+v", found.Gaps)
	}
}

// The server folds constant functions of an index when it plans a query. If this fails, whoever wrote one runs
// statements with the rights of the auditor.
func TestFunctionsOfOthersInIndexes(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("create role " + d.auditor + "_other; create function folded() returns int language plpgsql immutable as 'begin return 1; end'; alter function folded() owner to " + d.auditor + "_other")
	d.exec("create index folds on sessions ((folded() + length(token))); create index folds_too on secrets ((folded() + length(key)))")
	wantReason(t, d.one("OCMT-TOK-001"), "public.sessions", "its index public.folds uses function public.folded()")
	found := d.tables(d.url)
	if len(found.Gaps) != 1 || !containsAll(found.Gaps[0].What+found.Gaps[0].Reason, []string{"public.secrets", "public.folds_too"}) {
		t.Errorf("gaps %+v", found.Gaps)
	}
	d.exec("drop index folds; drop index folds_too; drop function folded(); drop role " + d.auditor + "_other")
}
