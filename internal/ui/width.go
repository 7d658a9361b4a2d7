package ui

import (
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// cells measures text in the columns of a terminal, as Unicode tells them (UAX #11): 日本 is four, a combining mark
// none. The environment does not change it, so that a screen looks the same to everyone.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// proseWidth is the most columns that a sentence takes: longer lines are hard to read on a wide terminal.
const proseWidth = 100

// unbroken is a space at which no line is broken (U+2007, class GL of UAX #14). It goes out as a plain space.
const unbroken = "\u2007"

// Unbroken returns a text that stays in one line inside a sentence that is wrapped, such as a short command. It is
// for what the printer's methods wrap, and not for documents.
func Unbroken(text string) string { return strings.ReplaceAll(text, " ", unbroken) }

// columnsOf returns how many columns a text takes on a terminal. Colour sequences, as paint adds them, take none.
func columnsOf(text string) int {
	if !strings.Contains(text, "\x1b[") {
		return cells.StringWidth(text)
	}
	columns := 0
	for text != "" {
		var plain string
		plain, _, text = nextPiece(text)
		columns += cells.StringWidth(plain)
	}
	return columns
}

// nextPiece returns the text before the first colour sequence, the sequence, and what stands behind it.
func nextPiece(text string) (plain, sequence, rest string) {
	start := strings.Index(text, "\x1b[")
	if start < 0 {
		return text, "", ""
	}
	end := strings.IndexByte(text[start:], 'm')
	if end < 0 {
		return text, "", ""
	}
	end += start + 1
	return text[:start], text[start:end], text[end:]
}

// clip shortens a text at its end to a number of columns. "…" stands for what is left out. Colour sequences stay
// whole, and each that stands behind the cut is kept, so that colour ends where it did.
func clip(text string, columns int) string {
	if columnsOf(text) <= columns {
		return text
	}
	if columns <= 0 {
		return ""
	}
	var b strings.Builder
	left, cutOff := columns-1, false
	for text != "" {
		var plain, sequence string
		plain, sequence, text = nextPiece(text)
		if !cutOff {
			head := cells.Truncate(plain, left, "")
			b.WriteString(head)
			left -= cells.StringWidth(head)
			if head != plain {
				b.WriteString("…")
				cutOff = true
			}
		}
		b.WriteString(sequence)
	}
	return b.String()
}

// cut shortens a text without colour in the middle, because keys may differ at either end.
func cut(text string, columns int) string {
	if cells.StringWidth(text) <= columns {
		return text
	}
	if columns <= 1 {
		return strings.Repeat("…", max(0, columns))
	}
	head := cells.Truncate(text, (columns-1)/2, "")
	rest := columns - 1 - cells.StringWidth(head)
	return head + "…" + cells.TruncateLeft(text, cells.StringWidth(text)-rest, "")
}

// wrap breaks a line between its words into lines of at most so many columns. Further lines begin with hang spaces. A
// word that is wider than a line, such as a path, a key or an address, stays whole in a line of its own, and so does a
// command of ocmt. 0 columns mean no limit.
func wrap(line string, columns, hang int) []string {
	if columns <= 0 || columnsOf(line) <= columns {
		return []string{line}
	}
	if hang > columns/2 {
		hang = 0
	}
	body := strings.TrimLeft(line, " ")
	indent := line[:len(line)-len(body)]
	var lines []string
	current, width, begun := indent, len(indent), false
	for body != "" {
		spaces := len(body) - len(strings.TrimLeft(body, " "))
		word, rest := nextWord(body[spaces:])
		if word == "" {
			break
		}
		wide := columnsOf(word)
		if begun && width+spaces+wide > columns {
			lines = append(lines, current)
			current, width, spaces = strings.Repeat(" ", hang), hang, 0
		}
		current += strings.Repeat(" ", spaces) + word
		width += spaces + wide
		begun = true
		if body = rest; body != "" {
			body = " " + body
		}
	}
	return append(lines, current)
}

// maxCommandWords is how many words may follow "ocmt" to name a command.
const maxCommandWords = 2

// nextWord returns what stays in one line at the beginning of a text, which is a word, a figure, or a command of ocmt with
// its flags and their values, because operators copy it.
func nextWord(text string) (word, rest string) {
	word, rest, _ = strings.Cut(text, " ")
	if figure, behind := figureFrom(word, rest); figure != word {
		return figure, behind
	}
	isCommand := word == "ocmt"
	for words, afterFlag := 0, strings.HasPrefix(word, "--"); rest != "" && (isCommand || afterFlag); {
		next, behind, _ := strings.Cut(rest, " ")
		isFlag := strings.HasPrefix(next, "--")
		switch {
		case isFlag && isCommand:
			words = maxCommandWords
		case afterFlag && isValue(next):
		case isCommand && words < maxCommandWords && isLower(next):
			words++
		default:
			return word, rest
		}
		word, rest, afterFlag = word+" "+next, behind, isFlag && !strings.Contains(next, "=")
	}
	return word, rest
}

// figureFrom returns the word with what belongs to a figure behind it, such as a version's number, a unit, or the time of
// a day: a line that ends with "3.1" or "at 2 Jan" is read wrongly.
func figureFrom(word, rest string) (figure, behind string) {
	figure, behind = word, rest
	for last := word; behind != ""; {
		next, after, _ := strings.Cut(behind, " ")
		if !goesOn(last, next) {
			break
		}
		figure, behind, last = figure+" "+next, after, next
	}
	return figure, behind
}

// units stand behind a number.
var units = map[string]bool{"s": true, "min": true, "h": true, "MiB": true, "GiB": true, "rows/s": true, "values/s": true}

// goesOn reports whether a word belongs to the figure that the word before it begins or goes on with.
func goesOn(last, next string) bool {
	bare := strings.Trim(next, "().,;:")
	switch number := startsWithDigit(strings.TrimPrefix(last, "(")); {
	case last == "version", last == "/", last == "min", last == "h", months[last]:
		return startsWithDigit(next)
	case number && strings.Contains(last, ":"):
		return bare == "UTC"
	default:
		isTime := startsWithDigit(next) && strings.Contains(next, ":")
		return number && (next == "/" || isTime || units[bare] || months[bare])
	}
}

// months are the short names that a day has behind it.
var months = map[string]bool{"Jan": true, "Feb": true, "Mar": true, "Apr": true, "May": true, "Jun": true,
	"Jul": true, "Aug": true, "Sep": true, "Oct": true, "Nov": true, "Dec": true}

func startsWithDigit(text string) bool { return text != "" && text[0] >= '0' && text[0] <= '9' }

// isValue reports whether a word behind a flag looks like its value, and not like a part of the sentence.
func isValue(word string) bool {
	return strings.ContainsAny(word, "/:=.") || word != "" && strings.IndexFunc(word, unicode.IsLower) != 0 && unicode.In(rune(word[0]), unicode.Letter, unicode.Digit)
}

// isLower reports whether a word has nothing but small letters and hyphens, as the words of a command do.
func isLower(word string) bool {
	return word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// wrapProse wraps each line of a text with a hanging indent. Spaces that are not to be broken become plain ones. 0
// columns mean no limit.
func wrapProse(text string, columns int) string {
	if columns > 0 {
		columns = min(columns, proseWidth)
		var lines []string
		for _, line := range strings.Split(text, "\n") {
			lines = append(lines, wrap(line, columns, hangOf(line))...)
		}
		text = strings.Join(lines, "\n")
	}
	return strings.ReplaceAll(text, unbroken, " ")
}

// maxLabel is the widest label whose text goes on beside it.
const maxLabel = 20

// hangOf returns the indent of the lines that a line goes on in: two columns more than it begins with, or where the text
// behind a label begins, which two spaces set apart.
func hangOf(line string) int {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	label, _, found := strings.Cut(line[indent:], gap)
	if at := indent + columnsOf(label); found && at <= maxLabel {
		behind := line[indent+len(label):]
		return at + len(behind) - len(strings.TrimLeft(behind, " "))
	}
	return indent + len(gap)
}
