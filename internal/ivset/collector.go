package ivset

import (
	"errors"
	"sync"
)

const (
	partCount = 256 // by the first byte of a hash
	partShift = 64 - 8

	// blockLength is the number of hashes in one block of memory, which is 4 KiB. At most one
	// block of a part is not full.
	blockLength = 512
	// queueLength is the number of hashes of one part that a Writer keeps before it takes the
	// lock of the Collector.
	queueLength = 64
)

// ErrClosed says that a Collector is used after Close.
var ErrClosed = errors.New("the collector is closed")

// Options says how a Collector works.
type Options struct {
	Hash Hash
	// MaxHashes is the number of hashes that are kept in memory, of 8 bytes each. Where there are
	// more, they go to a file. Zero keeps all in memory.
	MaxHashes int
	// Folder is where the file is made. It has mode 0600 and loses its name at once, so that it is
	// gone with the process, however that ends.
	Folder string
}

// Collector keeps a hash of the key and the IV of every value. It takes 8 bytes a value, 1 MiB for
// blocks that are not full, and 128 KiB for each Writer. Its methods may be called by several
// goroutines.
type Collector struct {
	options Options

	mu     sync.Mutex
	parts  [partCount]part
	held   int // hashes in memory
	spill  *spillFile
	closed bool
}

// part holds the hashes with one first byte. Its blocks are kept after a spill for the hashes that
// follow.
type part struct {
	blocks []*[blockLength]uint64
	count  int
}

// add appends hashes to the part.
func (p *part) add(hashes []uint64) {
	for len(hashes) > 0 {
		block, at := p.count/blockLength, p.count%blockLength
		if block == len(p.blocks) {
			p.blocks = append(p.blocks, new([blockLength]uint64))
		}
		copied := copy(p.blocks[block][at:], hashes)
		hashes, p.count = hashes[copied:], p.count+copied
	}
}

// appendTo appends the hashes of the part to dst and returns the longer slice.
func (p *part) appendTo(dst []uint64) []uint64 {
	for block := 0; block*blockLength < p.count; block++ {
		dst = append(dst, p.blocks[block][:min(blockLength, p.count-block*blockLength)]...)
	}
	return dst
}

// NewCollector returns an empty Collector. Close it at the end.
func NewCollector(options Options) *Collector { return &Collector{options: options} }

// Close gives the memory back and removes the file, if there is one.
func (c *Collector) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.held, c.parts = true, 0, [partCount]part{}
	if c.spill == nil {
		return nil
	}
	spill := c.spill
	c.spill = nil
	return spill.close()
}

// addAll appends hashes of one part, and spills all hashes where there are too many.
func (c *Collector) addAll(number int, hashes []uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.parts[number].add(hashes)
	c.held += len(hashes)
	if c.options.MaxHashes <= 0 || c.held <= c.options.MaxHashes {
		return nil
	}
	return c.spillAll()
}

// spillAll writes all hashes of the memory to the file.
func (c *Collector) spillAll() error {
	if c.spill == nil {
		spill, err := openSpillFile(c.options.Folder)
		if err != nil {
			return err
		}
		c.spill = spill
	}
	if err := c.spill.write(&c.parts); err != nil {
		return err
	}
	c.held = 0
	for i := range c.parts {
		c.parts[i].count = 0
	}
	return nil
}

// Writer passes values to a Collector. Each goroutine has one of its own.
type Writer struct {
	collector *Collector
	queues    [partCount][queueLength]uint64
	lengths   [partCount]uint8
}

// NewWriter returns a Writer. Flush it before Candidates is called.
func (c *Collector) NewWriter() *Writer { return &Writer{collector: c} }

// Add takes the number of the key that opened a value, and the IV of the value, of any length. It
// keeps neither. The error is about the file, and the same value must not be added again.
func (w *Writer) Add(key uint32, iv []byte) error {
	hash := w.collector.options.Hash(key, iv)
	number := int(hash >> partShift)
	length := w.lengths[number]
	w.queues[number][length] = hash
	w.lengths[number] = length + 1
	if length+1 < queueLength {
		return nil
	}
	return w.flush(number)
}

// Flush passes on what the Writer still keeps.
func (w *Writer) Flush() error {
	for number := range w.lengths {
		if err := w.flush(number); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) flush(number int) error {
	length := w.lengths[number]
	w.lengths[number] = 0
	if length == 0 {
		return nil
	}
	return w.collector.addAll(number, w.queues[number][:length])
}
