package gitrepo

import (
	"bytes"
	"encoding/hex"
)

// maxEntry bounds the mode and name of a tree entry, in bytes. File systems allow 255 for a name.
const maxEntry = 4 << 10

// treeReader reads the entries of a tree, which comes in pieces: mode, space, name, NUL, hash.
type treeReader struct {
	hashSize int
	found    func(name, blob string)
	entry    []byte // of a name that is not complete
	hash     []byte
	left     int    // bytes of a hash that are still to come
	name     string // of the entry whose hash comes, if it is an env file
}

// begin begins a tree whose hashes have so many bytes.
func (t *treeReader) begin(hashSize int) {
	t.hashSize, t.entry, t.hash, t.left, t.name = hashSize, t.entry[:0], t.hash[:0], 0, ""
}

func (t *treeReader) read(piece []byte) {
	for len(piece) > 0 {
		if t.left > 0 {
			n := min(t.left, len(piece))
			if t.name != "" {
				t.hash = append(t.hash, piece[:n]...)
			}
			piece, t.left = piece[n:], t.left-n
			if t.left == 0 && t.name != "" {
				t.found(t.name, hex.EncodeToString(t.hash))
				t.name, t.hash = "", t.hash[:0]
			}
			continue
		}
		end := bytes.IndexByte(piece, 0)
		if end < 0 {
			t.entry = append(t.entry, piece[:min(len(piece), maxEntry)]...)
			return
		}
		entry := piece[:end]
		if len(t.entry) > 0 {
			entry = append(t.entry, entry...)
		}
		t.name, t.left, t.entry, piece = envFileOf(entry), t.hashSize, t.entry[:0], piece[end+1:]
	}
}

// envFileOf returns the name of an entry if it is a file, and named like an env file that is no
// example.
func envFileOf(entry []byte) string {
	// Most names are done with here, without a conversion. Every name of an env file has these letters.
	if len(entry) < 4 || !bytes.HasPrefix(entry, []byte("100")) || !hasEnv(entry) {
		return ""
	}
	_, name, _ := bytes.Cut(entry, []byte(" "))
	if env, example := IsEnvName(string(name)); !env || example {
		return ""
	}
	return string(name)
}

// hasEnv reports whether a text has ".env" in whichever case.
func hasEnv(text []byte) bool {
	for at := 0; ; {
		dot := bytes.IndexByte(text[at:], '.')
		if dot < 0 || at+dot+4 > len(text) {
			return false
		}
		at += dot + 1
		if bytes.EqualFold(text[at:at+3], []byte("env")) {
			return true
		}
	}
}
