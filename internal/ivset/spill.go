package ivset

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

const (
	hashBytes   = 8
	writeBuffer = 256 << 10
)

// spillFile holds hashes on disk, in runs. A run holds the parts one behind the other.
type spillFile struct {
	file *os.File
	size int64  // bytes written
	runs []run  // in the order of writing
	buf  []byte // of reading, used again
}

// run says where the parts of one run begin, and at the end where the last one ends, in bytes.
type run [partCount + 1]int64

// openSpillFile makes a file that has no name.
func openSpillFile(folder string) (*spillFile, error) {
	file, err := os.CreateTemp(folder, "ocmt-ivs-*") // with mode 0600
	if err != nil {
		return nil, fmt.Errorf("making a file for the hashes of IVs: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("taking the name of the file for the hashes of IVs away: %w", err), file.Close())
	}
	return &spillFile{file: file}, nil
}

// close closes the file, and the disk space is free again.
func (s *spillFile) close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("closing the file of the hashes of IVs: %w", err)
	}
	return nil
}

// write appends one run with the hashes of all parts.
func (s *spillFile) write(parts *[partCount]part) error {
	out := bufio.NewWriterSize(s.file, writeBuffer)
	var ends run
	var scratch []uint64
	var encoded []byte
	at := s.size
	for i := range parts {
		ends[i] = at
		scratch, encoded = parts[i].appendTo(scratch[:0]), encoded[:0]
		for _, hash := range scratch {
			encoded = binary.LittleEndian.AppendUint64(encoded, hash)
		}
		written, err := out.Write(encoded)
		at += int64(written)
		if err != nil {
			return fmt.Errorf("writing the hashes of IVs: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the hashes of IVs: %w", err)
	}
	ends[partCount] = at
	s.size = at
	s.runs = append(s.runs, ends)
	return nil
}

// appendTo appends the hashes of one part to dst and returns the longer slice.
func (s *spillFile) appendTo(dst []uint64, number int) ([]uint64, error) {
	for i := range s.runs {
		from, to := s.runs[i][number], s.runs[i][number+1]
		if need := int(to - from); need > len(s.buf) {
			s.buf = make([]byte, need)
		}
		buf := s.buf[:to-from]
		if _, err := s.file.ReadAt(buf, from); err != nil {
			return dst, fmt.Errorf("reading the hashes of IVs: %w", err)
		}
		for ; len(buf) > 0; buf = buf[hashBytes:] {
			dst = append(dst, binary.LittleEndian.Uint64(buf))
		}
	}
	return dst, nil
}
