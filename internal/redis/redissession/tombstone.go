package redissession

// IsTombstoneLength reports whether a value has the length of a tombstone, in bytes. What a server writes
// under the key of a vault is longer, because it has the ID of a user and two times. So an adapter that may not read
// values tells both apart.
func IsTombstoneLength(length int64) bool {
	return length == int64(len(tombstone)) || length == int64(len(marked("00000000")))
}

// TombstoneSeconds is how long a tombstone stays, in seconds.
const TombstoneSeconds = int64(tombstoneTime / 1e9)
