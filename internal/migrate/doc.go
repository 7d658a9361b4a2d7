// Package migrate is the re-encryption engine: it brings every encrypted value
// of an OCMT database from older key versions to one target version while the
// servers read and write, and proves afterwards what each value opens with.
//
// The data is the checkpoint. Each value names its key version, so a run that
// dies is resumed by running again, and no cursor is kept that could be wrong. A
// row is written only while its key and every encrypted column are still what
// was read; a row that changed meanwhile is met again in the next pass, and
// passes go on until one finds nothing to do. What cannot be understood or
// opened is set aside: reported, and left as it is.
package migrate
