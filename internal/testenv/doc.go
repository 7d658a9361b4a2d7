// Package testenv starts throwaway servers for tests and for the demo: a real PostgreSQL, a
// standby of it, a PgBouncer in front of it, and Redis. A server that is not installed is an
// error that says how to install it, never a reason to skip a test. Each server ends with the
// process that started it, in whatever way that ends, and leaves no file behind.
package testenv
