// Package databasepassword gives the account of DATABASE_URL a new password: plans, changes, proves, and finds
// the way back. PostgreSQL keeps one password for a role, so there is a moment of change. With two roles that
// take turns there is none.
//
// The new address stands in the store under PendingName before the role is changed, and until all is done. What
// a run finds there, and which password the server accepts, says how far an earlier run has come. At each moment
// a password that the server accepts is in the store.
//
// The password never goes to the server: the verifier that PostgreSQL keeps of it (RFC 5802, RFC 7677) is made
// here, so that no log of statements has it.
package databasepassword
