package secret

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// keywordPassword finds the password of an address in the form of libpq.
var keywordPassword = regexp.MustCompile(`(?:^|\s)password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))`)

// AddressPassword returns the password inside an address, a URL or one in the form of libpq; "" for none.
func AddressPassword(address string) string {
	if !strings.Contains(address, "://") {
		if found := keywordPassword.FindStringSubmatch(address); found != nil {
			return found[1] + found[2]
		}
		return ""
	}
	if parsed, err := url.Parse(address); err == nil {
		if password, set := parsed.User.Password(); set {
			return password
		}
		return parsed.Query().Get("password")
	}
	// A password that is not escaped keeps an address from being parsed; servers take it all the same.
	_, rest, _ := strings.Cut(address, "://")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		_, password, _ := strings.Cut(rest[:at], ":")
		return password
	}
	return ""
}

// AddressPasswords returns the passwords inside the text of a setting, each once. There may be several
// URLs, with spaces between; the form of libpq has spaces within.
func AddressPasswords(text string) (passwords []string) {
	addresses := []string{text}
	if strings.Contains(text, "://") {
		addresses = strings.Fields(text)
	}
	for _, address := range addresses {
		if password := AddressPassword(address); password != "" && !slices.Contains(passwords, password) {
			passwords = append(passwords, password)
		}
	}
	return passwords
}
