package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// watchArguments reads the arguments of a process, and of those that it starts,
// from the process list until it ends. It returns the different ones.
func watchArguments(p *process) (own, others []string) {
	folder := filepath.Join("/proc", strconv.Itoa(p.Process.Pid))
	note := func(list *[]string, text []byte) {
		if len(text) > 0 && !slices.Contains(*list, string(text)) {
			*list = append(*list, string(text))
		}
	}
	look := func() {
		text, _ := os.ReadFile(filepath.Join(folder, "cmdline")) // gone: it has ended
		note(&own, text)
		tasks, _ := filepath.Glob(filepath.Join(folder, "task", "*", "children"))
		for _, task := range tasks {
			children, _ := os.ReadFile(task)
			for _, child := range bytes.Fields(children) {
				text, _ := os.ReadFile(filepath.Join("/proc", string(child), "cmdline"))
				note(&others, text)
			}
		}
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		look()
		select {
		case <-p.ended:
			return own, others
		case <-ticker.C:
		}
	}
}
