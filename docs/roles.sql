-- Roles with the least rights that ocmt needs. Run this in OCMT's database, once as a superuser and again
-- after a migration of OCMT has made new tables:
--
--     psql -v ON_ERROR_STOP=1 -f docs/roles.sql "$DATABASE_URL"
--
-- The roles cannot log in. Give each person a role of their own and make it a member:
--
--     CREATE ROLE alice LOGIN;
--     \password alice
--     GRANT ocmt_auditor TO alice;
--
-- Tables that a deployment lacks are passed over. What a managed service does not allow is told as a notice;
-- the checks that need it say what they could not see.

-- The rest of this file runs as a superuser. On the search path as it is, whoever may make objects in one of its
-- schemas could put functions and operators before PostgreSQL's own, so the path is kept and then set aside. The
-- tables are those that the kept path finds.
DO $$
BEGIN
    PERFORM pg_catalog.set_config('ocmt.path', pg_catalog.current_setting('search_path'), false);
    PERFORM pg_catalog.set_config('ocmt.schema', pg_catalog.current_schema()::pg_catalog.text, false);
    PERFORM pg_catalog.set_config('ocmt.schemas', pg_catalog.current_schemas(false)::pg_catalog.text, false);
END $$;
SET search_path = pg_catalog, pg_temp;

CREATE OR REPLACE FUNCTION pg_temp.ocmt_table(name text) RETURNS regclass LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
    'SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = $1 AND n.nspname = ANY (current_setting(''ocmt.schemas'')::text[])
        ORDER BY array_position(current_setting(''ocmt.schemas'')::text[], n.nspname::text) LIMIT 1';

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['ocmt_auditor', 'ocmt_rotator', 'ocmt_sessions'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', role);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_setting('ocmt.schema'), role);
    END LOOP;
END $$;

-- ocmt_auditor: ocmt audit. It reads, and changes nothing.

-- Settings that are hidden from other accounts (OCMT-PG-006, OCMT-PG-012), and statistics.
GRANT pg_monitor TO ocmt_auditor;

-- Rules of pg_hba.conf (OCMT-PG-002, OCMT-PG-008). They need the function and the view.
DO $$
BEGIN
    GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO ocmt_auditor;
    GRANT SELECT ON pg_hba_file_rules TO ocmt_auditor;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'pg_hba_file_rules: only a superuser can grant this';
END $$;

-- Three catalogues hold secrets, and only a superuser reads them. These views show of them what an audit needs:
-- the form of a password and never its verifier (OCMT-PG-003), whether a user mapping or a subscription
-- has a secret and never which (OCMT-PG-009). A superuser must own them, or ocmt does not trust them.
DO $$
BEGIN
    CREATE SCHEMA IF NOT EXISTS ocmt_audit;
    CREATE OR REPLACE VIEW ocmt_audit.password_forms WITH (security_barrier) AS
        SELECT rolname, CASE WHEN rolpassword LIKE 'md5%' THEN 'md5' WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram-sha-256' ELSE 'other' END AS form
        FROM pg_authid WHERE rolcanlogin AND rolpassword IS NOT NULL;
    CREATE OR REPLACE VIEW ocmt_audit.user_mappings WITH (security_barrier) AS
        SELECT coalesce(r.rolname::text, 'PUBLIC') AS usename, f.srvname,
            EXISTS (SELECT FROM unnest(m.umoptions) o WHERE o ~* '^(password|passwd|secret|token|key|sslpassword)=') AS has_secret
        FROM pg_user_mapping m JOIN pg_foreign_server f ON f.oid = m.umserver LEFT JOIN pg_roles r ON r.oid = m.umuser;
    CREATE OR REPLACE VIEW ocmt_audit.subscriptions WITH (security_barrier) AS
        SELECT subname, subconninfo ~* '(^|\s)password\s*=|://[^/@]*:[^/@]+@' AS has_secret
        FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database());
    GRANT USAGE ON SCHEMA ocmt_audit TO ocmt_auditor;
    GRANT SELECT ON ocmt_audit.password_forms, ocmt_audit.user_mappings, ocmt_audit.subscriptions TO ocmt_auditor;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'schema ocmt_audit: only a superuser can make these views';
END $$;

-- The columns that the checks by name read. A column that is not there is passed over.
DO $$
DECLARE
    wanted record;
    columns text;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('users', ARRAY['id', 'email', 'tenant_id', 'is_platform_admin', 'gateway_token', 'telegram_bot_token']),
            ('tenants', ARRAY['id', 'name', 'settings']),
            ('secrets', ARRAY['key', 'value_encrypted', 'rotated_at']),
            ('user_integrations', ARRAY['id', 'access_token_encrypted', 'refresh_token_encrypted', 'api_key_encrypted']),
            ('group_resources', ARRAY['id', 'auth_config_encrypted']),
            ('org_resources', ARRAY['id', 'auth_config_encrypted']),
            ('device_keys', ARRAY['id', 'encrypted_device_key']),
            ('recovery_methods', ARRAY['id', 'config_encrypted']),
            ('recovery_contacts', ARRAY['id', 'shard_encrypted']),
            ('group_unlock_requests', ARRAY['id', 'session_key_encrypted']),
            ('org_unlock_requests', ARRAY['id', 'session_key_encrypted']),
            ('alert_channels', ARRAY['id', 'config_encrypted']),
            ('user_mfa', ARRAY['id', 'user_id', 'totp_secret_encrypted', 'totp_verified', 'totp_verified_at', 'totp_enabled']),
            ('sessions', ARRAY['id', 'user_id', 'token', 'token_hash', 'created_at', 'expires_at', 'revoked_at']),
            ('magic_links', ARRAY['id', 'token', 'expires_at', 'used_at']),
            ('pending_mfa_sessions', ARRAY['id', 'session_token', 'created_at', 'expires_at']),
            ('group_invites', ARRAY['id', 'token', 'created_at', 'expires_at', 'used_at']),
            ('capability_approvals', ARRAY['id', 'token', 'created_at', 'expires_at', 'revoked_at', 'used_at']),
            ('admin_action_confirmations', ARRAY['id', 'token', 'created_at', 'expires_at', 'confirmed_at', 'used_at']),
            ('emergency_access_tokens', ARRAY['id', 'token_hash', 'created_at', 'expires_at', 'used_at', 'revoked_at', 'single_use']),
            ('api_keys', ARRAY['id', 'key_hash', 'key_prefix', 'created_at', 'last_used_at', 'expires_at', 'revoked_at']),
            ('group_vault_tokens', ARRAY['id', 'token_hash', 'expires_at', 'revoked_at']),
            ('recovery_requests', ARRAY['id', 'token_hash', 'created_at', 'expires_at', 'used_at', 'revoked_at']),
            ('audit_webhooks', ARRAY['id', 'headers'])) AS listed (relation, names)
    LOOP
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns FROM pg_attribute a
            WHERE a.attrelid = pg_temp.ocmt_table(wanted.relation) AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (wanted.names);
        IF columns IS NOT NULL THEN
            EXECUTE format('GRANT SELECT (%s) ON %s TO ocmt_auditor', columns, pg_temp.ocmt_table(wanted.relation));
        END IF;
    END LOOP;
END $$;

-- The tables that are read whole: what happened (ocmt audit log, OCMT-TOK-007) and the record of rotations.
DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['audit_log', 'mesh_audit_logs', 'group_vault_audit', 'security_events', 'mfa_attempts', 'encryption_keys', 'encryption_migrations'] LOOP
        IF pg_temp.ocmt_table(relation) IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON %s TO ocmt_auditor', pg_temp.ocmt_table(relation));
        END IF;
    END LOOP;
END $$;

-- OCMT-ENC-011 looks for ciphertexts in every other column of text and JSON, for which it must read them all.
-- Take this statement out where that is too much: the check then names the columns that it could not read.
DO $$
BEGIN
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO ocmt_auditor', current_setting('ocmt.schema'));
END $$;

-- Row security hides rows from whoever does not own a table. Only where it is in use, and OCMT-PG-007 says so,
-- the login role itself needs this, because the attribute is not inherited:
--
--     ALTER ROLE alice BYPASSRLS;

-- ocmt_rotator: ocmt migrate and ocmt rotate. It reads every table, for the proof, and updates the encrypted
-- columns and nothing else of them.
DO $$
DECLARE
    wanted record;
    columns text;
    relation text;
BEGIN
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO ocmt_rotator', current_setting('ocmt.schema'));
    FOR wanted IN
        SELECT * FROM (VALUES
            ('users', ARRAY['gateway_token']),
            ('secrets', ARRAY['value_encrypted']),
            ('user_integrations', ARRAY['access_token_encrypted', 'refresh_token_encrypted', 'api_key_encrypted']),
            ('group_resources', ARRAY['auth_config_encrypted']),
            ('org_resources', ARRAY['auth_config_encrypted']),
            ('device_keys', ARRAY['encrypted_device_key']),
            ('recovery_methods', ARRAY['config_encrypted']),
            ('recovery_contacts', ARRAY['shard_encrypted']),
            ('group_unlock_requests', ARRAY['session_key_encrypted']),
            ('org_unlock_requests', ARRAY['session_key_encrypted']),
            ('alert_channels', ARRAY['config_encrypted']),
            ('user_mfa', ARRAY['totp_secret_encrypted'])) AS listed (relation, names)
    LOOP
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns FROM pg_attribute a
            WHERE a.attrelid = pg_temp.ocmt_table(wanted.relation) AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (wanted.names);
        IF columns IS NOT NULL THEN
            EXECUTE format('GRANT UPDATE (%s) ON %s TO ocmt_rotator', columns, pg_temp.ocmt_table(wanted.relation));
        END IF;
    END LOOP;
    -- The record of a run. Where OCMT's security migration was not applied, the first run makes the tables.
    FOREACH relation IN ARRAY ARRAY['encryption_keys', 'encryption_migrations'] LOOP
        IF pg_temp.ocmt_table(relation) IS NOT NULL THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO ocmt_rotator', pg_temp.ocmt_table(relation));
        ELSE
            EXECUTE format('GRANT CREATE ON SCHEMA %I TO ocmt_rotator', current_setting('ocmt.schema'));
        END IF;
    END LOOP;
END $$;

-- A run gives way to other connections, which it must see, and waits for standbys and slots
-- (--max-replica-lag, --max-wal-backlog).
GRANT pg_monitor TO ocmt_rotator;

-- ocmt_sessions: ocmt session-invalidate. DELETE on sessions is for --delete, INSERT and DELETE for --close-streams.
DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['sessions', 'oauth_states', 'magic_links', 'pending_mfa_sessions', 'group_invites', 'admin_action_confirmations',
        'emergency_access_tokens', 'api_keys', 'group_vault_tokens', 'capability_approvals', 'recovery_requests'] LOOP
        IF pg_temp.ocmt_table(relation) IS NOT NULL THEN
            EXECUTE format('GRANT SELECT, UPDATE ON %s TO ocmt_sessions', pg_temp.ocmt_table(relation));
        END IF;
    END LOOP;
    FOREACH relation IN ARRAY ARRAY['users', 'tenants'] LOOP
        IF pg_temp.ocmt_table(relation) IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON %s TO ocmt_sessions', pg_temp.ocmt_table(relation));
        END IF;
    END LOOP;
    IF pg_temp.ocmt_table('sessions') IS NOT NULL THEN
        EXECUTE format('GRANT INSERT, DELETE ON %s TO ocmt_sessions', pg_temp.ocmt_table('sessions'));
    END IF;
END $$;

-- Entries of the audit log, by both. The number of an entry comes from a sequence with rights of its own.
DO $$
DECLARE
    role text;
    sequence text;
BEGIN
    IF pg_temp.ocmt_table('audit_log') IS NULL THEN
        RETURN;
    END IF;
    sequence := pg_get_serial_sequence(pg_temp.ocmt_table('audit_log')::text, 'id');
    FOREACH role IN ARRAY ARRAY['ocmt_rotator', 'ocmt_sessions'] LOOP
        EXECUTE format('GRANT SELECT, INSERT ON %s TO %I', pg_temp.ocmt_table('audit_log'), role);
        IF sequence IS NOT NULL THEN
            EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', sequence, role);
        END IF;
    END LOOP;
END $$;

-- The tool's own record (ocmt audit record, OCMT-LIF-001 to 005). Where it is not there yet, let a DBA make it with
-- what ocmt audit verify-chain --sql prints, and run this file again.
DO $$
DECLARE
    place text;
BEGIN
    FOR place IN SELECT n.nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
        WHERE n.nspname IN ('ocmt', 'ocmt_tool') AND c.relname = 'record' AND c.relkind = 'r' LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO ocmt_auditor, ocmt_rotator, ocmt_sessions', place);
        EXECUTE format('GRANT SELECT ON %I.record TO ocmt_auditor', place);
        EXECUTE format('GRANT SELECT, INSERT ON %I.record TO ocmt_rotator, ocmt_sessions', place);
    END LOOP;
END $$;

-- The search path of the session, as it was.
DROP FUNCTION pg_temp.ocmt_table(text);
DO $$
BEGIN
    PERFORM set_config('search_path', current_setting('ocmt.path'), false);
END $$;
