package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/json5"
	"github.com/ocmt/ocmt/pkg/secret"
)

// maxText is how much of a file of settings is read.
const maxText = 16 << 20

// gatewaySetting is the variable with the gateway's token.
const gatewaySetting = "OPENCLAW_GATEWAY_TOKEN"

// GatewayFiles implements audit.FileSource.
func (s *Source) GatewayFiles(ctx context.Context) (audit.GatewayList, error) {
	inventory, err := s.inventory(ctx)
	if err != nil {
		return audit.GatewayList{}, err
	}
	list := audit.GatewayList{Gaps: slices.Clone(inventory.gaps)}
	files := slices.Clone(inventory.gateway)
	if s.options.Home != "" {
		more, err := listFolder(filepath.Join(s.options.Home, ".openclaw"), "~/.openclaw/", isGatewayName)
		if err != nil {
			list.Gaps = append(list.Gaps, gapOf("~/.openclaw", statError("~/.openclaw", err)))
		}
		files = addFound(files, more)
	}
	tokens := map[string]string{} // by folder
	for _, one := range files {
		if filepath.Base(one.path) == gatewayName {
			s.addGateway(&list, one, tokens)
		}
	}
	for _, one := range files {
		if filepath.Base(one.path) != gatewayName {
			s.addGateway(&list, one, tokens)
		}
	}
	return list, nil
}

// addFound adds files that are not known yet by their path.
func addFound(files, more []found) []found {
	for _, one := range more {
		if !slices.ContainsFunc(files, func(f found) bool { return f.path == one.path }) {
			files = append(files, one)
		}
	}
	return files
}

// listFolder returns the files of a folder whose names are asked for. A folder that is not there has none.
func listFolder(folder, prefix string, asked func(base string) bool) (list []found, _ error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if !entry.IsDir() && asked(entry.Name()) {
			list = append(list, found{filepath.Join(folder, entry.Name()), prefix + entry.Name()})
		}
	}
	return list, err
}

// addGateway reads one openclaw.json, or a copy. Tokens has those of the files that are no copies.
func (s *Source) addGateway(list *audit.GatewayList, one found, tokens map[string]string) {
	state, err := describe(one)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		list.Gaps = append(list.Gaps, gapOf(one.name, err))
		return
	}
	file := audit.GatewayFile{FileState: state, Copy: filepath.Base(one.path) != gatewayName}
	token, err := readGatewayToken(one.path)
	folder := filepath.Dir(one.path)
	switch {
	case err != nil:
		list.Gaps = append(list.Gaps, gapOf("gateway.auth.token of "+one.name, statError("gateway.auth.token of "+one.name, err)))
	case file.Copy:
		file.Older = token != nil && *token != "" && *token != tokens[folder] && !s.isGatewayToken(*token)
	default:
		file.Token = s.kindOfToken(token)
		if token != nil {
			tokens[folder] = *token
		}
	}
	list.Files = append(list.Files, file)
}

// kindOfToken says what a token is. Nil is none.
func (s *Source) kindOfToken(token *string) audit.GatewayToken {
	switch {
	case token == nil:
		return audit.TokenUnset
	case *token == "":
		return audit.TokenEmpty
	case secret.IsPlaceholder(*token):
		return audit.TokenExample
	case s.isGatewayToken(*token):
		return audit.TokenKnown
	default:
		return audit.TokenOwn
	}
}

// isGatewayToken reports whether a text is the token that is configured.
func (s *Source) isGatewayToken(text string) bool {
	return s.options.Finder != nil && slices.Contains(s.options.Finder.Find([]byte(text)), gatewaySetting)
}

// errInclude says that a part of the settings is in another file.
var errInclude = &fs.PathError{Op: "read", Err: errors.New("it includes other files, which may have the token")}

// errGatewayForm says that an openclaw.json cannot be read.
var errGatewayForm = &fs.PathError{Op: "read", Err: json5.ErrForm}

// readGatewayToken returns gateway.auth.token of a file; nil where it is not set, or is a reference to a
// variable.
func readGatewayToken(path string) (*string, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	value, err := json5.Parse(string(text))
	if err != nil {
		return nil, errGatewayForm
	}
	for _, name := range []string{"gateway", "auth", "token"} {
		member, there := value.Member(name)
		if _, includes := value.Member("$include"); includes > 0 && there == 0 {
			return nil, errInclude
		}
		if there == 0 {
			return nil, nil
		}
		value = member
	}
	if value.Kind != json5.Text || strings.HasPrefix(value.Text, "${") && strings.HasSuffix(value.Text, "}") {
		return nil, nil
	}
	return &value.Text, nil
}

// errLarge says that a file is larger than its kind ever is.
var errLarge = errors.New("it is larger than 16 MiB")

// readText reads a regular file whole.
func readText(path string) ([]byte, error) {
	text, err := ReadRegular(path, maxText)
	switch {
	case errors.Is(err, ErrNotRegular):
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	case errors.Is(err, ErrTooLarge):
		return nil, &fs.PathError{Op: "read", Path: path, Err: errLarge}
	}
	return text, err
}
