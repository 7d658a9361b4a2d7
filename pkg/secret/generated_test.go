package secret_test

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/pkg/secret"
)

// manySecrets is how many of each kind are made. The race detector makes each some ten times slower and
// finds nothing more in more of them.
const manySecrets = 100_000

// deviation is how many standard deviations the frequencies of a test may be off: a normal variable is further
// off once in 2.5 * 10^10 times, so that all tests here together fail by chance less than once in 10^9.
const deviation = 6.5

// mostChiSquared returns the bound of chi-squared for so many different characters (Wilson and Hilferty, 1931).
func mostChiSquared(characters int) float64 {
	freedom := float64(characters - 1)
	return freedom * math.Pow(1-2/(9*freedom)+deviation*math.Sqrt(2/(9*freedom)), 3)
}

// generator is one way to make secrets of a kind, and what they look like.
type generator struct {
	name     string
	generate func(random io.Reader) (string, error)
	kind     secret.Kind
	alphabet string
	length   int // characters that are evenly distributed, from the first
	behind   int // characters behind them that are not
}

const (
	hexDigits    = "0123456789abcdef"
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// generators returns all ways to make a secret. The last character of Base64 of 32 bytes has four bits, and
// one of padding stands behind it.
func generators() (list []generator) {
	for _, kind := range secret.Kinds() {
		if kind.Generate == nil {
			continue
		}
		one := generator{kind.Name, kind.Generate, kind, hexDigits, 64, 0}
		if !strings.Contains(kind.Form, "hexadecimal") {
			one.alphabet, one.length = alphanumeric, 43
		}
		list = append(list, one)
		if kind.Base64 != nil {
			list = append(list, generator{kind.Name + " in Base64", kind.Base64, kind, alphanumeric + "+/", 42, 2})
		}
	}
	return list
}

// If a new secret were reported by its own check, had a twin, or favoured some characters, keygen would make
// what validate refuses, or what is easier to guess than it says.
func TestManyGenerated(t *testing.T) {
	t.Parallel()
	many := manySecrets
	if testing.Short() || raceEnabled {
		many /= 20
	}
	for _, one := range generators() {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			random := bufio.NewReaderSize(rand.Reader, 1<<16)
			seen := make(map[string]struct{}, many)
			var counts [256]int
			for range many {
				text, err := one.generate(random)
				if err != nil || len(text) != one.length+one.behind {
					t.Fatalf("%d characters, %v", len(text), err)
				}
				if list := one.kind.Check(text); len(list) > 0 {
					t.Fatalf("is reported as %s", list[0].Code)
				}
				seen[text] = struct{}{}
				for i := range one.length {
					counts[text[i]]++
				}
			}
			if len(seen) != many {
				t.Errorf("%d of %d were made twice", many-len(seen), many)
			}
			if wrong := findUneven(counts, one.alphabet, many*one.length); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// findUneven returns what is wrong with the frequencies of characters: some are not of the alphabet, or
// more frequent than by chance; "" for nothing.
func findUneven(counts [256]int, alphabet string, total int) string {
	want := float64(total) / float64(len(alphabet))
	found, sum := 0.0, 0
	for i := range len(alphabet) {
		off := float64(counts[alphabet[i]]) - want
		found += off * off / want
		sum += counts[alphabet[i]]
	}
	if sum != total {
		return fmt.Sprintf("%d characters are of another alphabet", total-sum)
	}
	if most := mostChiSquared(len(alphabet)); found > most {
		return fmt.Sprintf("the characters are not even: chi-squared is %.1f, and by chance at most %.1f", found, most)
	}
	return ""
}

// If the test of frequencies passed what favours some characters, it would prove nothing. This source takes
// the remainder of a byte, which favours the first 8 of 62.
func TestFindUnevenSeesABias(t *testing.T) {
	t.Parallel()
	var counts [256]int
	random := bufio.NewReaderSize(rand.Reader, 1<<16)
	const total = 5000 * 43
	for range total {
		b, err := random.ReadByte()
		if err != nil {
			t.Fatal(err)
		}
		counts[alphanumeric[int(b)%len(alphanumeric)]]++
	}
	if findUneven(counts, alphanumeric, total) == "" {
		t.Error("a biased source passes")
	}
}
