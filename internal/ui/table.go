package ui

import (
	"strings"
	"unicode/utf8"
)

// Table is rows of cells under headings.
type Table struct {
	Columns []Column
	Rows    [][]Cell
	// Notes stand under a row, by its index. They are no part of the columns.
	Notes map[int][]Note
}

// Note is a sentence under a row of a table.
type Note struct {
	Head Cell // its first word, such as "error:"
	Text string
}

// Column is one column of a table.
type Column struct {
	Title string
	Right bool // align right, for numbers
	// Flexible says that the column may be cut in the middle where the terminal is too
	// narrow. Nothing is cut in a pipe or a file.
	Flexible bool
}

// Cell is one text of a table with its tone.
type Cell struct {
	Text string
	Tone Tone
}

// Row makes cells of plain texts.
func Row(texts ...string) []Cell {
	cells := make([]Cell, len(texts))
	for i, text := range texts {
		cells[i].Text = text
	}
	return cells
}

// minCellWidth is the least that a cut cell keeps, which is enough to tell rows apart.
const minCellWidth = 12

const gap = "  "

// noteIndent stands before a note, so that it is not taken for a row.
const noteIndent = "       "

// render returns the lines of the table. A width of 0 means no limit.
func (t Table) render(width int, colour bool) []string {
	widths := t.measureColumns()
	t.shrink(widths, width)
	title := make([]Cell, len(t.Columns))
	for i, column := range t.Columns {
		title[i] = Cell{Text: column.Title, Tone: Faint}
	}
	lines := []string{t.renderLine(title, widths, colour)}
	for i, row := range t.Rows {
		lines = append(lines, t.renderLine(row, widths, colour))
		for _, note := range t.Notes[i] {
			lines = append(lines, note.render(width, colour)...)
		}
	}
	return lines
}

// render returns the lines of a note. Where the width is limited they break between words.
func (n Note) render(width int, colour bool) (lines []string) {
	line := noteIndent + Clean(n.Head.Text)
	for _, word := range strings.Split(Clean(n.Text), " ") {
		if width > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width && strings.TrimSpace(line) != "" {
			lines, line = append(lines, line), noteIndent+gap+gap+word
			continue
		}
		line += " " + word
	}
	lines = append(lines, line)
	lines[0] = noteIndent + paint(colour, n.Head.Tone, Clean(n.Head.Text)) + strings.TrimPrefix(lines[0], noteIndent+Clean(n.Head.Text))
	return lines
}

func (t Table) measureColumns() []int {
	widths := make([]int, len(t.Columns))
	for i, column := range t.Columns {
		widths[i] = utf8.RuneCountInString(column.Title)
		for _, row := range t.Rows {
			if i < len(row) {
				widths[i] = max(widths[i], utf8.RuneCountInString(Clean(row[i].Text)))
			}
		}
	}
	return widths
}

// shrink narrows the widest flexible column until the table fits, or until no column may
// be cut further. A table that is too wide is better than one whose rows read alike.
func (t Table) shrink(widths []int, limit int) {
	if limit <= 0 || totalWidth(widths) <= limit {
		return
	}
	least := make([]int, len(widths))
	for i := range widths {
		least[i] = t.minWidth(i, widths[i])
	}
	for totalWidth(widths) > limit {
		widest := -1
		for i, column := range t.Columns {
			if column.Flexible && widths[i] > least[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// minWidth returns the least width at which different cells of a column still differ.
func (t Table) minWidth(column, width int) int {
	least := min(minCellWidth, width)
	for least < width && t.readAlike(column, least) {
		least++
	}
	return least
}

// readAlike reports whether two different cells of a column are the same text when they are
// cut to a width.
func (t Table) readAlike(column, width int) bool {
	whole := map[string]string{} // the whole text by its cut form
	for _, row := range t.Rows {
		if column >= len(row) {
			continue
		}
		text := Clean(row[column].Text)
		left := cut(text, width)
		if other, seen := whole[left]; seen && other != text {
			return true
		}
		whole[left] = text
	}
	return false
}

func totalWidth(widths []int) int {
	sum := len(gap) * (len(widths) - 1)
	for _, width := range widths {
		sum += width
	}
	return sum
}

func (t Table) renderLine(cells []Cell, widths []int, colour bool) string {
	var b strings.Builder
	for i, column := range t.Columns {
		var cell Cell
		if i < len(cells) {
			cell = cells[i]
		}
		text := cut(Clean(cell.Text), widths[i])
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if i > 0 {
			b.WriteString(gap)
		}
		switch {
		case column.Right:
			b.WriteString(space + paint(colour, cell.Tone, text))
		case i == len(t.Columns)-1:
			b.WriteString(paint(colour, cell.Tone, text))
		default:
			b.WriteString(paint(colour, cell.Tone, text) + space)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// cut shortens a text in the middle, because keys may differ at either end.
func cut(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	head := (width - 1) / 2
	tail := width - 1 - head
	return string(runes[:head]) + "…" + string(runes[len(runes)-tail:])
}
