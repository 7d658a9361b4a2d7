package secret

import (
	"math"
	"strings"
)

// The classes of characters that the order of a text is judged by.
const (
	classCapital = iota
	classSmall
	classDigit
	classMark // + / - _
	classes
)

// humanOrder is how often a class follows another in what people write: capitals begin words, small letters and
// digits stand together.
var humanOrder = [classes][classes]float64{
	classCapital: {0.22, 0.70, 0.05, 0.03},
	classSmall:   {0.08, 0.80, 0.05, 0.07},
	classDigit:   {0.12, 0.13, 0.65, 0.10},
	classMark:    {0.25, 0.55, 0.15, 0.05},
}

// The evidence for people, as a natural logarithm, from which on a text counts as one of theirs. By Markov's inequality
// a random text reaches it less than once in e to the power of it. Of 10^5 random texts of 22 characters some 5 reach
// 5, of 43 characters 1 reaches 0: zxcvbn is asked about those.
const (
	doubtOfKeygen = 0
	mostOfKeygen  = 21
	mostOfOthers  = 5
)

// letterWeights are the natural logarithms of how often English has a letter, as a multiple of 1/26, times 100.
var letterWeights = [26]int{75, -106, -32, 10, 119, -55, -65, 46, 60, -320, -160, 5, -47, 56, 67, -70, -330, 44, 50, 86, -33, -136, -49, -320, -66, -360}

func classOf(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return classCapital
	case 'a' <= c && c <= 'z':
		return classSmall
	case '0' <= c && c <= '9':
		return classDigit
	}
	return classMark
}

// weighHuman returns the natural logarithm of how many times likelier a text of Base64 characters is from people than
// from a random source: by its letters, and by the order of capitals, small letters and digits. A fifth of the
// letters are taken as those of names and of other languages, which have each as often.
func weighHuman(text string) (weight float64) {
	sizes, seen := [classes]float64{26, 26, 10, 2}, [classes]bool{classDigit: true} // hardly a source makes letters alone
	for i := range len(text) {
		seen[classOf(text[i])] = true
	}
	all := 0.0
	for class, size := range sizes {
		if seen[class] {
			all += size
		}
	}
	for i := range len(text) {
		class := classOf(text[i])
		if class == classCapital || class == classSmall {
			weight += math.Log(0.8*math.Exp(float64(letterWeights[(text[i]|0x20)-'a'])/100) + 0.2)
		}
		if i > 0 {
			weight += math.Log(humanOrder[classOf(text[i-1])][class] * all / sizes[class])
		}
	}
	return weight
}

// keyRows are the rows of a keyboard, each half a key to the right of the one above.
var keyRows = [...]string{"1234567890-=", "qwertyuiop", "asdfghjkl", "zxcvbnm"}

// keyOf returns the row and the column of a key; a row of -1 for none.
func keyOf(c byte) (row, column int) {
	for row, keys := range keyRows {
		if column := strings.IndexByte(keys, lowerByte(c)); column >= 0 {
			return row, column
		}
	}
	return -1, 0
}

// followsKeys finds a text three fifths of whose characters stand beside the one before them on a keyboard. Random:
// some 5 * 10^-6 for 22 characters (13 of 21 steps, each by 1 in 6).
func followsKeys(text string) bool {
	beside := 0
	for i := 1; i < len(text); i++ {
		row, column := keyOf(text[i-1])
		nextRow, nextColumn := keyOf(text[i])
		down, right := nextRow-row, nextColumn-column
		if row >= 0 && nextRow >= 0 && (down == 0 && right*right <= 1 || down == 1 && (right == 0 || right == -1) || down == -1 && (right == 0 || right == 1)) {
			beside++
		}
	}
	return beside*5 >= (len(text)-1)*3
}

// hasKeygenForm reports whether a text has the length and the characters of one that keygen makes.
func hasKeygenForm(text string) bool {
	body, padded := strings.CutSuffix(text, "=")
	return len(body) == tokenCharacters && isOf(body, alphabet) || len(body) == tokenCharacters && padded && isOf(body, alphabet+"+/")
}

// looksRandom reports whether a text that is not of hexadecimal digits has a form that machines make, and nothing of
// what people write: characters of Base64 alone, 16 or more, of two kinds at least, neither in the order of words
// nor in that of a keyboard. It knows no words: zxcvbn is asked about those of a text that has not the form of keygen.
func looksRandom(text string) bool {
	body := strings.TrimRight(text, "=")
	if len(body) < shortestRandom || !isOf(body, base64Alphabet) || followsKeys(body) {
		return false
	}
	if hasKeygenForm(text) {
		return weighHuman(body) < mostOfKeygen
	}
	return strings.ToLower(body) != strings.ToUpper(body) && hasTwoKinds(body) && weighHuman(body) < mostOfOthers
}

// hasTwoKinds reports whether a text has two of capitals, small letters and digits.
func hasTwoKinds(text string) bool {
	kinds := 0
	for _, kind := range []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"} {
		if strings.ContainsAny(text, kind) {
			kinds++
		}
	}
	return kinds > 1
}
