package leak

import (
	"errors"
	"fmt"
	"io"
)

// readSize is the size of the pieces that FindIn reads.
const readSize = 256 << 10

// Stream finds secrets in a text that comes in pieces of any size, also where a secret begins in
// one piece and ends in another. It is an io.Writer that never fails. Use it from one goroutine.
type Stream struct {
	matcher *Matcher
	found   finds
	// tail is the end of what was written, one byte shorter than the longest pattern.
	tail []byte
	// written is the number of bytes so far.
	written int64
}

// NewStream returns a Stream that has seen nothing.
func (m *Matcher) NewStream() *Stream { return &Stream{matcher: m} }

// Reset forgets what was written and found.
func (s *Stream) Reset() {
	s.found, s.tail, s.written = nil, s.tail[:0], 0
}

// Write looks at a piece. It does not keep it.
func (s *Stream) Write(piece []byte) (int, error) {
	m, overlap := s.matcher, s.matcher.longest-1
	if overlap < 0 {
		return len(piece), nil
	}
	if len(s.tail) > 0 {
		before := len(s.tail)
		s.tail = append(s.tail, piece[:min(overlap, len(piece))]...)
		m.search(s.tail, s.written-int64(before), &s.found)
	}
	m.search(piece, s.written, &s.found)
	s.written += int64(len(piece))
	s.keep(piece, overlap)
	return len(piece), nil
}

// keep makes the tail the last bytes of all that was written. The tail may already have the
// beginning of the piece.
func (s *Stream) keep(piece []byte, overlap int) {
	if len(piece) >= overlap {
		s.tail = append(s.tail[:0], piece[len(piece)-overlap:]...)
		return
	}
	if len(s.tail) == 0 {
		s.tail = append(s.tail, piece...)
	}
	if surplus := len(s.tail) - overlap; surplus > 0 {
		s.tail = s.tail[:copy(s.tail, s.tail[surplus:])]
	}
}

// Hits returns what was found so far, by name and form.
func (s *Stream) Hits() []Hit { return s.found.hits(s.matcher) }

// FindIn reads a text to its end and returns what Find would. On an error it also returns what was
// found before it.
func (m *Matcher) FindIn(r io.Reader) ([]Hit, error) {
	s, buffer := m.NewStream(), make([]byte, readSize)
	for {
		n, err := r.Read(buffer)
		_, _ = s.Write(buffer[:n])
		switch {
		case errors.Is(err, io.EOF):
			return s.Hits(), nil
		case err != nil:
			return s.Hits(), fmt.Errorf("reading a text to search: %w", err)
		}
	}
}
