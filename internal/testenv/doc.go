// Package testenv starts throwaway servers: a real PostgreSQL with an OCMT
// database in it, for tests. A server that is not installed is an error that
// says how to install it, never a reason to skip a test.
package testenv
