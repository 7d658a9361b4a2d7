package redis

import driver "github.com/redis/go-redis/v9"

// DialOptions returns how the client connects: addresses, dialer, TLS, user and password. An adapter that
// must know of every command that is sent makes its own connections with them, because the driver asks a
// cluster or a Sentinel by itself.
func (c *Client) DialOptions() driver.UniversalOptions { return *c.options }
