package audit

import "context"

// TokenSource answers questions about the access that stands in the tables of OCMT. All times are compared
// by the clock of the database. Its methods return a *GapError where a right is missing, and an *AbsentError
// where the table or column is not there.
type TokenSource interface {
	// Unhashed counts values that are no SHA-256 in hexadecimal, in each of the columns that is there.
	Unhashed(ctx context.Context, table string, columns ...string) ([]TokenShapes, error)
	// LongPrefixes counts API keys whose prefix is longer than twelve characters.
	LongPrefixes(context.Context) (TokenShapes, error)
	// ClearTokens counts tokens in clear that are alive.
	ClearTokens(ctx context.Context, table, column string) (ClearTokens, error)
	// ClearSecrets counts rows with a secret in clear.
	ClearSecrets(ctx context.Context, secret ClearSecret) (place string, count int64, err error)
	// SessionAges counts live sessions that last longer than some milliseconds, and an hour more.
	SessionAges(ctx context.Context, milliseconds int64) (SessionAges, error)
	// CrowdedUsers counts users with more live sessions than most.
	CrowdedUsers(ctx context.Context, most int64) (CrowdedUsers, error)
	// Outdated counts rows that are of no use for longer than some days.
	Outdated(ctx context.Context, table string, days int) (Outdated, error)
	// EndlessKeys lists live API keys without an end.
	EndlessKeys(context.Context) (APIKeys, error)
	// UnusedKeys lists live API keys that were not used for some days.
	UnusedKeys(ctx context.Context, days int) (APIKeys, error)
	// Admins lists platform admins: by their flag, or by their addresses.
	Admins(ctx context.Context, emails []string) ([]PlatformAdmin, error)
	// EmergencyTokens counts tokens for emergencies.
	EmergencyTokens(context.Context) (EmergencyTokens, error)
}

// onTokens returns a look that needs the tables of access.
func onTokens(look func(context.Context, *Sources, TokenSource) (Seen, error)) func(context.Context, *Sources) (Seen, error) {
	return with(func(s *Sources) Source[TokenSource] { return s.Tokens },
		func(ctx context.Context, sources *Sources, source TokenSource) (Seen, error) {
			return absentOr(look(ctx, sources, source))
		})
}

func tokenChecks() []Check { return append(tokenShapeChecks(), tokenLifeChecks()...) }

func tokenShapeChecks() []Check {
	return []Check{
		{ID: "OCMT-TOK-001", Severity: Critical, Title: "A session token is stored in clear",
			Why:      "whoever reads the table or a backup of it is logged in as the user",
			LooksAt:  "sessions.token and sessions.token_hash, whichever are there: whether each value is a SHA-256 in hexadecimal",
			Right:    "SELECT on sessions",
			NotFault: "dead rows from before tokens were hashed are of severity low. A pass says that the shape is right: a raw token of 64 hexadecimal digits looks the same",
			Fix:      "upgrade the server, then ocmt session-invalidate --all",
			Source:   "the sessions and keys of OCMT's users", look: onTokens(lookAtSessionTokens)},
		{ID: "OCMT-TOK-002", Severity: High, Title: "A token that should be a hash is stored in clear",
			Why:      "whoever reads the table or a backup of it has the access that the token gives",
			LooksAt:  "magic_links, api_keys, group_vault_tokens, emergency_access_tokens, recovery_requests: whether each value is a SHA-256 in hexadecimal; the length of api_keys.key_prefix",
			Right:    "SELECT on these tables",
			NotFault: "dead rows are of severity low. A pass says only that the shape is right",
			Fix:      "ocmt session-invalidate --all --include api-keys,group-vault-tokens,recovery-requests, or set revoked_at, used_at or expires_at of the rows to now()",
			Source:   "the sessions and keys of OCMT's users", look: onTokens(lookAtHashes)},
		{ID: "OCMT-TOK-003", Severity: Info, Title: "Single-use tokens stand in clear while they are alive",
			Why:      "whoever reads the table can use the token before its user does",
			LooksAt:  "live rows of pending_mfa_sessions, group_invites, capability_approvals, admin_action_confirmations",
			Right:    "SELECT on these tables",
			NotFault: "the server is made so: one finding with counts, of severity info, and low where a token is older than an hour",
			Fix:      "upgrade the server; ocmt session-invalidate --all --keep-logins ends those that are alive",
			Source:   "how the OCMT server encrypts values", look: onTokens(lookAtClearTokens)},
		{ID: "OCMT-TOK-004", Severity: Medium, Title: "A secret that lives long stands in clear",
			Why:      "whoever reads the table or a backup of it has the secret until it is changed",
			LooksAt:  "users.telegram_bot_token, tenants.settings.backup_key, headers of audit_webhooks whose names are those of credentials",
			Right:    "SELECT on these columns",
			NotFault: "encrypted values, and headers without a credential",
			Fix:      "change the secret where it was made, and revoke SELECT on the column from whoever does not need it",
			Source:   "how the OCMT server encrypts values", look: onTokens(lookAtClearSecrets)},
	}
}

func tokenLifeChecks() []Check {
	return []Check{
		{ID: "OCMT-TOK-005", Severity: Medium, Title: "A session lasts longer than USER_SESSION_TIMEOUT_MS",
			Why:      "a stolen session is good for longer than was decided",
			LooksAt:  "expires_at - created_at of live sessions, and created_at in the future",
			Right:    "SELECT on sessions",
			NotFault: "an hour more is granted; a server that writes in another time zone is reported on its own. Without the setting the server's default of seven days is taken, and said",
			Fix:      "set USER_SESSION_TIMEOUT_MS, restart the servers, then ocmt session-invalidate --past-timeout",
			Source:   "the settings of the OCMT servers", look: onTokens(lookAtSessionAges)},
		{ID: "OCMT-TOK-006", Severity: Low, Title: "A user has more live sessions than MAX_SESSIONS_PER_USER",
			Why:      "sessions that nobody knows of are not missed when they are stolen",
			LooksAt:  "live sessions by user",
			Right:    "SELECT on sessions",
			NotFault: "the server enforces the limit at log-in only. Without the setting the server's default of five is taken, and said",
			Fix:      "ocmt session-invalidate --over-limit",
			Source:   "the settings of the OCMT servers", look: onTokens(lookAtCrowdedUsers)},
		{ID: "OCMT-TOK-007", Severity: Low, Title: "Rows that are of no use any more are never removed",
			Why:      "old tokens, addresses and events are one more thing to lose",
			LooksAt:  "sessions that have ended, security_events older than 90 days, mfa_attempts older than 30 days",
			Right:    "SELECT on these tables",
			NotFault: "up to 1,000 rows, and none that is 30 days over its time. Accept what is kept on purpose in the baseline",
			Fix:      "ocmt session-invalidate --expired --delete; SELECT cleanup_expired_security_data() each day",
			Source:   "the sessions of OCMT and its audit tables", look: onTokens(lookAtOutdated)},
		{ID: "OCMT-TOK-008", Severity: Medium, Title: "An API key does not expire",
			Why:      "a key that was lost and forgotten opens the deployment for ever",
			LooksAt:  "live rows of api_keys without expires_at",
			Right:    "SELECT on api_keys",
			NotFault: "keys that are revoked. Accept a key of a machine in the baseline",
			Fix:      "UPDATE api_keys SET expires_at = now() + interval '90 days' WHERE id = …, or SET revoked_at = now()",
			Source:   "the sessions and keys of OCMT's users", look: onTokens(lookAtEndlessKeys)},
		{ID: "OCMT-TOK-009", Severity: Low, Title: "An API key was not used for 90 days",
			Why:      "nobody would miss it, and nobody would notice who uses it",
			LooksAt:  "live rows of api_keys, by last_used_at, or else created_at",
			Right:    "SELECT on api_keys",
			NotFault: "where no key was ever used, the server may not note uses at all; the finding says so",
			Fix:      "UPDATE api_keys SET revoked_at = now() WHERE id = …",
			Source:   "the sessions and keys of OCMT's users", look: onTokens(lookAtUnusedKeys)},
		{ID: "OCMT-TOK-010", Severity: High, Title: "A platform admin has no verified second factor",
			Why:      "a stolen password is then the whole deployment. The server does not enforce a second factor at log-in",
			LooksAt:  "users.is_platform_admin and the addresses of ADMIN_EMAILS, with user_mfa",
			Right:    "SELECT on users and user_mfa",
			NotFault: "admins who log in through SAML or OAuth with a second factor there: accept them in the baseline",
			Fix:      "let the admin enrol a second factor, or take the flag or the address away",
			Source:   "the endpoints of the OCMT servers", look: onTokens(lookAtAdmins)},
		{ID: "OCMT-TOK-011", Severity: Medium, Title: "A token for emergencies is alive, or can be used again",
			Why:      "it opens an account past its log-in",
			LooksAt:  "emergency_access_tokens",
			Right:    "SELECT on emergency_access_tokens",
			NotFault: "accept one of an incident that is going on in the baseline, with its end",
			Fix:      "ocmt session-invalidate --all --keep-logins, or DELETE the row",
			Source:   "the sessions and keys of OCMT's users", look: onTokens(lookAtEmergencyTokens)},
	}
}
