package migrate

import "unsafe"

// arena allocates slices out of large blocks and frees all of them at once, so that
// keeping a row costs no allocation.
type arena[T any] struct {
	blocks [][]T
	at     int // index of the block in use
	used   int // entries of that block that are taken
}

// arenaBlock is how many bytes a block has.
const arenaBlock = 1 << 15

// perBlock returns how many entries a block has.
func (a *arena[T]) perBlock() int {
	var entry T
	return arenaBlock / int(unsafe.Sizeof(entry))
}

// take returns a slice of so many entries with arbitrary contents.
func (a *arena[T]) take(count int) []T {
	block := a.perBlock()
	if count > block/4 {
		return make([]T, count) // it is not kept in a block
	}
	if a.at < len(a.blocks) && a.used+count > block {
		a.at, a.used = a.at+1, 0
	}
	if a.at == len(a.blocks) {
		a.blocks = append(a.blocks, make([]T, block))
	}
	piece := a.blocks[a.at][a.used : a.used+count : a.used+count]
	a.used += count
	return piece
}

// clone returns a copy of a list; nil stays nil.
func (a *arena[T]) clone(list []T) []T {
	if list == nil {
		return nil
	}
	piece := a.take(len(list))
	copy(piece, list)
	return piece
}

// reset frees all slices.
func (a *arena[T]) reset() { a.at, a.used = 0, 0 }
