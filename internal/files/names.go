package files

import "strings"

// examples end the names of env files that have examples only.
var examples = []string{"example", "sample", "template", "dist", "defaults", "schema", "tpl", "tmpl"}

// IsEnvName reports whether a file is an env file by its name: .env, .env.production, server.env. An
// example, such as .env.example, is none.
func IsEnvName(base string) bool {
	lower := strings.ToLower(base)
	for _, part := range strings.Split(lower, ".") {
		for _, example := range examples {
			if part == example {
				return false
			}
		}
	}
	return lower == ".env" || strings.HasPrefix(lower, ".env.") || strings.HasSuffix(lower, ".env") || strings.HasPrefix(lower, ".env-") || strings.HasPrefix(lower, ".env_")
}

// isGatewayName reports whether a file is openclaw.json or a copy of it.
func isGatewayName(base string) bool {
	return base == gatewayName || strings.HasPrefix(base, gatewayName+".") || strings.HasPrefix(base, gatewayName+"~")
}

const gatewayName = "openclaw.json"

// dumpEnds end the names of dumps and archives. Whether a file is one is decided by its beginning, except
// for archives, which are looked at where their name is one of a backup.
var dumpEnds = []string{".dump", ".pgdump", ".pg_dump", ".sql", ".sql.gz", ".rdb", ".aof", ".backup", ".bak.gz", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2", ".zip"}

// isDumpName reports whether a file may be a dump or a backup by its name.
func isDumpName(base string) bool {
	lower := strings.ToLower(base)
	for _, cipher := range []string{".age", ".gpg", ".pgp", ".asc"} {
		lower = strings.TrimSuffix(lower, cipher)
	}
	for _, end := range dumpEnds {
		if strings.HasSuffix(lower, end) {
			return true
		}
	}
	return false
}

// backupWords are in the names of archives that have settings or backups.
var backupWords = []string{"backup", "config", "settings", "openclaw", "ocmt", "tenant", "secrets", "env"}

// isArchiveOfSettings reports whether an archive has settings or backups by its name.
func isArchiveOfSettings(base string) bool {
	lower := strings.ToLower(base)
	if !strings.Contains(lower, ".tar") && !strings.HasSuffix(lower, ".tgz") && !strings.HasSuffix(lower, ".zip") {
		return false
	}
	for _, word := range backupWords {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}
