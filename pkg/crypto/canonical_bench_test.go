package crypto

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"testing"
)

// BenchmarkDecodeCanonical compares decodeCanonical with encoding/base64, for an IV and for
// bodies of usual lengths.
func BenchmarkDecodeCanonical(b *testing.B) {
	strict := base64.StdEncoding.Strict()
	for _, size := range []int{IVSize, 100, 400} {
		text := []byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xA5}, size)))
		dst := make([]byte, size+wordSize)
		b.Run(strconv.Itoa(size)+"/here", func(b *testing.B) {
			for b.Loop() {
				if length, ok := decodeCanonical(dst, text); !ok || length != size {
					b.Fatal("does not decode")
				}
			}
		})
		b.Run(strconv.Itoa(size)+"/encoding", func(b *testing.B) {
			for b.Loop() {
				if length, err := strict.Decode(dst, text); err != nil || length != size {
					b.Fatal("does not decode")
				}
			}
		})
	}
}
