package procsec

import "runtime/debug"

// memoryLimit is how much memory the process should keep to. It usually needs a tenth of it; a value
// of 50 MB needs most of it while it is sealed again and written.
const memoryLimit = 448 << 20

// LimitMemory makes the runtime collect garbage more often as the process comes near its limit. It
// is no hard limit. Where GOMEMLIMIT sets another, that stays.
func LimitMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
