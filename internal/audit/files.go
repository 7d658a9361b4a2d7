package audit

import (
	"context"
	"io/fs"
	"slices"
)

// FileSource is what the checks of files look at. Paths are relative to the folder that was given, or as
// a setting has them. No text of a file leaves it.
type FileSource interface {
	// EnvFiles returns the env files below the folders.
	EnvFiles(ctx context.Context) (FileList, error)
	// Stat describes the file of a path, as a setting names it. The error is a *GapError, or fs.ErrNotExist.
	Stat(ctx context.Context, path string) (FileState, error)
	// Parents describes the folders above a file, and above what it is a link to.
	Parents(ctx context.Context, path string) ([]FileState, error)
	// Dumps returns dumps of databases, backups of tenants and archives of settings.
	Dumps(ctx context.Context) (FileList, error)
	// GatewayFiles returns each openclaw.json and its copies.
	GatewayFiles(ctx context.Context) (GatewayList, error)
	// ServiceFiles returns files from which services are started, and the settings whose secrets they have.
	ServiceFiles(ctx context.Context) (ServiceList, error)
	// Parsed returns the env files that were named, with their settings.
	Parsed(ctx context.Context) (ParsedList, error)
	// Trusts reports whether members of a group may read secrets, as the operator says.
	Trusts(group string) bool
}

// FileState is what is known of a file or a folder without its text.
type FileState struct {
	Path      string
	Target    string      // what a symbolic link leads to; "" for no link
	Mode      fs.FileMode // of the target
	Owner     string      // name of the account, or its number
	Group     string
	Foreign   bool     // its owner is neither root, nor this account, nor the owner of its folder
	ACL       []string // who else may read or write it by a POSIX ACL: "user deploy", "group staff"
	ACLGroup  bool     // with an ACL: the owning group may read or write it
	Mounted   bool     // Docker or Kubernetes has mounted it
	Holds     bool     // of a folder above a file: the file is in it, or what the file is a link to
	Harmless  bool     // it is an env file, was read, and has no secret
	Encrypted bool     // it begins as age and OpenPGP files do
}

// FileList are files with what could not be looked at.
type FileList struct {
	Files  []FileState
	Gaps   []Gap
	Looked string
	Absent string // what shows that there is none
}

// GatewayToken says what gateway.auth.token of an openclaw.json is.
type GatewayToken uint8

// The forms of a gateway's token in its file.
const (
	TokenUnset   GatewayToken = iota // not set, or a reference to a variable
	TokenEmpty                       // set, and empty: it wins over the variable
	TokenKnown                       // that of OPENCLAW_GATEWAY_TOKEN
	TokenOwn                         // another one
	TokenExample                     // an example of the documents
)

// GatewayFile is an openclaw.json, or a copy beside it.
type GatewayFile struct {
	FileState
	Copy  bool         // not openclaw.json itself
	Token GatewayToken // of openclaw.json
	Older bool         // a copy that has another token than openclaw.json
}

// GatewayList are gateway files with what could not be looked at.
type GatewayList struct {
	Files []GatewayFile
	Gaps  []Gap
}

// ServiceFile is a file from which a service is started.
type ServiceFile struct {
	Path     string
	Kind     string   // "dump of pm2", "unit of systemd", "crontab"
	Settings []string // whose secrets it has
}

// ServiceList are such files with what could not be looked at.
type ServiceList struct {
	Files []ServiceFile
	Gaps  []Gap
}

// ParsedFile is an env file with its settings.
type ParsedFile struct {
	Path string
	Own  bool                     // it is the env file of the settings that are audited; the others are of other components
	Text func(name string) string // the text of a setting; "" where the file has none
}

// ParsedList are env files with what could not be read.
type ParsedList struct {
	Files []ParsedFile
	Gaps  []Gap
}

// rightToRead is the right that the checks of files need.
const rightToRead = "reading the files and their folders, as the account that owns them or as root"

func filesOf(s *Sources) Source[FileSource]  { return s.Files }
func settingsOf(s *Sources) Source[Settings] { return s.Settings }

func fileChecks() []Check { return slices.Concat(accessChecks(), contentChecks()) }

// accessChecks ask who can read and change files.
func accessChecks() []Check {
	return []Check{{
		ID: "OCMT-FIL-001", Severity: High, Title: "An env file or a secret's file that others can read",
		Why:      "every account that can read the file has all secrets of the deployment",
		LooksAt:  "mode, owner and POSIX ACL of each env file below the folders that has a secret, and of each file that a setting was read from; of a symbolic link, its target",
		Right:    rightToRead,
		NotFault: "an env file without any setting that is a secret by its name, an example file, a group that is named as trusted, a file that Docker or Kubernetes has mounted, an owner who also owns the folder",
		Fix:      "chmod 600 FILE, and setfacl -b FILE where it has an ACL; then take its secrets for known to those who could read it",
		Source:   "OCMT operators' lists: chmod 600 .env",
		look:     with(filesOf, lookAtEnvFiles),
	}, {
		ID: "OCMT-FIL-002", Severity: High, Title: "A folder above a secret's file that everybody can write to",
		Why:      "whoever can write to a folder can put another file in the place of the env file, and so choose the secrets",
		LooksAt:  "each folder above the env files and the files that settings name, up to the root",
		Right:    rightToRead,
		NotFault: "a folder with the sticky bit further up, such as /tmp, because nobody can replace another account's folder there",
		Fix:      "chmod o-w FOLDER; move the deployment out of a temporary folder",
		look:     with(filesOf, lookAtParents),
	}, {
		ID: "OCMT-FIL-003", Severity: High, Title: "A private key's file that others can read",
		Why:      "who has the key of SAML or TLS can act as the server",
		LooksAt:  "mode, owner and POSIX ACL of the files that SAML_PRIVATE_KEY_PATH and sslkey of DATABASE_URL name",
		Right:    rightToRead,
		NotFault: "a group that is named as trusted, such as ssl-cert with mode 0640, and a mounted file",
		Fix:      "chmod 600 FILE, then a new key from the maker of the old one",
		look:     with(filesOf, lookAtKeyFiles),
	}}
}

// contentChecks ask what is in files and settings.
func contentChecks() []Check {
	return []Check{{
		ID: "OCMT-FIL-004", Severity: High, Title: "An openclaw.json that gives the gateway's token away, or an empty token in it",
		Why:      "who has the gateway's token can call its tools; an empty token in the file wins over OPENCLAW_GATEWAY_TOKEN",
		LooksAt:  "openclaw.json and the copies beside it: mode, owner, and gateway.auth.token, which is not shown",
		Right:    rightToRead,
		NotFault: "a token that is a reference to a variable; a copy with the token of today and mode 0600",
		Fix:      "chmod 600 openclaw.json; remove its copies; take an empty gateway.auth.token out of it and restart the gateway",
		look:     with(filesOf, lookAtGatewayFiles),
	}, {
		ID: "OCMT-FIL-005", Severity: Medium, Title: "A secret in a dump of pm2, a unit of systemd or a crontab",
		Why:      "these files are copied, shown and read by other tools than the env file, and keep a secret after it was changed",
		LooksAt:  "dump.pm2 and dump.pm2.bak below .pm2, units of systemd, crontabs: whether they contain a configured secret",
		Right:    rightToRead,
		NotFault: "EnvironmentFile= with the path of the env file",
		Fix:      "for systemd use EnvironmentFile=; for pm2 let the server read its env file, start it without the variable, then pm2 save; for cron read the env file in the script",
		look:     with(filesOf, lookAtServiceFiles),
	}, {
		ID: "OCMT-FIL-006", Severity: Critical, Title: "An example, a weak password, or one secret under two names",
		Why:      "examples and common passwords are tried first; a secret with two uses gives both away and cannot be changed for one of them",
		LooksAt:  "the settings alone; passwords inside DATABASE_URL and REDIS_URL too",
		Right:    "the settings of the deployment",
		NotFault: "INTERNAL_ADMIN_TOKEN with MANAGEMENT_API_TOKEN, AGENT_SERVER_TOKEN or GROUP_VAULT_AUTH_TOKEN with AUTH_TOKEN: these must be equal. ENCRYPTION_KEY as an example belongs to OCMT-ENC-010",
		Fix:      "make a new secret with openssl rand -hex 32, set it wherever the old one is, and restart what reads it",
		Source:   "OCMT operators' documents, examples of .env",
		look:     with(settingsOf, lookAtSecrets),
	}, {
		ID: "OCMT-FIL-007", Severity: High, Title: "Two settings that must be equal and differ, or an environment that hides the env file",
		Why:      "servers whose tokens differ refuse each other; a variable in the environment wins over the file, so a change of the file does nothing",
		LooksAt:  "the settings, the env files of other components that are named, and the process's environment",
		Right:    "the env file of each component",
		NotFault: "AUTH_TOKEN of a group vault, which equals GROUP_VAULT_AUTH_TOKEN; a variable with the same text as the file",
		Fix:      "set the same text on both sides, take the variable out of the environment, and restart both",
		look:     with(settingsOf, lookAtPairs),
	}, {
		ID: "OCMT-FIL-008", Severity: High, Title: "A dump or a backup that others can read",
		Why:      "a dump has every session, token and ciphertext; archives of settings have the keys too",
		LooksAt:  "files below the folders that begin as dumps do or are named as archives of settings, and all files of the folders for backups",
		Right:    rightToRead,
		NotFault: "files that age or OpenPGP has encrypted, and SQL without rows, such as migrations and schemas",
		Fix:      "chmod 600 FILE, or encrypt it with age or gpg",
		look:     with(filesOf, lookAtDumps),
	}}
}
