package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/testdata"
)

// leastEntries is the fewest entries that have a first page and others in the middle.
const leastEntries = 10_000

// auditUsers and auditTenants are whom the entries tell about.
const (
	auditUsers   = 1000
	auditTenants = 20
)

// auditFilling makes the users and tenants of the entries.
const auditFilling = `insert into tenants (id, name) select md5('tenant' || n)::uuid, 'tenant ' || n from generate_series(0, %[1]d - 1) n;
	insert into users (id, email, gateway_token) select md5(n::text)::uuid, 'entry' || n || '@example.org', md5(random()::text) || md5(random()::text) from generate_series(0, %[2]d - 1) n`

// auditLogEntries makes one entry a second until now. Every tenth is of a tenant. Foreign keys are not
// looked up, which would take longer than the rest.
const auditLogEntries = `set session_replication_role = replica;
	insert into audit_log ("timestamp", user_id, action, details, ip_address, tenant_id)
		select (now() at time zone 'utc') - (%[1]d - n) * interval '1 second', md5((n %% %[2]d)::text)::uuid,
			case n %% 3 when 0 then 'user.login' when 1 then 'secret.read' else 'integration.updated' end,
			jsonb_build_object('path', '/api/thing/' || n, 'agent', 'Mozilla/5.0'), '10.0.0.0'::inet + n %% 60000,
			case when n %% 10 = 0 then md5('tenant' || n / 10 %% %[3]d)::uuid end
		from generate_series(1, %[1]d) n`

// meshEntries makes one entry in nine seconds until now.
const meshEntries = `insert into mesh_audit_logs ("timestamp", event_type, actor_id, ip_address, details, source)
	select now() - (%[1]d - n) * interval '9 seconds', case n %% 2 when 0 then 'relay.sent' else 'capability.used' end,
		md5((n %% %[2]d)::text)::uuid, '10.0.0.1', '{"n": 1}', 'relay'
	from generate_series(1, %[1]d) n`

// countValues counts the encrypted values, and reads the table into the cache.
const countValues = "select count(access_token_encrypted) + count(refresh_token_encrypted) + count(api_key_encrypted) from user_integrations"

// createAudited makes a database with values, each sealed with an IV of its own, and with entries in
// two audit tables, of which audit_log has nine tenths. Both are filled at once.
func (b *bench) createAudited(ctx context.Context) (db database, err error) {
	b.note("filling a database of %d values and %d audit entries", b.audited, b.entries)
	if db.name, err = b.server.CreateDatabase(ctx, testdata.Schema, testdata.AccessSchema, testdata.TimelineSchema,
		fmt.Sprintf(auditFilling, auditTenants, auditUsers)); err != nil {
		return db, err
	}
	db.url = b.server.URL("postgres", db.name)
	mesh := b.entries / 10
	group, inGroup := errgroup.WithContext(ctx)
	group.Go(func() error {
		rows := (b.audited*3 + 4) / 5 // three rows have five values
		return sampledata.FillIntegrations(inGroup, db.url, b.ring, rows)
	})
	group.Go(func() error {
		return testenv.Exec(inGroup, db.url, fmt.Sprintf(auditLogEntries, b.entries-mesh, auditUsers, auditTenants), fmt.Sprintf(meshEntries, mesh, auditUsers))
	})
	if err := group.Wait(); err != nil {
		return db, fmt.Errorf("filling a database to audit: %w", err)
	}
	return db, testenv.Exec(ctx, db.url, "vacuum (freeze, analyze)", "checkpoint")
}
