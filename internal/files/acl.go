package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
)

// accessList is what a POSIX ACL allows to others than the owner.
type accessList struct {
	others []string // "user deploy", "group staff"
	group  bool     // the owning group
}

// The tags of entries (Linux, include/uapi/linux/posix_acl.h).
const (
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
)

// errACL says that an ACL has another form than the one that is known.
var errACL = errors.New("the ACL has an unknown form")

// parseACL reads the value of system.posix_acl_access: version 2, then entries of tag, permissions and id
// (Linux, include/uapi/linux/posix_acl_xattr.h). Without named accounts it says no more than the mode.
func parseACL(value []byte) (accessList, error) {
	if len(value) < 4 || binary.LittleEndian.Uint32(value) != 2 || (len(value)-4)%8 != 0 {
		return accessList{}, errACL
	}
	var list accessList
	mask, group := uint16(7), uint16(0)
	type named struct {
		who string
		may uint16
	}
	var entries []named
	for entry := range slices.Chunk(value[4:], 8) {
		may, id := binary.LittleEndian.Uint16(entry[2:]), binary.LittleEndian.Uint32(entry[4:])
		switch binary.LittleEndian.Uint16(entry) {
		case aclUser:
			entries = append(entries, named{"user " + userName(id), may})
		case aclGroup:
			entries = append(entries, named{"group " + groupName(id), may})
		case aclGroupObj:
			group = may
		case aclMask:
			mask = may
		}
	}
	for _, entry := range entries {
		if entry.may&mask != 0 {
			list.others = append(list.others, entry.who)
		}
	}
	list.group = len(list.others) > 0 && group&mask != 0
	return list, nil
}

// userName returns the name of an account, or its number.
func userName(id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	if account, err := user.LookupId(number); err == nil {
		return account.Username
	}
	return number
}

// groupName returns the name of a group, or its number.
func groupName(id uint32) string {
	number := fmt.Sprint(id)
	if group, err := user.LookupGroupId(number); err == nil {
		return group.Name
	}
	return number
}
