package testenv

// CloseInput closes this process's end of the pipe that keeps the server up, as its end does.
func (g *guard) CloseInput() { _ = g.alive.Close() }
