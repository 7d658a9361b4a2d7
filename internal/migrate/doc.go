// Package migrate is the re-encryption engine. It brings every encrypted value of an
// OCMT database from older key versions to one target version while the servers read
// and write, and shows afterwards what each value opens with.
//
// The data is the checkpoint. Each value names its key version, so a run that dies is
// resumed by running again, and there is no cursor that could be wrong. A row is
// written only while its key and all of its encrypted columns are still what was read
// (compare-and-swap). A later pass finds a row that changed meanwhile, and passes go
// on until one finds nothing to do. A value that cannot be parsed or opened is set
// aside: reported, and left as it is.
//
// MakePlan looks and writes nothing. Runner.Run makes the first pass over a table by
// page ranges (pass_by_pages.go) or in the order of its keys (pass_by_keys.go), and
// later passes over what is still pending (later_pass.go). Runner.DryRun makes one pass
// with a writer that writes nothing. Verify opens every value with the target key alone.
package migrate
