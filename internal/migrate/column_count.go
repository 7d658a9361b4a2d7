package migrate

import (
	"unicode/utf8"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// ColumnCount counts the values of one column.
type ColumnCount struct {
	Place
	Legacy    int64         `json:"legacy"`   // values of ByVersion[0] in the legacy form
	ByVersion map[int]int64 `json:"versions"` // values that parse as a ciphertext
	Plaintext int64         `json:"plaintext"`
	NotRead   int64         `json:"not_read"` // values that do not parse
	Values    int64         `json:"values"`   // all values that are not NULL

	versions   map[int]*versionCount
	last       *versionCount // the count of the last value, because most values follow one of their own version
	lastNumber int           // version of last
}

// versionCount counts the values of one version in a column.
type versionCount struct {
	values  int64
	longest int // bytes of the longest plaintext
	sample  sample
}

// add counts a value and returns its version, or -1 where it does not parse.
func (c *ColumnCount) add(opener *crypto.Resealer, ring *crypto.Keyring, column Column, text []byte) int {
	c.Values++
	parsed, err := opener.Parse(text)
	if err != nil {
		if isPlaintext(column, text) {
			c.Plaintext++
		} else {
			c.NotRead++
		}
		return -1
	}
	if parsed.Format == crypto.Legacy {
		c.Legacy++
	}
	count := c.version(parsed.Version)
	count.values++
	count.longest = max(count.longest, len(parsed.Body))
	if rank := rankOf(parsed.IV); count.sample.wants(rank) {
		count.sample.keep(rank, drawValue(opener, ring, parsed, text))
	}
	if len(text) > LargeRow {
		opener.Wipe() // before the next one is read
	}
	return parsed.Version
}

// version returns the count of a version.
func (c *ColumnCount) version(version int) *versionCount {
	if c.last != nil && c.lastNumber == version {
		return c.last
	}
	count := c.versions[version]
	if count == nil {
		count = &versionCount{}
		c.versions[version] = count
	}
	c.last, c.lastNumber = count, version
	return count
}

// merge adds what another worker has counted of the same column.
func (c *ColumnCount) merge(other *ColumnCount) {
	c.Legacy += other.Legacy
	c.Plaintext += other.Plaintext
	c.NotRead += other.NotRead
	c.Values += other.Values
	for version, theirs := range other.versions {
		ours := c.version(version)
		ours.values += theirs.values
		ours.longest = max(ours.longest, theirs.longest)
		for i, rank := range theirs.sample.ranks {
			if ours.sample.wants(rank) {
				ours.sample.keep(rank, theirs.sample.values[i])
			}
		}
	}
}

// fillByVersion fills in ByVersion at the end of the count.
func (c *ColumnCount) fillByVersion() {
	for version, count := range c.versions {
		c.ByVersion[version] = count.values
	}
}

// sealedLength returns how many characters a plaintext of so many bytes takes when
// it is sealed under a version: v{N}: and three Base64 parts.
func sealedLength(version, plaintextBytes int) int {
	c := crypto.Ciphertext{Format: crypto.Versioned, Version: version,
		IV: make([]byte, crypto.IVSize), Tag: make([]byte, crypto.TagSize), Body: make([]byte, plaintextBytes)}
	return utf8.RuneCountInString(c.String())
}
