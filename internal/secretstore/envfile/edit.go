package envfile

import (
	"strings"

	"github.com/ocmt/ocmt/internal/dotenv"
)

// document is the text of an env file, and what the servers read from it.
type document struct {
	text   string
	normal string // with \n in place of every kind of line end
	list   []dotenv.Assignment
}

// parse reads the text of an env file.
func parse(text string) document {
	return document{text: text, normal: dotenv.NormaliseLineEnds(text), list: dotenv.Parse(text)}
}

// value returns what the servers read for a name: its last assignment.
func (d document) value(name string) string {
	for i := len(d.list) - 1; i >= 0; i-- {
		if d.list[i].Name == name {
			return d.list[i].Value
		}
	}
	return ""
}

// differ reports whether a name stands several times with different texts.
func (d document) differ(name string) bool {
	first, found := "", false
	for _, one := range d.list {
		if one.Name != name {
			continue
		}
		if found && one.Value != first {
			return true
		}
		first, found = one.Value, true
	}
	return false
}

// lines returns the numbers of the lines that a name stands on, counted from 1.
func (d document) lines(name string) (list []int) {
	for _, one := range d.list {
		if one.Name == name {
			list = append(list, 1+strings.Count(d.normal[:one.Start], "\n"))
		}
	}
	return list
}

// span is a part of the normal text, and what is to stand in its place.
type span struct {
	start, end int
	text       string
}

// splice puts texts in the place of spans, which are in order. Every byte outside of them stays as it is,
// the line ends included.
func (d document) splice(spans []span) string {
	var b strings.Builder
	normal, at := 0, 0 // positions in both texts
	advance := func(to int) int {
		for normal < to {
			if d.text[at] == '\r' && at+1 < len(d.text) && d.text[at+1] == '\n' {
				at++
			}
			at++
			normal++
		}
		return at
	}
	copied := 0
	for _, one := range spans {
		b.WriteString(d.text[copied:advance(one.start)])
		b.WriteString(one.text)
		copied = advance(one.end)
	}
	return b.String() + d.text[copied:]
}

// lineEnd returns the kind of line end that the text has, by its first one.
func (d document) lineEnd() string {
	at := strings.IndexAny(d.text, "\r\n")
	switch {
	case at < 0 || d.text[at] == '\n':
		return "\n"
	case strings.HasPrefix(d.text[at:], "\r\n"):
		return "\r\n"
	}
	return "\r"
}

// put returns the text with a new value in every assignment of a name, or with a new line at the end. The
// servers read that value from it, and every other one as before. It reports false where no way of quoting
// comes to that.
func (d document) put(name, value string) (document, bool) {
	if isForeign(value) != "" {
		return document{}, false
	}
	for _, choose := range d.styles(name) {
		spans, can := d.spansOf(name, value, choose)
		if !can {
			continue
		}
		if changed := parse(d.splice(spans)); changed.reads(d, name, value) {
			return changed, true
		}
	}
	return document{}, false
}

// spansOf returns where a value is to be written, and how. It reports false where a style cannot hold it.
func (d document) spansOf(name, value string, choose func(dotenv.Assignment) style) (spans []span, can bool) {
	for _, one := range d.list {
		if one.Name != name {
			continue
		}
		quoted, can := d.quote(value, choose(one))
		if !can {
			return nil, false
		}
		start, end := d.coreOf(one)
		spans = append(spans, span{start, end, quoted})
	}
	if len(spans) > 0 {
		return spans, true
	}
	quoted, can := d.quote(value, choose(dotenv.Assignment{}))
	line, end := name+"="+quoted, d.lineEnd()
	if blank := strings.TrimPrefix(d.text, byteOrderMark); blank == "" || strings.HasSuffix(d.normal, "\n") {
		line += end
	} else {
		line = end + line // the file has no line end at its end, and gets none
	}
	return []span{{len(d.normal), len(d.normal), line}}, can
}

// quote writes a value in a style, with the line ends of the file.
func (d document) quote(value string, as style) (string, bool) {
	quoted, can := quote(value, as)
	return strings.ReplaceAll(quoted, "\n", d.lineEnd()), can
}

// coreOf returns where the value of an assignment stands, its quotation marks included, and the white space
// around it not. Where there is none, it is right behind the separator, so that a comment stays apart.
func (d document) coreOf(one dotenv.Assignment) (start, end int) {
	raw := d.normal[one.RawStart:one.RawEnd]
	behind := strings.TrimLeftFunc(raw, dotenv.IsSpace)
	if behind == "" {
		return one.RawStart, one.RawStart
	}
	start = one.RawEnd - len(behind)
	return start, start + len(strings.TrimRightFunc(behind, dotenv.IsSpace))
}

// reads reports whether the servers read a value for a name from the text, and everything else as they
// read it from an earlier one.
func (d document) reads(earlier document, name, value string) bool {
	others := func(list []dotenv.Assignment) (rest []dotenv.Assignment) {
		for _, one := range list {
			if one.Name != name {
				rest = append(rest, one)
			}
		}
		return rest
	}
	before, after := others(earlier.list), others(d.list)
	if len(before) != len(after) {
		return false
	}
	for i := range before {
		if before[i].Name != after[i].Name || before[i].Value != after[i].Value {
			return false
		}
	}
	same := len(d.list)-len(after) == max(1, len(earlier.list)-len(before))
	return same && d.value(name) == value && !d.differ(name)
}

// remove returns the text without the lines that a name stands on. It reports false where the servers would
// read something else differently then.
func (d document) remove(name string) (document, bool) {
	var spans []span
	kept := 0
	for _, one := range d.list {
		if one.Name != name {
			kept++
			continue
		}
		start := strings.LastIndexByte(d.normal[:one.Begin], '\n') + 1
		if strings.HasPrefix(d.normal[start:], byteOrderMark) && start == 0 {
			start = len(byteOrderMark)
		}
		first, end := d.coreOf(one)
		if first == end { // the grammar can take the separator to be longer than it looks
			end = one.Start + 1 + strings.IndexAny(d.normal[one.Start:], "=:")
		}
		if next := strings.IndexByte(d.normal[end:], '\n'); next >= 0 {
			end += next + 1
		} else {
			end = len(d.normal)
			if start > 0 && d.normal[start-1] == '\n' {
				start-- // the file had no line end at its end, and gets none
			}
		}
		spans = append(spans, span{start: start, end: end})
	}
	changed := parse(d.splice(joinSpans(spans)))
	if len(changed.list) != kept {
		return document{}, false
	}
	for i, at := 0, 0; i < len(d.list); i++ {
		if d.list[i].Name == name {
			continue
		}
		if changed.list[at].Name != d.list[i].Name || changed.list[at].Value != d.list[i].Value {
			return document{}, false
		}
		at++
	}
	return changed, true
}

// joinSpans joins spans that overlap: two assignments can share a line break.
func joinSpans(spans []span) (joined []span) {
	for _, one := range spans {
		if last := len(joined) - 1; last >= 0 && one.start < joined[last].end {
			joined[last].end = max(joined[last].end, one.end)
			continue
		}
		joined = append(joined, one)
	}
	return joined
}
