package audit

import "context"

// PostgreSQLSource answers questions about a PostgreSQL server and its accounts. Its methods return a
// *GapError where a right is missing, and an *AbsentError where the thing is not there.
type PostgreSQLSource interface {
	// Transport says how the server is reached.
	Transport(context.Context) (PostgreSQLTransport, error)
	// Login asks the server what proof it wants of the configured account, and gives none.
	Login(context.Context) (PostgreSQLLogin, error)
	// MD5Roles returns the roles that may log in and have an MD5 verifier.
	MD5Roles(context.Context) ([]string, error)
	// ApplicationRoles returns the roles that the servers of OCMT use.
	ApplicationRoles(context.Context) ([]PostgreSQLRole, error)
	// SecretReaders returns who may read the columns, without those that have to, and how many of the columns
	// there are.
	SecretReaders(context.Context, []SecretColumn) (readers []SecretReader, columns int64, err error)
	// OpenSchemas returns the schemas of the tables in which every account may make objects.
	OpenSchemas(ctx context.Context, tables []string) ([]string, error)
	// Logging returns the settings that say what the server logs.
	Logging(context.Context) (PostgreSQLLogging, error)
	// HiddenTables returns those of the tables whose rows row security hides, and how many of them there are.
	HiddenTables(ctx context.Context, tables []string) (hidden []string, looked int64, err error)
	// AccessRules returns the rules of pg_hba.conf.
	AccessRules(context.Context) ([]AccessRule, error)
	// CatalogueSecrets returns the objects of the catalogue that hold a secret, and what could not be looked at.
	CatalogueSecrets(context.Context) ([]CatalogueSecret, []Gap, error)
	// Extensions returns the names of the extensions.
	Extensions(context.Context) ([]string, error)
	// Archiving returns how the server archives its log.
	Archiving(context.Context) (PostgreSQLArchiving, error)
	// Preloaded returns the libraries that every session has.
	Preloaded(context.Context) ([]string, error)
}

// onPostgreSQL returns a look that needs the server.
func onPostgreSQL(look func(context.Context, PostgreSQLSource) (Seen, error)) func(context.Context, *Sources) (Seen, error) {
	return with(func(s *Sources) Source[PostgreSQLSource] { return s.PostgreSQL },
		func(ctx context.Context, _ *Sources, source PostgreSQLSource) (Seen, error) {
			return absentOr(look(ctx, source))
		})
}

func postgresqlChecks() []Check {
	return append(postgresqlAccessChecks(), postgresqlServerChecks()...)
}

func postgresqlAccessChecks() []Check {
	return []Check{
		{ID: "OCMT-PG-001", Severity: High, Title: "The connection to PostgreSQL is not protected by TLS with a verified certificate",
			Why:      "whoever is on the way reads every secret that the servers read, and can pose as the database",
			LooksAt:  "the server's answer to a request for TLS, sslmode in DATABASE_URL, the audit's own row of pg_stat_ssl",
			Right:    "a network connection; any login for pg_stat_ssl",
			NotFault: "a unix socket and a loopback address leave the machine nowhere; accept a VPN in the baseline. Behind a connection pool only the leg to the pool is seen, and the report says so",
			Fix:      "set ssl = on in postgresql.conf, use hostssl in pg_hba.conf, and put sslmode=verify-full into DATABASE_URL",
			Source:   "CIS PostgreSQL Benchmark 6.8", look: onPostgreSQL(lookAtTransport)},
		{ID: "OCMT-PG-002", Severity: High, Title: "PostgreSQL asks for no password, or for one in clear text or as MD5",
			Why:      "without a password everybody who reaches the server is the account; a password in clear text or as MD5 can be read or guessed by whoever listens",
			LooksAt:  "the server's first answer to a log-in of the account of DATABASE_URL; no password is sent",
			Right:    "a network connection; on a unix socket also pg_hba_file_rules, to tell peer from trust",
			NotFault: "peer on a unix socket and a client certificate need no password; LDAP and PAM ask in clear text, accept them in the baseline where TLS is verified",
			Fix:      "set password_encryption = 'scram-sha-256', set the password anew with ALTER ROLE, and write scram-sha-256 into pg_hba.conf",
			Source:   "CIS PostgreSQL Benchmark 5.3, 5.4, 5.12", look: onPostgreSQL(lookAtLogin)},
		{ID: "OCMT-PG-003", Severity: Medium, Title: "A password is stored as MD5",
			Why:      "an MD5 verifier from a backup is guessed quickly, and is itself enough to log in",
			LooksAt:  "pg_authid.rolpassword, or ocmt_audit.password_forms, which shows the form alone; else what the server asks of the account itself",
			Right:    "superuser, or SELECT on ocmt_audit.password_forms (docs/roles.sql)",
			NotFault: "a role without LOGIN is passed over",
			Fix:      "set password_encryption = 'scram-sha-256', then ALTER ROLE … PASSWORD for the role, and restart its clients",
			Source:   "CIS PostgreSQL Benchmark 5.12", look: onPostgreSQL(lookAtVerifiers)},
		{ID: "OCMT-PG-004", Severity: High, Title: "The role of the servers has rights that they do not need",
			Why:      "a fault in a server, such as an SQL injection, then reaches the whole cluster and the files of the machine",
			LooksAt:  "pg_roles and memberships of the roles that may add to users, or own it",
			Right:    "any login",
			NotFault: "the owner counts only where it can log in; another superuser is not the servers' role. Roles of managed services that are like a superuser are known by name",
			Fix:      "ALTER ROLE … NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS, and REVOKE the memberships that are named",
			Source:   "CIS PostgreSQL Benchmark 4.3", look: onPostgreSQL(lookAtPowers)},
		{ID: "OCMT-PG-005", Severity: High, Title: "Another account may read a column of secrets, or everybody may make objects in its schema",
			Why:      "each such account is one more way to the secrets; in an open schema an object can be put before one that the servers mean",
			LooksAt:  "the rights on tables, columns and schemas, with memberships, for the encrypted columns and those with secrets in clear, and for views over them; functions with SECURITY DEFINER whose body names a table of secrets",
			Right:    "any login",
			NotFault: "the owner and the servers' roles, superusers, the audit's own account, and whoever reads through the roles of docs/roles.sql; accept a backup role in the baseline. A view counts that reads such a column, also where it only compares it. A function is of severity medium, because what it returns is not followed; one that returns nothing is passed over",
			Fix:      "REVOKE SELECT on the table, column or view from the role, and REVOKE CREATE ON SCHEMA … FROM PUBLIC",
			Source:   "CIS PostgreSQL Benchmark 4.5-4.10", look: onPostgreSQL(lookAtReaders)},
		{ID: "OCMT-PG-006", Severity: High, Title: "PostgreSQL writes secrets into its log",
			Why:      "values of statements then stand in log files, which more people read and which live longer than the secrets should",
			LooksAt:  "pg_settings and pg_db_role_setting: log_statement, log_min_duration_*, log_parameter_max_length*, auto_explain",
			Right:    "any login; pg_read_all_settings to see whether auto_explain is loaded",
			NotFault: "log_statement = ddl passes, and so do statements that are logged without their parameters",
			Fix:      "ALTER SYSTEM SET log_parameter_max_length = 0, SET log_error_verbosity = 'terse' and log_statement = 'ddl'; ALTER ROLE or ALTER DATABASE … RESET where the setting stands there; SELECT pg_reload_conf()",
			Source:   "CIS PostgreSQL Benchmark 3.1", look: onPostgreSQL(lookAtLogging)},
		{ID: "OCMT-PG-007", Severity: High, Title: "Row security hides rows from the audit",
			Why:      "a secret in a hidden row is not looked at, so that its checks cannot pass",
			LooksAt:  "row_security_active of each table that a check reads",
			Right:    "any login",
			NotFault: "row security that does not concern the audit's account",
			Fix:      "run the audit as a role with BYPASSRLS (docs/roles.sql)",
			Source:   "PostgreSQL documentation, Row Security Policies", look: onPostgreSQL(lookAtRowSecurity)},
		{ID: "OCMT-PG-008", Severity: Medium, Title: "pg_hba.conf lets in whom it should not",
			Why:      "a wide rule, one without a password, or one without TLS is found by whoever scans the network",
			LooksAt:  "pg_hba_file_rules: the file as it is now, which may not be loaded yet",
			Right:    "superuser, or SELECT on pg_hba_file_rules and EXECUTE on its function (docs/roles.sql)",
			NotFault: "loopback addresses, and networks of containers (172.16.0.0/12) without TLS; a rule that rejects",
			Fix:      "narrow the addresses, write hostssl for host and scram-sha-256 for trust, password and md5; SELECT pg_reload_conf()",
			Source:   "CIS PostgreSQL Benchmark 5.9-5.11", look: onPostgreSQL(lookAtAccessRules)},
	}
}

func postgresqlServerChecks() []Check {
	return []Check{
		{ID: "OCMT-PG-009", Severity: High, Title: "A secret stands in the catalogue of the database",
			Why:      "every dump has it, and most of the catalogue can be read by every account",
			LooksAt:  "options of user mappings, connections of subscriptions, bodies of functions, settings of roles and databases; only the object and the kind of secret are told",
			Right:    "any login; the options of others and the connections: superuser, or SELECT on the views of docs/roles.sql",
			NotFault: "functions that belong to an extension are passed over",
			Fix:      "move the secret to a password file or a secret store, and rotate it",
			Source:   "", look: onPostgreSQL(lookAtCatalogue)},
		{ID: "OCMT-PG-010", Severity: Low, Title: "An extension is installed that reaches beyond the database",
			Why:      "it reads files, runs programs or connects to other servers, and makes more of a stolen account",
			LooksAt:  "pg_extension",
			Right:    "any login",
			NotFault: "accept one that is in use, such as postgres_fdw, in the baseline",
			Fix:      "DROP EXTENSION, where nothing uses it",
			Source:   "CIS PostgreSQL Benchmark 1.8", look: onPostgreSQL(lookAtExtensions)},
		{ID: "OCMT-PG-011", Severity: Medium, Title: "PostgreSQL does not archive its log, or fails to",
			Why:      "a wrong or lost value can then be had back only as it was at the last whole backup, and a failing archiver fills the disk",
			LooksAt:  "pg_stat_archiver and archive_mode",
			Right:    "any login",
			NotFault: "backups by snapshots and by managed services cannot be seen from here: accept the finding in the baseline, and write there what makes the backups. A standby does not archive",
			Fix:      "set archive_mode = on and an archive_command that works, or tell the backup in ocmt-baseline.yaml",
			Source:   "CIS PostgreSQL Benchmark 7.3, 7.4", look: onPostgreSQL(lookAtArchiving)},
		{ID: "OCMT-PG-012", Severity: Info, Title: "pgaudit is not loaded",
			Why:      "who read the secrets in the database is not recorded anywhere",
			LooksAt:  "shared_preload_libraries",
			Right:    "pg_read_all_settings",
			NotFault: "a service that records statements in another way",
			Fix:      "install pgaudit and add it to shared_preload_libraries; keep pgaudit.log_parameter off",
			Source:   "CIS PostgreSQL Benchmark 3.2", look: onPostgreSQL(lookAtPgaudit)},
	}
}
