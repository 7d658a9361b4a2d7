// Package chain is the tool's own record: a chain of entries, one for each change that a command
// makes. Each entry holds the SHA-256 of the entry before it, and is itself hashed in one canonical
// form of JSON (RFC 8785, for texts, whole numbers, truth values, lists and objects). Whoever changes,
// removes, swaps or inserts an entry breaks the chain at that place, and Verifier names the place.
//
// A chain has no key. Somebody who may write to it can make all entries anew from some place on, or
// cut off the end. A head, the hash of an entry, that is kept elsewhere shows that.
//
// The chain stands in a table, of which package pgchain is the adapter, or in a File.
package chain
