package crypto

import (
	"fmt"
	"io"
)

// ivBlock is how many bytes an ivSource reads at once: 256 IVs.
const ivBlock = 256 * IVSize

// ivSource hands out IVs from a random source that it reads in blocks, and
// never the same byte twice.
type ivSource struct {
	random io.Reader
	block  [ivBlock]byte
	rest   []byte // what is left of block
}

// next returns 16 fresh bytes, good until the next call.
func (s *ivSource) next() ([]byte, error) {
	if len(s.rest) < IVSize {
		s.rest = nil
		if _, err := io.ReadFull(s.random, s.block[:]); err != nil {
			return nil, fmt.Errorf("reading random bytes for IVs: %w", err)
		}
		s.rest = s.block[:]
	}
	iv := s.rest[:IVSize:IVSize]
	s.rest = s.rest[IVSize:]
	return iv, nil
}
