// Package redispassword changes the password that the servers of a deployment log in to Redis with, so that
// at no moment neither the old nor the new one works: the new one is put beside the old one, the store is
// changed, the servers restart, and the old one is taken away. What was reached stands in the store and in
// Redis themselves, so that another process goes on from there.
package redispassword

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Digest is the SHA-256 of a password in hexadecimal. ACL SETUSER takes it in place of the password, so that the
// server is never sent the password itself. It does not leave a plan, because a weak password could be found
// by it.
type Digest string

// DigestOf returns the digest of a password.
func DigestOf(password secret.Value) Digest {
	sum := sha256.Sum256([]byte(password.Reveal()))
	return Digest(hex.EncodeToString(sum[:]))
}

// Topology is how the servers of Redis belong together.
type Topology string

// The topologies.
const (
	Standalone Topology = "standalone" // one server, perhaps with replicas
	Sentinel   Topology = "sentinel"   // a primary and replicas that Sentinels watch
	Cluster    Topology = "cluster"
)

// Place is where a server is.
type Place struct {
	Address string `json:"address"`
	Replica bool   `json:"replica"`
}

// Right is a rule of ACL SETUSER, such as "+acl|setuser".
type Right string

// The rights that a change needs.
const (
	RightInfo      Right = "+info"
	RightGetUser   Right = "+acl|getuser"
	RightSetUser   Right = "+acl|setuser"
	RightACLSave   Right = "+acl|save"
	RightConfigGet Right = "+config|get"
	RightConfigSet Right = "+config|set"
	RightRewrite   Right = "+config|rewrite"
	RightClients   Right = "+client|list"
	RightClientID  Right = "+client|id"
	RightTime      Right = "+time"
	// A transaction that is never carried out tells which of the others there are.
	RightMulti   Right = "+multi"
	RightDiscard Right = "+discard"
)

// User is what a server knows of the user whose password is changed.
type User struct {
	Exists, On bool
	NoPassword bool // it takes any password
	Digests    []Digest
}

// Facts are what a server is asked before anything is changed. The passwords do not print.
type Facts struct {
	Login   string // the user that the server is asked as
	Version string
	RunID   string // names the process of the server; "" where it does not tell
	HasACL  bool   // the server knows users; Redis before 6 does not
	User    User   // the zero User where it may not be read
	// Missing are the rights that the login lacks.
	Missing []Right
	// HasACLFile and HasConfigFile say what survives a restart of the server.
	HasACLFile, HasConfigFile bool
	RequirePass               secret.Value
	// MasterUser and MasterAuth are what a replica logs in to its primary with. No user is DefaultUser.
	MasterUser string
	MasterAuth secret.Value
}

// Client is a connection to a server.
type Client struct {
	Address string
	Name    string
	User    string // "" where the server knows no users
	Age     time.Duration
	Replica bool // it is the connection of a replica, or of the primary
}

// Node is a server of Redis that takes log-ins.
type Node interface {
	Place() Place
	// Look asks what is needed before a change of a user's password. What may not be asked is in Missing.
	Look(ctx context.Context, user string) (Facts, error)
	// Accepts tries a log-in on a connection of its own.
	Accepts(ctx context.Context, user string, password secret.Value) (bool, error)
	// AddPassword and RemovePassword change which passwords a user has. Nobody is cut off.
	AddPassword(ctx context.Context, user string, digest Digest) error
	RemovePassword(ctx context.Context, user string, digest Digest) error
	// SetRequirePass gives the user default one password in place of all that it has. The password is sent.
	SetRequirePass(ctx context.Context, password secret.Value) error
	// SetMasterAuth changes what a replica logs in to its primary with. The password is sent.
	SetMasterAuth(ctx context.Context, password secret.Value) error
	// SaveUsers writes the users into the file of users; SaveConfig writes the file of the configuration,
	// with the users in it where there is no file of users.
	SaveUsers(ctx context.Context) error
	SaveConfig(ctx context.Context) error
	// Clients returns the time of the server and its connections but the one that asks.
	Clients(ctx context.Context) (now time.Time, clients []Client, err error)
}

// Watcher is a Sentinel.
type Watcher interface {
	Address() string
	// Name returns what the names of its connections begin with; "" where it does not tell.
	Name() string
	// SetAuthPass changes what the Sentinel logs in to the servers with, and saves it. It returns nil once the
	// Sentinel reaches the primary with it. The password is sent.
	SetAuthPass(ctx context.Context, password secret.Value) error
	// Look returns the run ID of the process, "" where it does not tell, and whether the Sentinel reaches the primary.
	Look(ctx context.Context) (runID string, reaches bool, err error)
}

// Servers are all servers of a Redis.
type Servers struct {
	Topology Topology
	Nodes    []Node
	Watchers []Watcher
}

// Finder finds the servers of a Redis.
type Finder interface {
	Find(ctx context.Context) (Servers, error)
	// LogInWith says which passwords a user may have beside that of the address, because a change that was
	// cut off can leave another one at each server.
	LogInWith(user string, passwords ...secret.Value)
}
