package logfile

import (
	"bytes"
	"testing"
)

// FuzzQueries looks at lines at once and in pieces. If it fails, a hostile line of a log ends the
// program, or a credential is found or not by where a piece ends.
func FuzzQueries(f *testing.F) {
	f.Add([]byte(`"GET /a?password=hunter2hunter2 HTTP/1.1"`+"\n/b?token=0123456789"), uint8(3))
	f.Add([]byte("?=&=?&password="), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		var whole, pieces queryCounter
		whole.read(text)
		whole.end()
		for rest := text; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			pieces.read(rest[:n])
			rest = rest[n:]
		}
		pieces.end()
		if a, b := whole.list(), pieces.list(); len(a) != len(b) {
			t.Errorf("at once %v, in pieces %v", a, b)
		}
		for line := range bytes.Lines(text) {
			printedSecrets(string(line))
		}
	})
}
