// Package rotation decides about the rotation of an encryption key: which direction
// is refused, whether a run is finished, whether a verification is proof, and which
// key may be retired. Its functions take values and return values and typed errors;
// they print nothing.
//
// Decide is the only place that names a key as retirable.
package rotation
