// Package report writes what an audit came to, in the forms that machines and people read.
//
// WriteSARIF writes for code hosts, WriteJUnit for whatever shows test results, WriteCSV for
// spreadsheets, WriteHTML for people. NewDocument returns the JSON document. Each form has all counts
// and all gaps: what could not be checked never looks like a pass.
//
// A report has texts that others wrote, such as names of tables, roles and files. Each writer makes their
// control characters and bidirectional overrides visible, and escapes them for its form.
package report
