package files

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// maxSQL is how much of an SQL file is searched for rows. A dump of a schema alone is smaller by far.
const maxSQL = 256 << 20

// contentKind says what a file is by its beginning.
type contentKind uint8

const (
	otherContent contentKind = iota
	dumpContent
	encryptedContent
	archiveContent // a tar or zip: its name says whether it is a backup
)

// Dumps implements audit.FileSource.
func (s *Source) Dumps(ctx context.Context) (audit.FileList, error) {
	inventory, err := s.inventory(ctx)
	if err != nil {
		return audit.FileList{}, err
	}
	list := audit.FileList{Gaps: inventory.gaps, Looked: "searched " + s.folderNames(append(s.options.Folders[:len(s.options.Folders):len(s.options.Folders)], s.options.BackupDirs...))}
	candidates := make([]candidate, 0, len(inventory.dumps))
	for _, one := range inventory.dumps {
		candidates = append(candidates, candidate{found: one})
	}
	for _, folder := range s.options.BackupDirs {
		gaps, err := Walk(ctx, folder, s.options.Limits, func(file Entry) {
			candidates = append(candidates, candidate{found{file.Path, file.Name}, true})
		})
		if err != nil {
			return audit.FileList{}, err
		}
		list.Gaps = append(list.Gaps, gaps...)
	}
	seen := map[string]bool{}
	for _, one := range candidates {
		if seen[one.path] {
			continue
		}
		seen[one.path] = true
		if err := addDump(ctx, &list, one); err != nil {
			return audit.FileList{}, err
		}
	}
	list.Absent = "there is no dump, backup or archive of settings in the folders"
	return list, nil
}

// candidate is a file that may be a dump.
type candidate struct {
	found
	backup bool // it is in a folder of backups, so it is one
}

// addDump adds a file to a list, if it is a dump or a backup. The error is that of the context.
func addDump(ctx context.Context, list *audit.FileList, one candidate) error {
	file, err := describe(one.found)
	if err != nil || !file.Mode.IsRegular() {
		if err != nil && !os.IsNotExist(err) {
			list.Gaps = append(list.Gaps, gapOf(one.name, err))
		}
		return nil //nolint:nilerr // the gap says that the file could not be looked at
	}
	kind, err := readKind(ctx, one.path)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	archive := kind == archiveContent && isArchiveOfSettings(filepath.Base(one.path))
	switch {
	case err != nil && !one.backup:
		list.Gaps = append(list.Gaps, gapOf(one.name, statError(one.name, err)))
	case kind == encryptedContent, kind == dumpContent, archive, one.backup:
		file.Encrypted = kind == encryptedContent
		list.Files = append(list.Files, file)
	}
	return nil
}

// readKind says what a file is by its content.
func readKind(ctx context.Context, path string) (contentKind, error) {
	file, err := os.Open(path)
	if err != nil {
		return otherContent, err
	}
	defer file.Close() //nolint:errcheck // the file is only read, so nothing can be lost
	text := bufio.NewReaderSize(&interruptible{ctx, file}, 64<<10)
	head, err := text.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return otherContent, err
	}
	if !bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		return kindOf(head, text)
	}
	packed, err := gzip.NewReader(text)
	if err != nil {
		return otherContent, nil //nolint:nilerr // it begins like gzip and is something else
	}
	inner := bufio.NewReaderSize(packed, 64<<10)
	head, err = inner.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return otherContent, nil //nolint:nilerr // a damaged archive is no dump
	}
	return kindOf(head, inner)
}

// kindOf says what a text is by its beginning, and for SQL by its lines.
func kindOf(head []byte, rest io.Reader) (contentKind, error) {
	switch {
	case IsEncrypted(head):
		return encryptedContent, nil
	case bytes.HasPrefix(head, []byte("PGDMP")), bytes.HasPrefix(head, []byte("REDIS0")):
		return dumpContent, nil
	case bytes.HasPrefix(head, []byte("*2\r\n$6\r\nSELECT")): // an append-only file of Redis
		return dumpContent, nil
	case len(head) > 262 && string(head[257:262]) == "ustar", bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return archiveContent, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), bytes.HasPrefix(head, []byte("\xfd7zXZ")), bytes.HasPrefix(head, []byte("BZh")):
		return archiveContent, nil
	case bytes.Contains(head, []byte("PostgreSQL database dump")), bytes.Contains(head, []byte("PostgreSQL database cluster dump")):
		rows, err := hasRows(rest)
		if rows {
			return dumpContent, err
		}
		return otherContent, err
	default:
		return otherContent, nil
	}
}

// IsEncrypted reports whether a file begins as files of age and OpenPGP do (age-encryption.org/v1; RFC 9580,
// sections 4.2, 5.1 and 6.2: a packet with an encrypted session key comes first).
func IsEncrypted(head []byte) bool {
	text := string(head)
	for _, begin := range []string{"age-encryption.org/v1\n", "-----BEGIN AGE ENCRYPTED FILE-----", "-----BEGIN PGP MESSAGE-----"} {
		if strings.HasPrefix(text, begin) {
			return true
		}
	}
	if len(head) < 4 || head[0]&0x80 == 0 {
		return false
	}
	if head[0]&0x40 != 0 { // the present form: tag and length
		return isSessionKey(head[0]&0x3f, head[2])
	}
	lengths := []int{2, 3, 5, 1}
	at := lengths[head[0]&3]
	return at < len(head) && isSessionKey(head[0]>>2&0xf, head[at])
}

// isSessionKey reports whether a packet is an encrypted session key, of a version that there is.
func isSessionKey(tag, version byte) bool {
	switch tag {
	case 1:
		return version == 3 || version == 6
	case 3:
		return version >= 4 && version <= 6
	default:
		return false
	}
}

// hasRows reports whether the SQL of a dump has rows.
func hasRows(text io.Reader) (bool, error) {
	lines := bufio.NewReaderSize(io.LimitReader(text, maxSQL), 64<<10)
	begins := true
	for {
		line, err := lines.ReadSlice('\n')
		if begins && (bytes.HasPrefix(line, []byte("COPY ")) && bytes.Contains(line, []byte(" FROM stdin;")) || bytes.HasPrefix(line, []byte("INSERT INTO "))) {
			return true, nil
		}
		begins = err == nil
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return false, err
		}
	}
}

// interruptible ends reading when its context ends.
type interruptible struct {
	ctx  context.Context
	text io.Reader
}

// Read implements io.Reader.
func (r *interruptible) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.text.Read(p)
}
