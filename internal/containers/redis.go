package containers

import (
	"context"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// RedisServices implements audit.ContainerSource.
func (s *Source) RedisServices(ctx context.Context) (audit.RedisServiceList, error) {
	found, err := s.read(ctx)
	if err != nil {
		return audit.RedisServiceList{}, err
	}
	list := audit.RedisServiceList{Gaps: slices.Clone(found.gaps)}
	for _, one := range found.services {
		if one.serves() != redisServer || one.image == "" && len(one.words) == 0 {
			continue
		}
		password, err := one.redisPassword()
		if err != nil {
			list.Gaps = append(list.Gaps, audit.Gap{What: "the password of " + one.name + " in " + one.file, Reason: err.Error()})
			continue
		}
		list.Servers = append(list.Servers, audit.RedisService{File: one.file, Line: one.line, Service: one.name, Password: password})
	}
	return list, nil
}

var (
	errScript   = errors.New("another program than redis-server starts it")
	errConfig   = errors.New("its configuration is not among the files of the project")
	errVariable = errors.New("its environment is in another file")
)

// redisPassword says where a server has its password from.
func (s *service) redisPassword() (audit.RedisPassword, error) {
	config := ""
	for i, word := range s.words {
		word, next := cleanWord(word), ""
		if i+1 < len(s.words) {
			next = s.words[i+1]
		}
		switch {
		case word == "--requirepass":
			return s.argumentPassword(next), nil
		case word == "--aclfile":
			return audit.RedisPasswordKept, nil
		case isRedisProgram(word) && next != "" && !strings.HasPrefix(cleanWord(next), "-"), i == 0 && strings.HasSuffix(word, ".conf"):
			config = cleanWord(next)
			if !isRedisProgram(word) {
				config = word
			}
		}
	}
	if config != "" {
		return s.configPassword(config)
	}
	return s.variablePassword()
}

// cleanWord removes the quotation marks of a shell.
func cleanWord(word string) string { return strings.Trim(word, `"';`) }

// isRedisProgram reports whether a word is the program of a server.
func isRedisProgram(word string) bool {
	base := path.Base(word)
	return base == "redis-server" || base == "valkey-server" || base == "keydb-server"
}

// argumentPassword judges the word behind --requirepass. A shell of the container may read it from a file;
// Redis overwrites its arguments when it has read them.
func (s *service) argumentPassword(word string) audit.RedisPassword {
	inShell := strings.Contains(word, "$$") || strings.Contains(word, "$(") && !s.kubernetes || strings.Contains(word, "`")
	switch {
	case cleanWord(word) == "":
		return audit.RedisPasswordNone
	case inShell:
		return audit.RedisPasswordKept
	default:
		return audit.RedisPasswordArgument
	}
}

// configPassword looks for a password in a configuration that is mounted.
func (s *service) configPassword(config string) (audit.RedisPassword, error) {
	host := ""
	for target, source := range s.mounts {
		if target == config {
			host = source
		} else if rest, below := strings.CutPrefix(config, strings.TrimSuffix(target, "/")+"/"); below && host == "" {
			host = filepath.Join(source, filepath.FromSlash(rest))
		}
	}
	if host == "" {
		return 0, errConfig
	}
	text, err := readFile(host)
	if err != nil {
		return 0, errConfig
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch strings.ToLower(fields[0]) {
		case "requirepass":
			if cleanWord(fields[1]) != "" {
				return audit.RedisPasswordKept, nil
			}
		case "aclfile", "user":
			return audit.RedisPasswordKept, nil
		case "include":
			return 0, errConfig
		}
	}
	return audit.RedisPasswordNone, nil
}

// redisVariables are settings of images that make a password of a variable or a file.
var redisVariables = []string{"REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "VALKEY_PASSWORD", "VALKEY_PASSWORD_FILE"}

// variablePassword judges a server without a password in its arguments. The official images read no
// variable; those of Bitnami do.
func (s *service) variablePassword() (audit.RedisPassword, error) {
	starts := len(s.words) == 0 || slices.ContainsFunc(s.words, func(word string) bool { return isRedisProgram(cleanWord(word)) }) || strings.HasPrefix(s.words[0], "-")
	if !starts {
		return 0, errScript
	}
	if !strings.Contains(s.image, "bitnami") {
		return audit.RedisPasswordNone, nil
	}
	for _, name := range redisVariables {
		if _, set := s.env[name]; set {
			return audit.RedisPasswordKept, nil
		}
	}
	if s.envFile {
		return 0, errVariable
	}
	return audit.RedisPasswordNone, nil
}
