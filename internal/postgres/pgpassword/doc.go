// Package pgpassword serves internal/databasepassword: it logs in at addresses, looks at roles, and changes them. No
// statement of it has a password in it, only verifiers. Every name in its SQL is one of PostgreSQL's own, by schema,
// because the search path is the account's.
package pgpassword
