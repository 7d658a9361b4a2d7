-- The tables of live access beside the encrypted ones, as an OCMT server's own scripts make them.

CREATE TABLE sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    token varchar(255) UNIQUE NOT NULL,
    created_at timestamp DEFAULT now(),
    expires_at timestamp NOT NULL,
    last_activity_at timestamp DEFAULT now(),
    last_ip varchar(45),
    ip_address inet,
    user_agent text,
    device_info jsonb,
    revoked_at timestamp,
    revoke_reason varchar(50)
);
CREATE INDEX idx_sessions_token ON sessions (token);
CREATE INDEX idx_sessions_user ON sessions (user_id);
CREATE INDEX idx_sessions_expires ON sessions (expires_at);
CREATE INDEX idx_sessions_active ON sessions (user_id, last_activity_at) WHERE revoked_at IS NULL;

CREATE TABLE oauth_states (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    state varchar(255) UNIQUE NOT NULL,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    provider varchar(50),
    created_at timestamp DEFAULT now(),
    expires_at timestamp NOT NULL,
    used_at timestamp
);

CREATE TABLE magic_links (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email varchar(255) NOT NULL,
    token varchar(255) UNIQUE NOT NULL,
    created_at timestamp DEFAULT now(),
    expires_at timestamp NOT NULL,
    used_at timestamp
);

CREATE TABLE pending_mfa_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_token varchar(255) UNIQUE NOT NULL,
    created_at timestamptz DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE TABLE group_invites (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    group_id uuid REFERENCES groups (id) ON DELETE CASCADE,
    email varchar(255),
    token varchar(255) UNIQUE NOT NULL,
    status varchar(20) DEFAULT 'pending',
    created_at timestamp DEFAULT now(),
    expires_at timestamp NOT NULL
);

CREATE TABLE admin_action_confirmations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    admin_id uuid REFERENCES users (id) ON DELETE CASCADE,
    token varchar(255) UNIQUE NOT NULL,
    created_at timestamptz DEFAULT now(),
    expires_at timestamptz NOT NULL,
    confirmed_at timestamptz
);

CREATE TABLE emergency_access_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    token_hash varchar(64) UNIQUE NOT NULL,
    created_at timestamptz DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    name varchar(255),
    key_hash varchar(64) UNIQUE NOT NULL,
    key_prefix varchar(12) NOT NULL,
    scopes jsonb DEFAULT '[]',
    last_used_at timestamp,
    expires_at timestamp,
    revoked_at timestamp,
    created_at timestamp DEFAULT now()
);

CREATE TABLE group_vault_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    group_id uuid REFERENCES groups (id) ON DELETE CASCADE,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    token_hash varchar(64) UNIQUE NOT NULL,
    created_at timestamp DEFAULT now(),
    expires_at timestamp NOT NULL,
    revoked_at timestamp
);

CREATE TABLE capability_approvals (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    token text,
    status varchar(20) DEFAULT 'pending',
    created_at timestamptz DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE TABLE recovery_requests (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    token_hash varchar(64),
    status varchar(20) DEFAULT 'pending',
    created_at timestamp DEFAULT now(),
    expires_at timestamp NOT NULL
);
