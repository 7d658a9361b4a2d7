package ui

import "strings"

// renderRow returns the lines of a row as far as it stands in columns. It has several where a text is wrapped in its
// column.
func (g *grid) renderRow(row []Cell, colour bool) []string {
	texts := make([][]string, len(g.shown)) // the lines of each cell
	height := 1
	for at, i := range g.shown {
		text := Clean(cellOf(row, i).Text)
		if g.table.Columns[i].Wrap {
			texts[at] = wrap(text, g.widths[i], 0)
		} else {
			texts[at] = []string{cut(text, g.widths[i])}
		}
		height = max(height, len(texts[at]))
	}
	lines := make([]string, height)
	for n := range lines {
		lines[n] = g.renderLine(row, texts, n, colour)
	}
	return lines
}

// renderLine returns the nth line of a row.
func (g *grid) renderLine(row []Cell, texts [][]string, n int, colour bool) string {
	var b strings.Builder
	owed := 0 // spaces that are written only if something follows
	for at, i := range g.shown {
		text := ""
		if n < len(texts[at]) {
			text = texts[at][n]
		}
		space := max(0, g.widths[i]-columnsOf(text))
		if at > 0 {
			owed += len(gap)
		}
		if text == "" {
			owed += space
			continue
		}
		if g.table.Columns[i].Right {
			owed, space = owed+space, 0
		}
		b.WriteString(strings.Repeat(" ", owed))
		b.WriteString(paint(colour, cellOf(row, i).Tone, text))
		owed = space
	}
	return b.String()
}

// renderUnder returns what stands under a row: the short cells in one line, each with its title, then each text in a
// line of its own.
func (g *grid) renderUnder(row []Cell, colour bool) (lines []string) {
	var short []string
	for _, i := range g.under {
		cell := cellOf(row, i)
		text := Clean(cell.Text)
		if text == "" {
			continue
		}
		title := strings.ToLower(g.table.Columns[i].Title) + ": "
		if g.table.Columns[i].Wrap {
			lines = append(lines, wrap(underIndent+paint(colour, Faint, title)+paint(colour, cell.Tone, text), g.limit, len(underIndent+gap))...)
			continue
		}
		one := Unbroken(title) + paint(colour, cell.Tone, text)
		if len(underIndent)+columnsOf(one) <= g.limit {
			one = paint(colour, Faint, Unbroken(title)) + paint(colour, cell.Tone, Unbroken(text))
		}
		short = append(short, one)
	}
	if len(short) > 0 {
		line := wrap(underIndent+strings.Join(short, gap), g.limit, len(underIndent+gap))
		for i := range line {
			line[i] = strings.ReplaceAll(line[i], unbroken, " ")
		}
		lines = append(line, lines...)
	}
	return lines
}

func cellOf(row []Cell, column int) Cell {
	if column < len(row) {
		return row[column]
	}
	return Cell{}
}
