package files

import "testing"

// FuzzParseACL: an ACL of any form is read or refused.
func FuzzParseACL(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 2, 0, 4, 0, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		if list, err := parseACL(value); err == nil && list.group && len(list.others) == 0 {
			t.Error("a group without named accounts is what the mode says")
		}
	})
}
