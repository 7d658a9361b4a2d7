package migrate

import (
	"unicode/utf8"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// Census counts the values of one column.
type Census struct {
	Table     string        `json:"table"`
	Column    string        `json:"column"`
	Legacy    int64         `json:"legacy"`   // of ByVersion[0], those in the legacy form
	ByVersion map[int]int64 `json:"versions"` // values that read as a ciphertext
	Plaintext int64         `json:"plaintext"`
	NotRead   int64         `json:"not_read"` // not understood; opening them was not tried
	Values    int64         `json:"values"`   // all that are not NULL

	versions map[int]*versionCensus
	latest   *versionCensus // that of the last value, and
	version  int            // its version: most follow one of their own
}

// versionCensus is what there is of one version in a column.
type versionCensus struct {
	count   int64
	longest int // plaintext, in bytes
	drawn   sample
}

// merge adds what somebody else has counted of the column.
func (c *Census) merge(other *Census) {
	c.Legacy += other.Legacy
	c.Plaintext += other.Plaintext
	c.NotRead += other.NotRead
	c.Values += other.Values
	for version, theirs := range other.versions {
		ours := c.of(version)
		ours.count += theirs.count
		ours.longest = max(ours.longest, theirs.longest)
		for n, lot := range theirs.drawn.lots {
			ours.drawn.offer(lot, []byte(theirs.drawn.texts[n]))
		}
	}
}

// sum fills in what others read of the versions.
func (c *Census) sum() {
	for version, of := range c.versions {
		c.ByVersion[version] = of.count
	}
}

// add counts a value, and returns its version, or -1 where it has none.
func (c *Census) add(parser *crypto.Resealer, column Column, text []byte) int {
	c.Values++
	parsed, err := parser.Parse(text)
	if err != nil {
		if column.PlaintextAllowed && crypto.Reason(err) == crypto.Reason(crypto.ErrNotCiphertext) {
			c.Plaintext++
		} else {
			c.NotRead++
		}
		return -1
	}
	if parsed.Format == crypto.Legacy {
		c.Legacy++
	}
	of := c.of(parsed.Version)
	of.count++
	of.longest = max(of.longest, len(parsed.Body))
	of.drawn.offer(lotOf(parsed.IV), text)
	return parsed.Version
}

// of returns what there is of a version.
func (c *Census) of(version int) *versionCensus {
	if c.latest != nil && c.version == version {
		return c.latest
	}
	of := c.versions[version]
	if of == nil {
		of = &versionCensus{}
		c.versions[version] = of
	}
	c.latest, c.version = of, version
	return of
}

// sealedLength is how many characters a plaintext of so many bytes takes under
// a version: v{N}: and three Base64 parts.
func sealedLength(version, plaintextBytes int) int {
	c := crypto.Ciphertext{Format: crypto.Versioned, Version: version,
		IV: make([]byte, crypto.IVSize), Tag: make([]byte, crypto.TagSize), Body: make([]byte, plaintextBytes)}
	return utf8.RuneCountInString(c.String())
}
