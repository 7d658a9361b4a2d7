// Package faults contains the tests that break something during a rotation: the connection, the
// server, its disk, its locks, or the rows themselves. Each test runs the real program as a
// process of its own, keeps a record of the plaintexts outside of the database, and checks four
// things afterwards: nothing is lost, the message names the cause, the exit code is right, and a
// second run completes.
//
// docs/reliability.md has a line for each test, and a test compares the two.
// OCMT_FAULTS=full (make test-faults) runs the long form.
package faults
