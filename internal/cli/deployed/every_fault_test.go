package deployed_test

// everyFault is what an audit of the broken deployment finds, and what it cannot look at: a line for each cause. DIR,
// POSTGRES, REDIS, FOLDER, URL and DAY stand for what is another text in each run.
const everyFault = `
OCMT-DOC-001 high: Dockerfile
OCMT-DOC-002 high: docker-compose.yml
OCMT-DOC-003 high: docker-compose.yml redis
OCMT-DOC-004 high: docker-compose.yml redis
OCMT-DOC-005 medium: container app
OCMT-ENC-001 critical: public.secrets.value_encrypted, version 2
OCMT-ENC-002 high: values labelled version 2
OCMT-ENC-003 critical: version 1
OCMT-ENC-004 high: version 5
OCMT-ENC-005 medium: version 0
OCMT-ENC-006 high: public.secrets.value_encrypted
OCMT-ENC-007 critical: ENCRYPTION_KEY
OCMT-ENC-007 not checked: the IVs of 2 values that no key opens
OCMT-ENC-008 high: public.secrets.value_encrypted
OCMT-ENC-009 low: public.secrets.value_encrypted
OCMT-ENC-010 critical: ENCRYPTION_KEY_V0
OCMT-ENC-010 medium: ENCRYPTION_KEY_V5
OCMT-ENC-011 medium: public.notes.body
OCMT-ENC-011 not checked: public.oauth_states
OCMT-ENC-013 high: public.users.gateway_token, OPENCLAW_GATEWAY_TOKEN
OCMT-END-001 critical: admin-ui URL /admin/containers
OCMT-END-002 medium: gateway URL OPENCLAW_GATEWAY_TOKEN
OCMT-END-002 medium: management URL AGENT_SERVER_TOKEN
OCMT-END-002 medium: management URL INTERNAL_ADMIN_TOKEN
OCMT-END-003 high: admin-ui URL /admin/containers
OCMT-END-003 high: agent URL /api/containers/metrics/wake
OCMT-END-004 critical: agent URL /api/containers/metrics/wake
OCMT-END-005 high: gateway URL
OCMT-END-006 high: management URL expiry
OCMT-FIL-001 high: .env
OCMT-FIL-002 high: DIR
OCMT-FIL-003 high: saml.key
OCMT-FIL-004 high: ~/.openclaw/openclaw.json
OCMT-FIL-004 high: ~/.openclaw/openclaw.json gateway.auth.token
OCMT-FIL-004 medium: ~/.openclaw/openclaw.json.bak gateway.auth.token
OCMT-FIL-005 medium: ~/.pm2/dump.pm2
OCMT-FIL-006 critical: ADMIN_PASSWORD
OCMT-FIL-006 critical: CSRF_SECRET = ENCRYPTION_KEY_V0
OCMT-FIL-006 critical: SESSION_SECRET
OCMT-FIL-006 critical: password of DATABASE_URL
OCMT-FIL-006 critical: password of REDIS_URL
OCMT-FIL-006 high: ADMIN_TOKEN
OCMT-FIL-007 high: AGENT_SERVER_TOKEN = AUTH_TOKEN
OCMT-FIL-007 high: INTERNAL_ADMIN_TOKEN = MANAGEMENT_API_TOKEN
OCMT-FIL-007 not checked: AUTH_TOKEN of a group vault, which must equal GROUP_VAULT_AUTH_TOKEN
OCMT-FIL-008 high: dumps and backups in . with mode 0644
OCMT-GIT-001 critical: .: .env
OCMT-GIT-002 critical: .: ADMIN_PASSWORD
OCMT-GIT-002 critical: .: ADMIN_TOKEN
OCMT-GIT-002 critical: .: AGENT_SERVER_TOKEN
OCMT-GIT-002 critical: .: AUTH_TOKEN
OCMT-GIT-002 critical: .: CSRF_SECRET
OCMT-GIT-002 critical: .: ENCRYPTION_KEY
OCMT-GIT-002 critical: .: ENCRYPTION_KEY_V0
OCMT-GIT-002 critical: .: ENCRYPTION_KEY_V5
OCMT-GIT-002 critical: .: GROUP_VAULT_AUTH_TOKEN
OCMT-GIT-002 critical: .: INTERNAL_ADMIN_TOKEN
OCMT-GIT-002 critical: .: MANAGEMENT_API_TOKEN
OCMT-GIT-002 critical: .: OPENCLAW_GATEWAY_TOKEN
OCMT-GIT-002 critical: .: REDIS_URL
OCMT-GIT-002 critical: .: STRIPE_SECRET_KEY
OCMT-GIT-003 high: .: .env
OCMT-GIT-004 medium: .: env files
OCMT-GIT-005 high: .: config of the git directory
OCMT-LIF-001 medium: ADMIN_TOKEN
OCMT-LIF-001 medium: AGENT_SERVER_TOKEN
OCMT-LIF-001 medium: DATABASE_URL
OCMT-LIF-001 medium: REDIS_URL
OCMT-LIF-002 high: rotation from version 0 to 2
OCMT-LIF-003 high: incident of DAY
OCMT-LIF-004 high: ENCRYPTION_KEY
OCMT-LIF-006 medium: entries of the baseline
OCMT-LIF-006 medium: expired entries
OCMT-LOG-001 critical: AGENT_SERVER_TOKEN
OCMT-LOG-001 critical: INTERNAL_ADMIN_TOKEN
OCMT-LOG-002 high: password= in the query of URLs
OCMT-LOG-003 low: ADMIN_TOKEN
OCMT-PG-001 high: connection to POSTGRES
OCMT-PG-002 high: role alice at POSTGRES
OCMT-PG-003 medium: roles with an MD5 password
OCMT-PG-004 high: role ocmt
OCMT-PG-005 high: PUBLIC
OCMT-PG-005 high: role reporter
OCMT-PG-005 high: schema public
OCMT-PG-006 high: setting log_statement of the server
OCMT-PG-007 high: tables with row security
OCMT-PG-008 medium: a rule of pg_hba.conf with md5
OCMT-PG-009 high: function public.connect()
OCMT-PG-010 low: extension pageinspect
OCMT-PG-011 low: WAL archiving
OCMT-PG-012 info: pgaudit
OCMT-PRC-001 high: arguments of node
OCMT-PRC-002 medium: .env
OCMT-PRC-002 medium: the environment of node
OCMT-RDS-001 critical: Redis
OCMT-RDS-002 high: the connection to Redis
OCMT-RDS-003 medium: user default
OCMT-RDS-004 high: user default
OCMT-RDS-005 high: Redis
OCMT-RDS-006 medium: appendonly
OCMT-RDS-007 medium: maxmemory
OCMT-RDS-007 medium: maxmemory-policy
OCMT-RDS-008 high: keys vault:session:*
OCMT-RDS-009 medium: keys oauth:state:*
OCMT-RDS-010 high: user reader
OCMT-RDS-011 low: folder FOLDER
OCMT-TOK-001 critical: public.sessions.token
OCMT-TOK-002 high: public.magic_links.token
OCMT-TOK-003 low: single-use tokens
OCMT-TOK-004 medium: public.tenants.settings.backup_key
OCMT-TOK-004 medium: public.users.telegram_bot_token
OCMT-TOK-005 medium: public.sessions
OCMT-TOK-006 low: public.sessions
OCMT-TOK-007 low: public.sessions
OCMT-TOK-008 medium: keys without an end of public.api_keys
OCMT-TOK-009 low: unused keys of public.api_keys
OCMT-TOK-010 high: platform admins
OCMT-TOK-011 medium: public.emergency_access_tokens
`
