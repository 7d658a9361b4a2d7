package processes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
)

const (
	// maxText is how much of a file of procfs is read. The kernel bounds arguments and environment together
	// to a quarter of the stack, 2 MiB where nobody has changed it.
	maxText = 8 << 20
	// ticksPerSecond is the unit of start times, USER_HZ. It is 100 on every system that Go compiles for.
	ticksPerSecond = 100
	// initialNamespace is the first pid namespace of a machine (Linux, PROC_PID_INIT_INO).
	initialNamespace = "pid:[4026531836]"
)

// process is a process that was there when the processes were listed.
type process struct {
	proc string
	pid  int
}

// path returns the path of a file of the process.
func (p process) path(name string) string {
	return filepath.Join(p.proc, strconv.Itoa(p.pid), name)
}

// read reads a file of the process.
func (p process) read(name string) ([]byte, error) {
	file, err := os.Open(p.path(name))
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // the file is only read, so nothing can be lost
	return io.ReadAll(io.LimitReader(file, maxText))
}

// errStat says that a stat file has another form than proc(5) says.
var errStat = errors.New("the start of the process cannot be read")

// started returns when the process was started: field 22 of its stat, in ticks since the start of the
// machine. The second field is the program's name, which can have blanks and brackets.
func (p process) started(boot time.Time) (time.Time, error) {
	text, err := p.read("stat")
	if err != nil {
		return time.Time{}, err
	}
	return parseStart(text, boot)
}

// parseStart reads the start from the text of a stat file.
func parseStart(text []byte, boot time.Time) (time.Time, error) {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return time.Time{}, errStat
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil || ticks < 0 || ticks > 1<<53 {
		return time.Time{}, errStat
	}
	return boot.Add(time.Duration(ticks/ticksPerSecond)*time.Second + time.Duration(ticks%ticksPerSecond)*time.Second/ticksPerSecond), nil
}

// list returns the processes, without this one. The error is an *audit.GapError.
func (s *Source) list() (all []process, _ error) {
	entries, err := os.ReadDir(s.options.Proc)
	if err != nil {
		return nil, &audit.GapError{Gap: audit.Gap{What: "the processes of this machine", Reason: s.options.Proc + " cannot be read"}}
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && pid != os.Getpid() {
			all = append(all, process{s.options.Proc, pid})
		}
	}
	return all, nil
}

// bootTime returns when the machine was started, to the second. The error is an *audit.GapError.
func (s *Source) bootTime() (time.Time, error) {
	text, err := os.ReadFile(filepath.Join(s.options.Proc, "stat"))
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if number, is := strings.CutPrefix(line, "btime "); is {
				if seconds, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64); err == nil {
					return time.Unix(seconds, 0), nil
				}
			}
		}
	}
	return time.Time{}, &audit.GapError{Gap: audit.Gap{What: "when processes were started", Reason: "the start of this machine cannot be read"}}
}

// gaps says what of the processes was not seen. Servers in other pid namespaces matter only where none is
// seen here.
func (s *Source) gaps(closed, servers int) (list []audit.Gap) {
	if hiding := s.hidden(); hiding != "" && !s.options.Root {
		list = append(list, audit.Gap{What: "the processes of other accounts", Reason: "/proc is mounted with " + hiding, Missing: "root, or the group of the option gid of /proc", Grant: "run ocmt audit as root"})
	} else if closed > 0 {
		list = append(list, audit.Gap{What: fmt.Sprintf("the arguments of %d processes", closed), Reason: "this account may not read them", Missing: "root", Grant: "run ocmt audit as root"})
	}
	namespace, err := os.Readlink(filepath.Join(s.options.Proc, "self/ns/pid"))
	if servers == 0 && err == nil && namespace != initialNamespace {
		list = append(list, audit.Gap{What: "the servers of the deployment", Reason: "none is seen from this container, which has its own processes", Grant: "run ocmt audit on the host, or in the container of each server"})
	}
	return list
}

// hidden returns the option by which /proc hides the processes of others; "" for none (proc(5)).
func (s *Source) hidden() string {
	text, err := os.ReadFile(filepath.Join(s.options.Proc, "self/mounts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "options that cannot be read"
	}
	hiding := ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[1] != "/proc" || fields[2] != "proc" {
			continue
		}
		hiding = "" // a later mount covers an earlier one
		for option := range strings.SplitSeq(fields[3], ",") {
			if strings.HasPrefix(option, "hidepid=") && option != "hidepid=0" && option != "hidepid=off" {
				hiding = option
			}
		}
	}
	return hiding
}
