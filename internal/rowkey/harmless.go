package rowkey

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	longestName   = 64 // runes of a name; nobody copies a longer one
	shortName     = 8  // up to as many runes words need not be known
	longestRun    = 10 // letters of a word that is not known
	initials      = 6  // up to as many letters may read like nothing
	mostDigits    = 8  // in a name
	mostRunDigits = 5  // behind a word, or alone between two separators
)

// plainForms match the keys that open nothing whatever they are: a UUID, a whole number, a date with or without a time.
var plainForms = regexp.MustCompile(`^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|-?[0-9]{1,19}|[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?)$`)

// secretPrefixes match how the secrets of well-known providers begin.
var secretPrefixes = regexp.MustCompile(`^(AKIA|ASIA|AIza|eyJ|ya29\.|(sk|pk|rk|whsec|glpat|dckr)[-_]|gh[opsur]_|github_pat|xox[a-z]|xapp|[SM]\.[A-Za-z0-9_-]{20})`)

// wordForm matches one word of a name, in one case or with a capital in front, and the digits behind it.
var wordForm = regexp.MustCompile(`^(\p{Ll}+|\p{Lu}+|\p{Lu}\p{Ll}+|\p{Lo}+)?([0-9]*)$`)

// isHarmless reports whether a key is known to open nothing: by its form, or because it is a name that was put together
// from words, such as ANTHROPIC_API_KEY. What is not known to be harmless could be a secret.
func isHarmless(key string) bool {
	return plainForms.MatchString(key) || utf8.ValidString(key) && !secretPrefixes.MatchString(key) && isName(key)
}

// isName reports whether a key is a name. A short one needs words alone; a longer one needs a known word among them, because
// random text has the form of words now and then, and people make passwords of words.
func isName(key string) bool {
	length := utf8.RuneCountInString(key)
	if length > longestName {
		return false
	}
	name, short := nameParts{}, length <= shortName
	for _, part := range strings.FieldsFunc(key, isSeparator) {
		if !short {
			part = camel.ReplaceAllString(part, "${1}_$2")
		}
		for word := range strings.SplitSeq(part, "_") {
			form := wordForm.FindStringSubmatch(word)
			if form == nil || len(form[2]) > mostRunDigits || !name.add(strings.ToLower(form[1])) {
				return false
			}
			name.digits += len(form[2])
		}
	}
	return name.digits <= mostDigits && (short || name.known > 0 && name.known*2 >= name.other && name.known >= name.strange)
}

func isSeparator(r rune) bool { return strings.ContainsRune("_-./: ", r) }

// nameParts counts what a name is made of: letters of known words and of others, those of words that read like nothing among
// them, and digits.
type nameParts struct{ known, other, strange, digits int }

// add takes a word in small letters, and reports whether it may stand in a name at all.
func (n *nameParts) add(word string) bool {
	length := utf8.RuneCountInString(word)
	if _, known := slices.BinarySearch(knownWords, word); known {
		n.known += length
		return true
	}
	n.other += length
	if readsLikeAWord(word) {
		return length <= longestRun
	}
	n.strange += length
	return length <= initials
}

// readsLikeAWord reports whether nearly all pairs of letters that follow each other do so often in English words. Letters
// beyond a to z are not judged.
func readsLikeAWord(word string) bool {
	odd, before := 0, rune(0)
	for _, r := range word {
		if 'a' <= r && r <= 'z' && 'a' <= before && before <= 'z' && !strings.ContainsRune(followers[before-'a'], r) {
			odd++
		}
		before = r
	}
	return odd*8 <= len(word)
}

// followers has for each letter those that follow it often: nine of ten pairs in English words are among them.
var followers = [26]string{
	"bcdgiklmnprstuvy", "aeilorsu", "acehiklortu", "adeilorsu", "abcdefgilmnprstvwx", "aefiloru", "aehinorsu", "aeio",
	"abcdefglmnoprstvz", "aou", "eis", "adeilostuy", "abeimopsu", "acdefgiknostuv", "bcdfgilmnoprstuvw", "aehiloprstu", "u",
	"acdegiklmnorstuy", "acehilopstuy", "acehiloprstuy", "abceilmnprst", "aei", "aeio", "pt", "ps", "e",
}
