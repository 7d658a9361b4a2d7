package procsec

import (
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryLimit is how much memory the process keeps to where it may use more. It usually needs a
// tenth of it.
const memoryLimit = 448 << 20

// collectAt is by how many percent the memory in use grows before the runtime collects garbage. What
// moves values uses its memory again, so that collecting costs little.
const collectAt = 25

// LimitMemory makes the runtime collect garbage early, and more often as the process comes near its
// limit. It is no hard limit. Where GOMEMLIMIT or GOGC set another, that stays. It returns how many
// bytes the process may use: what GOMEMLIMIT or the process's control group allows, or else half of
// the machine's memory.
func LimitMemory(getenv func(string) string) (allowed int64) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if getenv("GOMEMLIMIT") != "" {
		if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
			return limit
		}
		return machineMemory("/proc/meminfo") / 2
	}
	allowed = machineMemory("/proc/meminfo") / 2
	if limit := groupLimit("/proc/self/cgroup", "/sys/fs/cgroup"); limit > 0 {
		// What is not the runtime's, such as the program itself, counts for the group too.
		allowed = min(allowed, limit/10*9)
	}
	debug.SetMemoryLimit(min(memoryLimit, allowed))
	return allowed
}

// unknownMemory is taken for the memory of a machine that does not say.
const unknownMemory = 1 << 30

// machineMemory reads how many bytes of memory the machine has, as Linux tells it.
func machineMemory(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return unknownMemory
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "MemTotal:" || fields[2] != "kB" {
			continue
		}
		if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil && kib > 0 && kib < math.MaxInt64>>10 {
			return kib << 10
		}
	}
	return unknownMemory
}

// groupLimit returns the lowest memory limit of the control groups that the process is in, of either
// version of them; 0 where there is none that can be read.
func groupLimit(groups, root string) (lowest int64) {
	text, err := os.ReadFile(groups)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, found := strings.Cut(rest, ":")
		var folder, file string
		switch {
		case !found:
			continue
		case controllers == "":
			folder, file = root, "memory.max"
		case strings.Contains(","+controllers+",", ",memory,"):
			folder, file = path.Join(root, "memory"), "memory.limit_in_bytes"
		default:
			continue
		}
		// A container sees its own group as the root, so that the path may not be there.
		for at := path.Join("/", group); ; at = path.Dir(at) {
			if limit := readLimit(path.Join(folder, at, file)); limit > 0 && (lowest == 0 || limit < lowest) {
				lowest = limit
			}
			if at == "/" {
				break
			}
		}
	}
	return lowest
}

// readLimit reads a limit of bytes from a file; 0 where there is none.
func readLimit(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || limit <= 0 || limit >= unlimited {
		return 0
	}
	return limit
}

// unlimited is less than what the first version of control groups says where there is no limit.
const unlimited = 1 << 60
