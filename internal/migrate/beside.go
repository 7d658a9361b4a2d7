package migrate

import "sync"

// besideReporter is the discover.Reporter of a search that runs beside the work which is reported. It
// reports nothing until that work has ended, and then what the search does.
type besideReporter struct {
	reporter Reporter

	mu           sync.Mutex
	alone        bool
	phase, table string
}

// takeOver says that the other work has ended.
func (b *besideReporter) takeOver() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alone = true
	if b.phase != "" {
		b.reporter.Phase("planning: " + b.phase)
		b.reporter.Table(b.table)
	}
}

// Phase implements discover.Reporter.
func (b *besideReporter) Phase(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.phase, b.table = name, ""
	if b.alone {
		b.reporter.Phase("planning: " + name)
	}
}

// Table implements discover.Reporter.
func (b *besideReporter) Table(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.table = name
	if b.alone {
		b.reporter.Table(name)
	}
}

// Progress implements discover.Reporter. A sample is not counted: how much of it there is to come is
// not known.
func (b *besideReporter) Progress(int64, int64) {}
