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
	rest   []byte // bytes of block that are not used yet
}

// next returns 16 fresh bytes, which are valid until the next call.
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
