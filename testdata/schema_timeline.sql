-- The audit tables beside audit_log, and what a server's own scripts add to that one.

ALTER TABLE audit_log ADD COLUMN tenant_id uuid REFERENCES tenants (id);
CREATE INDEX idx_audit_log_tenant ON audit_log (tenant_id, "timestamp");

CREATE TABLE mesh_audit_logs (
    id serial PRIMARY KEY,
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    event_type varchar(64) NOT NULL,
    actor_id uuid,
    target_id uuid,
    group_id varchar(128),
    details jsonb DEFAULT '{}',
    ip_address varchar(45),
    success boolean DEFAULT true,
    error_message text,
    source varchar(64)
);
CREATE INDEX idx_mesh_audit_timestamp ON mesh_audit_logs ("timestamp" DESC);

CREATE TABLE group_vault_audit (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    group_id uuid NOT NULL,
    user_id uuid,
    action varchar(50) NOT NULL,
    secret_key varchar(255),
    ip_address inet,
    success boolean DEFAULT true,
    error_message text,
    metadata jsonb DEFAULT '{}',
    created_at timestamp DEFAULT now()
);

CREATE TABLE security_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    event_type varchar(100) NOT NULL,
    user_id uuid,
    group_id uuid,
    severity varchar(20) DEFAULT 'info',
    details jsonb,
    ip_address inet,
    user_agent text,
    created_at timestamptz DEFAULT now()
);
CREATE INDEX idx_security_events_created ON security_events (created_at);

CREATE TABLE mfa_attempts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    attempt_type varchar(20) NOT NULL,
    success boolean NOT NULL,
    ip_address inet,
    created_at timestamptz DEFAULT now()
);
CREATE INDEX idx_mfa_attempts_created ON mfa_attempts (created_at DESC);
