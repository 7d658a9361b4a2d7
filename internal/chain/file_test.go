package chain_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ocmt/ocmt/internal/chain"
)

var author = chain.Author{Operator: "ann", Host: "host-1", Command: "rotate"}

// events are entries of several kinds.
func events(count int) (list []chain.Event) {
	for n := range count {
		list = append(list, chain.Event{Action: chain.ActionRunBegun, Subject: chain.VersionSubject(n), Details: map[string]any{"values": n, "quoted": `"é\`}})
	}
	return list
}

// newFile makes a chain of some entries in a file.
func newFile(t *testing.T, count int) (path string, file *chain.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "record")
	file = chain.NewFile(path)
	for _, event := range events(count) {
		if _, err := file.Append(t.Context(), moment, author, event); err != nil {
			t.Fatal(err)
		}
	}
	return path, file
}

func mustVerify(t *testing.T, file *chain.File, kept string) chain.Report {
	t.Helper()
	report, err := file.Verify(t.Context(), kept)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// If this fails, somebody can change what an entry in a file says without being found.
func TestEachByteOfAFileIsProven(t *testing.T) {
	t.Parallel()
	path, file := newFile(t, 4)
	whole := read(t, path)
	report := mustVerify(t, file, "")
	if report.Break != nil || report.Count != 4 {
		t.Fatalf("%+v", report)
	}
	for at := range whole {
		for _, change := range []byte{whole[at] ^ 1, whole[at] ^ 0x20, '\n'} {
			if change == whole[at] {
				continue
			}
			changed := bytes.Clone(whole)
			changed[at] = change
			write(t, path, changed)
			want := int64(1 + bytes.Count(whole[:at], []byte("\n")))
			got := mustVerify(t, file, "")
			if got.Break == nil {
				t.Fatalf("byte %d changed from %q to %q: nothing was found", at, whole[at], change)
			}
			// The end of a line belongs to both entries.
			if got.Break.Sequence != want && got.Break.Sequence != want+1 {
				t.Errorf("byte %d, of entry %d: %+v", at, want, got.Break)
			}
		}
	}
}

// If this fails, an entry can be taken out, put elsewhere or added, or the end cut off.
func TestLinesOfAFileAreProven(t *testing.T) {
	t.Parallel()
	path, file := newFile(t, 5)
	head := mustVerify(t, file, "").Head
	lines := strings.SplitAfter(string(read(t, path)), "\n")[:5]
	second, err := chain.Next(chain.Link{Sequence: 1, Hash: strings.Repeat("a", 64)}, moment, author, chain.Event{Action: "forged"})
	if err != nil {
		t.Fatal(err)
	}
	forged := fmt.Sprintf("{\"entry\":%s,\"hash\":%q}\n", second.Text(), second.Hash())
	for _, c := range []struct {
		name     string
		lines    []string
		kept     string
		fault    chain.Fault
		sequence int64
	}{
		{"deleted", slices.Concat(lines[:2], lines[3:]), "", chain.FaultGap, 3},
		{"first deleted", lines[1:], "", chain.FaultGap, 1},
		{"swapped", []string{lines[0], lines[2], lines[1], lines[3]}, "", chain.FaultGap, 2},
		{"twice", []string{lines[0], lines[1], lines[1], lines[2]}, "", chain.FaultExtra, 2},
		{"replaced and hashed anew", []string{lines[0], forged, lines[2]}, "", chain.FaultLink, 2},
		{"an empty line", []string{lines[0], "\n", lines[1]}, "", chain.FaultChanged, 2},
		{"the end cut off", lines[:4], head, chain.FaultCut, 5},
		{"all cut off", nil, head, chain.FaultCut, 1},
		{"the end cut off in a line", []string{lines[0], lines[1][:20]}, "", chain.FaultTorn, 2},
	} {
		write(t, path, []byte(strings.Join(c.lines, "")))
		report := mustVerify(t, file, c.kept)
		if report.Break == nil || report.Break.Fault != c.fault || report.Break.Sequence != c.sequence {
			t.Errorf("%s: %+v", c.name, report.Break)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if report := mustVerify(t, file, head); report.Break == nil || report.Break.Fault != chain.FaultCut {
		t.Errorf("without the file: %+v", report)
	}
	if _, err := file.Verify(t.Context(), ""); !errors.Is(err, chain.ErrNone) {
		t.Errorf("without the file and a head: %v", err)
	}
}

// If this fails, a head in the ticket of an old rotation says nothing, or is taken for a fault.
func TestKeptHead(t *testing.T) {
	t.Parallel()
	_, file := newFile(t, 2)
	head := mustVerify(t, file, "").Head
	for after, kept := range []string{strings.ToUpper(head), strings.ToUpper(head)} {
		if report := mustVerify(t, file, kept); report.Break != nil || report.After != int64(after) {
			t.Errorf("%+v", report)
		}
		if _, err := file.Append(t.Context(), moment, author, events(1)...); err != nil {
			t.Fatal(err)
		}
	}
	if report := mustVerify(t, file, chain.NoHash); report.Break != nil || report.After != 4 {
		t.Errorf("%+v", report)
	}
}

// If this fails, a crash in the middle of a line loses what stood there without a word, or keeps
// every later run from its record. Each place of the crash is tried, and a second crash after it.
func TestTornLineIsClosedOff(t *testing.T) {
	t.Parallel()
	path, file := newFile(t, 3)
	whole := read(t, path)
	begin := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := begin + 1; cut < len(whole); cut++ {
		write(t, path, whole[:cut])
		if report := mustVerify(t, file, ""); report.Break == nil || report.Break.Fault != chain.FaultTorn {
			t.Fatalf("cut at %d: %+v", cut, report.Break)
		}
		closed, err := file.Append(t.Context(), moment, author, events(1)...)
		if err != nil {
			t.Fatal(err)
		}
		report := mustVerify(t, file, "")
		complete := cut == len(whole)-1 // all but its line break
		if report.Break != nil || report.Count != 4 || (closed > 0) == complete || (report.ClosedOff == 1) == complete {
			t.Fatalf("cut at %d: %d closed off, %+v, %+v", cut, closed, report, report.Break)
		}
		after := read(t, path)
		if !bytes.HasPrefix(after, whole[:cut]) {
			t.Fatalf("cut at %d: what stood there is gone", cut)
		}
		if complete {
			continue
		}
		// What was cut off is vouched for, each byte of it.
		changed := bytes.Clone(after)
		changed[begin] ^= 1
		write(t, path, changed)
		if report := mustVerify(t, file, ""); report.Break == nil {
			t.Fatalf("cut at %d: a changed torn line was not found", cut)
		}
		// The line that closes it off is torn as well.
		write(t, path, after[:cut+1+(cut-begin)%80+1])
		if _, err := file.Append(t.Context(), moment, author, events(1)...); err != nil {
			t.Fatal(err)
		}
		if report := mustVerify(t, file, ""); report.Break != nil || report.ClosedOff != 1 {
			t.Fatalf("cut twice at %d: %+v, %+v", cut, report, report.Break)
		}
	}
}

// If this fails, an entry is added behind one that somebody has changed, as if a crash had done it.
func TestChangedEndIsNotContinued(t *testing.T) {
	t.Parallel()
	path, file := newFile(t, 3)
	changed := bytes.Replace(read(t, path), []byte("version 2"), []byte("version 9"), 1)
	for _, text := range [][]byte{changed, append(read(t, path), '\n')} {
		write(t, path, text)
		if _, err := file.Append(t.Context(), moment, author, events(1)...); !errors.Is(err, chain.ErrBrokenEnd) {
			t.Errorf("%v", err)
		}
		if _, err := file.Prospect(); !errors.Is(err, chain.ErrBrokenEnd) {
			t.Errorf("%v", err)
		}
		if !bytes.Equal(read(t, path), text) {
			t.Error("the file was changed")
		}
	}
}

// If this fails, whoever can write to a folder lets the record go into a file of his choice, or reads
// along; or the command waits for ever.
func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	plain, _ := newFile(t, 1)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink(plain, at("link")))
	must(os.Symlink(at("nothing"), at("dangling")))
	must(os.Mkdir(at("folder"), 0o700))
	must(syscall.Mkfifo(at("pipe"), 0o600))
	must(os.WriteFile(at("open"), nil, 0o600))
	must(os.Chmod(at("open"), 0o640))
	cases := map[string]error{"link": chain.ErrNoPlainFile, "dangling": chain.ErrNoPlainFile, "folder": syscall.EISDIR, "pipe": chain.ErrNoPlainFile, "open": chain.ErrOpenToOthers}
	if os.Geteuid() == 0 {
		must(os.WriteFile(at("foreign"), nil, 0o600))
		must(os.Chown(at("foreign"), 12345, 12345))
		cases["foreign"] = chain.ErrForeignOwner
	}
	for name, want := range cases {
		file := chain.NewFile(at(name))
		if _, err := file.Append(t.Context(), moment, author, events(1)...); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := file.Prospect(); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Lstat(at("nothing")); err == nil {
		t.Error("a file was made behind a link")
	}
	made := chain.NewFile(at("new"))
	if prospect, err := made.Prospect(); err != nil || !prospect.Made {
		t.Errorf("%+v, %v", prospect, err)
	}
	if _, err := made.Append(t.Context(), moment, author, events(1)...); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(at("new")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if prospect, err := chain.NewFile(at("nowhere/record")).Prospect(); err == nil {
		t.Errorf("%+v", prospect)
	}
}

// If this fails, a check of the record sees the wrong entries, or an old one for the newest.
func TestEntriesOfAFile(t *testing.T) {
	t.Parallel()
	_, file := newFile(t, 4)
	sequences := func(query chain.Query) (list []int64) {
		entries, there, err := file.Entries(t.Context(), query)
		if err != nil || !there {
			t.Fatalf("%t, %v", there, err)
		}
		for _, entry := range entries {
			list = append(list, entry.Sequence)
		}
		return list
	}
	for _, c := range []struct {
		query chain.Query
		want  []int64
	}{
		{chain.Query{}, []int64{4, 3, 2, 1}},
		{chain.Query{Limit: 2}, []int64{4, 3}},
		{chain.Query{Limit: 2, Before: 3}, []int64{2, 1}},
		{chain.Query{Actions: []string{chain.ActionRunBegun}, Subject: "version 2"}, []int64{3}},
		{chain.Query{Actions: []string{chain.ActionRunEnded}}, nil},
	} {
		if got := sequences(c.query); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v", c.query, got)
		}
	}
	if _, there, err := chain.NewFile(filepath.Join(t.TempDir(), "none")).Entries(t.Context(), chain.Query{}); there || err != nil {
		t.Errorf("%t, %v", there, err)
	}
}
