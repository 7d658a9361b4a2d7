package config

import (
	"strings"

	"github.com/ocmt/ocmt/internal/dotenv"
)

// envFile is a parsed env file: its settings and the line of each.
type envFile struct {
	info   File
	values map[string]string
	lines  map[string]int
}

// readEnvFile reads NAME=value lines. It touches no environment.
func readEnvFile(read fileReader, path string) (*envFile, error) {
	text, info, err := read(path)
	if err != nil {
		return nil, err
	}
	file := &envFile{info: info, values: map[string]string{}, lines: map[string]int{}}
	return file, file.parse(path, text)
}

// parse reads the text of an env file as the servers do, and refuses what they skip or take
// literally although a person can hardly have meant it: a line that is no assignment, and a
// quotation mark that is not closed. The errors repeat nothing of the text.
func (f *envFile) parse(path, text string) error {
	if strings.ContainsRune(text, 0) {
		return &FileError{Path: path, Reason: "holds a NUL byte: it is not a text file"}
	}
	list := dotenv.Parse(text)
	text = dotenv.NormaliseLineEnds(text)
	if line := firstSkippedLine(text, list); line > 0 {
		return &FileError{Path: path, Line: line,
			Reason: "a line is not NAME=value",
			Advice: "write one NAME=value a line; comments begin with #"}
	}
	for _, found := range list {
		line := lineOf(text, found.Start)
		if found.Unclosed {
			return &FileError{Path: path, Line: line, Reason: "a quoted value is not closed",
				Advice: "close the quotation mark, or write the value without quotes"}
		}
		f.values[found.Name], f.lines[found.Name] = found.Value, line
	}
	return nil
}

// lineOf returns the number of the line that contains a position, counted from 1.
func lineOf(text string, position int) int { return 1 + strings.Count(text[:position], "\n") }

// firstSkippedLine returns the first line that is neither empty, nor a comment, nor a part
// of an assignment; 0 if there is none.
func firstSkippedLine(text string, list []dotenv.Assignment) int {
	position := 0
	for i, line := range strings.Split(text, "\n") {
		for len(list) > 0 && list[0].End < position {
			list = list[1:]
		}
		covered := len(list) > 0 && list[0].Start <= position+len(line)
		trimmed := strings.TrimFunc(line, dotenv.IsSpace)
		if !covered && trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			return i + 1
		}
		position += len(line) + 1
	}
	return 0
}
