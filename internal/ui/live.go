package ui

// eraseBelow clears the line that the cursor is on, and what stands under it. Nothing stands under a live line but what is
// left of it: a terminal that is made narrower breaks a line into several, and leaves the cursor in the first one, where
// showLive has put it. The rest goes from the second column on, because tmux puts into its history what is cleared from the very first.
const eraseBelow = eraseLine + "\x1b[C\x1b[J\r"

// A live line is written with automatic line breaks off (DECAWM): the terminal may have become narrower without the program
// knowing it yet, and a line that breaks would move the cursor down at every redraw.
const (
	breaksOff = "\x1b[?7l"
	breaksOn  = "\x1b[?7h"
)

// setLive shows a line in place of the live line; "" ends it. The caller holds the lock, and has looked that sequences
// may be written.
func (p *Printer) setLive(line string) {
	p.hideLive()
	p.live = line
	p.watchSuspend()
	p.showLive()
}

func (p *Printer) hideLive() {
	if p.live != "" {
		p.writeError(eraseBelow)
	}
}

// showLive writes the live line as far as the terminal is wide now. The last column stays free for the cursor.
func (p *Printer) showLive() {
	if p.live == "" {
		return
	}
	line := p.live
	if width := p.errWidth(); width > 1 {
		line = clip(line, width-1)
	}
	p.writeError(breaksOff + line + "\r" + breaksOn)
}

// watchSuspend starts to watch for Ctrl-Z when there is something on the terminal that must go before it and come back
// after it, and ends the watch when there is nothing any more. The caller holds the lock.
func (p *Printer) watchSuspend() {
	needed := p.live != "" || p.prompt != nil
	switch {
	case needed && p.unwatch == nil && p.streams.OnSuspend != nil:
		p.unwatch = p.streams.OnSuspend(p.leave, p.comeBack)
	case !needed && p.unwatch != nil:
		p.unwatch()
		p.unwatch = nil
	}
}

// leave clears the terminal for the shell.
func (p *Printer) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.prompt == nil {
		p.hideLive()
		return
	}
	p.prompt.screen.write(p.prompt.eraseUnanswered(p))
	if p.prompt.hidden && p.streams.PauseHiding != nil && p.prompt.resume == nil {
		p.prompt.resume = p.streams.PauseHiding()
	}
}

// comeBack shows again what stood on the terminal. It may be called without leave before it, where the program was
// suspended by other means.
func (p *Printer) comeBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.prompt == nil { // and if there is no live line any more, these do nothing
		p.hideLive()
		p.showLive()
		return
	}
	if p.prompt.resume != nil {
		p.prompt.resume()
		p.prompt.resume = nil
	}
	p.showPrompt()
}
