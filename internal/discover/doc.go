// Package discover looks through a database for values that have the shape of an
// OCMT ciphertext and stand in columns that no list names. Such values would be
// lost with the key that opens them.
//
// The server filters: only candidates travel. Here each candidate is parsed, also
// inside of JSON, and opened with the keys of the ring where there are any: a
// value that opens is proof of which key it needs. The package writes nothing,
// and no value is part of its report.
package discover
