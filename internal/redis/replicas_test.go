package redis

import (
	"slices"
	"testing"
)

// If this fails, a replica that lacks what was written passes, and opens every vault when it becomes
// the primary.
func TestReplicasBehind(t *testing.T) {
	t.Parallel()
	for info, want := range map[string][]string{
		"# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_repl_offset:100\r\n":                                            nil,
		"slave0:ip=10.0.0.2,port=6379,state=online,offset=100,lag=0\r\n":                                                              nil,
		"slave0:ip=10.0.0.2,port=6379,state=online,offset=99,lag=0\r\nslave1:ip=10.0.0.3,port=6380,state=online,offset=101,lag=1\r\n": {"10.0.0.2 port 6379"},
		"slave0:ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0\r\nslave_read_only:1\r\n":                                      {"10.0.0.2 port 6379"},
		"slave0:ip=10.0.0.2,port=6379\r\n": {"10.0.0.2 port 6379"},
	} {
		if got := replicasBehind(info, 100); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", info, got, want)
		}
	}
}
