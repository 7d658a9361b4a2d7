package config

import (
	"regexp"
	"strings"

	"github.com/joho/godotenv"
)

// assignment matches the first line of a setting in an env file.
var assignment = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z0-9_.]+)\s*[=:]`)

// settingName matches a whole name. The parser also accepts names with spaces, and an empty
// name.
var settingName = regexp.MustCompile(`^[A-Za-z0-9_.]+$`)

// envFile is a parsed env file: its settings and the line each stands on.
type envFile struct {
	info   File
	values map[string]string
	lines  map[string]int
}

// readEnvFile reads NAME=value lines. It touches no environment.
func readEnvFile(dir, path string) (*envFile, error) {
	text, info, err := readFile(dir, path)
	if err != nil {
		return nil, err
	}
	values, err := parseEnv(path, text)
	if err != nil {
		return nil, err
	}
	return &envFile{info: info, values: values, lines: assignmentLines(text)}, nil
}

// parseEnv reads the text of an env file as the servers do, which expand no $NAME. The
// parser would put the value of another setting in place of
// $NAME, and spoil a password that contains a dollar sign, so dollar signs go
// through the parser as NUL bytes, which cannot be part of an environment
// variable.
func parseEnv(path, text string) (map[string]string, error) {
	if strings.ContainsRune(text, 0) {
		return nil, &FileError{Path: path, Reason: "holds a NUL byte: it is not a text file"}
	}
	text = strings.TrimPrefix(text, "\ufeff")
	parsed, err := godotenv.Unmarshal(strings.ReplaceAll(text, "$", "\x00"))
	if err != nil {
		return nil, envSyntaxError(path, text, err)
	}
	values := make(map[string]string, len(parsed))
	for name, value := range parsed {
		if !settingName.MatchString(name) {
			return nil, envSyntaxError(path, text, nil)
		}
		values[name] = strings.ReplaceAll(value, "\x00", "$")
	}
	return values, nil
}

// envSyntaxError says what is wrong without the parser's own message, which repeats the rest
// of the file with its secrets.
func envSyntaxError(path, text string, err error) error {
	if err != nil && strings.HasPrefix(err.Error(), "unterminated") {
		return &FileError{Path: path, Reason: "a quoted value is not closed", Advice: "close the quotation mark, or write the value without quotes"}
	}
	return &FileError{
		Path: path, Line: firstOddLine(text),
		Reason: "a line is not NAME=value",
		Advice: "write one NAME=value a line; comments begin with #",
	}
}

func firstOddLine(text string) int {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !assignment.MatchString(line) {
			return i + 1
		}
	}
	return 0
}

// assignmentLines maps each name to the last line that sets it, which is the
// one that counts.
func assignmentLines(text string) map[string]int {
	lines := map[string]int{}
	for i, line := range strings.Split(text, "\n") {
		if match := assignment.FindStringSubmatch(line); match != nil {
			lines[match[1]] = i + 1
		}
	}
	return lines
}
