package crypto

import (
	"crypto/subtle"
	"fmt"
	"io"
	"slices"
)

// Resealer brings many values to the current version, and proves each new text before it
// returns it. It reuses its buffers, save very large ones, so it serves one goroutine, and the
// results of Parse and Open are valid until the next call. It wipes plaintext from its buffers as soon as
// the plaintext is no longer needed. The next call wipes the result of Open.
type Resealer struct {
	ring *Keyring
	ivs  ivSource

	inputParser  parser // of the text that the caller passes
	outputParser parser // of the new text, which Reseal parses again

	// proof are separate ciphers, made from the key a second time, because a damaged key
	// schedule would open what it has sealed.
	proof ciphers

	opened   []byte // plaintext
	sealed   []byte
	text     []byte
	reopened []byte // plaintext
}

// NewResealer makes a Resealer that opens with the keys of ring and seals under
// its current version, with IVs from random, which must be a cryptographic source
// such as crypto/rand.Reader. It may read ahead from random.
func NewResealer(ring *Keyring, random io.Reader) *Resealer {
	return &Resealer{
		ring:  ring,
		ivs:   ivSource{random: random},
		proof: newCiphers(ring.keys[ring.current].key),
	}
}

// String returns the version numbers of its keyring.
func (r *Resealer) String() string { return "resealer with a " + r.ring.String() }

// Format writes the text of String for every verb, because the buffers contain plaintext
// after Open.
func (r *Resealer) Format(f fmt.State, _ rune) { writeText(f, r.String()) }

// Parse does what the function Parse does. It neither keeps nor changes the text. For
// canonical texts it allocates nothing once its buffer has grown.
func (r *Resealer) Parse(text []byte) (Ciphertext, error) {
	r.wipe()
	return r.inputParser.parse(text)
}

// Open returns the plaintext of c. Its errors are those of Keyring.Open.
func (r *Resealer) Open(c Ciphertext) ([]byte, error) {
	r.wipe()
	return r.open(c)
}

// Reseal opens c, seals its plaintext under the current version with a fresh IV, parses
// the new text again, opens it with other ciphers, compares the plaintexts, and only then
// appends the new text to dst. The errors are those of Keyring.Open, and ErrReopen if the
// proof fails. On an error it returns dst as it was.
func (r *Resealer) Reseal(dst []byte, c Ciphertext) ([]byte, error) {
	defer r.wipe()
	r.wipe()
	plaintext, err := r.open(c)
	if err != nil {
		return dst, err
	}
	if err := r.seal(plaintext); err != nil {
		return dst, err
	}
	if err := r.prove(plaintext); err != nil {
		return dst, err
	}
	if cap(dst) == 0 && cap(r.text) > keptBytes { // it would not be kept, and need not be copied
		text := r.text
		r.text = nil
		return text, nil
	}
	return append(dst, r.text...), nil
}

// Wipe overwrites the plaintext that is left of the last value, and lets go of memory that is too much
// to be kept. The results of Parse and Open are not valid any more.
func (r *Resealer) Wipe() {
	r.wipe()
	keepSmall(&r.inputParser.decoded)
}

func (r *Resealer) open(c Ciphertext) ([]byte, error) {
	plaintext, err := r.ring.open(r.opened[:0], c)
	if err != nil {
		return nil, err
	}
	r.opened = plaintext
	return plaintext, nil
}

// seal seals a plaintext, and makes r.text of it.
func (r *Resealer) seal(plaintext []byte) error {
	iv, err := r.ivs.next()
	if err != nil {
		return err
	}
	r.sealed = slices.Grow(r.sealed[:0], len(plaintext)+TagSize+spareForProof)
	made, err := r.ring.seal(r.sealed, iv, plaintext)
	if err != nil {
		return err
	}
	r.text = made.Append(r.text[:0])
	if cap(r.sealed) > keptBytes {
		// The proof decodes the text into the same memory, and opens it there.
		r.outputParser.decoded, r.sealed = r.sealed[:0], nil
	}
	return nil
}

// spareForProof is how much longer than a sealed plaintext and its tag the memory is in which the
// proof of a large one decodes it, opens it, and has its tag a second time.
const spareForProof = IVSize + TagSize + 2*wordSize

// prove parses r.text as any other program would, opens it, and compares the plaintexts.
func (r *Resealer) prove(plaintext []byte) error {
	made, err := r.outputParser.parse(r.text)
	if err != nil {
		return fmt.Errorf("%w: reading it again: %w", ErrReopen, err)
	}
	if made.Normalised || made.Format != Versioned || made.Version != r.ring.current {
		return fmt.Errorf("%w: it is not in the form that OCMT writes", ErrReopen)
	}
	reopened, err := r.reopen(made)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReopen, err)
	}
	r.reopened = reopened
	if subtle.ConstantTimeCompare(reopened, plaintext) != 1 {
		return ErrReopen
	}
	return nil
}

// reopen opens a value that outputParser has just parsed. A large one is opened where it lies.
func (r *Resealer) reopen(made Ciphertext) ([]byte, error) {
	start := len(r.outputParser.decoded) - len(made.Body)
	if len(made.Body) <= keptBytes || start != IVSize+TagSize {
		return r.proof.open(r.reopened[:0], made)
	}
	whole := append(r.outputParser.decoded, made.Tag...)
	plaintext, err := r.proof(made.IV).Open(whole[start:start], made.IV, whole[start:], nil)
	if err != nil {
		return nil, ErrAuthentication
	}
	return plaintext, nil
}

// wipe overwrites the plaintext of the previous value, and leaves the buffers empty.
func (r *Resealer) wipe() {
	if len(r.opened) == 0 && len(r.reopened) == 0 {
		return // Parse has just done it for Open
	}
	clear(r.opened)
	clear(r.reopened)
	r.opened, r.reopened = r.opened[:0], r.reopened[:0]
	keepSmall(&r.opened)
	keepSmall(&r.reopened)
	keepSmall(&r.sealed)
	keepSmall(&r.text)
	keepSmall(&r.inputParser.decoded)
	keepSmall(&r.outputParser.decoded)
}

// keptBytes bounds a buffer that is kept for the next value. A value of many megabytes needs four.
const keptBytes = 4 << 20

// keepSmall lets go of a buffer that is too large to be kept.
func keepSmall(buffer *[]byte) {
	if cap(*buffer) > keptBytes {
		*buffer = nil
	}
}
