package logfile

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/ocmt/ocmt/internal/audit"
)

// errFormat says that a file is in a format that is not read here.
var errFormat = errors.New("unknown compression")

// readSize is the size of the pieces that are read, in bytes. A line of more is looked at in parts.
const readSize = 256 << 10

// foreignFormats are the first bytes of files whose text cannot be read here: xz, zstd, lz4, and the journal
// of systemd, which compresses long entries.
var foreignFormats = [][]byte{{0xfd, '7', 'z', 'X', 'Z', 0}, {0x28, 0xb5, 0x2f, 0xfd}, {0x04, 0x22, 0x4d, 0x18}, []byte("LPKSHHRH")}

// decompress returns the text of a file, by its first bytes.
func decompress(f io.Reader) (io.Reader, error) {
	r := bufio.NewReaderSize(f, 64<<10)
	begin, err := r.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading a log: %w", err)
	}
	for _, foreign := range foreignFormats {
		if bytes.HasPrefix(begin, foreign) {
			return nil, errFormat
		}
	}
	switch {
	case bytes.HasPrefix(begin, []byte{0x1f, 0x8b}):
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("reading a log: %w", err)
		}
		return unzipped, nil
	case bytes.HasPrefix(begin, []byte("BZh")):
		return bzip2.NewReader(r), nil
	}
	return r, nil
}

// searchLog searches a file. On an error it also returns what was found before it.
func (s *Source) searchLog(ctx context.Context, path string) (audit.LogFile, error) {
	file := audit.LogFile{Path: path}
	f, err := os.Open(path)
	if err != nil {
		return file, fmt.Errorf("opening a log: %w", err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	text, err := decompress(f)
	if err != nil {
		return file, err
	}
	stream, queries := s.matcher.NewStream(), queryCounter{}
	err = readPieces(ctx, text, func(piece []byte) {
		_, _ = stream.Write(piece)
		queries.read(piece)
	})
	queries.end()
	for _, hit := range stream.Hits() { // by name
		if last := len(file.Secrets) - 1; last >= 0 && file.Secrets[last].Setting == hit.Name {
			file.Secrets[last].Forms = append(file.Secrets[last].Forms, string(hit.Form))
			continue
		}
		file.Secrets = append(file.Secrets, audit.LogSecret{Setting: hit.Name, Forms: []string{string(hit.Form)}})
	}
	file.Queries = queries.list()
	return file, err
}

// readPieces hands a text to a function, piece by piece.
func readPieces(ctx context.Context, r io.Reader, piece func([]byte)) error {
	buffer := make([]byte, readSize)
	for ctx.Err() == nil {
		n, err := r.Read(buffer)
		piece(buffer[:n])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a log: %w", err)
		}
	}
	return context.Cause(ctx)
}

// queryCounter counts the lines with credentials in the queries of URLs.
type queryCounter struct {
	line   []byte // the beginning of one that is not complete
	counts map[audit.LogQuery]int64
}

func (c *queryCounter) read(piece []byte) {
	for {
		end := bytes.IndexByte(piece, '\n')
		if end < 0 {
			break
		}
		if len(c.line) > 0 {
			c.line = append(c.line, piece[:end]...)
			c.look(c.line)
			c.line = c.line[:0]
		} else {
			c.look(piece[:end])
		}
		piece = piece[end+1:]
	}
	if c.line = append(c.line, piece...); len(c.line) > readSize {
		c.end()
	}
}

// end looks at what is left.
func (c *queryCounter) end() {
	c.look(c.line)
	c.line = c.line[:0]
}

// look counts each parameter of a line once.
func (c *queryCounter) look(line []byte) {
	if bytes.IndexByte(line, '?') < 0 {
		return
	}
	var known []audit.LogQuery
	for _, query := range queriesOf(line) {
		if slices.Contains(known, query) {
			continue
		}
		known = append(known, query)
		if c.counts == nil {
			c.counts = map[audit.LogQuery]int64{}
		}
		c.counts[query]++
	}
}

func (c *queryCounter) list() []audit.LogQuery {
	var list []audit.LogQuery
	for query, count := range c.counts {
		query.Count = count
		list = append(list, query)
	}
	slices.SortFunc(list, func(a, b audit.LogQuery) int {
		if a.Parameter != b.Parameter {
			return bytes.Compare([]byte(a.Parameter), []byte(b.Parameter))
		}
		if a.OneTime {
			return 1
		}
		return -1
	})
	return list
}
