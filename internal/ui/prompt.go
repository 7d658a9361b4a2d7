package ui

import "strings"

const (
	eraseLine  = "\r\x1b[K"            // clears the line that the cursor is on
	eraseAbove = "\x1b[1A" + eraseLine // goes up a line and clears it
)

// prompt is a question that stands on the terminal until it is answered.
type prompt struct {
	text   string
	hidden bool // what is typed is not shown
	screen *Terminal
	// The fields below say what was written: its lines, and the width that the terminal had then.
	lines []string
	width int
	// resume takes echo away again after the program was suspended; nil while it is not.
	resume func()
}

// openPrompt writes a question in place of the live line. What was typed before cannot be meant for it, so the terminal
// forgets it, and its echo goes from the line that the question starts on.
func (p *Printer) openPrompt(question *prompt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hideLive()
	if p.streams.DropTyped != nil {
		p.streams.DropTyped()
		if !p.streams.Dumb {
			question.screen.write(eraseLine)
		}
	}
	p.prompt = question
	p.watchSuspend()
	p.showPrompt()
}

// closePrompt ends a question with what ends its line, and brings the live line back. Question and answer stay on the
// screen: they are part of what an operator reads later.
func (p *Printer) closePrompt(ending string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prompt.screen.write(ending)
	p.prompt = nil
	p.showLive()
	p.watchSuspend()
}

// showPrompt writes the question, wrapped. The space behind it stays, because the answer follows it.
func (p *Printer) showPrompt() {
	question := p.prompt
	question.width = question.screen.width()
	question.lines = strings.Split(wrapProse(question.text, question.width), "\n")
	if last := len(question.lines) - 1; !strings.HasSuffix(question.lines[last], " ") {
		question.lines[last] += " "
	}
	question.screen.write(strings.Join(question.lines, "\n"))
}

// afterAnswer returns what ends the question's line after its answer: nothing where the terminal has shown Enter.
func (q *prompt) afterAnswer() string {
	if q.hidden {
		return "\n"
	}
	return ""
}

// eraseUnanswered returns what erases the question while the cursor stands in its last line. A terminal that was resized
// has broken the lines anew, and what others have written is worth more than a clean screen: the question stays there.
func (q *prompt) eraseUnanswered(p *Printer) string {
	if p.streams.Dumb || q.screen.width() != q.width {
		return ""
	}
	return eraseLine + strings.Repeat(eraseAbove, q.rows()-1)
}

// rows returns how many lines of the terminal the question takes.
func (q *prompt) rows() int {
	rows := 0
	for _, line := range q.lines {
		rows++
		if q.width > 0 {
			rows += max(0, columnsOf(line)-1) / q.width
		}
	}
	return rows
}
