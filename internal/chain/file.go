package chain

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// File is a chain in a file, an entry a line: {"entry":TEXT,"hash":HASH}, where TEXT is what was
// hashed. A line that a crash has cut off stays where it is. The entry behind it says so, with
// the digest of what stands there.
type File struct{ path string }

// NewFile returns the chain in the file of that name. It opens nothing.
func NewFile(path string) *File { return &File{path} }

// The reasons why a file is not taken for a chain.
var (
	ErrNoPlainFile  = errors.New("it is no plain file (a link, a folder or a device)")
	ErrForeignOwner = errors.New("it belongs to another account")
	ErrOpenToOthers = errors.New("others may read or write it: chmod 600")
	ErrBrokenEnd    = errors.New("its last line is no entry: ocmt audit verify-chain --record says what is wrong")
	ErrLocked       = errors.New("another process has been writing to it for ten seconds")
	ErrMoved        = errors.New("another file takes its name again and again")
	// ErrNone says that there is no chain.
	ErrNone = errors.New("there is no record yet")
)

// maxLine is how many bytes a line may have: the text, the hash and what is around them.
const maxLine = maxText + 128

// The parts of a line around the text of an entry.
const (
	lineBegin  = `{"entry":`
	lineMiddle = `,"hash":"`
	lineEnd    = `"}`
)

// formatLine returns the line of an entry, with its line break.
func formatLine(entry Entry) string {
	text := entry.Text()
	return lineBegin + text + lineMiddle + hashOf(text) + lineEnd + "\n"
}

// parseLine reads a line without its line break.
func parseLine(line string) (entry Entry, hash string, err error) {
	const tail = len(lineMiddle) + hashLength + len(lineEnd)
	rest, begins := strings.CutPrefix(line, lineBegin)
	if !begins || len(rest) < tail || len(line) > maxLine {
		return Entry{}, "", errors.New("reading an entry: the line is not spelt as one")
	}
	text, around := rest[:len(rest)-tail], rest[len(rest)-tail:]
	hash = around[len(lineMiddle) : len(lineMiddle)+hashLength]
	if around != lineMiddle+hash+lineEnd || !IsHash(hash) {
		return Entry{}, "", errors.New("reading an entry: the line is not spelt as one")
	}
	entry, err = parseEntry(text)
	return entry, hash, err
}

// tornDetails returns the details of the entry that stands behind a torn line.
func tornDetails(torn string) string {
	return fmt.Sprintf(`{"bytes":%d,"sha256":"%s"}`, len(torn), hashOf(torn))
}

// Prospect says what Append would meet. It changes nothing. An error says why the file is refused.
func (f *File) Prospect() (Prospect, error) {
	file, err := openPrivate(f.path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		_, err := os.Stat(filepath.Dir(f.path))
		if err != nil {
			return Prospect{}, f.explain(err)
		}
		return Prospect{Place: f.path, Made: true}, nil
	}
	if err != nil {
		return Prospect{}, f.explain(err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	_, err = readEnd(file)
	return Prospect{Place: f.path}, f.explain(err)
}

// explain adds the name of the file to an error.
func (f *File) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("opening the record %q: %w", f.path, err)
}

// Append adds entries, makes the file with mode 0600 where it is not there, and returns once they
// are on disk. Another writer is waited for. It returns how many bytes of a torn line it closed
// off, 0 for none. Errors: ErrNoPlainFile, ErrForeignOwner, ErrOpenToOthers, ErrBrokenEnd, ErrLocked,
// ErrMoved, or of the file.
func (f *File) Append(ctx context.Context, at time.Time, author Author, events ...Event) (closedOff int, err error) {
	file, err := openLocked(ctx, f.path, syscall.LOCK_EX, func() (*os.File, error) { return openPrivate(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE) })
	if err != nil {
		return 0, f.explain(err)
	}
	defer func() {
		if closeErr := file.Close(); err == nil && closeErr != nil {
			err = f.explain(closeErr)
		}
	}()
	end, err := readEnd(file)
	if err != nil {
		return 0, f.explain(err)
	}
	text, err := end.format(at, author, events)
	if err != nil {
		return 0, err
	}
	if _, err = file.WriteString(text); err == nil {
		err = file.Sync()
	}
	if err == nil && end.size == 0 {
		err = syncFolder(filepath.Dir(f.path))
	}
	if err != nil {
		return 0, fmt.Errorf("writing the record %q: %w", f.path, err)
	}
	return len(end.torn), nil
}

// fileEnd is the end of a file.
type fileEnd struct {
	last Link
	size int64
	// torn is what stands behind the last whole entry; "" for nothing.
	torn string
	// unbroken says that the last entry is whole, but for its line break.
	unbroken bool
}

// format returns what is to be written behind the end.
func (e fileEnd) format(at time.Time, author Author, events []Event) (string, error) {
	var text strings.Builder
	last := e.last
	add := func(entry Entry) {
		text.WriteString(formatLine(entry))
		last = entry.Link()
	}
	if e.unbroken || e.torn != "" {
		text.WriteByte('\n')
	}
	if e.torn != "" {
		entry, err := Next(last, at, author, Event{Action: actionClosedOff})
		if err != nil {
			return "", err
		}
		entry.Details = json.RawMessage(tornDetails(e.torn))
		add(entry)
	}
	for _, event := range events {
		entry, err := Next(last, at, author, event)
		if err != nil {
			return "", err
		}
		add(entry)
	}
	return text.String(), nil
}

// window is how many bytes of the end of a file are read to find its last entry.
const window = 8 * maxLine

// readEnd finds the last entry of a file.
func readEnd(file *os.File) (end fileEnd, err error) {
	info, err := file.Stat()
	if err != nil {
		return end, err
	}
	end.size = info.Size()
	from := max(0, end.size-window)
	text := make([]byte, end.size-from)
	if _, err := file.ReadAt(text, from); err != nil {
		return end, err
	}
	rest := string(text)
	whole := strings.HasSuffix(rest, "\n")
	rest = strings.TrimSuffix(rest, "\n")
	for lines := rest; end.size > 0; {
		begin := strings.LastIndexByte(lines, '\n') + 1
		entry, hash, err := parseLine(lines[begin:])
		switch {
		case err == nil && entry.Hash() == hash:
			end.last = entry.Link()
			end.unbroken = !whole && len(lines) == len(rest)
			end.torn = strings.TrimPrefix(rest[len(lines):], "\n")
			return end, nil
		case whole || begin == 0 && from > 0: // a line that a crash cuts off has no line break
			return end, ErrBrokenEnd
		case begin == 0:
			end.torn = rest
			return end, nil
		}
		lines = lines[:begin-1]
	}
	return end, nil
}

// Verify looks at all entries, and for a head that was kept elsewhere; "" for none. The error is
// ErrNone where there is no such file and no head was kept.
func (f *File) Verify(ctx context.Context, kept string) (Report, error) {
	verifier := NewVerifier(kept)
	ended, err := f.read(ctx, func(line string) bool {
		entry, hash, err := parseLine(line)
		if err != nil {
			verifier.addTorn(line)
			return true
		}
		return verifier.Add(entry, hash)
	})
	switch {
	case errors.Is(err, fs.ErrNotExist) && kept == "":
		return Report{}, f.explain(ErrNone)
	case errors.Is(err, fs.ErrNotExist):
		return verifier.Report(), nil
	case err != nil:
		return Report{}, f.explain(err)
	}
	if verifier.report.Break == nil && (!ended || len(verifier.torn) > 0) {
		fault, message := FaultChanged, "the last line is no entry"
		if !ended {
			fault, message = FaultTorn, "the last line is incomplete: a crash does that, and so does whoever cuts it; the next entry closes it off"
		}
		verifier.breakAt(verifier.last.Sequence+1, fault, message)
	}
	return verifier.Report(), nil
}

// Entries returns the entries of a query, newest first, and whether there is a chain at all. Lines
// that are no entries are left out: Verify reports them.
func (f *File) Entries(ctx context.Context, query Query) (entries []Entry, there bool, err error) {
	_, err = f.read(ctx, func(line string) bool {
		if entry, _, err := parseLine(line); err == nil && query.Takes(entry) {
			entries = append(entries, entry)
			if query.Limit > 0 && len(entries) > query.Limit {
				entries = entries[1:]
			}
		}
		return true
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, f.explain(err)
	}
	for i, j := 0, len(entries)-1; i < j; i, j = i+1, j-1 {
		entries[i], entries[j] = entries[j], entries[i]
	}
	return entries, true, nil
}

// read hands out the lines until one is refused. It reports whether the last line has its line
// break. A writer is waited for with a shared lock.
func (f *File) read(ctx context.Context, take func(line string) bool) (ended bool, err error) {
	file, err := openLocked(ctx, f.path, syscall.LOCK_SH, func() (*os.File, error) { return openForReading(f.path) })
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	for reader := bufio.NewReaderSize(file, 4*maxLine); ; {
		line, err := reader.ReadString('\n')
		switch {
		case errors.Is(err, io.EOF):
			if line != "" {
				take(line)
			}
			return line == "", nil
		case err != nil:
			return false, err
		}
		if !take(strings.TrimSuffix(line, "\n")) {
			return true, nil
		}
	}
}
