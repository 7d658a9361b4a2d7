package pgaudit

import (
	"bytes"
	"testing"
)

// What answers at an address may be anything. An audit that ends in a panic there has looked at nothing.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("R\x00\x00\x00\x08\x00\x00\x00\x05"))
	f.Add([]byte("R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00"))
	f.Add([]byte("E\x00\x00\x00\x0fC28000\x00Mno\x00\x00"))
	f.Add([]byte("R\x00\x00\x00\x04"))
	f.Add([]byte("R\xff\xff\xff\xff"))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var answer wireAnswer
		err := readAnswer(bytes.NewReader(data), &answer)
		if err == nil && data[0] != 'R' && answer.refused == "" {
			t.Errorf("%q was taken for an answer", data)
		}
		if err != nil && (answer.code != 0 || answer.refused != "") {
			t.Errorf("%q is an error, and yet says %+v", data, answer)
		}
	})
}
