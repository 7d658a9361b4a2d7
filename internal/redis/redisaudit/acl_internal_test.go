package redisaudit

import (
	"fmt"
	"strings"
	"testing"
)

// If this fails, hashes of passwords, which can be guessed, get into a report, or a strange line ends the audit.
func FuzzReadUserLine(f *testing.F) {
	for _, line := range []string{"user default on nopass ~* &* +@all", "user a on #ab12 ~x resetchannels -@all +get (~y +scan) (+@all)", "user a off #ab #cd -@all", "user", "", "user a ( ) (", "user a (#ab +#cd)"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		read, ok := readUserLine(line)
		if !ok {
			return
		}
		kept := strings.Join(read.rules, " ") + fmt.Sprint(read.selectors)
		for _, word := range strings.Fields(line)[2:] {
			if strings.HasPrefix(word, "#") && len(word) > 8 && strings.Contains(kept, word) && !strings.Contains(line, "+"+word) && !strings.Contains(line, "-"+word) {
				t.Errorf("%q is kept", word)
			}
		}
	})
}

// If this fails, a mistake elsewhere in this package sends a command that changes something.
func TestGuard(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"flushall", "set a b", "config set dir /", "config get *", "config get requirepass", "config get dir bind", "acl setuser a", "acl deluser a", "multi", "exec", "debug help", "getrange a 0 1", "get a", "cluster reset", "monitor"} {
		if isAllowed(strings.Fields(line)) {
			t.Errorf("%s is sent to a server", line)
		}
	}
	for _, line := range []string{"exec", "flushall", "flushall async", "flushdb", "shutdown ocmt-probe", "shutdown", "acl setuser a", "config set dir /", "multi x", "info"} {
		if isAllowedInProbe(strings.Fields(line)) {
			t.Errorf("%s is sent in a transaction", line)
		}
	}
	for _, line := range []string{"sentinel failover a", "sentinel set a b c", "sentinel reset a", "info", "shutdown", "sentinel replicas"} {
		if isAllowedAtSentinel(strings.Fields(line)) {
			t.Errorf("%s is sent to a Sentinel", line)
		}
	}
}
