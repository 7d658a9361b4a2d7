package secret

import (
	"math"
	"strconv"
	"strings"

	"github.com/trustelem/zxcvbn"

	"github.com/ocmt/ocmt/internal/finding"
)

// The bits of the words of Estimate. zxcvbn has the same limits for its scores: 10^6, 10^8 and 10^10 guesses.
const (
	weakBits   = 20
	fairBits   = 27
	goodBits   = 34
	strongBits = 64
)

const (
	// shortestRandom is how many characters a text needs at least to be judged by its alphabet. zxcvbn
	// knows nothing in a shorter text either, and its count is the lower one.
	shortestRandom = 16
	// judgedCharacters is how much of a text zxcvbn looks at. Its time grows with the square of the text: 32
	// characters take some 2 ms, and with many digits that could stand for letters some 20 ms.
	judgedCharacters = 32
	// nearlyAll is the share of what a text without any pattern has, from which on zxcvbn has found none.
	// It counts 10 guesses for each character of such a text, and at least 0.93 of that for random ones.
	nearlyAll = 0.85
	// mostOfHex is the same for long hexadecimal texts: zxcvbn takes their digits for dates. Of 6,000,000 random keys
	// ten had 0.77 to 0.85.
	mostOfHex = 0.7
)

// Estimate says how hard a secret is to guess.
type Estimate struct {
	// Bits is the logarithm to the base 2 of the number of guesses.
	Bits int
	// Random says that the text looks random, and is of characters that machines write secrets in: letters, digits,
	// and the marks of Base64. Bits is then counted from its length and its alphabet.
	// Otherwise it is an estimate of what somebody tries who knows words, names, dates and keyboards.
	Random bool
}

// String returns the bits of a random text, as in "256 bits", and otherwise a word.
func (e Estimate) String() string {
	switch {
	case e.Random:
		return strconv.Itoa(e.Bits) + " bits"
	case e.Bits < weakBits:
		return "very weak"
	case e.Bits < fairBits:
		return "weak"
	case e.Bits < goodBits:
		return "fair"
	case e.Bits < strongBits:
		return "good"
	}
	return "strong"
}

// Strength estimates how hard a text is to guess. It does not say how the text was made: one that was
// copied from elsewhere may look random and be known to all. Placeholders, and texts that repeat or count,
// have 0 bits.
func Strength(text string) Estimate {
	if text == "" || IsPlaceholder(text) {
		return Estimate{}
	}
	if len(text) >= shortestRandom {
		if _, weak := findTokenWeakness(text); weak {
			return Estimate{}
		}
	}
	if isRandom(text) {
		return Estimate{Bits: alphabetBits(text), Random: true}
	}
	return Estimate{Bits: estimateGuesses(text)}
}

// isRandom reports whether a text that no weakness was found in looks random. zxcvbn, which is slow, is asked where
// the form leaves a doubt: about words, and about hexadecimal digits that are in an order of some kind.
func isRandom(text string) bool {
	switch bad, _ := countNotHex(text); {
	case bad == 0 && len(text) >= longHex:
		return looksRandomHex(text) || hasFewPatterns(text, mostOfHex)
	case !looksRandom(text):
		return false
	}
	return hasKeygenForm(text) && weighHuman(strings.TrimRight(text, "=")) < doubtOfKeygen || hasFewPatterns(text, nearlyAll)
}

// hasFewPatterns reports whether zxcvbn counts at least a share of what a text without any pattern has.
func hasFewPatterns(text string, share float64) bool {
	return countGuesses(text) >= share*float64(min(len(text), judgedCharacters))
}

// estimateGuesses returns the bits by zxcvbn. What stands behind judgedCharacters is taken as known.
func estimateGuesses(text string) int { return int(countGuesses(text) * math.Log2(10)) }

// countGuesses returns the logarithm to the base 10 of the guesses that zxcvbn counts.
func countGuesses(text string) float64 {
	judged := text[:min(len(text), judgedCharacters)]
	return math.Log10(max(1, zxcvbn.PasswordStrength(judged, []string{"ocmt", "openclaw", "gateway"}).Guesses))
}

// findGuessable returns why a text of a token can be guessed, and whether it can.
func findGuessable(text string) (finding.Finding, bool) {
	if weakness, ok := findTokenWeakness(text); ok {
		return weakness, true
	}
	if !isRandom(text) && estimateGuesses(text) < strongBits {
		return guessable(finding.Error, "can be guessed: it is short, or made of what people choose"), true
	}
	return finding.Finding{}, false
}

func guessable(severity finding.Severity, message string) finding.Finding {
	return finding.Finding{Code: finding.Guessable, Severity: severity, Message: message}
}

// alphabets are those that random sources make texts of, the smaller first, with how many of their
// characters a text can have. Padding is none of them, and adds nothing.
var alphabets = [...]struct {
	characters string
	size       float64
}{
	{"0123456789", 10},
	{"0123456789abcdef", 16},
	{"0123456789ABCDEF", 16},
	{"abcdefghijklmnopqrstuvwxyz", 26},
	{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", 26},
	{"0123456789abcdefghijklmnopqrstuvwxyz", 36},
	{"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 36},
	{alphabet, 62},
	{alphabet + "+/", 64},
	{alphabet + "-_", 64},
}

// printable is how many characters a keyboard writes.
const printable = 95

// alphabetBits returns the bits of a random text: for each character those of the smallest alphabet that
// has all of them.
func alphabetBits(text string) int {
	text = strings.TrimRight(text, "=")
	size := float64(printable)
	for _, known := range alphabets {
		if isOf(text, known.characters) {
			size = known.size
			break
		}
	}
	bits := int(float64(len(text)) * math.Log2(size))
	if size == 64 { // Base64 has whole bytes, and its last character is not a free one
		return bits / 8 * 8
	}
	return bits
}

// looksRandomHex wants letters of one case, digits and letters mixed as a random source does: of every 16
// characters 10 are digits. Less than a third or more than nine tenths is 5 deviations off in 64.
func looksRandomHex(text string) bool {
	digits := 0
	for i := range len(text) {
		if text[i] <= '9' {
			digits++
		}
	}
	oneCase := strings.ToLower(text) == text || strings.ToUpper(text) == text
	return oneCase && digits*3 >= len(text) && digits*10 <= len(text)*9 && changes(text)*4 >= len(text)
}
