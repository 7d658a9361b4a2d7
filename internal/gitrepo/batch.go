package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// batchBuffer is how much of the stream of git is held at once. An object of less is searched in one
// piece.
const batchBuffer = 1 << 20

// errStream says that git did not print objects as git-cat-file(1) has it.
var errStream = errors.New("git printed something else than objects")

// object is the header of an object.
type object struct {
	id   string // hexadecimal
	kind string // "blob", "tree", "commit" or "tag"
	size int64
}

// batchReader reads what git cat-file --batch prints: a line with hash, type and size, the object, a
// newline.
type batchReader struct {
	r          io.Reader
	buffer     []byte
	begin, end int
	missing    int64 // objects of which git says that they are missing
}

func newBatchReader(r io.Reader) *batchReader {
	return &batchReader{r: r, buffer: make([]byte, batchBuffer)}
}

// next returns the header of the next object. The error is io.EOF behind the last one.
func (b *batchReader) next() (object, error) {
	for {
		line, err := b.line()
		if err != nil {
			return object{}, err
		}
		fields := bytes.Fields(line)
		if len(fields) == 2 && string(fields[1]) == "missing" {
			b.missing++
			continue
		}
		if len(fields) != 3 || len(fields[0]) < 40 {
			return object{}, errStream
		}
		size, err := strconv.ParseInt(string(fields[2]), 10, 64)
		if err != nil || size < 0 {
			return object{}, errStream
		}
		return object{string(fields[0]), kindOf(fields[1]), size}, nil
	}
}

// kindOf returns a type without making a text of it anew for each object.
func kindOf(name []byte) string {
	for _, kind := range [...]string{"blob", "tree", "commit", "tag"} {
		if string(name) == kind {
			return kind
		}
	}
	return "object"
}

// body hands the bytes of an object to a function, in one piece if it fits into the buffer.
func (b *batchReader) body(size int64, piece func(p []byte, last bool)) error {
	for {
		want := int(min(size, int64(len(b.buffer))-1)) + 1
		if err := b.fill(want); err != nil {
			return err
		}
		held := b.buffer[b.begin:b.end]
		if int64(len(held)) > size {
			piece(held[:size], true)
			if held[size] != '\n' {
				return errStream
			}
			b.begin += int(size) + 1
			return nil
		}
		piece(held, false)
		size -= int64(len(held))
		b.begin = b.end
	}
}

// line returns the next line without its newline.
func (b *batchReader) line() ([]byte, error) {
	for searched := 0; ; {
		held := b.buffer[b.begin:b.end]
		if at := bytes.IndexByte(held[searched:], '\n'); at >= 0 {
			b.begin += searched + at + 1
			return held[:searched+at], nil
		}
		searched = len(held)
		if searched > 256 {
			return nil, errStream
		}
		if err := b.fill(searched + 1); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) && searched == 0 {
				return nil, io.EOF
			}
			return nil, err
		}
	}
}

// fill reads until so many bytes are held. The error is io.ErrUnexpectedEOF if there are fewer.
func (b *batchReader) fill(want int) error {
	if b.begin+want > len(b.buffer) {
		b.end = copy(b.buffer, b.buffer[b.begin:b.end])
		b.begin = 0
	}
	for b.end-b.begin < want {
		n, err := b.r.Read(b.buffer[b.end:])
		b.end += n
		switch {
		case b.end-b.begin >= want:
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return fmt.Errorf("reading objects: %w", err)
		}
	}
	return nil
}
