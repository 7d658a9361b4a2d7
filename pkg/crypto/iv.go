package crypto

import (
	"fmt"
	"io"
)

// ivBlock is the number of bytes that an ivSource reads at once, for 256 IVs.
const ivBlock = 256 * IVSize

// ivSource returns IVs from a random source, which it reads in blocks. It uses no byte
// twice.
type ivSource struct {
	random io.Reader
	block  [ivBlock]byte
	unused []byte // the bytes of block that are not used yet
}

// next returns 16 fresh bytes, which are valid until the next call.
func (s *ivSource) next() ([]byte, error) {
	if len(s.unused) < IVSize {
		s.unused = nil
		if _, err := io.ReadFull(s.random, s.block[:]); err != nil {
			return nil, fmt.Errorf("reading random bytes for IVs: %w", err)
		}
		s.unused = s.block[:]
	}
	iv := s.unused[:IVSize:IVSize]
	s.unused = s.unused[IVSize:]
	return iv, nil
}
