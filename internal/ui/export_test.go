package ui

// What the tests of measures need, which are no part of the package's surface.
var (
	ColumnsOf = columnsOf
	Clip      = clip
	Cut       = cut
	Wrap      = wrap
)

// ShowLive puts a line on the terminal as the live line; "" takes it away.
func (p *Printer) ShowLive(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setLive(line)
}
