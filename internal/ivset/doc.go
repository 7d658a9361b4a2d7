// Package ivset finds an IV that was used for two different messages under one key.
//
// Two messages under one key and one IV give away the XOR of their plaintexts, and with it the
// key that authenticates (NIST SP 800-38D, section 8 and appendix A). So it must be found
// exactly, among many millions of values, in bounded memory.
//
// A Collector takes the key and the IV of every value and keeps a 64-bit hash of the two, in
// 256 parts by the first byte of the hash. Each part is then sorted, and only hashes that occur
// twice are candidates. Two values that are one message under one IV, and two IVs with one
// hash, are among them. A SecondLook takes the values with a candidate hash once more, and
// compares key, IV and message themselves.
//
// The package imports the standard library only.
package ivset
