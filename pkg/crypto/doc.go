// Package crypto reads, opens and writes the values that OCMT keeps encrypted
// in its database, and holds the keys that they are under.
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
// names the version of its key. Keys can therefore change while servers read and
// write: both keys are known, and every value says which of them it needs. An empty
// value is NULL in the database, never a ciphertext.
//
// # Texts that OCMT would not write
//
// The server is lenient about what it opens. This package has a rule for each such
// text:
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
// A spelling is accepted if its bytes are certain and as well protected as in the
// canonical one. Ciphertext.Normalised then says that the spelling was another. A text
// is refused if its bytes are uncertain: v1abc: may mean 1 or another number, and text
// behind a ciphertext means that the value was damaged. A short tag is refused because
// it can be forged: an attacker who can write to the database and see what the server
// does with a value forges one with a tag of 4 bytes in about 2^32 tries (NIST SP
// 800-38D, appendix C). The server accepts such tags, so a value with one may come from
// an attacker even where it opens.
//
// A text that parses without Normalised prints back to the same bytes.
//
// # Keys
//
// A Key has 256 bits; its text has 64 hexadecimal characters. Everything that formats,
// encodes or logs a Key prints "[redacted]", also inside other structures. Only in an
// unexported field it prints as an address, because fmt calls no method there. Reveal
// alone returns the text. Reports name a key by its Fingerprint: 64 bits of a SHA-256
// that is computed for this purpose only, and from which a random key cannot be found.
// A Keyring holds the keys by version. It refuses one key under two versions, because
// it would be unknown which of the two a value needs.
//
// # What is promised
//
// A value that opens was sealed with that key and is unchanged, because every bit of IV, tag
// and body is authenticated. A failure to open is always ErrAuthentication and reveals nothing
// else. No error contains any part of a value or of a key. A Resealer returns a new text only
// after it has parsed the text again, opened it with separate ciphers and compared the
// plaintexts, so that a fault in memory or in a buffer ends as ErrReopen and not as a lost
// secret. A Resealer overwrites plaintext in its buffers after use.
//
// # What is not promised
//
// A value is not bound to its row, because OCMT uses no associated data. An attacker
// who can write to the database can move a value to another row, put an older one back,
// or swap two, and the value opens there. The version label is not
// authenticated either, but under the key of a wrong label the value does not open.
//
// An IV must not be used twice under one key. NIST SP 800-38D, section 8.3, allows 2^32
// values under a key whose IVs are random. With IVs of 16 bytes, GCM starts its counter
// anywhere in 128 bits, and the chance of a collision is then below 2^-64. No deployment
// has nearly so many values, and each rotation starts the count again.
//
// GCM does not commit to its key: a person who knows two keys can make one value that
// opens under both. GCM does not hide the length of the plaintext. Go may copy memory,
// so wiping shortens the time that plaintext stays in memory, and does not ensure that
// none is left. Keys are not wiped.
package crypto
