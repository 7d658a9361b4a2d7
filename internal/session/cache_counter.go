package session

import "sync"

// cacheCounter counts what a look at Redis sees. A key may be seen twice, and counts once.
type cacheCounter struct {
	mu    sync.Mutex
	seen  map[ID]bool
	kinds map[Kind]int64
	users map[Kind]map[string]bool
}

func newCacheCounter() *cacheCounter {
	return &cacheCounter{seen: map[ID]bool{}, kinds: map[Kind]int64{}, users: map[Kind]map[string]bool{Vaults: {}, OAuthFlows: {}}}
}

// add counts a key, and reports whether it was not seen before.
func (c *cacheCounter) add(kind Kind, id ID, vault Vault) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[id] {
		return false
	}
	c.seen[id] = true
	c.kinds[kind]++
	if vault.User != "" {
		c.users[kind][vault.User] = true
	}
	return true
}

// has reports whether the look has seen a key.
func (c *cacheCounter) has(id ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[id]
}

// counts returns the counts of both kinds.
func (c *cacheCounter) counts() []Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	return []Count{
		{Kind: Vaults, Selected: c.kinds[Vaults], Users: int64(len(c.users[Vaults])), Owners: []string{}},
		{Kind: OAuthFlows, Selected: c.kinds[OAuthFlows], Users: int64(len(c.users[OAuthFlows])), Owners: []string{}},
	}
}
