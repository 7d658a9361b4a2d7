package migrate

// arena hands out pieces of large blocks, so that keeping a row costs no
// allocation, and takes all of them back at once.
type arena[T any] struct {
	blocks [][]T
	at     int // the block in use
	used   int // of it
}

// arenaBlock is how many entries a block has.
const arenaBlock = 1 << 15

// take returns a piece of so many entries, which hold whatever was there before.
func (a *arena[T]) take(count int) []T {
	if count > arenaBlock/4 {
		return make([]T, count) // a block for itself, and not kept
	}
	if a.at < len(a.blocks) && a.used+count > arenaBlock {
		a.at, a.used = a.at+1, 0
	}
	if a.at == len(a.blocks) {
		a.blocks = append(a.blocks, make([]T, arenaBlock))
	}
	piece := a.blocks[a.at][a.used : a.used+count : a.used+count]
	a.used += count
	return piece
}

// copied returns a copy of a list; nil stays nil.
func (a *arena[T]) copied(list []T) []T {
	if list == nil {
		return nil
	}
	piece := a.take(len(list))
	copy(piece, list)
	return piece
}

// reset takes back all pieces.
func (a *arena[T]) reset() { a.at, a.used = 0, 0 }
