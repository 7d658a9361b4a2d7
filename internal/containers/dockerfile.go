package containers

import (
	"encoding/json"
	"regexp"
	"strings"
)

// dockerfile is a parsed Dockerfile.
type dockerfile struct {
	path         string // absolute
	name         string // for people
	root         string // the folder that was given
	instructions []instruction
}

// instruction is one instruction of a Dockerfile, without its heredocs.
type instruction struct {
	name string // in capitals
	rest string
	line int // from 1
}

var (
	// escapeDirective matches the parser directive that sets another escape character.
	escapeDirective = regexp.MustCompile("(?i)^#\\s*escape\\s*=\\s*([\\\\`])\\s*$")
	// directive matches any parser directive. They stand at the beginning only.
	directive = regexp.MustCompile(`^#\s*[A-Za-z]+\s*=\s*\S+\s*$`)
	// heredoc matches the beginning of a heredoc.
	heredoc = regexp.MustCompile(`<<-?\s*["']?([A-Za-z_][A-Za-z0-9_]*)["']?`)
)

// parseDockerfile divides a text into instructions (Dockerfile reference: format, parser directives,
// here-documents). It refuses nothing: what is no instruction has a name that nothing asks for.
func parseDockerfile(text string) (list []instruction) {
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	escape := findEscape(lines)
	for i := 0; i < len(lines); i++ {
		trimmed := strings.TrimSpace(lines[i])
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		one := instruction{line: i + 1}
		var whole string
		whole, i = joinLines(lines, i, escape)
		name, rest, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(whole, "\t", " ")), " ")
		if strings.EqualFold(name, "ONBUILD") { // a later build does it, most often of the same folder
			name, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
		}
		one.name, one.rest = strings.ToUpper(name), strings.TrimSpace(rest)
		if one.name == "RUN" || one.name == "COPY" || one.name == "ADD" {
			for _, found := range heredoc.FindAllStringSubmatch(one.rest, -1) {
				i = skipHeredoc(lines, i, found[1])
			}
		}
		list = append(list, one)
	}
	return list
}

// findEscape returns the character that continues a line.
func findEscape(lines []string) string {
	for _, line := range lines {
		if found := escapeDirective.FindStringSubmatch(strings.TrimSpace(line)); found != nil {
			return found[1]
		}
		if !directive.MatchString(strings.TrimSpace(line)) {
			break
		}
	}
	return `\`
}

// joinLines returns an instruction with the lines that continue it, and its last line. Comments and empty
// lines between them are left out.
func joinLines(lines []string, at int, escape string) (string, int) {
	var whole strings.Builder
	for ; at < len(lines); at++ {
		trimmed := strings.TrimSpace(lines[at])
		if whole.Len() > 0 && (trimmed == "" || strings.HasPrefix(trimmed, "#")) {
			continue
		}
		part, continues := strings.CutSuffix(strings.TrimRight(lines[at], " \t"), escape)
		whole.WriteString(part + " ")
		if !continues {
			return whole.String(), at
		}
	}
	return whole.String(), len(lines) - 1
}

// skipHeredoc returns the last line of a heredoc that begins behind a line.
func skipHeredoc(lines []string, at int, end string) int {
	for next := at + 1; next < len(lines); next++ {
		if strings.Trim(lines[next], "\t") == end {
			return next
		}
	}
	return len(lines) - 1
}

// copied is what a COPY, an ADD or a bind mount of a RUN takes from the context.
type copied struct {
	sources  []string
	excludes []string
	// seen says that the step of the build sees the sources, and does not copy them as far as its text tells.
	seen bool
}

// copiedBy returns what an instruction takes from the context, and whether it takes anything from there.
func copiedBy(one instruction) (copied, bool) {
	if one.name == "RUN" {
		return mountedBy(one.rest)
	}
	if one.name != "COPY" && one.name != "ADD" {
		return copied{}, false
	}
	var found copied
	rest := one.rest
	for strings.HasPrefix(rest, "--") {
		flag, after, _ := strings.Cut(rest, " ")
		if strings.HasPrefix(flag, "--from=") {
			return copied{}, false
		}
		if pattern, is := strings.CutPrefix(flag, "--exclude="); is {
			found.excludes = append(found.excludes, pattern)
		}
		rest = strings.TrimSpace(after)
	}
	words := copyWords(rest)
	for _, word := range words[:max(0, len(words)-1)] {
		remote := strings.Contains(word, "://") || strings.HasPrefix(word, "git@")
		if word != "" && !strings.HasPrefix(word, "<<") && !remote {
			found.sources = append(found.sources, word)
		}
	}
	return found, len(found.sources) > 0
}

// copying matches programs of a RUN that can copy a file into the image.
var copying = regexp.MustCompile(`(?:^|[\s;&|("'/])(?:cp|mv|rsync|tar|cpio|cat|dd)\s`)

// mountedBy returns what the bind mounts of a RUN take from the context (Dockerfile reference, RUN --mount:
// bind is the type, and the whole context the source, where none is given).
func mountedBy(rest string) (copied, bool) {
	var found copied
	for strings.HasPrefix(rest, "--") {
		flag, after, _ := strings.Cut(rest, " ")
		if options, is := strings.CutPrefix(flag, "--mount="); is {
			if source := bindSource(options); source != "" {
				found.sources = append(found.sources, source)
			}
		}
		rest = strings.TrimSpace(after)
	}
	found.seen = !copying.MatchString(rest)
	return found, len(found.sources) > 0
}

// bindSource returns the source of a bind mount of the context; "" for another mount.
func bindSource(options string) string {
	source := "."
	for option := range strings.SplitSeq(strings.Trim(options, `"'`), ",") {
		name, value, _ := strings.Cut(option, "=")
		switch strings.ToLower(name) {
		case "type":
			if !strings.EqualFold(value, "bind") {
				return ""
			}
		case "from":
			return ""
		case "source", "src":
			source = value
		}
	}
	return source
}

// copyWords divides the arguments of COPY: a list in JSON, or words.
func copyWords(rest string) (words []string) {
	if strings.HasPrefix(rest, "[") && json.Unmarshal([]byte(rest), &words) == nil {
		return words
	}
	for _, word := range strings.Fields(rest) {
		words = append(words, strings.Trim(word, `"'`))
	}
	return words
}

// stage is a stage of a build.
type stage struct{ base, name string }

// shippedStages returns which instructions are in the last stage, or in one that it is built from.
func shippedStages(list []instruction) []bool {
	var stages []stage
	number := make([]int, len(list))
	for i, one := range list {
		if one.name == "FROM" {
			stages = append(stages, parseFrom(one.rest))
		}
		number[i] = len(stages) - 1
	}
	shipped := map[int]bool{}
	for at := len(stages) - 1; at >= 0 && !shipped[at]; {
		shipped[at] = true
		next := -1
		for i := range at {
			if strings.EqualFold(stages[i].name, stages[at].base) && stages[i].name != "" {
				next = i
			}
		}
		at = next
	}
	result := make([]bool, len(list))
	for i := range list {
		result[i] = shipped[number[i]]
	}
	return result
}

// parseFrom reads the arguments of FROM.
func parseFrom(rest string) (one stage) {
	var words []string
	for _, word := range strings.Fields(rest) {
		if !strings.HasPrefix(word, "--") {
			words = append(words, word)
		}
	}
	if len(words) > 0 {
		one.base = words[0]
	}
	if len(words) > 2 && strings.EqualFold(words[1], "as") {
		one.name = words[2]
	}
	return one
}

// assignments returns the NAME=value pairs of an ENV or an ARG. ENV NAME value is one, and so is ARG NAME,
// whose value is given at build time.
func assignments(one instruction) (list [][2]string) {
	if one.name != "ENV" && one.name != "ARG" {
		return nil
	}
	words := quotedWords(one.rest)
	if one.name == "ENV" && len(words) > 1 && !strings.Contains(words[0], "=") {
		_, value, _ := strings.Cut(one.rest, " ")
		return [][2]string{{words[0], strings.Trim(strings.TrimSpace(value), `"'`)}}
	}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		list = append(list, [2]string{name, value})
	}
	return list
}

// quotedWords divides a text at spaces that are not in quotation marks, and removes these.
func quotedWords(text string) (words []string) {
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inWord = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
