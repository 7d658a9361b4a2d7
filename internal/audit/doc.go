// Package audit looks at how a deployment keeps its secrets, and says what is wrong.
//
// A Check is one question. It looks at a Source: the database, Redis, files, a git repository,
// processes, endpoints, the settings. A source is there, is absent (the check is not applicable), or
// does not answer (the check could not look, which is never a pass). What a check sees are faults, and
// gaps where it lacks a right.
//
// Run asks the checks that are selected, holds the faults against the baseline, and returns a Report.
// The package prints nothing, changes nothing, and reads no clock. Each family of checks is a file, and
// declares the narrow interface of its source, which an adapter implements.
package audit
