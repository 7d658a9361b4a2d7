package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ocmt/ocmt/internal/crash"
)

// searchers is how many git read objects at once. Inflating is most of the work: with one, a second
// processor has little to do.
const searchers = 2

// shareSize is how many objects a git is handed at once. Objects are handed out as they lie in their packs,
// so that the bases of deltas, which a git keeps for a while, are mostly those of its own objects.
const shareSize = 500

// searchObjects searches the objects that git lists, on several git at once. It returns what they had, and
// what git complained about although it succeeded.
func (r *Repository) searchObjects(ctx context.Context) (all *scanner, complaint string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		scanner   *scanner
		complaint string
		err       error
	}
	shares, outcomes := make(chan []byte), make(chan outcome)
	for range searchers {
		crash.Go(func() {
			s := newScanner(r.matcher)
			complaint, err := r.stream(ctx, r.Dir, &shareReader{shares: shares}, smallMemory, s.readAll, "cat-file", "--batch", "--buffer")
			if err != nil {
				cancel() // the others would wait for what is no longer listed
			}
			outcomes <- outcome{s, complaint, err}
		})
	}
	complaint, err = r.stream(ctx, r.Dir, nil, smallMemory, func(out io.Reader) error { return divide(ctx, out, shares) },
		"cat-file", "--batch-all-objects", "--batch-check=%(objectname)", "--unordered", "--buffer")
	if err != nil {
		cancel()
	}
	close(shares)
	all = newScanner(r.matcher)
	for range searchers {
		one := <-outcomes
		all.merge(one.scanner)
		if complaint == "" {
			complaint = one.complaint
		}
		// What ends one git ends the others, and the cause comes before its consequences.
		if one.err != nil && (err == nil || errors.Is(err, context.Canceled)) {
			err = one.err
		}
	}
	return all, complaint, err
}

// divide reads a list of objects and hands it on in shares of whole lines.
func divide(ctx context.Context, list io.Reader, shares chan<- []byte) error {
	lines := bufio.NewReader(list)
	for {
		var share bytes.Buffer
		var err error
		for range shareSize {
			var line []byte
			line, err = lines.ReadSlice('\n')
			share.Write(line)
			if err != nil {
				break
			}
		}
		if share.Len() > 0 {
			select {
			case shares <- share.Bytes():
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading the list of objects: %w", err)
		}
	}
}

// shareReader reads shares one after the other until there are no more.
type shareReader struct {
	shares <-chan []byte
	rest   []byte
}

// Read implements io.Reader.
func (s *shareReader) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		share, more := <-s.shares
		if !more {
			return 0, io.EOF
		}
		s.rest = share
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
