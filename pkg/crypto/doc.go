// Package crypto reads, opens and writes the values that OCMT keeps encrypted
// in its database, and holds the keys they are under.
//
// # Format
//
// A value is AES-256-GCM with a random IV of 16 bytes, a tag of 16 bytes and no
// associated data. As text it has one of two forms:
//
//	v{N}:{iv}:{tag}:{body}   versioned: standard Base64 with padding, under key version N
//	{iv}:{tag}:{body}        legacy: hexadecimal, always under key version 0
//
// OCMT writes the versioned form only, and so does this package. Each value
// names the version of its key, which is what makes it possible to change keys
// while servers read and write: both keys are known, and every value says which
// one it wants. An empty value is NULL in the database, never a ciphertext.
//
// # Texts that OCMT would not write
//
// The server is lenient about what it opens. What this package does with such a
// text is a rule, not an accident:
//
//	text                                    server   here
//	zeros before the version: v01:          opens    accepted, normalised
//	Base64 without padding                  opens    accepted, normalised
//	Base64 in the URL alphabet              opens    accepted, normalised
//	Base64 with bits behind the last byte   opens    accepted, normalised
//	one line end behind the versioned form  opens    accepted, normalised
//	uppercase hexadecimal, legacy           opens    accepted, normalised
//	IV of 12 bytes                          opens    accepted, normalised
//	label with more than digits: v1abc:     opens    ErrVersionLabel
//	tag of 4, 8 or 12 to 15 bytes           opens    ErrTagLength
//	half a padding, line ends or junk       opens    ErrEncoding
//	anything behind a legacy IV or tag      opens    ErrEncoding
//	even number behind a legacy body: …zz   opens    ErrEncoding
//	odd number behind a legacy body: …z     throws   ErrEncoding
//	IV of another length                    opens    ErrIVLength
//	no IV, or one over 128 bytes            throws   ErrIVLength
//	no or negative version: v:, v-1:        throws   ErrVersionLabel
//	version above 2147483647                throws   ErrVersionLabel
//	Base64 in the legacy form               throws   ErrEncoding
//	tag of another length, or none          throws   ErrTagLength
//	empty body whose tag fits               opens    ErrEmptyBody
//	empty body whose tag does not fit       throws   ErrEmptyBody
//	two or five parts, V1:, space before v  throws   ErrNotCiphertext
//	space before the legacy form            throws   ErrEncoding
//	three parts that begin with v           throws   ErrNotCiphertext
//	version without a key                   throws   ErrUnknownVersion
//	wrong key, or any bit changed           throws   ErrAuthentication
//
// Accepted are spellings that leave no doubt about the bytes and take nothing
// from their protection; Ciphertext.Normalised says that one was met. Refused
// is what leaves a doubt (who wrote v1abc: may have meant 1 or another number;
// text behind a ciphertext means that something happened to it), and the one
// hole: a tag cut to 4 bytes is forged in about 2^32 tries by anybody who can
// write to the database and see what the server does with it (NIST SP 800-38D,
// appendix C). The server takes such tags, so a value with one may be the
// work of an attacker even where it opens.
//
// A text that parses without Normalised prints back to the same bytes.
//
// # Keys
//
// A Key is 256 bits, as text 64 hexadecimal characters. It prints as
// "[redacted]" whatever prints it, also from inside other structures, and as an
// address from an unexported field, where nobody is asked how to print it;
// Reveal is the only way to its text. Its Fingerprint stands for it in reports:
// 64 bits of a SHA-256 that is computed for this purpose only, from which a
// random key cannot be found. A Keyring holds the keys by version and refuses
// one key under two versions, since nothing would then say which of them a value
// needs.
//
// # What is promised
//
// A value that opens is one that somebody sealed with that key, unchanged:
// every bit of IV, tag and body is covered. A failure to open is always
// ErrAuthentication and tells nothing else. No error holds any of a value or of
// a key. A Resealer hands out a new text only after it was read and opened
// again by ciphers of its own and compared with what it was made from, so that
// a fault in memory or in a buffer ends as ErrReopen and not as a lost secret.
// Plaintext is overwritten in a Resealer's buffers after use.
//
// # What is not promised
//
// A value is not bound to its place, because OCMT uses no associated data:
// whoever can write to the database can move a value to another row, put an
// older one back, or swap two, and it opens there. The version label is
// not covered either, but a wrong one leads to a key under which the value does
// not open.
//
// A random IV must not come twice under one key. NIST SP 800-38D, section 8.3,
// allows 2^32 values under a key whose IVs are random; with 16 bytes, through
// which GCM starts its counter anywhere in 128 bits, the chance of a clash is
// then below 2^-64. No deployment comes near that, and each rotation
// begins the count anew.
//
// GCM does not commit to its key: who knows two keys can make one value that
// opens under both. It does not hide the length of the plaintext. Go may copy
// memory, so wiping lessens the time that plaintext lies about, and does not
// make sure that none is left; the same goes for keys, which are not wiped.
package crypto
