package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
)

// Repository is how long ocmt audit looks for configured secrets in everything that a git repository
// keeps. The memory is that of the program and of git together.
type Repository struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
	Search  Runs  `json:"ocmt_audit_of_git"`
}

// measureRepository makes a packed repository with so many objects, of which one has a secret, and
// searches it.
func (b *bench) measureRepository(ctx context.Context) (r Repository, err error) {
	b.note("making a git repository of %d objects", b.objects)
	folder, err := os.MkdirTemp("", "ocmt-bench-git-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := b.fillRepository(ctx, folder); err != nil {
		return r, err
	}
	if r.Objects, r.Bytes, err = countObjects(ctx, folder); err != nil {
		return r, err
	}
	rounds := min(b.pairs, auditRounds)
	for n := range rounds {
		b.note("round %d of %d: ocmt audit --only git", n+1, rounds)
		var result bytes.Buffer
		// It finds the secret, or did not do the work.
		done, _, err := b.execute(ctx, execution{folder: folder, args: []string{"audit", "--only", "git", "--output", "json"}, out: &result, results: []int{exitFound}, children: true,
			settings: []string{"ENCRYPTION_KEY_VERSION=0", "ENCRYPTION_KEY=" + b.keys[0].Reveal()}})
		if err != nil {
			return r, err
		}
		if !bytes.Contains(result.Bytes(), []byte("ENCRYPTION_KEY")) {
			return r, errors.New("ocmt audit did not find the secret in the repository")
		}
		r.Search.add(done)
	}
	return r, nil
}

// fillRepository makes a history and packs it.
func (b *bench) fillRepository(ctx context.Context, folder string) error {
	if _, err := runGit(ctx, folder, nil, "init", "-q"); err != nil {
		return err
	}
	reader, writer := io.Pipe()
	go func() {
		buffered := bufio.NewWriterSize(writer, 1<<20)
		err := writeHistory(buffered, b.objects, b.keys[0].Reveal())
		if err == nil {
			err = buffered.Flush()
		}
		_ = writer.CloseWithError(err) // it always returns nil
	}()
	defer func() { _ = reader.Close() }()
	if _, err := runGit(ctx, folder, reader, "fast-import", "--quiet"); err != nil {
		return err
	}
	_, err := runGit(ctx, folder, nil, "repack", "-adq")
	return err
}

// writeHistory writes commits of three files each in a few thousand folders, as git fast-import reads
// them. One file in the middle has the secret.
func writeHistory(out io.Writer, objects int, secret string) error {
	const files, objectsOfACommit, mean = 3, 10.75, 31_500
	commits := max(1, int(float64(objects)/objectsOfACommit))
	random := rand.New(rand.NewPCG(3, 4))
	words := make([]string, 4000)
	for i := range words {
		words[i] = base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%06x", random.Uint32N(1<<24))))
	}
	var text bytes.Buffer
	for commit := range commits {
		var names strings.Builder
		for file := range files {
			text.Reset()
			for size := int(random.ExpFloat64()*mean) + 50; text.Len() < size; {
				text.WriteString(words[random.IntN(len(words))] + " ")
			}
			if commit == commits/2 && file == 0 {
				text.WriteString(secret)
			}
			mark := commit*files + file + 1
			if _, err := fmt.Fprintf(out, "blob\nmark :%d\ndata %d\n%s\n", mark, text.Len(), text.Bytes()); err != nil {
				return err
			}
			fmt.Fprintf(&names, "M 100644 :%d d%d/e%d/f%d.txt\n", mark, random.IntN(40), random.IntN(20), random.IntN(30))
		}
		if _, err := fmt.Fprintf(out, "commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata 2\nc\n%s\n", 1_600_000_000+commit, names.String()); err != nil {
			return err
		}
	}
	return nil
}

// countObjects returns how many objects a repository has, and their bytes.
func countObjects(ctx context.Context, folder string) (objects int, size int64, err error) {
	list, err := runGit(ctx, folder, nil, "cat-file", "--batch-all-objects", "--batch-check=%(objectsize)")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(list) {
		var one int64
		if _, err := fmt.Sscan(line, &one); err != nil {
			return 0, 0, fmt.Errorf("counting the objects of git: %w", err)
		}
		objects, size = objects+1, size+one
	}
	return objects, size, nil
}

// runGit runs git in a repository and returns what it writes.
func runGit(ctx context.Context, folder string, input io.Reader, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...)
	var said bytes.Buffer
	command.Stdin, command.Stderr = input, &said
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("running git %s: %w: %s", args[0], err, said.String())
	}
	return string(out), nil
}

func (r *Repository) section() section {
	return section{
		title: fmt.Sprintf("Looking for secrets in a git repository of %s objects and %s MB, median of %s", groupDigits(r.Objects), formatMegabytes(r.Bytes), countNoun(len(r.Search.Seconds), "round")),
		head:  []string{"", "seconds", "peak MiB"},
		rows:  [][]string{r.Search.row("ocmt audit --only git, with git")},
	}
}
