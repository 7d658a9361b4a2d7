-- An OCMT database, as far as it holds values under ENCRYPTION_KEY or values that
-- look like them and are not. The three tables of the security migration, which
-- not every deployment has, stand at the end.

CREATE TABLE tenants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL,
    settings jsonb DEFAULT '{}',
    created_at timestamp DEFAULT now()
);

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email varchar(255) UNIQUE NOT NULL,
    name varchar(255),
    tenant_id uuid REFERENCES tenants (id),
    is_platform_admin boolean DEFAULT false,
    gateway_token varchar(255) NOT NULL,
    telegram_bot_token varchar(255),
    vault jsonb,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now()
);
CREATE INDEX idx_users_tenant ON users (tenant_id);

CREATE TABLE secrets (
    key varchar(100) PRIMARY KEY,
    value_encrypted text NOT NULL,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    rotated_at timestamp
);

CREATE TABLE user_integrations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider varchar(50) NOT NULL,
    integration_type varchar(20) NOT NULL DEFAULT 'oauth',
    access_token_encrypted text,
    refresh_token_encrypted text,
    api_key_encrypted text,
    token_expires_at timestamp,
    provider_email varchar(255),
    metadata jsonb DEFAULT '{}',
    status varchar(20) DEFAULT 'active',
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(),
    UNIQUE (user_id, provider)
);
CREATE INDEX idx_user_integrations_user ON user_integrations (user_id);
CREATE INDEX idx_user_integrations_status ON user_integrations (status);

CREATE TABLE groups (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL
);

CREATE TABLE group_vaults (
    group_id uuid PRIMARY KEY REFERENCES groups (id),
    vault_encrypted jsonb
);

CREATE TABLE group_resources (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    group_id uuid REFERENCES groups (id),
    name varchar(255) NOT NULL,
    endpoint text,
    auth_type varchar(20) DEFAULT 'bearer',
    auth_config_encrypted text,
    created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now()
);

CREATE TABLE group_unlock_requests (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    group_id uuid REFERENCES groups (id),
    status varchar(20) DEFAULT 'pending',
    session_key_encrypted text,
    created_at timestamp DEFAULT now()
);

CREATE TABLE device_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id),
    device_name varchar(255),
    encrypted_device_key text,
    created_at timestamp DEFAULT now(),
    last_used_at timestamp
);

CREATE TABLE recovery_methods (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id),
    method_type varchar(50) NOT NULL,
    config_encrypted text,
    enabled boolean DEFAULT true,
    created_at timestamp DEFAULT now()
);

CREATE TABLE recovery_contacts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id),
    contact_email varchar(255) NOT NULL,
    shard_index integer NOT NULL,
    shard_encrypted text NOT NULL,
    created_at timestamp DEFAULT now()
);

CREATE TABLE recovery_shards (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id),
    shard text NOT NULL
);

CREATE TABLE alert_channels (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL,
    channel_type varchar(50) NOT NULL,
    config_encrypted text NOT NULL,
    enabled boolean DEFAULT true,
    created_at timestamp DEFAULT now()
);

CREATE TABLE audit_log (
    id serial PRIMARY KEY,
    "timestamp" timestamp DEFAULT now(),
    user_id uuid REFERENCES users (id),
    action varchar(100) NOT NULL,
    details jsonb,
    ip_address inet,
    target_user_id uuid
);

CREATE TABLE user_mfa (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL UNIQUE REFERENCES users (id),
    totp_secret_encrypted text,
    totp_enabled boolean DEFAULT false,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE encryption_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    version integer NOT NULL UNIQUE,
    key_id varchar(64) NOT NULL UNIQUE,
    algorithm varchar(50) NOT NULL DEFAULT 'aes-256-gcm',
    status varchar(20) NOT NULL DEFAULT 'active',
    created_at timestamptz DEFAULT now(),
    rotated_at timestamptz,
    expires_at timestamptz,
    metadata jsonb DEFAULT '{}'
);

CREATE TABLE encryption_migrations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    table_name varchar(100) NOT NULL,
    column_name varchar(100) NOT NULL,
    from_version integer NOT NULL,
    to_version integer NOT NULL,
    rows_total integer DEFAULT 0,
    rows_migrated integer DEFAULT 0,
    started_at timestamptz DEFAULT now(),
    completed_at timestamptz,
    status varchar(20) DEFAULT 'running',
    error_message text
);
