package audit

import "context"

// RedisSource is the Redis of a deployment. It may be several servers: several addresses, replicas, a
// cluster. Whoever implements it changes nothing in them, and keeps no name of a key, because the names
// hold bearer tokens.
type RedisSource interface {
	// Servers returns every server that holds data. The error is a *GapError where there may be more
	// than are returned.
	Servers(ctx context.Context) ([]RedisServer, error)
}

// RedisServer is one server that holds data. The errors of its methods are each a *GapError, which names
// the missing right and the command that grants it, or that of the context.
type RedisServer interface {
	// Place says where the server is.
	Place() RedisPlace
	// Greet sends PING without a user and without a password.
	Greet(ctx context.Context) (RedisGreeting, error)
	// GreetOutside does the same at each address of this machine that is not loopback, and returns the answer
	// of the first that takes the connection; "" where none does. ok is false where there is no such
	// address, or the server is not on this machine.
	GreetOutside(ctx context.Context) (greeting RedisGreeting, ok bool, err error)
	// SpeaksTLS reports whether the port answers a TLS handshake.
	SpeaksTLS(ctx context.Context) (bool, error)
	// Users returns the user of this connection, and the one that the application logs in as.
	Users(ctx context.Context) (own, application string, err error)
	// Info returns the fields of a section of INFO.
	Info(ctx context.Context, section string) (map[string]string, error)
	// Parameter returns a parameter of the configuration.
	Parameter(ctx context.Context, name string) (string, error)
	// DangerousCommands says of each dangerous command whether a user may run it.
	DangerousCommands(ctx context.Context, user string) ([]RedisCommand, error)
	// KeyReaders returns the users that can log in and list names of keys, without those that are known
	// to do so.
	KeyReaders(ctx context.Context) ([]RedisReader, error)
	// Keys counts the keys, up to a number and a time.
	Keys(ctx context.Context) (RedisKeys, error)
	// Folder looks at the folder that the server writes its data to.
	Folder(ctx context.Context) (RedisFolder, error)
}

// RedisReach says from where a server can be reached by its address.
type RedisReach string

// The reaches.
const (
	RedisSocket   RedisReach = "a unix socket"
	RedisLoopback RedisReach = "loopback"
	RedisNetwork  RedisReach = "the network"
)

// RedisPlace is where a server is, and how it is connected to.
type RedisPlace struct {
	Address  string // "10.0.0.5:6379", or the path of a socket
	Reach    RedisReach
	Replica  bool
	Database int
	TLS      bool // the address asks for TLS
	Verified bool // and the certificate is verified
	// Private says of a socket that no other account of the machine can open it.
	Private bool
}

// RedisGreeting is the answer to a PING without a password.
type RedisGreeting string

// The greetings.
const (
	RedisAnswers       RedisGreeting = "PONG"
	RedisAsksPassword  RedisGreeting = "NOAUTH" // it asks for a password
	RedisProtected     RedisGreeting = "DENIED" // protected mode: only this machine is let in
	RedisMayNotPing    RedisGreeting = "NOPERM" // the default user has no password, and may not do this
	RedisUnknownAnswer RedisGreeting = "another answer"
)

// RedisVerdict says whether a user may run a command.
type RedisVerdict string

// The verdicts.
const (
	RedisMay     RedisVerdict = "allowed"
	RedisMayNot  RedisVerdict = "refused"
	RedisNoSuch  RedisVerdict = "the server does not have it, or has it renamed or switched off"
	RedisUnknown RedisVerdict = "unknown"
)

// RedisCommand is a command with what is known of the right to run it.
type RedisCommand struct {
	Name    string // "CONFIG SET"
	Verdict RedisVerdict
	Gap     Gap // why it is RedisUnknown
}

// RedisReader is a user that can list names of keys.
type RedisReader struct {
	User       string
	Commands   []string // "SCAN", "KEYS", "RANDOMKEY"
	NoPassword bool
}

// RedisClass is a kind of key, named by what its keys begin with.
type RedisClass string

// The classes (contract, section 4).
const (
	RedisVaults     RedisClass = "vault:session:"
	RedisPKCE       RedisClass = "oauth:pkce:"
	RedisStates     RedisClass = "oauth:state:"
	RedisRateLimits RedisClass = "ocmt:ratelimit:"
	RedisHealth     RedisClass = "ocmt:health:"
	RedisSLA        RedisClass = "ocmt:sla:"
	RedisOther      RedisClass = "other"
)

// RedisMaxTTL is how long keys of each class live, in milliseconds (contract, section 4). The window of
// rate limits is a setting of the servers; a day bounds it.
var RedisMaxTTL = map[RedisClass]int64{
	RedisVaults: 3600e3, RedisPKCE: 600e3, RedisStates: 600e3, RedisRateLimits: 86400e3, RedisHealth: 90 * 86400e3, RedisSLA: 90 * 86400e3,
}

// RedisKeys counts keys by their class.
type RedisKeys struct {
	Classes map[RedisClass]RedisClassCount
	Seen    int64
	// Complete is false where there are more keys than were looked at. Bound says why.
	Complete bool
	Bound    string
}

// RedisClassCount counts the keys of one class.
type RedisClassCount struct {
	Keys    int64
	NoTTL   int64 // they never expire
	TooLong int64 // they live longer than RedisMaxTTL
	Longest int64 // the longest time to live, in milliseconds
	Ended   int64 // marks of ocmt session-invalidate in the place of vaults; not in TooLong
	Unread  int64 // their time to live could not be asked
	Gap     Gap   // why
}

// RedisFolder is the folder that a server writes its data to.
type RedisFolder struct {
	Path   string
	Writes bool     // it writes to disk
	Open   []string // what other accounts of the machine can read: "/var/lib/redis", "dump.rdb"
}
