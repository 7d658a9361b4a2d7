// Package faults holds the tests that break things under a rotation: the
// connection, the server, its disk, its locks, the rows themselves. Each runs the
// real program as a process of its own, keeps a record of the plaintexts outside
// the database, and asks afterwards for four things: nothing is lost, the message
// names the cause, the exit code is right, and a second run completes.
//
// docs/reliability.md has a line for each test, and a test that holds it so.
// OCMT_FAULTS=full (make test-faults) runs the long form.
package faults
