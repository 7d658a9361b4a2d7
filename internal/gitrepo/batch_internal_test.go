package gitrepo

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/ocmt/ocmt/internal/leak"
)

// FuzzBatch feeds the scanner with what git never prints. If it fails, a broken or hostile repository
// ends the program, or makes it wait for ever.
func FuzzBatch(f *testing.F) {
	id := bytes.Repeat([]byte("0"), 40)
	f.Add([]byte(nil), false)
	f.Add(append(slices.Clone(id), " blob 3\nabc\n"...), true)
	f.Add(append(slices.Clone(id), " tree 33\n100644 .env\x00aaaaaaaaaaaaaaaaaaaa\n"...), false)
	f.Add(append(slices.Clone(id), " missing\n"...), true)
	f.Add(append(slices.Clone(id), " blob 9223372036854775807\nabc\n"...), true)
	f.Add(append(slices.Clone(id), " blob 9999999\n"...), true)
	f.Fuzz(func(t *testing.T, stream []byte, slow bool) {
		r := io.Reader(bytes.NewReader(stream))
		if slow {
			r = iotest.OneByteReader(r)
		}
		s := newScanner(leak.New(nil))
		if err := s.readAll(r); err == nil && s.scan.Bytes > int64(len(stream)) {
			t.Errorf("%d bytes of objects in %d bytes", s.scan.Bytes, len(stream))
		}
	})
}

// FuzzTree divides a tree at every place. If it fails, an env file is found or not by where a piece of the
// stream ends.
func FuzzTree(f *testing.F) {
	f.Add("README", ".env", uint8(3))
	f.Add(".env.example", "prod.env", uint8(1))
	f.Add("a", ".ENVRC", uint8(200))
	f.Fuzz(func(t *testing.T, first, second string, size uint8) {
		var tree []byte
		var want []string
		for i, name := range []string{first, second} {
			if bytes.IndexByte([]byte(name), 0) >= 0 || len(name) > 1000 {
				return
			}
			hash := bytes.Repeat([]byte{byte(i)}, 20)
			tree = append(append(append(tree, "100644 "+name...), 0), hash...)
			if env, example := IsEnvName(name); env && !example {
				want = append(want, fmt.Sprintf("%q %s", name, hex.EncodeToString(hash)))
			}
		}
		var got []string
		reader := treeReader{found: func(name, blob string) { got = append(got, fmt.Sprintf("%q %s", name, blob)) }}
		reader.begin(20)
		for rest := tree; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			reader.read(rest[:n])
			rest = rest[n:]
		}
		if !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
	})
}

// FuzzPlaces feeds the reader of git log. If it fails, a hostile path ends the program.
func FuzzPlaces(f *testing.F) {
	f.Add([]byte("aaaa\x00\n:000000 100644 0000 bbbb A\x00path\x00"))
	f.Fuzz(func(t *testing.T, log []byte) {
		places := map[string]Place{}
		_ = readPlaces(bytes.NewReader(log), map[string]bool{"bbbb": true}, places)
		if len(places) > 1 {
			t.Errorf("%d places", len(places))
		}
	})
}
