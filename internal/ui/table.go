package ui

import (
	"slices"
	"strings"
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

// Column is one column of a table. Where the terminal is too narrow for all of them, columns go under the row, from the
// last one on. Nothing is wrapped, cut or moved in a pipe or a file.
type Column struct {
	Title string
	Right bool // align right, for numbers
	// Flexible says that the column may be cut in the middle where the terminal is too narrow.
	Flexible bool
	// Wrap says that the column has text that is never cut, such as a reason. Where the terminal is too narrow the
	// text goes on in further lines of its column, or under the row.
	Wrap bool
	// HideZero leaves the column out where it tells nothing: where each cell is empty, "0" or "–".
	HideZero bool
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

const (
	// minCellWidth is the least that a cut cell keeps, which is enough to tell rows apart.
	minCellWidth = 12
	// minWrapWidth is the least width of a column of text: narrower ones are hard to read.
	minWrapWidth = 24

	gap = "  "
	// noteIndent stands before a note, so that it is not taken for a row.
	noteIndent = "       "
	// underIndent stands before what goes under its row.
	underIndent = "    "
)

// render returns the lines of the table. A width of 0 means no limit.
func (t Table) render(width int, colour bool) []string {
	grid := t.layOut(width)
	var lines []string
	title := make([]Cell, len(t.Columns))
	for i, column := range t.Columns {
		title[i] = Cell{Text: column.Title, Tone: Faint}
	}
	lines = append(lines, grid.renderRow(title, colour)...)
	for i, row := range t.Rows {
		lines = append(lines, grid.renderRow(row, colour)...)
		lines = append(lines, grid.renderUnder(row, colour)...)
		for _, note := range t.Notes[i] {
			lines = append(lines, note.render(width, colour)...)
		}
	}
	return lines
}

// render returns the lines of a note. Where the width is limited they break between words.
func (n Note) render(width int, colour bool) []string {
	text := noteIndent + paint(colour, n.Head.Tone, Clean(n.Head.Text)) + " " + Clean(n.Text)
	return wrap(text, width, len(noteIndent+gap+gap))
}

// grid is a table that has its place on a terminal.
type grid struct {
	table  Table
	limit  int   // the columns of the terminal; 0 for no limit
	shown  []int // the table's columns that stand beside each other
	under  []int // those that go under their row
	widths []int // by column of the table
}

// layOut finds the form of a table that fits: first columns of text become narrower, then they go under the row, then
// columns are cut that may be, then others go under the row. The first column stays.
func (t Table) layOut(limit int) *grid {
	g := &grid{table: t, limit: limit}
	for i, column := range t.Columns {
		if !column.HideZero || !t.tellsNothing(i) {
			g.shown = append(g.shown, i)
		}
	}
	g.measure()
	if g.fits() || g.narrow(t.wraps, t.minWrapped) {
		return g
	}
	for g.moveUnder(t.wraps) {
		if g.measure(); g.fits() {
			return g
		}
	}
	for {
		g.measure()
		if g.narrow(func(i int) bool { return t.Columns[i].Flexible }, t.minCut) || !g.moveUnder(func(int) bool { return true }) {
			return g
		}
	}
}

func (t Table) wraps(column int) bool { return t.Columns[column].Wrap }

// tellsNothing reports whether a column has cells without a number or a word only.
func (t Table) tellsNothing(column int) bool {
	for _, row := range t.Rows {
		if column < len(row) && !slices.Contains([]string{"", "0", "–", "-"}, row[column].Text) {
			return false
		}
	}
	return true
}

// measure gives each column the width of its widest cell.
func (g *grid) measure() {
	g.widths = make([]int, len(g.table.Columns))
	for i, column := range g.table.Columns {
		g.widths[i] = columnsOf(column.Title)
		for _, row := range g.table.Rows {
			if i < len(row) {
				g.widths[i] = max(g.widths[i], columnsOf(Clean(row[i].Text)))
			}
		}
	}
}

func (g *grid) fits() bool { return g.limit <= 0 || g.total() <= g.limit }

func (g *grid) total() int {
	sum := len(gap) * max(0, len(g.shown)-1)
	for _, i := range g.shown {
		sum += g.widths[i]
	}
	return sum
}

// narrow makes the widest of the columns that are picked narrower until the table fits, and reports whether it does.
func (g *grid) narrow(picked func(int) bool, least func(column, width int) int) bool {
	lower := make([]int, len(g.widths))
	for _, i := range g.shown {
		if picked(i) {
			lower[i] = least(i, g.widths[i])
		}
	}
	for !g.fits() {
		widest := -1
		for _, i := range g.shown {
			if picked(i) && g.widths[i] > lower[i] && (widest < 0 || g.widths[i] > g.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		g.widths[widest]--
	}
	return true
}

// moveUnder moves the last of the columns that are picked under the row, and reports whether there was one.
func (g *grid) moveUnder(picked func(int) bool) bool {
	for at := len(g.shown) - 1; at > 0; at-- {
		if column := g.shown[at]; picked(column) {
			g.shown = slices.Delete(g.shown, at, at+1)
			g.under = slices.Insert(g.under, 0, column)
			return true
		}
	}
	return false
}

// minWrapped returns the least width of a column of text: enough for reading, for its title and for its longest word.
func (t Table) minWrapped(column, width int) int {
	least := max(minWrapWidth, columnsOf(t.Columns[column].Title))
	for _, row := range t.Rows {
		if column < len(row) {
			for _, word := range strings.Fields(Clean(row[column].Text)) {
				least = max(least, columnsOf(word))
			}
		}
	}
	return min(least, width)
}

// minCut returns the least width at which different cells of a column still differ.
func (t Table) minCut(column, width int) int {
	least := min(max(minCellWidth, columnsOf(t.Columns[column].Title)), width)
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
