// Package pgrotation is the database of a key's story: it implements the interfaces that package rotation
// declares, but for the record, which is in pgrecord.
package pgrotation
