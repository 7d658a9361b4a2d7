// Package testenv starts throwaway servers, for tests and for a demo: a real
// PostgreSQL with an OCMT database in it, a standby of it, a PgBouncer in front
// of it, and Redis. A server that is not installed is an error that says how to
// install it, never a reason to skip a test. Each ends with the process that
// started it, however that ends, and leaves no file behind.
package testenv
